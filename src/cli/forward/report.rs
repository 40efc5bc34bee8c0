//! The summary for programs. Members are only ever added.

use serde::Serialize;

use crate::outcome::TargetOutcome;

/// The JSON object that `--json` prints.
#[derive(Serialize)]
pub(super) struct Report<'s> {
    #[serde(rename = "exit")]
    pub(super) exit: u8,
    #[serde(rename = "interrupted")]
    pub(super) interrupted: bool,
    #[serde(rename = "objects")]
    pub(super) objects: u64,
    #[serde(rename = "not_begun")]
    pub(super) not_begun: u64,
    #[serde(rename = "failed")]
    pub(super) failed: u64,
    #[serde(rename = "corrupt")]
    pub(super) corrupt: u64,
    #[serde(rename = "done_before")]
    pub(super) done_before: u64,
    #[serde(rename = "records")]
    pub(super) records: u64,
    #[serde(rename = "bad")]
    pub(super) bad: u64,
    #[serde(rename = "refused_and_not_kept")]
    pub(super) refused_and_not_kept: u64,
    #[serde(rename = "bytes")]
    pub(super) bytes: u64,
    #[serde(rename = "seconds")]
    pub(super) seconds: f64,
    #[serde(rename = "targets")]
    pub(super) targets: Vec<TargetReport<'s>>,
    #[serde(rename = "problems")]
    pub(super) problems: &'s [String],
}

/// One target of all objects.
#[derive(Serialize)]
pub(super) struct TargetReport<'s> {
    #[serde(rename = "target")]
    target: &'s str,
    #[serde(rename = "read")]
    read: u64,
    #[serde(rename = "sent")]
    sent: u64,
    #[serde(rename = "filtered")]
    filtered: u64,
    #[serde(rename = "quarantined")]
    quarantined: u64,
    #[serde(rename = "failed")]
    failed: u64,
    #[serde(rename = "refused")]
    refused: u64,
    #[serde(rename = "resumed")]
    resumed: u64,
    #[serde(rename = "retries")]
    retries: u64,
}

impl TargetReport<'_> {
    pub(super) fn of(outcome: &TargetOutcome) -> TargetReport<'_> {
        let tally = outcome.tally;
        TargetReport {
            target: &outcome.target,
            read: tally.read,
            sent: tally.sent,
            filtered: tally.filtered,
            quarantined: tally.quarantined,
            failed: tally.failed,
            refused: outcome.refused,
            resumed: outcome.resumed,
            retries: outcome.retries,
        }
    }
}
