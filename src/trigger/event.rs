//! The shapes of events. S3's notice may be wrapped by SNS, EventBridge and SQS, up to three layers deep.

use aws_lambda_events::sqs::SqsMessage;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::Value;

use super::{Answer, Event, Job, Unit};

/// An event of no known shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown(pub String);

impl std::fmt::Display for Unknown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "an event of no known shape ({}); known are S3, SQS, SNS, EventBridge \"Object Created\", S3 Batch Operations 1.0 and 2.0, \
             and a replay: {{\"bucket\": \"…\", \"key\": \"…\", \"version\"?: \"…\"}} or a list of these",
            self.0
        )
    }
}

impl std::error::Error for Unknown {}

/// Understands an event.
pub fn parse(event: &Value) -> Result<Event, Unknown> {
    let records = event.get("Records").and_then(Value::as_array);
    let source = |record: &Value| record.get("eventSource").and_then(Value::as_str).map(str::to_owned);
    if let Some(records) = records.filter(|records| records.iter().any(|r| source(r).as_deref() == Some("aws:sqs"))) {
        let units = records.iter().map(message).collect();
        return Ok(Event { answer: Answer::Sqs, units });
    }
    if let Some(tasks) = event.get("tasks").and_then(Value::as_array) {
        let text = |name: &str| event.get(name).cloned().unwrap_or_default();
        let answer = Answer::Batch { version: text("invocationSchemaVersion"), invocation: text("invocationId") };
        return Ok(Event { answer, units: tasks.iter().map(task).collect() });
    }
    let mut unit = Unit::default();
    if is_replay(event) {
        replay(event, &mut unit)?;
    } else {
        notice(event, &mut unit)?;
    }
    Ok(Event { answer: Answer::Whole, units: vec![unit] })
}

/// One SQS message. A message that is not understood fails alone.
fn message(record: &Value) -> Unit {
    let mut unit = Unit::default();
    let read = SqsMessage::deserialize(record).map_err(|e| Unknown(format!("an SQS message that cannot be read: {e}")));
    let read = read.and_then(|message| {
        unit.id = message.message_id.unwrap_or_default();
        match serde_json::from_str::<Value>(&message.body.unwrap_or_default()) {
            Ok(body) if is_replay(&body) => replay(&body, &mut unit),
            Ok(body) => notice(&body, &mut unit),
            Err(e) => Err(Unknown(format!("the message's body is not JSON: {e}"))),
        }
    });
    unit.error = read.err().map(|unknown| unknown.to_string());
    unit
}

/// A notice of S3's, in whatever it is wrapped.
fn notice(value: &Value, unit: &mut Unit) -> Result<(), Unknown> {
    if value.get("Event").and_then(Value::as_str) == Some("s3:TestEvent") {
        unit.notices.push("s3:TestEvent".into());
        return Ok(());
    }
    // SNS in SQS, raw delivery off.
    if value.get("Type").and_then(Value::as_str) == Some("Notification") {
        return inner(value.get("Message"), unit);
    }
    if value.get("detail-type").is_some() {
        return event_bridge(value, unit);
    }
    let records = value.get("Records").and_then(Value::as_array).ok_or_else(|| Unknown(outline(value)))?;
    for record in records {
        match record.get("Sns") {
            Some(sns) => inner(sns.get("Message"), unit)?,
            None => s3_record(record, unit)?,
        }
    }
    Ok(())
}

