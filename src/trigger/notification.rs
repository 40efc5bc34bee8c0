//! Reads S3's notifications, which SNS, EventBridge and SQS may wrap, up to three layers deep.

use serde_json::Value;

use super::Message;
use super::event_bridge;
use super::keys::{decoded_first, real_version};
use super::members::{number, text};
use crate::job::Job;

/// Adds the jobs of a notification of S3's, in whatever it is wrapped. A part that cannot be read
/// is noted as the message's error, and the rest is taken.
pub(super) fn read(body: &Value, message: &mut Message) {
    let records = body.get("Records").and_then(Value::as_array);
    if records.is_none() && text(body, "/Event") == Some("s3:TestEvent") {
        return message.notices.push("s3:TestEvent".into());
    }
    // SNS in SQS, with raw message delivery off.
    if text(body, "/Type") == Some("Notification") {
        return sns(body.get("Message"), message);
    }
    if body.get("detail-type").is_some() {
        return event_bridge::read(body, message);
    }
    let Some(records) = records else {
        return message.fail(outline(body));
    };
    if records.is_empty() {
        message.notices.push("an empty list of records".into());
    }
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

/// The names of S3's events that make no new object, up to the colon.
const NO_NEW_OBJECT: [&str; 9] = [
    "ObjectRemoved",
    "ObjectRestore",
    "ObjectTagging",
    "ObjectAcl",
    "ReducedRedundancyLostObject",
    "Replication",
    "LifecycleExpiration",
    "LifecycleTransition",
    "IntelligentTiering",
];

fn s3_record(record: &Value, message: &mut Message) {
    let event_name = text(record, "/eventName").unwrap_or_default();
    let kind = event_name.strip_prefix("s3:").unwrap_or(event_name);
    let kind = kind.split(':').next().unwrap_or_default();
    if NO_NEW_OBJECT.contains(&kind) {
        return message.notices.push(event_name.to_owned());
    }
    let (Some(bucket), Some(key)) = (
        text(record, "/s3/bucket/name"),
        text(record, "/s3/object/key"),
    ) else {
        return message.fail(format!(
            "{} that names no bucket or no key",
            outline(record)
        ));
    };
    if !kind.is_empty() && kind != "ObjectCreated" {
        return message.fail(format!("an S3 event of the unknown kind {event_name:?}"));
    }
    message.jobs.push(Job {
        version: real_version(text(record, "/s3/object/versionId")),
        size: number(record, "/s3/object/size"),
        etag: text(record, "/s3/object/eTag").map(str::to_owned),
        ..Job::new(bucket, decoded_first(key))
    });
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
