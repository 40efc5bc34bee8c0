//! A lane is one target's way for one object: it decides what is left to do of each record,
//! collects entries into batches, and hands the batches to the task that sends them.

mod attached;
mod batches;
mod doubts;
mod encoder;
mod offered;
mod outbox;
mod outcome;
mod scope;

use std::sync::Arc;

use super::ledger::Watermark;
use super::state::LaneState;
use crate::outcome::TargetOutcome;
use crate::progress::{CheckpointSource, TargetProgress};
use crate::quarantine::Row;
use crate::targets::Limits;
use crate::transform::Rule;
pub use attached::Attached;
use batches::Batches;
pub(super) use batches::UnfitRow;
use doubts::RuleDoubts;
pub use encoder::{Addressed, EncodedClick, Encoder};
use encoder::{Encoded, Unfit};
use offered::Offered;
pub(super) use outbox::Outbox;
use scope::{Scope, Standing};

/// One target's way for one object.
pub struct Lane {
    state: Arc<LaneState>,
    scope: Scope,
    batches: Batches,
    /// Clicks of which it is not known whether they are wrong, or the rule that fails on them.
    doubts: RuleDoubts,
    outbox: Outbox,
    offered: Offered,
    /// Where the first record begins that came after the lane had ended: nothing more is settled.
    dropped: Option<Watermark>,
    /// Whether the object was offered to its end.
    complete: bool,
}

impl Lane {
    /// Opens a lane of which `prior` is settled, and whose batches go to `outbox`.
    pub(super) fn new(
        state: Arc<LaneState>,
        prior: TargetProgress,
        limits: Limits,
        outbox: Outbox,
    ) -> Lane {
        Lane {
            batches: Batches::new(limits, state.delivery.batching, state.terms),
            doubts: RuleDoubts::new(state.clone()),
            state,
            scope: Scope::new(prior),
            outbox,
            offered: Offered::default(),
            dropped: None,
            complete: false,
        }
    }

    /// The target's name.
    pub fn name(&self) -> &Arc<str> {
        &self.state.name
    }

    /// Gives the lane's progress as it changes.
    pub fn checkpoint_source(&self) -> Arc<dyn CheckpointSource> {
        self.state.clone()
    }

    /// Encodes clicks for this lane, as long as it is not left behind.
    pub fn encoder(&self) -> Encoder {
        Encoder::new(
            self.state.clone(),
            self.scope.clone(),
            self.batches.has_windows(),
        )
    }

    /// Whether the lane has ended: nothing more is delivered in this run.
    pub fn is_over(&self) -> bool {
        self.state.is_over()
    }

    /// Whether it is over because the target failed.
    pub fn has_failed(&self) -> bool {
        self.state.has_failed()
    }

    /// Whether every record was offered.
    pub fn has_all(&self) -> bool {
        self.complete
    }

    /// How many quarantine rows wait to be stored.
    pub fn rows(&self) -> usize {
        self.state.stats().rows.len()
    }

    /// Counts the record at `at`, which is bad for every target.
    pub fn count_bad(&mut self, at: u64) {
        if self.is_open(at) {
            self.offered.tally.read += 1;
            self.offered.tally.quarantined += 1;
        }
    }

    /// Takes the click of the record at `at`, which for a row of the quarantine is not the place of
    /// the click, as this lane's [encoder](Self::encoder) encoded it. Batches that become ready
    /// wait for [`flush_ready`](Self::flush_ready).
    pub fn take(&mut self, at: u64, click: EncodedClick) {
        if let Some(key) = &click.window
            && self.batches.observe(key, at)
        {
            // A window is sent once it is decided of each of its clicks, and if none was dropped.
            self.decide_rest();
            if self.dropped.is_none() {
                self.batches.close(self.offered, self.offered.watermark(at));
            }
        }
        let is_open = self.is_open(at);
        if is_open && let Encoded::Filtered(passed) = click.encoded {
            self.offered.tally.read += 1;
            self.offered.tally.filtered += 1;
            self.pass(passed, at);
            return;
        }
        self.batches.count_record();
        if !is_open {
            return;
        }
        let before = self.offered;
        self.offered.tally.read += 1;
        match click.encoded {
            _ if self.state.has_ended() => self.drop_click(at),
            Encoded::Settled | Encoded::Filtered(_) => self.drop_click(at),
            Encoded::Failed(failed) => {
                let spot = self.batches.spot(at, self.offered);
                if !self.doubts.hold(spot, *failed) {
                    self.drop_click(at);
                }
            }
            Encoded::Unfit(unfit) => {
                self.quarantine(at, *unfit);
                self.pass(Some(Rule::Filter), at);
            }
            // Counted as filtered once what was stored of it is replaced.
            Encoded::LeftOut(left_out) => {
                if let Err(unfit) = self.batches.push(left_out.entry, at, before) {
                    self.quarantine(at, *unfit);
                }
                self.pass(left_out.passed, at);
            }
            Encoded::Entry(entry) => {
                if let Err(unfit) = self.batches.push(entry, at, before) {
                    self.quarantine(at, *unfit);
                }
                self.pass(Some(Rule::Placeholder), at);
            }
        }
    }

