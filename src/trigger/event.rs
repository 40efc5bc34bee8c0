//! The shapes of events. S3's notice may be wrapped by SNS, EventBridge and SQS, up to three layers deep.

use aws_lambda_events::sqs::SqsMessage;
use serde::Deserialize;
use serde_json::Value;

use super::again::Continuation;
use super::keys::{decoded_first, real_version, spellings};
use super::{Event, Message, ResponseKind};
use crate::job::{Job, ReplayRequest};

/// An event of no known shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown(pub String);

impl std::fmt::Display for Unknown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "an event of no known shape ({}); known are S3, SQS, SNS, EventBridge \"Object Created\", S3 Batch Operations 1.0 and 2.0, \
             and a replay: {{\"bucket\": \"…\", \"key\": \"…\", \"version\"?: \"…\", \"again\"?: true, \"targets\"?: [\"…\"]}} or a list of these",
            self.0
        )
    }
}

impl std::error::Error for Unknown {}

/// Understands an event; `id` is that of the invocation, which Lambda repeats when it tries an event again.
pub fn parse(event: &Value, id: &str) -> Result<Event, Unknown> {
    let records = event.get("Records").and_then(Value::as_array);
    let source = |record: &Value| {
        record
            .get("eventSource")
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    if let Some(records) = records.filter(|records| {
        records
            .iter()
            .any(|r| source(r).as_deref() == Some("aws:sqs"))
    }) {
        let messages = records.iter().map(message).collect();
        return Ok(Event {
            answer: ResponseKind::SqsBatch,
            messages,
        });
    }
    if let Some(tasks) = event.get("tasks").and_then(Value::as_array) {
        let text = |name: &str| event.get(name).cloned().unwrap_or_default();
        let answer = ResponseKind::BatchOperations {
            version: text("invocationSchemaVersion"),
            invocation: text("invocationId"),
        };
        let again = event.pointer("/job/userArguments");
        let job = event
            .pointer("/job/id")
            .and_then(Value::as_str)
            .unwrap_or_default();
        return Ok(Event {
            answer,
            messages: tasks
                .iter()
                .map(|task| batch_task(task, again, job))
                .collect(),
        });
    }
    let mut message = Message {
        id: id.into(),
        ..Message::default()
    };
    read(event, &mut message);
    match message
        .error
        .take_if(|_| message.jobs.is_empty() && message.notices.is_empty())
    {
        Some(error) => Err(Unknown(error)),
        None => Ok(Event {
            answer: ResponseKind::Async,
            messages: vec![message],
        }),
    }
}

/// One SQS message. A message that is not understood fails alone.
fn message(record: &Value) -> Message {
    let id = record
        .get("messageId")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let mut message = Message {
        id: id.into(),
        ..Message::default()
    };
    match SqsMessage::deserialize(record) {
        Ok(sqs) => {
            let receive_count = sqs
                .attributes
                .get("ApproximateReceiveCount")
                .and_then(|count| count.parse().ok());
            message.receive_count = receive_count.unwrap_or(1);
            (message.receipt, message.queue) = (sqs.receipt_handle, sqs.event_source_arn);
            match serde_json::from_str(sqs.body.as_deref().unwrap_or_default()) {
                Ok(body) => read(&body, &mut message),
                Err(e) => message.fail(format!("the message's body is not JSON: {e}")),
            }
        }
        Err(e) => message.fail(format!("an SQS message that cannot be read: {e}")),
    }
    message.error = message.error.map(|error| Unknown(error).to_string());
    message
}

/// A continuation, a replay or a notice.
fn read(value: &Value, message: &mut Message) {
    if Continuation::marks(value) {
        match Continuation::read(value) {
            Ok(job) => message.jobs.push(job),
            Err(why) => message.fail(why),
        }
    } else if is_replay(value) {
        replay(value, message);
    } else {
        notice(value, message);
    }
}

/// A notice of S3's, in whatever it is wrapped. What cannot be read is noted, and the rest taken.
fn notice(value: &Value, message: &mut Message) {
    if value.get("Event").and_then(Value::as_str) == Some("s3:TestEvent") {
        return message.notices.push("s3:TestEvent".into());
    }
    // SNS in SQS, raw delivery off.
    if value.get("Type").and_then(Value::as_str) == Some("Notification") {
        return inner(value.get("Message"), message);
    }
    if value.get("detail-type").is_some() {
        return event_bridge(value, message);
    }
    let Some(records) = value.get("Records").and_then(Value::as_array) else {
        return message.fail(outline(value));
    };
    for record in records {
        match record.get("Sns") {
            Some(sns) => inner(sns.get("Message"), message),
            None => s3_record(record, message),
        }
    }
}

/// JSON in a string.
fn inner(text: Option<&Value>, message: &mut Message) {
    match text.and_then(Value::as_str).map(serde_json::from_str) {
        Some(Ok(value)) => notice(&value, message),
        Some(Err(e)) => message.fail(format!("the SNS Message is not JSON: {e}")),
        None => message.fail("an SNS notification without a Message".into()),
    }
}

#[derive(Deserialize)]
struct S3Record {
    #[serde(rename = "eventName", default)]
    event_name: String,
    s3: S3Entity,
}

#[derive(Deserialize)]
struct S3Entity {
    bucket: Named,
    object: S3Object,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

/// An object in a notice of S3's own or in EventBridge's.
#[derive(Deserialize)]
struct S3Object {
    key: String,
    size: Option<u64>,
    #[serde(rename = "versionId", alias = "version-id")]
    version: Option<String>,
}

fn s3_record(record: &Value, message: &mut Message) {
    let S3Record { event_name, s3 } = match S3Record::deserialize(record) {
        Ok(record) => record,
        Err(e) => return message.fail(format!("{} ({e})", outline(record))),
    };
    if !event_name.is_empty()
        && !event_name.starts_with("ObjectCreated:")
        && !event_name.starts_with("s3:ObjectCreated:")
    {
        return message.notices.push(event_name);
    }
    let S3Object { key, size, version } = s3.object;
    let keys = decoded_first(&key);
    message.jobs.push(Job {
        version: real_version(version),
        size,
        ..Job::new(s3.bucket.name, keys)
    });
}

fn event_bridge(value: &Value, message: &mut Message) {
    #[derive(Deserialize)]
    struct Detail {
        bucket: Named,
        object: S3Object,
    }
    let kind = value
        .get("detail-type")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if value.get("source").and_then(Value::as_str) != Some("aws.s3") {
        return message.fail(format!(
            "an EventBridge event {kind:?} whose source is not aws.s3"
        ));
    }
    if kind != "Object Created" {
        return message.notices.push(kind.into());
    }
    match Detail::deserialize(value.get("detail").unwrap_or(&Value::Null)) {
        Ok(Detail { bucket, object }) => message.jobs.push(Job {
            version: real_version(object.version),
            size: object.size,
            ..Job::new(bucket.name, spellings(&object.key))
        }),
        Err(e) => message.fail(format!("\"Object Created\" without its detail ({e})")),
    }
}

/// A task of S3 Batch Operations, schema 1.0 with the bucket's ARN or 2.0 with its name and the job's own
/// arguments: `again` and `targets` mean what they mean in a replay.
fn batch_task(task: &Value, arguments: Option<&Value>, job: &str) -> Message {
    let text = |name: &str| task.get(name).and_then(Value::as_str);
    let mut message = Message {
        id: text("taskId").unwrap_or_default().into(),
        ..Message::default()
    };
    let bucket = text("s3Bucket")
        .or_else(|| text("s3BucketArn").map(|arn| arn.rsplit(':').next().unwrap_or(arn)));
    match (bucket, text("s3Key")) {
        (Some(bucket), Some(key)) => {
            let argument = |name: &str| {
                arguments
                    .and_then(|all| all.get(name))
                    .and_then(Value::as_str)
            };
            let targets = argument("targets").map(|names| {
                names
                    .split(',')
                    .map(|name| name.trim().to_owned())
                    .collect()
            });
            let again = argument("again") == Some("true");
            message.jobs.push(Job {
                version: real_version(text("s3VersionId").map(str::to_owned)),
                replay: again.then(|| ReplayRequest {
                    token: job.to_owned(),
                    targets: targets.unwrap_or_default(),
                }),
                ..Job::new(bucket, decoded_first(key))
            });
        }
        _ => message.error = Some("the task names no bucket or no key".into()),
    }
    message
}

fn is_replay(value: &Value) -> bool {
    let one = |value: &Value| {
        value.get("bucket").is_some_and(Value::is_string)
            || (value.get("key").is_some() && value.get("data").is_none())
    };
    match value.as_array() {
        Some(list) => !list.is_empty() && list.iter().all(one),
        None => one(value),
    }
}

/// A replay written by hand.
fn replay(value: &Value, message: &mut Message) {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Replay {
        bucket: String,
        key: String,
        version: Option<String>,
        #[serde(default)]
        again: bool,
        #[serde(default)]
        targets: Vec<String>,
    }
    for entry in value
        .as_array()
        .map_or(std::slice::from_ref(value), Vec::as_slice)
    {
        match Replay::deserialize(entry) {
            Ok(Replay {
                again: false,
                targets,
                ..
            }) if !targets.is_empty() => {
                message.fail("a replay with targets but without \"again\": true".into());
            }
            Ok(Replay {
                bucket,
                key,
                version,
                again,
                targets,
            }) => {
                let token = if targets.is_empty() {
                    message.id.clone()
                } else {
                    format!("{} {}", message.id, targets.join(","))
                };
                let replay = again.then_some(ReplayRequest { token, targets });
                message.jobs.push(Job {
                    version: real_version(version),
                    replay,
                    ..Job::new(bucket, spellings(&key))
                });
            }
            Err(e) => message.fail(format!("a replay that cannot be read: {e}")),
        }
    }
}

/// What an event looks like, without its contents.
fn outline(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let names: Vec<_> = members.keys().take(8).map(String::as_str).collect();
            format!(
                "an object with {}",
                if names.is_empty() {
                    "no members".into()
                } else {
                    names.join(", ")
                }
            )
        }
        Value::Array(list) => format!("a list of {}", list.len()),
        Value::Null => "null".into(),
        _ => "neither an object nor a list".into(),
    }
}
