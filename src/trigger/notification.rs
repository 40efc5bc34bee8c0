//! Reads S3's notifications, which SNS, EventBridge and SQS may wrap, up to three layers deep.

use serde::Deserialize;
use serde_json::Value;

use super::Message;
use super::keys::{as_given_first, decoded_first, real_version};
use crate::job::Job;

/// Adds the jobs of a notification of S3's, in whatever it is wrapped. A part that cannot be read
/// is noted as the message's error, and the rest is taken.
pub(super) fn read(body: &Value, message: &mut Message) {
    if body.get("Event").and_then(Value::as_str) == Some("s3:TestEvent") {
        return message.notices.push("s3:TestEvent".into());
    }
    // SNS in SQS, with raw message delivery off.
    if body.get("Type").and_then(Value::as_str) == Some("Notification") {
        return sns(body.get("Message"), message);
    }
    if body.get("detail-type").is_some() {
        return event_bridge(body, message);
    }
    let Some(records) = body.get("Records").and_then(Value::as_array) else {
        return message.fail(outline(body));
    };
    for record in records {
        match record.get("Sns") {
            Some(wrapper) => sns(wrapper.get("Message"), message),
            None => s3_record(record, message),
        }
    }
}

/// Reads the notification that SNS carries as JSON in a string.
fn sns(text: Option<&Value>, message: &mut Message) {
    match text.and_then(Value::as_str).map(serde_json::from_str) {
        Some(Ok(body)) => read(&body, message),
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
    bucket: Bucket,
    object: S3Object,
}

#[derive(Deserialize)]
struct Bucket {
    name: String,
}

/// An object in a notification of S3's own or in EventBridge's.
#[derive(Deserialize)]
struct S3Object {
    key: String,
    size: Option<u64>,
    #[serde(rename = "versionId", alias = "version-id")]
    version: Option<String>,
    #[serde(rename = "eTag", alias = "etag")]
    etag: Option<String>,
}

fn s3_record(record: &Value, message: &mut Message) {
    let S3Record { event_name, s3 } = match S3Record::deserialize(record) {
        Ok(record) => record,
        Err(e) => return message.fail(format!("{} ({e})", outline(record))),
    };
    let names_a_new_object = event_name.is_empty()
        || event_name.starts_with("ObjectCreated:")
        || event_name.starts_with("s3:ObjectCreated:");
    if !names_a_new_object {
        return message.notices.push(event_name);
    }
    message.jobs.push(Job {
        version: real_version(s3.object.version),
        size: s3.object.size,
        etag: s3.object.etag,
        ..Job::new(s3.bucket.name, decoded_first(&s3.object.key))
    });
}

fn event_bridge(event: &Value, message: &mut Message) {
    #[derive(Deserialize)]
    struct Detail {
        bucket: Bucket,
        object: S3Object,
    }
    let kind = event.get("detail-type").and_then(Value::as_str);
    let kind = kind.unwrap_or_default();
    if event.get("source").and_then(Value::as_str) != Some("aws.s3") {
        return message.fail(format!(
            "an EventBridge event {kind:?} whose source is not aws.s3"
        ));
    }
    if kind != "Object Created" {
        return message.notices.push(kind.into());
    }
    match Detail::deserialize(event.get("detail").unwrap_or(&Value::Null)) {
        Ok(Detail { bucket, object }) => message.jobs.push(Job {
            version: real_version(object.version),
            size: object.size,
            etag: object.etag,
            ..Job::new(bucket.name, as_given_first(&object.key))
        }),
        Err(e) => message.fail(format!("\"Object Created\" without its detail ({e})")),
    }
}

/// Describes what an event looks like, without its contents.
fn outline(event: &Value) -> String {
    match event {
        Value::Object(members) if members.is_empty() => "an object with no members".into(),
        Value::Object(members) => {
            let names: Vec<_> = members.keys().take(8).map(String::as_str).collect();
            format!("an object with {}", names.join(", "))
        }
        Value::Array(list) => format!("a list of {}", list.len()),
        Value::Null => "null".into(),
        _ => "neither an object nor a list".into(),
    }
}
