//! Recognises an event by its shape: SQS, S3 Batch Operations, or something that names objects
//! itself.

use std::fmt;
use std::time::SystemTime;

use serde_json::Value;

use super::members::{number, text};
use super::{Event, Message, ResponseKind, notification, replay};
use crate::job::Continuation;
use crate::progress::milliseconds;

/// An event of no supported shape, with what it looks like or what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnrecognisedEvent(pub String);

impl fmt::Display for UnrecognisedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "unrecognised event ({}); supported: S3, SQS, SNS, EventBridge (\"Object Created\", and \
             PutObject, CopyObject or CompleteMultipartUpload by CloudTrail), S3 Batch Operations \
             1.0 and 2.0, and a replay: {{\"bucket\": \"…\", \"key\": \"…\", \"version\"?: \"…\", \
             \"again\"?: true, \"token\"?: \"…\", \"targets\"?: [\"…\"]}} or a list of these",
            self.0
        )
    }
}

impl std::error::Error for UnrecognisedEvent {}

/// Reads an event as jobs. `request_id` is the invocation's, which Lambda repeats when it tries an
/// event again, and `now` the time.
pub fn parse(event: &Value, request_id: &str, now: SystemTime) -> Result<Event, UnrecognisedEvent> {
    let now = milliseconds(now);
    if let Some(records) = sqs_records(event) {
        return Ok(Event {
            response: ResponseKind::SqsBatch,
            messages: records.iter().map(|it| sqs_message(it, now)).collect(),
        });
    }
    if let Some(tasks) = event.get("tasks").and_then(Value::as_array) {
        return Ok(batch_operations(event, tasks, now));
    }
    let mut message = Message::new(request_id, now);
    read_body(event, &mut message);
    let is_empty = message.jobs.is_empty() && message.notices.is_empty();
    match message.error.take_if(|_| is_empty) {
        Some(error) => Err(UnrecognisedEvent(error)),
        None => Ok(Event {
            response: ResponseKind::Async,
            messages: vec![message],
        }),
    }
}

/// Returns the records of an event from SQS; `None` if the event is not from SQS.
fn sqs_records(event: &Value) -> Option<&Vec<Value>> {
    let is_sqs =
        |record: &Value| record.get("eventSource").and_then(Value::as_str) == Some("aws:sqs");
    let records = event.get("Records").and_then(Value::as_array)?;
    records.iter().any(is_sqs).then_some(records)
}

/// Reads one SQS message. A message that is not understood fails alone.
fn sqs_message(record: &Value, now: u64) -> Message {
    let sent = number(record, "/attributes/SentTimestamp").unwrap_or(now);
    let mut message = Message::new(text(record, "/messageId").unwrap_or_default(), sent);
    let receive_count = number(record, "/attributes/ApproximateReceiveCount");
    let receive_count = receive_count.and_then(|count| u32::try_from(count).ok());
    message.receive_count = receive_count.unwrap_or(1);
    message.receipt = text(record, "/receiptHandle").map(str::to_owned);
    message.queue_arn = text(record, "/eventSourceARN").map(str::to_owned);
    match serde_json::from_str(text(record, "/body").unwrap_or_default()) {
        Ok(body) => read_body(&body, &mut message),
        Err(e) => message.fail(format!("the message's body is not JSON: {e}")),
    }
    message.error = message
        .error
        .map(|error| UnrecognisedEvent(error).to_string());
    message
}

/// Reads an invocation by S3 Batch Operations, schema 1.0 or 2.0.
fn batch_operations(event: &Value, tasks: &[Value], now: u64) -> Event {
    let member = |name: &str| event.get(name).cloned().unwrap_or_default();
    let arguments = event.pointer("/job/userArguments");
    let batch_job = event.pointer("/job/id").and_then(Value::as_str);
    let read = |task| replay::batch_task(task, arguments, batch_job.unwrap_or_default(), now);
    Event {
        response: ResponseKind::BatchOperations {
            version: member("invocationSchemaVersion"),
            invocation: member("invocationId"),
        },
        messages: tasks.iter().map(read).collect(),
    }
}

/// Reads what names objects: a continuation, a replay or a notification.
fn read_body(body: &Value, message: &mut Message) {
    let list = body.as_array().map_or(&[][..], Vec::as_slice);
    if Continuation::is_marked(body) {
        read_continuation(body, message);
    } else if list.iter().any(Continuation::is_marked) {
        // What one invocation left of an event that names many objects.
        list.iter().for_each(|it| read_continuation(it, message));
    } else if replay::is_replay(body) {
        replay::read(body, message);
    } else {
        notification::read(body, message);
    }
}

fn read_continuation(value: &Value, message: &mut Message) {
    match Continuation::read(value) {
        Ok(job) => message.jobs.push(job),
        Err(reason) => message.fail(reason),
    }
}
