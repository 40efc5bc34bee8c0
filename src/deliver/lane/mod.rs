//! A lane is one target's way for one object: it decides what is left to do of each record,
//! collects entries into batches, and hands the batches to the task that sends them.

mod batches;
mod encoder;
mod outbox;
mod outcome;
mod scope;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::state::LaneState;
use crate::outcome::{Tally, TargetOutcome};
use crate::progress::{CheckpointSource, TargetProgress};
use crate::quarantine::Row;
use crate::targets::Limits;
pub(super) use batches::UnfitRow;
use batches::{Batches, ReadyBatch};
pub use encoder::{Addressed, EncodedClick, Encoder};
use encoder::{Encoded, Unfit};
pub(super) use outbox::Outbox;
use scope::{Scope, Standing};

/// One target's way for one object.
pub struct Lane {
    state: Arc<LaneState>,
    scope: Scope,
    batches: Batches,
    outbox: Outbox,
    offered: Offered,
    /// Where the first record begins that came after the lane had ended. Nothing from there on is
    /// settled.
    dropped: Option<u64>,
    /// Whether the object was offered to its end.
    complete: bool,
}

/// The counts of a lane before anything is sent.
#[derive(Clone, Copy, Debug, Default)]
struct Offered {
    /// `read`, `filtered`, and what was quarantined without a request.
    tally: Tally,
    /// Records that earlier runs had settled.
    resumed: u64,
}

/// Counts the lanes that go on together in a pass: all but the last of them may be left behind.
pub struct Attached(AtomicUsize);

impl Attached {
    /// Starts with `lanes` lanes; with none, no lane may be left behind.
    pub fn new(lanes: usize) -> Attached {
        Attached(AtomicUsize::new(lanes))
    }

    /// Takes one lane away; `false` if it is the last.
    fn leave(&self) -> bool {
        let others = |lanes: usize| (lanes > 1).then(|| lanes - 1);
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, others)
            .is_ok()
    }
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
            batches: Batches::new(limits, state.delivery.batching),
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

    /// Takes the click at `at`, as this lane's [encoder](Self::encoder) encoded it. Batches that
    /// become ready wait for [`flush_ready`](Self::flush_ready).
    ///
    /// `at` is the record's offset in the object being read, which for a row of the quarantine is
    /// not that of its click.
    pub fn take(&mut self, at: u64, click: EncodedClick) {
        // Of a window that ends after the lane had ended, nothing is sent: clicks of it were
        // dropped.
        if let Some(key) = &click.window
            && self.batches.observe(key, at)
            && self.dropped.is_none()
        {
            self.batches.close(self.offered, at);
        }
        if let Encoded::Filtered = click.encoded {
            if self.is_open(at) {
                self.offered.tally.read += 1;
                self.offered.tally.filtered += 1;
            }
            return;
        }
        let before = self.offered;
        self.batches.count_record();
        if !self.is_open(at) {
            return;
        }
        self.offered.tally.read += 1;
        match click.encoded {
            _ if self.state.has_ended() => self.drop_click(at),
            // The encoder found the lane ended.
            Encoded::Settled | Encoded::Filtered => self.drop_click(at),
            Encoded::Unfit(unfit) => self.quarantine(at, *unfit),
            Encoded::Entry(entry) => {
                if let Err(unfit) = self.batches.push(entry, at, before) {
                    self.quarantine(at, *unfit);
                }
            }
        }
    }

    /// Whether the record at `at` is left to do; counts it if an earlier run settled it.
    fn is_open(&mut self, at: u64) -> bool {
        let standing = self.scope.standing(at);
        self.offered.resumed += u64::from(matches!(standing, Standing::Settled));
        matches!(standing, Standing::Open)
    }

    fn drop_click(&mut self, at: u64) {
        self.dropped.get_or_insert(at);
        self.state.defer(1);
    }

    fn quarantine(&mut self, at: u64, unfit: Unfit) {
        self.offered.tally.quarantined += 1;
        let row = Row::rejected(unfit.entry, self.state.name.clone(), unfit.reason);
        self.batches.push_unfit(at, row);
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
            self.account_for(&mut ready);
            let state = self.state.clone();
            let left_behind = async {
                if state.has_ended() {
                    std::future::pending().await
                }
                state.holds_up().await;
                if !attached.leave() {
                    std::future::pending().await
                }
            };
            if !self.outbox.queue_unless(ready.entries, left_behind).await {
                // What came after this batch is offered again.
                self.complete &= self.batches.is_empty();
                self.batches.clear();
                self.offered = ready.before;
                self.scope.pass(ready.high_watermark);
                return false;
            }
        }
        self.state.stats().quarantine(self.batches.take_unfit());
        true
    }

    /// Notes a batch in the ledger, and what came before it that is not sent.
    fn account_for(&self, ready: &mut ReadyBatch) {
        let mut stats = self.state.stats();
        // First the gaps, then the watermark that passes them.
        stats.quarantine(std::mem::take(&mut ready.unfit));
        stats.ledger.queue(&ready.entries, ready.high_watermark);
    }

    /// Queues the batch that was kept when the lane was left behind, however long that takes.
    pub async fn queue_pending(&mut self) {
        self.outbox.queue_pending().await;
    }

    /// Notes that every record before `at` was offered.
    pub fn advance(&mut self, at: u64) {
        if self.batches.is_empty() {
            let high_watermark = self.dropped.unwrap_or(at);
            self.state.ledger(|ledger| ledger.advance(high_watermark));
        }
    }

    /// Notes that the object ends at `end`: the batch being filled is ready.
    pub fn finish(&mut self, end: u64) {
        self.complete = true;
        self.batches.end_window();
        self.batches
            .close(self.offered, self.dropped.unwrap_or(end));
    }

    /// Leaves what was not queued to another run: the pass ended before the object, every record
    /// before `at` having been offered.
    pub fn stop(&mut self, at: u64) {
        self.batches.close(self.offered, self.dropped.unwrap_or(at));
        while let Some(mut ready) = self.batches.pop_ready() {
            self.account_for(&mut ready);
            self.state.defer(ready.entries.len());
        }
        self.state.stats().quarantine(self.batches.take_unfit());
        self.advance(at);
    }

    /// Awaits what is in flight, and gives the target's outcome.
    pub async fn close(self) -> TargetOutcome {
        self.outbox.close().await;
        outcome::of(&self.state, self.offered, self.complete)
    }
}
