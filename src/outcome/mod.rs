//! Counts what became of an object, so that nothing can be missing.

mod log;
pub mod metrics;
mod skip;

use std::sync::Arc;
use std::time::Duration;

use crate::job::ResumePoint;
use crate::object::{ObjectError, ObjectRef};
pub use log::LOG_TARGET;
pub use skip::SkipReason;

/// The records of one object at one target. `read` is the sum of the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records decoded, bad ones included.
    pub read: u64,
    /// Accepted by the target.
    pub sent: u64,
    /// Not meant for the target.
    pub filtered: u64,
    /// Kept in the quarantine: bad, not to be carried by the target, or rejected by it.
    pub quarantined: u64,
    /// Not delivered; the object comes back.
    pub failed: u64,
}

impl Tally {
    /// Returns whether every record read ended as exactly one of the four.
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

/// The outcome of one object at one target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetOutcome {
    /// The target's name.
    pub target: Arc<str>,
    /// The counts.
    pub tally: Tally,
    /// Records that earlier runs had settled; they are not among those read.
    pub resumed: u64,
    /// Clicks of the quarantined that the target refused, or can never carry, or that a rule fails
    /// on.
    pub refused: u64,
    /// Requests sent again.
    pub retries: u64,
    /// Requests that the target refused because they were too many.
    pub throttles: u64,
    /// Clicks that it refused without taking any that was sent after them, or that a rule fails on
    /// which is not known to work: they come back.
    pub undecided: u64,
    /// How long each request took, in milliseconds; of many, the first.
    pub latency: Vec<u32>,
    /// The time from the object's first click to its last acceptance, if anything was accepted.
    pub lag: Option<Duration>,
    /// Whether this run settled anything.
    pub moved: bool,
    /// Whether the time was too short: the rest is left to the next run, and is not among the
    /// records read.
    pub continued: bool,
    /// How long the target asks to be left alone, if it asks and did not get all of it.
    pub retry_after: Option<Duration>,
    /// Why the target did not get all of it; `None` if it did, or if only time was short.
    pub failure: Option<Failure>,
}

/// Why a target did not get everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Throttled or down for longer than there was time.
    GaveUp(String),
    /// It will give this answer until somebody changes something.
    Misconfigured(String),
    /// Its reader, for example of a pipe, has gone away.
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
    /// It was read to its end.
    Complete,
    /// The good records before `offset` were read; its tail is unreadable and will stay so.
    Corrupt {
        /// The plain bytes before the tail.
        offset: u64,
        /// Why the tail is unreadable.
        reason: String,
    },
    /// It was not read, on purpose.
    Skipped(SkipReason),
    /// It is gone.
    Missing,
    /// Every target has all of it from earlier runs.
    Done,
    /// Another run has a lease on it, for so long at most.
    LeasedElsewhere(Duration),
    /// The time was over before it was opened.
    NotStarted,
    /// The targets that are left asked not to be called for so long, and it was not opened.
    Postponed(Duration),
    /// The request for it is wrong, and only its sender can mend it.
    Refused(String),
    /// The time was over, or no target went on: what begins at `offset` or after it was not read.
    Stopped {
        /// The plain bytes read.
        offset: u64,
    },
    /// It could not be read, or its bad records could not be stored; it must come back.
    Failed(String),
}

/// The records of an object that were read for the first time: an object that comes again is not
/// counted again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fresh {
    /// Clicks.
    pub clicks: u64,
    /// The clicks among them that are not a human's.
    pub bots: u64,
    /// The records that are no clicks.
    pub bad: u64,
}

/// The outcome of one object.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The object, by the spelling of its key that exists.
    pub object: ObjectRef,
    /// How it ended.
    pub end: End,
    /// Records decoded, bad ones included.
    pub records: u64,
    /// The records that are no clicks.
    pub bad: u64,
    /// The records among them that no earlier run has read, as far as is known.
    pub fresh: Fresh,
    /// The paths of members that are no known field and that this process meets for the first time.
    pub unknown: Vec<String>,
    /// Plain bytes read.
    pub bytes: u64,
    /// Whether it took the place of contents that its event named and that were not forwarded;
    /// their row is in the quarantine.
    pub has_replaced: bool,
    /// The outcome at each target.
    pub targets: Vec<TargetOutcome>,
    /// Whether this run settled anything.
    pub moved: bool,
    /// Where the next run must go on, if there is one.
    pub resume_point: Option<ResumePoint>,
}

impl Outcome {
    /// Describes an object of which nothing was read.
    pub fn unread(object: ObjectRef, end: End) -> Outcome {
        Outcome {
            object,
            end,
            records: 0,
            bad: 0,
            fresh: Fresh::default(),
            unknown: Vec::new(),
            bytes: 0,
            has_replaced: false,
            targets: Vec::new(),
            moved: false,
            resume_point: None,
        }
    }

    /// Describes an object that could not be opened.
    pub fn failed(object: ObjectRef, error: &ObjectError) -> Outcome {
        let end = if *error == ObjectError::Missing {
            End::Missing
        } else {
            End::Failed(error.to_string())
        };
        Outcome::unread(object, end)
    }

    /// Returns why the object must come back; `None` if every record was sent, filtered or
    /// quarantined for every target, or if only time was short.
    pub fn failure(&self) -> Option<String> {
        match &self.end {
            End::Failed(cause) | End::Refused(cause) => {
                return Some(format!("{}: {cause}", self.object));
            }
            End::NotStarted => {
                return Some(format!(
                    "{}: the time was up before it was opened",
                    self.object
                ));
            }
            End::Postponed(left) => {
                let (object, seconds) = (&self.object, left.as_secs_f64());
                return Some(format!(
                    "{object}: its targets asked not to be called for {seconds:.0} s"
                ));
            }
            End::LeasedElsewhere(left) => {
                let seconds = left.as_secs_f64();
                return Some(format!(
                    "{}: another run has it, for {seconds:.0} s at most",
                    self.object
                ));
            }
            _ => {}
        }
        if self.continues() {
            return None;
        }
        let failed = |t: &TargetOutcome| {
            t.failure
                .as_ref()
                .map(|failure| format!("{}: target {}: {failure}", self.object, t.target))
        };
        let stuck = || {
            let bytes = self.bytes;
            format!(
                "{}: the time was up after {bytes} bytes were read, before anything was settled",
                self.object
            )
        };
        self.targets
            .iter()
            .find_map(failed)
            .or_else(|| self.is_unfinished().then(stuck))
    }

    /// Returns why something is left to do, even if only time was short; `None` if nothing is.
    pub fn unfinished(&self) -> Option<String> {
        self.failure().or_else(|| {
            self.continues()
                .then(|| format!("{}: not all of it was forwarded in this run", self.object))
        })
    }

    /// Returns whether another run should go on at once: this one settled something, and only its
    /// time was short. One that settled nothing might go on for ever.
    pub fn continues(&self) -> bool {
        self.moved && self.is_unfinished() && !matches!(self.end, End::Failed(_))
    }

    /// Returns how long every target that did not get all of the object asks to be left alone: no
    /// run before that can get any further. `None` if one of them does not ask for it.
    pub fn retry_after(&self) -> Option<Duration> {
        let mut unfinished = self
            .targets
            .iter()
            .filter(|target| target.continued || target.failure.is_some())
            .map(|target| target.retry_after);
        let first = unfinished.next()?;
        unfinished.fold(first, |least, next| Some(least?.min(next?)))
    }

    fn is_unfinished(&self) -> bool {
        self.targets.iter().any(|target| target.continued)
    }
}
