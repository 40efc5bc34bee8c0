//! Reads requests to forward objects again: written by hand, or as tasks of S3 Batch Operations.

use serde::Deserialize;
use serde_json::Value;

use super::Message;
use super::keys::{as_given_first, decoded_first, real_version};
use crate::job::{Job, ReplayRequest};

/// A replay as it is written by hand.
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

/// Returns whether `body` is a replay or a list of replays, well-formed or not.
pub(super) fn is_replay(body: &Value) -> bool {
    let is_one = |value: &Value| {
        value.get("bucket").is_some_and(Value::is_string)
            || (value.get("key").is_some() && value.get("data").is_none())
    };
    match body.as_array() {
        Some(list) => !list.is_empty() && list.iter().all(is_one),
        None => is_one(body),
    }
}

/// Adds a job for each replay in `body`.
pub(super) fn read(body: &Value, message: &mut Message) {
    let entries = match body.as_array() {
        Some(list) => list.as_slice(),
        None => std::slice::from_ref(body),
    };
    for entry in entries {
        match Replay::deserialize(entry) {
            Ok(replay) if !replay.again && !replay.targets.is_empty() => {
                message.fail("a replay with targets but without \"again\": true".into());
            }
            Ok(replay) => message.jobs.push(job(replay, &message.id)),
            Err(e) => message.fail(format!("a replay that cannot be read: {e}")),
        }
    }
}

fn job(replay: Replay, message_id: &str) -> Job {
    // Two replays of one message for different targets are two requests.
    let token = if replay.targets.is_empty() {
        message_id.to_owned()
    } else {
        format!("{message_id} {}", replay.targets.join(","))
    };
    let request = ReplayRequest {
        token,
        targets: replay.targets,
    };
    Job {
        version: real_version(replay.version),
        replay: replay.again.then_some(request),
        ..Job::new(replay.bucket, as_given_first(&replay.key))
    }
}

/// Reads a task of S3 Batch Operations: schema 1.0 with the bucket's ARN, or 2.0 with its name and
/// the `arguments` of the job `batch_job`, of which `again` and `targets` mean what they mean in a
/// replay.
pub(super) fn batch_task(task: &Value, arguments: Option<&Value>, batch_job: &str) -> Message {
    let text = |name: &str| task.get(name).and_then(Value::as_str);
    let argument = |name: &str| arguments?.get(name).and_then(Value::as_str);
    let mut message = Message::new(text("taskId").unwrap_or_default());
    let by_arn = || text("s3BucketArn").map(|arn| arn.rsplit(':').next().unwrap_or(arn));
    let (Some(bucket), Some(key)) = (text("s3Bucket").or_else(by_arn), text("s3Key")) else {
        message.error = Some("the task names no bucket or no key".into());
        return message;
    };
    let targets = argument("targets")
        .into_iter()
        .flat_map(|names| names.split(','));
    let request = ReplayRequest {
        token: batch_job.to_owned(),
        targets: targets.map(|name| name.trim().to_owned()).collect(),
    };
    message.jobs.push(Job {
        version: real_version(text("s3VersionId").map(str::to_owned)),
        replay: (argument("again") == Some("true")).then_some(request),
        ..Job::new(bucket, decoded_first(key))
    });
    message
}