/// JSON in a string.
fn inner(message: Option<&Value>, unit: &mut Unit) -> Result<(), Unknown> {
    let text = message.and_then(Value::as_str).ok_or_else(|| Unknown("an SNS notification without a Message".into()))?;
    match serde_json::from_str(text) {
        Ok(value) => notice(&value, unit),
        Err(e) => Err(Unknown(format!("the SNS Message is not JSON: {e}"))),
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

fn s3_record(record: &Value, unit: &mut Unit) -> Result<(), Unknown> {
    let S3Record { event_name, s3 } = S3Record::deserialize(record).map_err(|e| Unknown(format!("{} ({e})", outline(record))))?;
    if !event_name.is_empty() && !event_name.starts_with("ObjectCreated:") && !event_name.starts_with("s3:ObjectCreated:") {
        unit.notices.push(event_name);
        return Ok(());
    }
    let S3Object { key, size, version } = s3.object;
    let keys = decoded_first(&key);
    unit.jobs.push(Job { bucket: s3.bucket.name, keys, version: real_version(version), size, trusted: false });
    Ok(())
}

fn event_bridge(value: &Value, unit: &mut Unit) -> Result<(), Unknown> {
    let kind = value.get("detail-type").and_then(Value::as_str).unwrap_or_default();
    if value.get("source").and_then(Value::as_str) != Some("aws.s3") {
        return Err(Unknown(format!("an EventBridge event {kind:?} whose source is not aws.s3")));
    }
    if kind != "Object Created" {
        unit.notices.push(kind.into());
        return Ok(());
    }
    #[derive(Deserialize)]
    struct Detail {
        bucket: Named,
        object: S3Object,
    }
    let detail = value.get("detail").unwrap_or(&Value::Null);
    let Detail { bucket, object } =
        Detail::deserialize(detail).map_err(|e| Unknown(format!("\"Object Created\" without its detail ({e})")))?;
    unit.jobs.push(Job {
        bucket: bucket.name,
        keys: spellings(&object.key),
        version: real_version(object.version),
        size: object.size,
        trusted: false,
    });
    Ok(())
}

/// A task of S3 Batch Operations, schema 1.0 with the bucket's ARN or 2.0 with its name.
fn task(task: &Value) -> Unit {
    let text = |name: &str| task.get(name).and_then(Value::as_str);
    let mut unit = Unit { id: text("taskId").unwrap_or_default().into(), ..Unit::default() };
    let bucket = text("s3Bucket").or_else(|| text("s3BucketArn").map(|arn| arn.rsplit(':').next().unwrap_or(arn)));
    match (bucket, text("s3Key")) {
        (Some(bucket), Some(key)) => unit.jobs.push(Job {
            bucket: bucket.into(),
            keys: decoded_first(key),
            version: real_version(text("s3VersionId").map(str::to_owned)),
            size: None,
            trusted: false,
        }),
        _ => unit.error = Some("the task names no bucket or no key".into()),
    }
    unit
}

fn is_replay(value: &Value) -> bool {
    let one = |value: &Value| {
        value.get("bucket").is_some_and(Value::is_string) || (value.get("key").is_some() && value.get("data").is_none())
    };
    match value.as_array() {
        Some(list) => !list.is_empty() && list.iter().all(one),
        None => one(value),
    }
}

/// A replay written by hand.
fn replay(value: &Value, unit: &mut Unit) -> Result<(), Unknown> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Replay {
        bucket: String,
        key: String,
        version: Option<String>,
    }
    let one = std::slice::from_ref(value);
    for entry in value.as_array().map_or(one, Vec::as_slice) {
        let Replay { bucket, key, version } =
            Replay::deserialize(entry).map_err(|e| Unknown(format!("a replay that cannot be read: {e}")))?;
        unit.jobs.push(Job { bucket, keys: spellings(&key), version: real_version(version), size: None, trusted: false });
    }
    Ok(())
}

/// The key as given and, where that differs, form-decoded.
fn spellings(key: &str) -> Vec<String> {
    let mut keys = vec![key.to_owned()];
    keys.extend(Some(form_decoded(key)).filter(|decoded| decoded != key));
    keys
}

/// The key form-decoded, as S3 encodes it in its notices, and then as given.
fn decoded_first(key: &str) -> Vec<String> {
    let mut keys = spellings(key);
    keys.reverse();
    keys
}

/// `+` is a space, `%xx` a byte. A key that then is no UTF-8 was not encoded: it stays.
fn form_decoded(key: &str) -> String {
    let spaced = key.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().map_or_else(|_| key.to_owned(), |decoded| decoded.into_owned())
}

/// Objects of a bucket without versions have the version `null`.
fn real_version(version: Option<String>) -> Option<String> {
    version.filter(|version| !version.is_empty() && version != "null")
}

/// What an event looks like, without its contents.
fn outline(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let names: Vec<_> = members.keys().take(8).map(String::as_str).collect();
            format!("an object with {}", if names.is_empty() { "no members".into() } else { names.join(", ") })
        }
        Value::Array(list) => format!("a list of {}", list.len()),
        Value::Null => "null".into(),
        _ => "neither an object nor a list".into(),
    }
}
