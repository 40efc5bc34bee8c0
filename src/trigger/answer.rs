//! What each kind of event wants to hear.

use aws_lambda_events::sqs::SqsBatchResponse;
use serde_json::{Map, Value, json};

use super::Message;
use crate::outcome::{End, Outcome};

/// The kind of answer.
#[derive(Clone, Debug, PartialEq)]
pub enum ResponseKind {
    /// SQS: the ids of the messages that must come again.
    SqsBatch,
    /// S3 Batch Operations: one result a task.
    BatchOperations {
        /// `invocationSchemaVersion`, to be repeated.
        version: Value,
        /// `invocationId`, to be repeated.
        invocation: Value,
    },
    /// An asynchronous invocation or one by hand: an error if anything must come again.
    Async,
}

/// What must come again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed(pub Vec<String>);

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} object(s) must be delivered again: {}",
            self.0.len(),
            self.0.join("; ")
        )
    }
}

impl std::error::Error for Failed {}

/// What became of one object of a message.
#[derive(Clone, Debug)]
pub struct JobResult {
    /// How its run ended.
    pub outcome: Outcome,
    /// Why its trigger must bring it again; nothing if it is done with.
    pub failure: Option<String>,
    /// Its rest is in a fresh message.
    pub handed_over: bool,
}

impl JobResult {
    /// Of an outcome that only the trigger can mend.
    pub fn of(outcome: Outcome) -> JobResult {
        let failure = outcome.unfinished();
        JobResult {
            outcome,
            failure,
            handed_over: false,
        }
    }
}

/// Why a message must come again; nothing if it is done with.
pub(super) fn failures(message: &Message, results: &[JobResult]) -> Vec<String> {
    message
        .error
        .iter()
        .cloned()
        .chain(results.iter().filter_map(|result| result.failure.clone()))
        .collect()
}

impl ResponseKind {
    /// The answer for `messages`, each with what became of its objects.
    pub fn render(&self, messages: &[(Message, Vec<JobResult>)]) -> Result<Value, Failed> {
        match self {
            ResponseKind::SqsBatch => {
                let failed = messages
                    .iter()
                    .filter(|(message, results)| !failures(message, results).is_empty());
                let mut answer = SqsBatchResponse::default();
                answer.set_failures(failed.map(|(message, _)| message.id.as_str()));
                Ok(json!(answer))
            }
            ResponseKind::BatchOperations {
                version,
                invocation,
            } => {
                let results: Vec<_> = messages
                    .iter()
                    .map(|(message, results)| result(message, results))
                    .collect();
                Ok(json!({
                    "invocationSchemaVersion": version,
                    "treatMissingKeysAs": "PermanentFailure",
                    "invocationId": invocation,
                    "results": results,
                }))
            }
            ResponseKind::Async => {
                let failed: Vec<_> = messages
                    .iter()
                    .flat_map(|(message, results)| failures(message, results))
                    .collect();
                if !failed.is_empty() {
                    return Err(Failed(failed));
                }
                let results = || messages.iter().flat_map(|(_, results)| results);
                let outcomes = || results().map(|result| &result.outcome);
                let records: u64 = outcomes().map(|outcome| outcome.records).sum();
                let mut answer = Map::from_iter([
                    ("objects".into(), json!(outcomes().count())),
                    ("records".into(), json!(records)),
                ]);
                for (name, wanted) in [
                    ("missing", is_missing as fn(&End) -> bool),
                    ("broken", is_broken),
                    ("skipped", is_skipped),
                    ("forwarded_before", is_done),
                ] {
                    let found: Vec<_> = outcomes()
                        .filter(|o| wanted(&o.end))
                        .map(|o| o.object.to_string())
                        .collect();
                    if !found.is_empty() {
                        answer.insert(name.into(), json!(found));
                    }
                }
                let handed_over: Vec<_> = results()
                    .filter(|f| f.handed_over)
                    .map(|f| f.outcome.object.to_string())
                    .collect();
                if !handed_over.is_empty() {
                    answer.insert("handed_over".into(), json!(handed_over));
                }
                Ok(answer.into())
            }
        }
    }
}

fn is_missing(end: &End) -> bool {
    *end == End::Missing
}

fn is_broken(end: &End) -> bool {
    matches!(end, End::Corrupt { .. })
}

fn is_done(end: &End) -> bool {
    *end == End::Done
}

fn is_skipped(end: &End) -> bool {
    matches!(end, End::Skipped(_))
}

/// The result of one task of S3 Batch Operations.
fn result(message: &Message, results: &[JobResult]) -> Value {
    let failed = failures(message, results);
    let handed_over = results.iter().any(|result| result.handed_over);
    let (code, text) = match results.first().map(|result| &result.outcome) {
        _ if message.error.is_some() => ("PermanentFailure", failed.join("; ")),
        _ if !failed.is_empty() => ("TemporaryFailure", failed.join("; ")),
        Some(outcome) if handed_over => (
            "Succeeded",
            format!("{} records; the rest is in the queue", outcome.records),
        ),
        Some(Outcome { end: End::Done, .. }) => ("Succeeded", "forwarded before".into()),
        Some(Outcome {
            end: End::Missing, ..
        }) => ("PermanentFailure", "the object does not exist".into()),
        Some(Outcome {
            end: End::Corrupt { offset, reason },
            ..
        }) => ("PermanentFailure", format!("{reason} (byte {offset})")),
        Some(Outcome {
            end: End::Skipped(why),
            ..
        }) => ("Succeeded", format!("skipped: {why}")),
        Some(outcome) => ("Succeeded", format!("{} records", outcome.records)),
        None => ("Succeeded", "nothing to do".into()),
    };
    json!({ "taskId": message.id, "resultCode": code, "resultString": text })
}
