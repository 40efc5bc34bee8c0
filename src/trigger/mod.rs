//! Reads any event that can wake the function as jobs, and tells which response it wants.
//!
//! An event is recognised by its shape, not by configuration. The readers are this module's own, and
//! read only the members that are needed: a typed record of everything refuses a message over a
//! member that nobody reads, and one that is refused a hundred times is in the dead letters. The
//! types of `aws_lambda_events` also refuse `s3:TestEvent`, lose the bucket of S3 Batch Operations'
//! schema 2.0, and do not know EventBridge's "Object Created".
//!
//! Whatever may name a new object becomes a job or an error; only what is known to name none is
//! acknowledged as a notice.

mod event;
mod event_bridge;
mod keys;
mod members;
mod notification;
mod replay;

use serde_json::Value;

use crate::job::Job;
pub use event::{UnrecognisedEvent, parse};

/// An event as it was understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The response that the event's sender expects.
    pub response: ResponseKind,
    /// The messages to answer for, each with its jobs.
    pub messages: Vec<Message>,
}

/// The kind of response that the sender of an event expects.
#[derive(Clone, Debug, PartialEq)]
pub enum ResponseKind {
    /// SQS: the ids of the messages that must be delivered again.
    SqsBatch,
    /// S3 Batch Operations: one result for each task.
    BatchOperations {
        /// `invocationSchemaVersion`, to be repeated.
        version: Value,
        /// `invocationId`, to be repeated.
        invocation: Value,
    },
    /// An asynchronous invocation, or one by hand: an error if anything must be delivered again.
    Async,
}

/// The part of an event that is acknowledged, or fails, as one: an SQS message, a task of S3 Batch
/// Operations, or the whole event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Message {
    /// The id of the message, task or request.
    pub id: String,
    /// One job for each object that it names.
    pub jobs: Vec<Job>,
    /// The notifications in it that name no new object: `s3:TestEvent`, deletions.
    pub notices: Vec<String>,
    /// Why it, or a part of it, cannot be understood.
    pub error: Option<String>,
    /// The number of times that SQS has handed it out, this time included; 0 if it is not SQS's.
    pub receive_count: u32,
    /// SQS's receipt handle, with which its visibility can be changed.
    pub receipt: Option<String>,
    /// The ARN of its queue.
    pub queue_arn: Option<String>,
    /// When it was sent, or handed to this function if it does not say, in milliseconds since 1970.
    pub sent: u64,
}

impl Message {
    /// Creates a message without contents that was sent at `sent`.
    fn new(id: impl Into<String>, sent: u64) -> Message {
        Message {
            id: id.into(),
            sent,
            ..Message::default()
        }
    }

    /// Notes that a part of it cannot be understood; the other parts are still jobs.
    fn fail(&mut self, reason: String) {
        self.error = Some(match self.error.take() {
            Some(before) => format!("{before}; {reason}"),
            None => reason,
        });
    }
}
