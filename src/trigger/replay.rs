//! Reads requests to forward objects again: written by hand, or as tasks of S3 Batch Operations.

use serde::Deserialize;
use serde_json::Value;

use super::Message;
use super::keys::{as_given_first, decoded_first, real_version};
use super::members::text;
use crate::job::{Job, ReplayRequest};

/// A replay as it is written by hand: a member that is misspelled is an error.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Replay {
    bucket: String,
    key: String,
    version: Option<String>,
    #[serde(default)]
    again: bool,
    /// Identifies the request: another token is another request.
    token: Option<String>,
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
        let job = Replay::deserialize(entry)
            .map_err(|e| format!("a replay that cannot be read: {e}"))
            .and_then(|replay| job(replay, message.sent));
        match job {
            Ok(job) => message.jobs.push(job),
            Err(reason) => message.fail(reason),
        }
    }
}

/// Returns the job of a replay that was sent at `sent`. The error says what is wrong with it.
fn job(replay: Replay, sent: u64) -> Result<Job, String> {
    let Replay {
        bucket,
        key,
        version,
        again,
        token,
        targets,
    } = replay;
    let without_again = |member: &str| {
        Err(format!(
            "a replay with {member} but without \"again\": true"
        ))
    };
    if bucket.is_empty() || key.is_empty() {
        return Err("a replay that names no bucket or no key".into());
    }
    match token.as_deref() {
        _ if !again && !targets.is_empty() => return without_again("targets"),
        Some(_) if !again => return without_again("token"),
        Some("") => return Err("a replay whose token is empty: leave it out, or set one".into()),
        _ => {}
    }
    let request = again.then(|| match token {
        Some(token) => ReplayRequest::given(&token, targets),
        None => ReplayRequest::of_the_hour(sent, targets),
    });
    Ok(Job {
        version: real_version(version.as_deref()),
        replay: request,
        ..Job::new(bucket, as_given_first(&key))
    })
}

/// Reads a task of S3 Batch Operations: schema 1.0 with the bucket's ARN, or 2.0 with its name and
/// the `arguments` of the job `batch_job`, of which `again`, `token` and `targets` mean what they
/// mean in a replay. Without a token it is the job's id: a task that is tried again is one request.
pub(super) fn batch_task(
    task: &Value,
    arguments: Option<&Value>,
    batch_job: &str,
    now: u64,
) -> Message {
    let argument = |name: &str| arguments?.get(name).and_then(Value::as_str);
    let mut message = Message::new(text(task, "/taskId").unwrap_or_default(), now);
    let by_arn = || text(task, "/s3BucketArn").map(|arn| arn.rsplit(':').next().unwrap_or(arn));
    let (Some(bucket), Some(key)) = (
        text(task, "/s3Bucket").or_else(by_arn),
        text(task, "/s3Key"),
    ) else {
        message.error = Some("the task names no bucket or no key".into());
        return message;
    };
    let names = argument("targets").unwrap_or_default().split(',');
    let targets = names.map(str::trim).filter(|name| !name.is_empty());
    let targets = targets.map(str::to_owned).collect();
    let tokens = [argument("token"), Some(batch_job)];
    let token = tokens.into_iter().flatten().find(|token| !token.is_empty());
    let request = match token {
        Some(token) => ReplayRequest::given(token, targets),
        None => ReplayRequest::of_the_hour(now, targets),
    };
    message.jobs.push(Job {
        version: real_version(text(task, "/s3VersionId")),
        replay: (argument("again") == Some("true")).then_some(request),
        ..Job::new(bucket, decoded_first(key))
    });
    message
}
