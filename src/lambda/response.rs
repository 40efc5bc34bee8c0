//! Renders the response that the sender of an event expects.

use std::collections::BTreeSet;
use std::fmt;

use aws_lambda_events::sqs::SqsBatchResponse;
use serde_json::{Map, Value, json};

use crate::job::ReplayRequest;
use crate::outcome::{End, Outcome};
use crate::trigger::{Message, ResponseKind};

/// The result of one job of a message.
#[derive(Clone, Debug)]
pub struct JobResult {
    /// How its run ended.
    pub outcome: Outcome,
    /// Why the event's sender must deliver its object again; `None` if it is done with.
    pub failure: Option<String>,
    /// Whether what is left of it is in a fresh message.
    pub handed_over: bool,
}

impl JobResult {
    /// Leaves whatever is left to do to the event's sender.
    pub fn of(outcome: Outcome) -> JobResult {
        JobResult {
            failure: outcome.unfinished(),
            outcome,
            handed_over: false,
        }
    }
}

/// A message, with what became of each of its jobs, in order.
#[derive(Clone, Debug)]
pub struct MessageResult {
    /// The message.
    pub message: Message,
    /// The results of its jobs.
    pub jobs: Vec<JobResult>,
}

impl MessageResult {
    /// Returns why the message must be delivered again; empty if it is done with.
    pub fn failures(&self) -> Vec<String> {
        let of_jobs = self.jobs.iter().filter_map(|job| job.failure.clone());
        self.message.error.iter().cloned().chain(of_jobs).collect()
    }
}

/// The objects that must be delivered again, each with the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectsFailed(pub Vec<String>);

impl fmt::Display for ObjectsFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} object(s) must be delivered again: {}",
            self.0.len(),
            self.0.join("; ")
        )
    }
}

impl std::error::Error for ObjectsFailed {}

/// Renders the response of this kind to `messages`.
///
/// Only an asynchronous invocation is answered by an error: the other senders are told in the
/// response which parts must be delivered again.
pub fn render(kind: &ResponseKind, messages: &[MessageResult]) -> Result<Value, ObjectsFailed> {
    match kind {
        ResponseKind::SqsBatch => Ok(sqs_batch(messages)),
        ResponseKind::BatchOperations {
            version,
            invocation,
        } => Ok(json!({
            "invocationSchemaVersion": version,
            "treatMissingKeysAs": "PermanentFailure",
            "invocationId": invocation,
            "results": messages.iter().map(task_result).collect::<Vec<_>>(),
        })),
        ResponseKind::Async => {
            let failed: Vec<_> = messages.iter().flat_map(MessageResult::failures).collect();
            if failed.is_empty() {
                Ok(summary(messages))
            } else {
                Err(ObjectsFailed(failed))
            }
        }
    }
}

/// Names the messages that SQS must deliver again.
fn sqs_batch(messages: &[MessageResult]) -> Value {
    let failed = messages.iter().filter(|it| !it.failures().is_empty());
    let mut response = SqsBatchResponse::default();
    response.set_failures(failed.map(|it| it.message.id.as_str()));
    json!(response)
}

/// Renders the result of one task of S3 Batch Operations, for its report.
fn task_result(task: &MessageResult) -> Value {
    let failures = task.failures().join("; ");
    let handed_over = task.jobs.iter().any(|job| job.handed_over);
    let (code, text) = match task.jobs.first().map(|job| &job.outcome) {
        _ if task.message.error.is_some() => ("PermanentFailure", failures),
        _ if !failures.is_empty() => ("TemporaryFailure", failures),
        None => ("Succeeded", "nothing to do".into()),
        Some(outcome) if handed_over => (
            "Succeeded",
            format!("{} records; the rest is in the queue", outcome.records),
        ),
        Some(outcome) => match &outcome.end {
            End::Done => {
                let replay = task
                    .message
                    .jobs
                    .first()
                    .and_then(|job| job.replay.as_ref());
                (
                    "Succeeded",
                    format!("forwarded before; {}", how_again(replay)),
                )
            }
            End::Missing => ("PermanentFailure", "the object does not exist".into()),
            End::Corrupt { offset, reason } => {
                ("PermanentFailure", format!("{reason} (byte {offset})"))
            }
            End::Skipped(reason) => ("Succeeded", format!("skipped: {reason}")),
            _ => ("Succeeded", format!("{} records", outcome.records)),
        },
    };
    json!({ "taskId": task.message.id, "resultCode": code, "resultString": text })
}

/// Renders what an asynchronous invocation did, for whoever invoked it by hand.
fn summary(messages: &[MessageResult]) -> Value {
    let jobs = || messages.iter().flat_map(|it| &it.jobs);
    let records: u64 = jobs().map(|job| job.outcome.records).sum();
    let mut response = Map::from_iter([
        ("objects".into(), json!(jobs().count())),
        ("records".into(), json!(records)),
    ]);
    let mut list = |name: &str, is_listed: fn(&JobResult) -> bool| {
        let found: Vec<_> = jobs()
            .filter(|job| is_listed(job))
            .map(|job| job.outcome.object.to_string())
            .collect();
        if !found.is_empty() {
            response.insert(name.into(), json!(found));
        }
    };
    list("missing", |job| job.outcome.end == End::Missing);
    list("broken", |job| {
        matches!(job.outcome.end, End::Corrupt { .. })
    });
    list("skipped", |job| matches!(job.outcome.end, End::Skipped(_)));
    list("forwarded_before", |job| job.outcome.end == End::Done);
    list("handed_over", |job| job.handed_over);
    let of_jobs = messages
        .iter()
        .flat_map(|it| it.message.jobs.iter().zip(&it.jobs));
    let done = of_jobs.filter(|(_, job)| job.outcome.end == End::Done);
    let hints: BTreeSet<_> = done
        .map(|(job, _)| how_again(job.replay.as_ref()))
        .collect();
    if !hints.is_empty() {
        response.insert(
            "hint".into(),
            hints.into_iter().collect::<Vec<_>>().join("; ").into(),
        );
    }
    response.into()
}

/// Says how to have an object forwarded again that was, on the request `replay` if there was one.
fn how_again(replay: Option<&ReplayRequest>) -> String {
    match replay {
        None => "ask with \"again\": true to forward it again".into(),
        Some(replay) if replay.an_hour_earlier.is_some() => format!(
            "this request was made before, in the hour of {} or the one before it: ask with \
             another \"token\" to forward it again",
            replay.token.split(' ').next().unwrap_or_default()
        ),
        Some(replay) => format!(
            "the request with the token {:?} was made before: ask with another \"token\" to \
             forward it again",
            replay.token
        ),
    }
}
