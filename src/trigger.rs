//! Any event that wakes the function, as jobs; and the answer that each kind of event wants.
//!
//! Told by shape, not by configuration. SQS's messages and answer are `aws_lambda_events`' types; for the
//! rest own tolerant readers, since its types refuse `s3:TestEvent` and notices without `userIdentity`,
//! lose the bucket of S3 Batch Operations' schema 2.0, and know no EventBridge "Object Created".

mod answer;
mod event;
mod keys;

pub use answer::{Answer, Failed};
pub use event::{Unknown, parse};

use crate::object::ObjectRef;

/// One object to forward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its bucket.
    pub bucket: String,
    /// The spellings of its key to try, in order.
    pub keys: Vec<String>,
    /// Its version, if the event names one.
    pub version: Option<String>,
    /// Its size, if the event says it.
    pub size: Option<u64>,
    /// Whether a person named it: then neither `SOURCES` nor the program's own outputs matter.
    pub trusted: bool,
}

impl Job {
    /// The object by the first spelling of its key.
    pub fn object(&self) -> ObjectRef {
        let key = self.keys.first().cloned().unwrap_or_default();
        ObjectRef { bucket: self.bucket.clone(), key, version: self.version.clone() }
    }

    /// What tells jobs for different objects apart. An object that was empty is another than the one that
    /// came after it under the same key.
    pub fn identity(&self) -> (&str, &[String], Option<&str>, bool) {
        (&self.bucket, &self.keys, self.version.as_deref(), self.size == Some(0))
    }

    /// For an object that a person named on the command line.
    pub fn named(object: ObjectRef) -> Job {
        Job { bucket: object.bucket, keys: vec![object.key], version: object.version, size: None, trusted: true }
    }
}

/// An event, understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// What woke the function; decides the answer.
    pub answer: Answer,
    /// What must be answered for, each with its jobs.
    pub units: Vec<Unit>,
}

/// The part of an event that is acknowledged or fails as one: an SQS message, a task, or the whole event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Unit {
    /// The message's or the task's id.
    pub id: String,
    /// Its objects.
    pub jobs: Vec<Job>,
    /// Notices in it that name no new object: `s3:TestEvent`, deletions.
    pub notices: Vec<String>,
    /// Why it, or a part of it, cannot be understood.
    pub error: Option<String>,
}

impl Unit {
    /// Notes that a part of it cannot be understood; the other parts are still jobs.
    fn fail(&mut self, why: String) {
        self.error = Some(self.error.take().map_or(why.clone(), |before| format!("{before}; {why}")));
    }
}