    /// Notes that the click at `at` came through the rules up to `last`.
    fn pass(&mut self, last: Option<Rule>, at: u64) {
        if let Some(last) = last {
            let wrong = self.doubts.pass(last, at);
            self.keep(wrong);
        }
    }

    /// Decides on the clicks that rules fail on: they are wrong, or the lane fails, unless others
    /// can be waited for.
    fn decide_rest(&mut self) {
        let wrong = self.doubts.take_rest();
        self.keep(wrong);
        if self.complete || self.batches.has_entries() {
            self.doubts.fail_rest();
        }
    }

    /// Quarantines clicks that are decided.
    fn keep(&mut self, rows: Vec<UnfitRow>) {
        self.offered.tally.quarantined += rows.len() as u64;
        self.batches.extend_unfit(rows);
    }

    /// Whether the record at `at` is left to do; counts it if an earlier run settled it.
    fn is_open(&mut self, at: u64) -> bool {
        let standing = self.scope.standing(at);
        self.offered.resumed += u64::from(matches!(standing, Standing::Settled));
        matches!(standing, Standing::Open)
    }

    fn drop_click(&mut self, at: u64) {
        self.dropped.get_or_insert(self.offered.watermark(at));
        self.state.defer(1);
    }

    fn quarantine(&mut self, at: u64, mut unfit: Unfit) {
        unfit.entry.detach();
        let row = Row::rejected(unfit.entry, self.state.name.clone(), unfit.reason);
        let spot = self.batches.spot(at, self.offered);
        self.keep(vec![UnfitRow { spot, row }]);
    }

    /// Whether batches wait for [`flush_ready`](Self::flush_ready).
    pub fn has_ready(&self) -> bool {
        self.batches.has_ready()
    }

    /// Queues the batches that are ready. Where the queue stays full and others of `attached` would
    /// wait for this lane, it keeps the first batch, takes back what came after it, and returns
    /// `false`: it is left behind, and [goes on](Self::queue_pending) alone.
    pub async fn flush_ready(&mut self, attached: &Attached) -> bool {
        while let Some(mut ready) = self.batches.pop_ready() {
            ready.account_for(&mut self.state.stats());
            let left_behind = attached.left_behind(&self.state);
            if !self.outbox.queue_unless(ready.entries, left_behind).await {
                self.complete &= self.batches.is_empty();
                self.offered = ready.before;
                self.rewind(ready.high_watermark.at);
                return false;
            }
        }
        self.state.stats().quarantine(self.batches.take_unfit());
        true
    }

    /// Takes back everything from `resume` on.
    fn rewind(&mut self, resume: u64) {
        self.doubts.rewind(resume);
        let late = self.batches.rewind(resume);
        self.keep(late);
        self.state.stats().quarantine(self.batches.take_unfit());
        self.scope.pass(resume);
    }

    /// Queues the batch that was kept when the lane was left behind, however long that takes.
    pub async fn queue_pending(&mut self) {
        self.outbox.queue_pending().await;
    }

    /// Notes that every record before `at` was offered.
    pub fn advance(&mut self, at: u64) {
        if self.batches.is_empty() {
            let high_watermark = self.high_watermark(at);
            self.state.ledger(|ledger| ledger.advance(high_watermark));
        }
    }

    /// Notes that the object ends at `end`: the batch being filled is ready.
    pub fn finish(&mut self, end: u64) {
        self.complete = true;
        self.decide_rest();
        self.batches.end_window();
        self.batches.close(self.offered, self.high_watermark(end));
    }

    /// Every record before this was offered, if those before `at` were read.
    fn high_watermark(&self, at: u64) -> Watermark {
        self.dropped.unwrap_or(self.offered.watermark(at))
    }

    /// Leaves what was not queued to another run: the pass ended before the object, after all
    /// records before `at`.
    pub fn stop(&mut self, at: u64) {
        let wrong = self.doubts.take_rest();
        self.keep(wrong);
        self.batches.close(self.offered, self.high_watermark(at));
        while let Some(mut ready) = self.batches.pop_ready() {
            ready.account_for(&mut self.state.stats());
            self.state.defer(ready.entries.len());
        }
        self.state.stats().quarantine(self.batches.take_unfit());
        self.advance(at);
    }

    /// Awaits what is in flight, and gives the target's outcome.
    pub async fn close(self) -> TargetOutcome {
        self.outbox.close().await;
        self.doubts.close();
        outcome::of(&self.state, self.offered, self.complete)
    }
}
