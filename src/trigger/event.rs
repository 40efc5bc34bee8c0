//! Recognises an event by its shape: SQS, S3 Batch Operations, or something that names objects
//! itself.

use std::fmt;

use aws_lambda_events::sqs::SqsMessage;
use serde::Deserialize;
use serde_json::Value;

use super::{Event, Message, ResponseKind, notification, replay};
use crate::job::Continuation;

/// An event of no supported shape, with what it looks like or what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnrecognisedEvent(pub String);

impl fmt::Display for UnrecognisedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "unrecognised event ({}); supported: S3, SQS, SNS, EventBridge \"Object Created\", \
             S3 Batch Operations 1.0 and 2.0, and a replay: {{\"bucket\": \"…\", \"key\": \"…\", \
             \"version\"?: \"…\", \"again\"?: true, \"targets\"?: [\"…\"]}} or a list of these",
            self.0
        )
    }
}

impl std::error::Error for UnrecognisedEvent {}

/// Reads an event as jobs. `request_id` is the invocation's, which Lambda repeats when it tries an
/// event again.
pub fn parse(event: &Value, request_id: &str) -> Result<Event, UnrecognisedEvent> {
    if let Some(records) = sqs_records(event) {
        return Ok(Event {
            response: ResponseKind::SqsBatch,
            messages: records.iter().map(sqs_message).collect(),
        });
    }
    if let Some(tasks) = event.get("tasks").and_then(Value::as_array) {
        return Ok(batch_operations(event, tasks));
    }
    let mut message = Message::new(request_id);
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
fn sqs_message(record: &Value) -> Message {
    let id = record.get("messageId").and_then(Value::as_str);
    let mut message = Message::new(id.unwrap_or_default());
    match SqsMessage::deserialize(record) {
        Ok(sqs) => {
            let receive_count = sqs.attributes.get("ApproximateReceiveCount");
            let receive_count = receive_count.and_then(|count| count.parse().ok());
            message.receive_count = receive_count.unwrap_or(1);
            message.receipt = sqs.receipt_handle;
            message.queue_arn = sqs.event_source_arn;
            match serde_json::from_str(sqs.body.as_deref().unwrap_or_default()) {
                Ok(body) => read_body(&body, &mut message),
                Err(e) => message.fail(format!("the message's body is not JSON: {e}")),
            }
        }
        Err(e) => message.fail(format!("an SQS message that cannot be read: {e}")),
    }
    message.error = message
        .error
        .map(|error| UnrecognisedEvent(error).to_string());
    message
}

/// Reads an invocation by S3 Batch Operations, schema 1.0 or 2.0.
fn batch_operations(event: &Value, tasks: &[Value]) -> Event {
    let member = |name: &str| event.get(name).cloned().unwrap_or_default();
    let arguments = event.pointer("/job/userArguments");
    let batch_job = event.pointer("/job/id").and_then(Value::as_str);
    let read = |task| replay::batch_task(task, arguments, batch_job.unwrap_or_default());
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
    if Continuation::is_marked(body) {
        match Continuation::read(body) {
            Ok(job) => message.jobs.push(job),
            Err(reason) => message.fail(reason),
        }
    } else if replay::is_replay(body) {
        replay::read(body, message);
    } else {
        notification::read(body, message);
    }
}
