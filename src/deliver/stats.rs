//! Counts what became of the entries of one lane. Pure.

use std::sync::Arc;
use std::time::Duration;

use super::lane::UnfitRow;
use super::ledger::Ledger;
use crate::outcome::Failure;
use crate::progress::TargetProgress;
use crate::quarantine::Row;
use crate::targets::Entry;

/// Entries rejected before the first is accepted that mean: not the clicks are wrong, the target
/// is.
const MANY: usize = 20;
/// Requests whose latency is noted: as many as a metric has values.
const LATENCIES: usize = 100;

/// Counts of the entries of one lane by their result.
#[derive(Default)]
pub(super) struct LaneStats {
    pub(super) sent: u64,
    pub(super) rejected: u64,
    /// Records that the target can never carry.
    pub(super) unfit: u64,
    /// Entries that nobody settled: failed, or left for another run.
    pub(super) deferred: u64,
    pub(super) retries: u64,
    pub(super) throttles: u64,
    /// How long requests took, in milliseconds.
    pub(super) latency: Vec<u32>,
    pub(super) failure: Option<Failure>,
    /// Why the time was not enough.
    pub(super) out_of_time: Option<String>,
    /// Rows for the quarantine that are not stored there, each with the offset of its record.
    pub(super) rows: Vec<(u64, Row)>,
    /// Rows of entries rejected before any was accepted: it is not yet known whose fault that is.
    suspects: Vec<(u64, Row)>,
    pub(super) accepted: bool,
    pub(super) ledger: Ledger,
}

impl LaneStats {
    /// With `prior` settled by earlier runs.
    pub(super) fn new(prior: TargetProgress) -> LaneStats {
        LaneStats {
            accepted: prior.accepted,
            ledger: Ledger::new(prior),
            ..LaneStats::default()
        }
    }

    /// Notes that the target has the entries at these offsets, which are those of one batch, in its
    /// order.
    pub(super) fn accept(&mut self, sent: Vec<u64>) {
        if sent.is_empty() {
            return;
        }
        self.sent += sent.len() as u64;
        self.ledger.settle(sent.into_iter());
        self.accepted = true;
        self.confirm_suspects();
    }

    /// Notes that the target rejected `entry`; `Err` if it has rejected so many, and accepted none,
    /// that not they are wrong but the target.
    pub(super) fn reject(
        &mut self,
        entry: Entry,
        target: &Arc<str>,
        reason: &str,
    ) -> Result<(), Failure> {
        let at = entry.record_offset;
        let row = Row::rejected(entry, target.clone(), reason.to_owned());
        self.suspects.push((at, row));
        if self.accepted {
            self.confirm_suspects();
        } else if self.suspects.len() >= MANY {
            self.clear_suspects();
            return Err(Failure::Misconfigured(format!(
                "the first {MANY} clicks were refused one by one, each with {reason}"
            )));
        }
        Ok(())
    }

    /// Keeps the rows of records that the target can never carry.
    pub(super) fn quarantine(&mut self, unfit: Vec<UnfitRow>) {
        self.unfit += unfit.len() as u64;
        for UnfitRow { at, sequence, row } in unfit {
            self.ledger.quarantine(at, sequence);
            self.rows.push((at, row));
        }
    }

    /// Notes how long a request took, and whether it was one too many.
    pub(super) fn measure(&mut self, took: Duration, throttled: bool) {
        self.throttles += u64::from(throttled);
        if self.latency.len() < LATENCIES {
            self.latency
                .push(u32::try_from(took.as_millis()).unwrap_or(u32::MAX));
        }
    }

    /// Decides, when nothing more is sent, whether suspects are rejected or deferred.
    pub(super) fn judge_suspects(&mut self) {
        // Of a target that has accepted nothing, it is not known whose fault the rejections are.
        if self.failure.is_some() || (self.out_of_time.is_some() && !self.accepted) {
            self.clear_suspects();
        } else {
            self.confirm_suspects();
        }
    }

    /// The suspects are wrong, not the target.
    fn confirm_suspects(&mut self) {
        self.rejected += self.suspects.len() as u64;
        self.rows.append(&mut self.suspects);
    }

    /// The target may be wrong: the suspects come again.
    fn clear_suspects(&mut self) {
        self.deferred += std::mem::take(&mut self.suspects).len() as u64;
    }
}
