//! What has become of the entries of one lane. Pure.

use super::ledger::Ledger;
use crate::outcome::Failure;
use crate::quarantine::Row;

/// What has become of the entries.
#[derive(Default)]
pub(super) struct LaneStats {
    pub(super) sent: u64,
    pub(super) rejected: u64,
    /// Entries that nobody settled: failed, or left for another run.
    pub(super) left: u64,
    pub(super) retries: u64,
    pub(super) throttles: u64,
    /// How long requests took, in milliseconds.
    pub(super) latency: Vec<u32>,
    pub(super) failure: Option<Failure>,
    /// Why the time was not enough.
    pub(super) late: Option<String>,
    /// Records for the quarantine that are not stored there, each with its offset.
    pub(super) rows: Vec<(u64, Row)>,
    /// Rejected before anything was accepted: not yet known whose fault it is.
    pub(super) held: Vec<(u64, Row)>,
    pub(super) accepted: bool,
    pub(super) ledger: Ledger,
    /// Records before this offset that the target cannot carry were set aside.
    pub(super) unfit: u64,
}

impl LaneStats {
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
        self.rejected += self.held.len() as u64;
        self.rows.append(&mut self.held);
    }
}
