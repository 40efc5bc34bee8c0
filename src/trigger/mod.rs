//! Any event that wakes the function, as jobs; and the answer that each kind of event wants.
//!
//! Told by shape, not by configuration. SQS's messages and answer are `aws_lambda_events`' types; for the
//! rest own tolerant readers, since its types refuse `s3:TestEvent` and notices without `userIdentity`,
//! lose the bucket of S3 Batch Operations' schema 2.0, and know no EventBridge "Object Created".

mod again;
mod answer;
mod bring;
mod event;
mod keys;
mod queue;

pub use answer::{Answer, Failed, Fate};
pub use bring::Bring;
pub use event::{Unknown, parse};
pub use queue::Queues;

use crate::object::ObjectRef;
use crate::outcome::Rest;
use crate::progress::Again;

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
    /// Whether it is to be forwarded though it was.
    pub again: Option<Again>,
    /// Where an earlier run has stopped, if this is a continuation.
    pub rest: Option<Rest>,
    /// The message or request that named it first, if that was another.
    pub origin: Option<String>,
    /// How many runs there were before.
    pub hop: u32,
}

impl Job {
    /// The latest version of an object by the spellings of its key.
    pub fn new(bucket: impl Into<String>, keys: Vec<String>) -> Job {
        let bucket = bucket.into();
        Job {
            bucket,
            keys,
            version: None,
            size: None,
            trusted: false,
            again: None,
            rest: None,
            origin: None,
            hop: 0,
        }
    }

    /// The object by the first spelling of its key.
    pub fn object(&self) -> ObjectRef {
        let key = self.keys.first().cloned().unwrap_or_default();
        ObjectRef {
            bucket: self.bucket.clone(),
            key,
            version: self.version.clone(),
        }
    }

    /// What tells jobs for different objects apart. An object that was empty, or that a continuation goes on
    /// with, is another than the one that came after it under the same key.
    pub fn identity(&self) -> impl Ord + '_ {
        let revision = self.rest.as_ref().map(|rest| &rest.revision);
        (
            &self.bucket,
            &self.keys,
            &self.version,
            self.size == Some(0),
            &self.again,
            revision,
        )
    }

    /// For an object that a person named on the command line.
    pub fn named(object: ObjectRef) -> Job {
        Job {
            version: object.version,
            trusted: true,
            ..Job::new(object.bucket, vec![object.key])
        }
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
    /// How often SQS has handed it out, this time included.
    pub receives: u32,
    /// What it can be put back with.
    pub receipt: Option<String>,
    /// The ARN of its queue.
    pub queue: Option<String>,
}

impl Unit {
    /// Notes that a part of it cannot be understood; the other parts are still jobs.
    fn fail(&mut self, why: String) {
        self.error = Some(
            self.error
                .take()
                .map_or(why.clone(), |before| format!("{before}; {why}")),
        );
    }
}
