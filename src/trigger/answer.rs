//! What each kind of event wants to hear.

use aws_lambda_events::sqs::SqsBatchResponse;
use serde_json::{Map, Value, json};

use super::Unit;
use crate::outcome::{End, Outcome};

/// The kind of answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// SQS: the ids of the messages that must come again.
    Sqs,
    /// S3 Batch Operations: one result a task.
    Batch {
        /// `invocationSchemaVersion`, to be repeated.
        version: Value,
        /// `invocationId`, to be repeated.
        invocation: Value,
    },
    /// An asynchronous invocation or one by hand: an error if anything must come again.
    Whole,
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

/// What became of one object of a unit.
#[derive(Clone, Debug)]
pub struct Fate {
    /// How its run ended.
    pub outcome: Outcome,
    /// Why its trigger must bring it again; nothing if it is done with.
    pub failure: Option<String>,
    /// Its rest is in a fresh message.
    pub handed_over: bool,
}

impl Fate {
    /// Of an outcome that only the trigger can mend.
    pub fn of(outcome: Outcome) -> Fate {
        let failure = outcome.unfinished();
        Fate {
            outcome,
            failure,
            handed_over: false,
        }
    }
}

/// Why a unit must come again; nothing if it is done with.
pub(super) fn failures(unit: &Unit, fates: &[Fate]) -> Vec<String> {
    unit.error
        .iter()
        .cloned()
        .chain(fates.iter().filter_map(|fate| fate.failure.clone()))
        .collect()
}

impl Answer {
    /// The answer for `units`, each with what became of its objects.
    pub fn give(&self, units: &[(Unit, Vec<Fate>)]) -> Result<Value, Failed> {
        match self {
            Answer::Sqs => {
                let failed = units
                    .iter()
                    .filter(|(unit, fates)| !failures(unit, fates).is_empty());
                let mut answer = SqsBatchResponse::default();
                answer.set_failures(failed.map(|(unit, _)| unit.id.as_str()));
                Ok(json!(answer))
            }
            Answer::Batch {
                version,
                invocation,
            } => {
                let results: Vec<_> = units
                    .iter()
                    .map(|(unit, fates)| result(unit, fates))
                    .collect();
                Ok(json!({
                    "invocationSchemaVersion": version,
                    "treatMissingKeysAs": "PermanentFailure",
                    "invocationId": invocation,
                    "results": results,
                }))
            }
            Answer::Whole => {
                let failed: Vec<_> = units
                    .iter()
                    .flat_map(|(unit, fates)| failures(unit, fates))
                    .collect();
                if !failed.is_empty() {
                    return Err(Failed(failed));
                }
                let fates = || units.iter().flat_map(|(_, fates)| fates);
                let outcomes = || fates().map(|fate| &fate.outcome);
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
                let handed_over: Vec<_> = fates()
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
    matches!(end, End::Broken { .. })
}

fn is_done(end: &End) -> bool {
    *end == End::Done
}

fn is_skipped(end: &End) -> bool {
    matches!(end, End::Skipped(_))
}

/// The result of one task of S3 Batch Operations.
fn result(unit: &Unit, fates: &[Fate]) -> Value {
    let failed = failures(unit, fates);
    let handed_over = fates.iter().any(|fate| fate.handed_over);
    let (code, text) = match fates.first().map(|fate| &fate.outcome) {
        _ if unit.error.is_some() => ("PermanentFailure", failed.join("; ")),
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
            end: End::Broken { offset, reason },
            ..
        }) => ("PermanentFailure", format!("{reason} (byte {offset})")),
        Some(Outcome {
            end: End::Skipped(why),
            ..
        }) => ("Succeeded", format!("skipped: {why}")),
        Some(outcome) => ("Succeeded", format!("{} records", outcome.records)),
        None => ("Succeeded", "nothing to do".into()),
    };
    json!({ "taskId": unit.id, "resultCode": code, "resultString": text })
}
