//! The items of a request that the table has not taken.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::operation::batch_write_item::BatchWriteItemOutput;

use super::key::ID;
use crate::targets::{Entry, SendError, Verdict};

/// The items of a request that the table has not taken, by the ids of their clicks.
pub(super) struct Unprocessed<'a> {
    ids: BTreeSet<&'a str>,
}

impl<'a> Unprocessed<'a> {
    /// Returns those that `answer` names.
    pub(super) fn of(answer: &'a BatchWriteItemOutput) -> Unprocessed<'a> {
        let tables = answer.unprocessed_items.iter();
        let requests = tables.flat_map(|items| items.values().flatten());
        let ids = requests.filter_map(|request| request.put_request()?.item().get(ID)?.as_s().ok());
        Unprocessed {
            ids: ids.map(String::as_str).collect(),
        }
    }

    /// Returns the verdicts on `batch`, the whole request; `Err` if none of it was taken.
    pub(super) fn verdicts(&self, batch: &[Entry]) -> Result<Vec<Verdict>, SendError> {
        if self.ids.len() == batch.len() {
            return Err(SendError::Throttled(
                None,
                "the table took none of the items: its capacity is used up".into(),
            ));
        }
        let verdict = |entry: &Entry| {
            if self.ids.contains(entry.id.to_string().as_str()) {
                Verdict::Retry
            } else {
                Verdict::Sent
            }
        };
        Ok(batch.iter().map(verdict).collect())
    }
}
