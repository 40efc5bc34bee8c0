//! The shapes of events. S3's notice may be wrapped by SNS, EventBridge and SQS, up to three layers deep.

use aws_lambda_events::sqs::SqsMessage;
use serde::Deserialize;
use serde_json::Value;

use super::again::Continuation;
use super::keys::{decoded_first, real_version, spellings};
use super::{Answer, Event, Job, Unit};
use crate::progress::Again;

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
        let units = records.iter().map(message).collect();
        return Ok(Event {
            answer: Answer::Sqs,
            units,
        });
    }
    if let Some(tasks) = event.get("tasks").and_then(Value::as_array) {
        let text = |name: &str| event.get(name).cloned().unwrap_or_default();
        let answer = Answer::Batch {
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
            units: tasks
                .iter()
                .map(|task| batch_task(task, again, job))
                .collect(),
        });
    }
    let mut unit = Unit {
        id: id.into(),
        ..Unit::default()
    };
    read(event, &mut unit);
    match unit
        .error
        .take_if(|_| unit.jobs.is_empty() && unit.notices.is_empty())
    {
        Some(error) => Err(Unknown(error)),
        None => Ok(Event {
            answer: Answer::Whole,
            units: vec![unit],
        }),
    }
}

/// One SQS message. A message that is not understood fails alone.
fn message(record: &Value) -> Unit {
    let id = record
        .get("messageId")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let mut unit = Unit {
        id: id.into(),
        ..Unit::default()
    };
    match SqsMessage::deserialize(record) {
        Ok(message) => {
            let receives = message
                .attributes
                .get("ApproximateReceiveCount")
                .and_then(|count| count.parse().ok());
            unit.receives = receives.unwrap_or(1);
            (unit.receipt, unit.queue) = (message.receipt_handle, message.event_source_arn);
            match serde_json::from_str(message.body.as_deref().unwrap_or_default()) {
                Ok(body) => read(&body, &mut unit),
                Err(e) => unit.fail(format!("the message's body is not JSON: {e}")),
            }
        }
        Err(e) => unit.fail(format!("an SQS message that cannot be read: {e}")),
    }
    unit.error = unit.error.map(|error| Unknown(error).to_string());
    unit
}

/// A continuation, a replay or a notice.
fn read(value: &Value, unit: &mut Unit) {
    if Continuation::marks(value) {
        match Continuation::read(value) {
            Ok(job) => unit.jobs.push(job),
            Err(why) => unit.fail(why),
        }
    } else if is_replay(value) {
        replay(value, unit);
    } else {
        notice(value, unit);
    }
}

/// A notice of S3's, in whatever it is wrapped. What cannot be read is noted, and the rest taken.
fn notice(value: &Value, unit: &mut Unit) {
    if value.get("Event").and_then(Value::as_str) == Some("s3:TestEvent") {
        return unit.notices.push("s3:TestEvent".into());
    }
    // SNS in SQS, raw delivery off.
    if value.get("Type").and_then(Value::as_str) == Some("Notification") {
        return inner(value.get("Message"), unit);
    }
    if value.get("detail-type").is_some() {
        return event_bridge(value, unit);
    }
    let Some(records) = value.get("Records").and_then(Value::as_array) else {
        return unit.fail(outline(value));
    };
    for record in records {
        match record.get("Sns") {
            Some(sns) => inner(sns.get("Message"), unit),
            None => s3_record(record, unit),
        }
    }
}

/// JSON in a string.
fn inner(message: Option<&Value>, unit: &mut Unit) {
    match message.and_then(Value::as_str).map(serde_json::from_str) {
        Some(Ok(value)) => notice(&value, unit),
        Some(Err(e)) => unit.fail(format!("the SNS Message is not JSON: {e}")),
        None => unit.fail("an SNS notification without a Message".into()),
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

fn s3_record(record: &Value, unit: &mut Unit) {
    let S3Record { event_name, s3 } = match S3Record::deserialize(record) {
        Ok(record) => record,
        Err(e) => return unit.fail(format!("{} ({e})", outline(record))),
    };
    if !event_name.is_empty()
        && !event_name.starts_with("ObjectCreated:")
        && !event_name.starts_with("s3:ObjectCreated:")
    {
        return unit.notices.push(event_name);
    }
    let S3Object { key, size, version } = s3.object;
    let keys = decoded_first(&key);
    unit.jobs.push(Job {
        version: real_version(version),
        size,
        ..Job::new(s3.bucket.name, keys)
    });
}

fn event_bridge(value: &Value, unit: &mut Unit) {
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
        return unit.fail(format!(
            "an EventBridge event {kind:?} whose source is not aws.s3"
        ));
    }
    if kind != "Object Created" {
        return unit.notices.push(kind.into());
    }
    match Detail::deserialize(value.get("detail").unwrap_or(&Value::Null)) {
        Ok(Detail { bucket, object }) => unit.jobs.push(Job {
            version: real_version(object.version),
            size: object.size,
            ..Job::new(bucket.name, spellings(&object.key))
        }),
        Err(e) => unit.fail(format!("\"Object Created\" without its detail ({e})")),
    }
}

/// A task of S3 Batch Operations, schema 1.0 with the bucket's ARN or 2.0 with its name and the job's own
/// arguments: `again` and `targets` mean what they mean in a replay.
fn batch_task(task: &Value, arguments: Option<&Value>, job: &str) -> Unit {
    let text = |name: &str| task.get(name).and_then(Value::as_str);
    let mut unit = Unit {
        id: text("taskId").unwrap_or_default().into(),
        ..Unit::default()
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
            unit.jobs.push(Job {
                version: real_version(text("s3VersionId").map(str::to_owned)),
                again: again.then(|| Again {
                    token: job.to_owned(),
                    targets: targets.unwrap_or_default(),
                }),
                ..Job::new(bucket, decoded_first(key))
            });
        }
        _ => unit.error = Some("the task names no bucket or no key".into()),
    }
    unit
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
fn replay(value: &Value, unit: &mut Unit) {
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
                unit.fail("a replay with targets but without \"again\": true".into());
            }
            Ok(Replay {
                bucket,
                key,
                version,
                again,
                targets,
            }) => {
                let token = if targets.is_empty() {
                    unit.id.clone()
                } else {
                    format!("{} {}", unit.id, targets.join(","))
                };
                let again = again.then_some(Again { token, targets });
                unit.jobs.push(Job {
                    version: real_version(version),
                    again,
                    ..Job::new(bucket, spellings(&key))
                });
            }
            Err(e) => unit.fail(format!("a replay that cannot be read: {e}")),
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
