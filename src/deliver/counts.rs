//! What has become of the entries of one lane. Pure.

use super::ledger::Ledger;
use crate::outcome::Failure;
use crate::quarantine::Row;

/// What has become of the entries.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) sent: u64,
    pub(super) rejected: u64,
    /// Entries that nobody settled: failed, or left for another run.
    pub(super) left: u64,
    pub(super) retries: u64,
    pub(super) failure: Option<Failure>,
    /// Why the time was not enough.
    pub(super) late: Option<String>,
    /// Rejected entries for the quarantine.
    pub(super) rows: Vec<Row>,
    /// Rejected before anything was accepted: not yet known whose fault it is.
    pub(super) held: Vec<(u64, Row)>,
    pub(super) accepted: bool,
    pub(super) ledger: Ledger,
    /// Rows of records before this offset that the target cannot carry were collected.
    pub(super) unfit: u64,
}

impl Counts {
    /// Entries that the target has, by their offsets.
    pub(super) fn accept(&mut self, sent: Vec<u64>) {
        self.sent += sent.len() as u64;
        self.ledger.settle(sent.into_iter());
        if !self.accepted {
            self.accepted = true;
            self.settle_held();
        }
    }

    /// The rejected entries are wrong, not the target.
    pub(super) fn settle_held(&mut self) {
        for (offset, row) in std::mem::take(&mut self.held) {
            self.rejected += 1;
            self.ledger.settle(std::iter::once(offset));
            self.rows.push(row);
        }
    }
}
