//! Reads EventBridge's events from S3: its own, and calls that CloudTrail has logged.
//!
//! An event is acknowledged without an object only if its kind is known to make none: whatever may
//! name a new object is a job or an error.

use serde_json::Value;

use super::Message;
use super::keys::{as_given_first, real_version};
use super::members::{number, text};
use crate::job::Job;

/// S3's events that make no new object.
const NO_NEW_OBJECT: [&str; 9] = [
    "Object Deleted",
    "Object Restore Initiated",
    "Object Restore Completed",
    "Object Restore Expired",
    "Object Storage Class Changed",
    "Object Access Tier Changed",
    "Object ACL Updated",
    "Object Tags Added",
    "Object Tags Deleted",
];

/// The calls that make a new object, as CloudTrail names them.
const NEW_OBJECT_CALLS: [&str; 4] = [
    "PutObject",
    "CompleteMultipartUpload",
    "CopyObject",
    "PostObject",
];

/// The calls that name a key and make no new object there, as CloudTrail names them: whole names,
/// and beginnings of names.
const OTHER_CALLS: [&str; 9] = [
    "CreateMultipartUpload",
    "UploadPart",
    "UploadPartCopy",
    "PutObjectAcl",
    "PutObjectTagging",
    "PutObjectRetention",
    "PutObjectLegalHold",
    "RestoreObject",
    "SelectObjectContent",
];
const OTHER_CALLS_BEGIN: [&str; 5] = ["Get", "Head", "List", "Delete", "Abort"];

/// Adds the job of an event of EventBridge's.
pub(super) fn read(event: &Value, message: &mut Message) {
    let kind = text(event, "/detail-type").unwrap_or_default();
    if text(event, "/source") != Some("aws.s3") {
        return message.fail(format!(
            "an EventBridge event {kind:?} whose source is not aws.s3"
        ));
    }
    match kind {
        "Object Created" => object_created(event, message),
        "AWS API Call via CloudTrail" => logged_call(event, message),
        _ if NO_NEW_OBJECT.contains(&kind) => message.notices.push(kind.into()),
        _ => message.fail(format!("an EventBridge event of the unknown kind {kind:?}")),
    }
}

fn object_created(event: &Value, message: &mut Message) {
    let (Some(bucket), Some(key)) = (
        text(event, "/detail/bucket/name"),
        text(event, "/detail/object/key"),
    ) else {
        return message.fail("\"Object Created\" that names no bucket or no key".into());
    };
    message.jobs.push(Job {
        version: real_version(text(event, "/detail/object/version-id")),
        size: number(event, "/detail/object/size"),
        etag: text(event, "/detail/object/etag").map(str::to_owned),
        ..Job::new(bucket, as_given_first(key))
    });
}

/// Reads a call to S3 that CloudTrail has logged: before 2021 the only way from S3 to EventBridge.
fn logged_call(event: &Value, message: &mut Message) {
    let call = text(event, "/detail/eventName").unwrap_or_default();
    let key = text(event, "/detail/requestParameters/key");
    let is_new = NEW_OBJECT_CALLS.contains(&call);
    let is_other = OTHER_CALLS.contains(&call)
        || OTHER_CALLS_BEGIN
            .iter()
            .any(|begin| call.starts_with(begin));
    if let Some(error) = text(event, "/detail/errorCode") {
        return message.notices.push(format!("{call} that failed: {error}"));
    }
    // A call that names no key is about a bucket, or deletes.
    if is_other || (!is_new && !call.is_empty() && key.is_none()) {
        return message.notices.push(call.to_owned());
    }
    if !is_new {
        return message.fail(format!("a call of the unknown kind {call:?} in CloudTrail"));
    }
    let (Some(bucket), Some(key)) = (text(event, "/detail/requestParameters/bucketName"), key)
    else {
        return message.fail(format!(
            "{call} in CloudTrail that names no bucket or no key"
        ));
    };
    let version = text(event, "/detail/responseElements/x-amz-version-id");
    message.jobs.push(Job {
        version: real_version(version),
        ..Job::new(bucket, as_given_first(key))
    });
}
