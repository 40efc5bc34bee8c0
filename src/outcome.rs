//! What became of an object, counted so that nothing can be missing.

use std::sync::Arc;

use crate::object::{ObjectError, ObjectRef};

/// What became of the records of one object at one target. `read` is the sum of the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records decoded, bad ones included.
    pub read: u64,
    /// Accepted by the target.
    pub sent: u64,
    /// Not meant for the target.
    pub filtered: u64,
    /// Kept in the quarantine: bad, unfit or rejected.
    pub quarantined: u64,
    /// Not delivered; the object comes back.
    pub failed: u64,
}

impl Tally {
    /// Whether every record read ended as exactly one of the four.
    pub fn is_conserved(&self) -> bool {
        self.read == self.sent + self.filtered + self.quarantined + self.failed
    }

    /// Adds another tally.
    pub fn add(&mut self, other: &Tally) {
        self.read += other.read;
        self.sent += other.sent;
        self.filtered += other.filtered;
        self.quarantined += other.quarantined;
        self.failed += other.failed;
    }
}

/// What one target got of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetOutcome {
    /// The target's name.
    pub target: Arc<str>,
    /// The counts.
    pub tally: Tally,
    /// Requests sent again.
    pub retries: u64,
    /// Why the target did not get all of it.
    pub failure: Option<Failure>,
}

/// Why a target did not get everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Throttled or down for longer than there was time.
    GaveUp(String),
    /// It will answer so until somebody changes something.
    Misconfigured(String),
    /// Nobody reads any more.
    Closed,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::GaveUp(cause) => write!(f, "gave up for now: {cause}"),
            Failure::Misconfigured(cause) => write!(f, "misconfigured: {cause}"),
            Failure::Closed => f.write_str("closed by its reader"),
        }
    }
}

/// How an object ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Read to its end.
    Whole,
    /// The good records before `offset` were read; the tail is no use, and never will be.
    Broken {
        /// Plain bytes before the tail.
        offset: u64,
        /// Why it is no use.
        reason: String,
    },
    /// Not read, on purpose: a folder marker, an empty object, the program's own output, another's bucket.
    Skipped(&'static str),
    /// It is gone.
    Missing,
    /// It could not be read or its bad records not be kept; it must come back.
    Failed(String),
}

/// What became of one object.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The object, by the spelling of its key that exists.
    pub object: ObjectRef,
    /// How it ended.
    pub end: End,
    /// Records decoded, bad ones included.
    pub records: u64,
    /// Records that are no clicks.
    pub bad: u64,
    /// Plain bytes read.
    pub bytes: u64,
    /// What each target got.
    pub targets: Vec<TargetOutcome>,
}

impl Outcome {
    /// An object of which nothing was read.
    pub fn unread(object: ObjectRef, end: End) -> Outcome {
        Outcome { object, end, records: 0, bad: 0, bytes: 0, targets: Vec::new() }
    }

    /// An object that could not be read.
    pub fn failed(object: ObjectRef, error: &ObjectError) -> Outcome {
        let end = if *error == ObjectError::Missing { End::Missing } else { End::Failed(error.to_string()) };
        Outcome::unread(object, end)
    }

    /// Why the object must come back; nothing if every target has taken or quarantined everything.
    pub fn failure(&self) -> Option<String> {
        if let End::Failed(cause) = &self.end {
            return Some(format!("{}: {cause}", self.object));
        }
        let failed =
            |t: &TargetOutcome| t.failure.as_ref().map(|failure| format!("{}: target {}: {failure}", self.object, t.target));
        self.targets.iter().find_map(failed)
    }

    /// Writes one audit line a target, or one for an object that reached none.
    pub fn log(&self) {
        let object = self.object.to_string();
        if self.targets.iter().any(|t| t.failure == Some(Failure::Closed)) {
            return;
        }
        match &self.end {
            End::Whole => {}
            // A typing error in SOURCES looks just so.
            End::Skipped(why) if why.contains("SOURCES") => tracing::warn!(object, why, "object skipped"),
            End::Skipped(why) => tracing::info!(object, why, "object skipped"),
            End::Missing => {
                tracing::error!(object, "object is gone: no spelling of its key exists; acknowledged")
            }
            End::Broken { offset, reason } => tracing::error!(object, offset, reason, "object is broken: its tail is quarantined"),
            End::Failed(cause) => tracing::error!(object, cause, "object failed"),
        }
        for t in &self.targets {
            let Tally { read, sent, filtered, quarantined, failed } = t.tally;
            let (target, retries) = (&*t.target, t.retries);
            match &t.failure {
                None if matches!(self.end, End::Failed(_)) => {
                    tracing::warn!(object, target, read, sent, filtered, quarantined, failed, retries, "object forwarded in part");
                }
                None => tracing::info!(object, target, read, sent, filtered, quarantined, failed, retries, "object forwarded"),
                Some(cause) => {
                    tracing::error!(object, target, read, sent, filtered, quarantined, failed, retries, %cause, "object failed");
                }
            }
        }
    }
}
