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

pub use answer::{Failed, JobResult, ResponseKind};
pub use bring::Redelivery;
pub use event::{Unknown, parse};
pub use queue::Queues;

use crate::job::Job;

/// An event, understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// What woke the function; decides the answer.
    pub answer: ResponseKind,
    /// What must be answered for, each with its jobs.
    pub messages: Vec<Message>,
}

/// The part of an event that is acknowledged or fails as one: an SQS message, a task, or the whole event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Message {
    /// The message's or the task's id.
    pub id: String,
    /// Its objects.
    pub jobs: Vec<Job>,
    /// Notices in it that name no new object: `s3:TestEvent`, deletions.
    pub notices: Vec<String>,
    /// Why it, or a part of it, cannot be understood.
    pub error: Option<String>,
    /// How often SQS has handed it out, this time included.
    pub receive_count: u32,
    /// What it can be put back with.
    pub receipt: Option<String>,
    /// The ARN of its queue.
    pub queue: Option<String>,
}

impl Message {
    /// Notes that a part of it cannot be understood; the other parts are still jobs.
    fn fail(&mut self, why: String) {
        self.error = Some(
            self.error
                .take()
                .map_or(why.clone(), |before| format!("{before}; {why}")),
        );
    }
}
