//! One target's road for one object: what is offered, what is queued, and what became of it.

mod close;
mod encoder;
mod queue;

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::batch::Batcher;
use super::memory::{Batch, MemoryBudget};
use super::state::LaneState;
use super::windows::{Windows, hour};
use crate::outcome::Tally;
use crate::progress::{CheckpointSource, TargetProgress};
use crate::quarantine::Row;
use crate::targets::{Entry, Limits, Target};
use clicks::click::{Click, ClickId};
use encoder::encode;
pub use encoder::{Encoded, EncodedClick, Encoder, Unfit};

/// One target's road for one object.
pub struct Lane {
    state: Arc<LaneState>,
    /// How far earlier runs were.
    prior: TargetProgress,
    batcher: Batcher,
    /// Where the object is cut, if the target wants windows.
    windows: Option<Windows>,
    memory: MemoryBudget,
    queue: mpsc::Sender<Batch>,
    worker: JoinHandle<()>,
    offered: Offered,
    /// A batch that the queue had no room for.
    pending: Vec<Entry>,
    /// Records before this offset were dealt with in an earlier pass.
    resume: u64,
    /// Turns given to records.
    turn: u64,
    /// Where the first record begins that was offered in vain. Nothing from there on is settled.
    dropped: Option<u64>,
    /// The object was read to its end.
    end: bool,
}

/// What a lane counts before anything is sent: `read`, `filtered`, and what was quarantined.
#[derive(Clone, Copy, Debug, Default)]
struct Offered {
    tally: Tally,
    /// Records that earlier runs had settled.
    resumed: u64,
}

/// A batch that is full.
pub struct Full {
    batch: Vec<Entry>,
    /// What was offered before the record that came after it.
    before: Offered,
    /// Every record before this offset is in this batch or one before it, or dealt with otherwise.
    high_watermark: u64,
}

impl Lane {
    /// Over `worker`, which sends what is put into `queue`.
    pub(super) fn new(
        state: Arc<LaneState>,
        prior: TargetProgress,
        limits: Limits,
        memory: MemoryBudget,
        (queue, worker): (mpsc::Sender<Batch>, JoinHandle<()>),
    ) -> Lane {
        let (offered, batching) = (Offered::default(), state.delivery.batching);
        Lane {
            state,
            prior,
            batcher: Batcher::new(limits, batching),
            windows: batching.windows().map(Windows::new),
            memory,
            queue,
            worker,
            offered,
            pending: Vec::new(),
            resume: 0,
            turn: 0,
            dropped: None,
            end: false,
        }
    }

    /// The target's name.
    pub fn name(&self) -> &str {
        &self.state.name
    }

    /// What is settled, as it changes.
    pub fn checkpoint_source(&self) -> Arc<dyn CheckpointSource> {
        self.state.clone()
    }

    /// Whether nothing more will be sent: what comes is not delivered in this run.
    pub fn is_over(&self) -> bool {
        self.state.is_over()
    }

    /// Whether it is over because the target failed.
    pub fn has_failed(&self) -> bool {
        self.state.has_failed()
    }

    /// LaneStats a record that is bad for every target.
    pub fn bad(&mut self, at: u64) {
        if self.wants(at) {
            self.offered.tally.read += 1;
            self.offered.tally.quarantined += 1;
        }
    }

    /// LaneStats a record that is not for this target.
    pub fn filtered(&mut self, at: u64) {
        if self.wants(at) {
            self.offered.tally.read += 1;
            self.offered.tally.filtered += 1;
        }
    }

    /// Whether the record at `at` is left to do; counts it if an earlier run did it.
    fn wants(&mut self, at: u64) -> bool {
        if at < self.resume {
            return false;
        }
        let settled = self.prior.is_settled(at);
        self.offered.resumed += u64::from(settled);
        !settled
    }

    /// Takes a click. Returns the batch that was full before it, which goes to [`enqueue`](Self::enqueue).
    ///
    /// `at` is the record's offset in the object being read, which for a row of the quarantine is not that of
    /// its click.
    pub fn offer(&mut self, click: &Click<'_>, at: u64) -> Option<Full> {
        let timestamp = self.windows.is_some().then(|| click.timestamp());
        self.offer_as((timestamp.as_deref().map(hour), click.id), at, |target| {
            encode(target, click)
        })
    }

    /// As [`offer`](Self::offer), of a click that this lane's [encoder](Self::encoder) has encoded.
    pub fn offer_encoded(&mut self, click: EncodedClick, at: u64) -> Option<Full> {
        let EncodedClick { id, hour, encoded } = click;
        self.offer_as((hour.as_deref(), id), at, |_| encoded)
    }

    fn offer_as(
        &mut self,
        (hour, id): (Option<&str>, ClickId),
        at: u64,
        encode: impl FnOnce(&dyn Target) -> Encoded,
    ) -> Option<Full> {
        let before = self.offered;
        let whole = self
            .windows
            .as_mut()
            .zip(hour)
            .is_some_and(|(windows, hour)| windows.observe(hour, id, at));
        // Of a window that the lane did not live to see whole, nothing is sent: what was dropped is not behind it.
        let window = if whole && self.dropped.is_none() {
            self.batcher.take()
        } else {
            None
        };
        let batch = window.or(self.take(at, encode))?;
        Some(Full {
            batch,
            before,
            high_watermark: at,
        })
    }

    /// Takes a click; returns the batch that was full before it.
    fn take(&mut self, at: u64, encode: impl FnOnce(&dyn Target) -> Encoded) -> Option<Vec<Entry>> {
        if !self.wants(at) {
            // Nothing on both sides of it is one range.
            self.turn += 1;
            return None;
        }
        self.offered.tally.read += 1;
        if self.state.has_ended() {
            self.drop_from(at, 1);
            return None;
        }
        let unfit = |lane: &mut Lane, Unfit { entry, reason }: Unfit| {
            lane.offered.tally.quarantined += 1;
            lane.state.unfit(
                at,
                lane.turn,
                Row::rejected(entry, lane.state.name.clone(), reason),
            );
            None
        };
        self.turn += 1;
        let entry = match encode(&*self.state.target) {
            Encoded::Entry(entry) => entry,
            Encoded::Unfit(why) => return unfit(self, *why),
            Encoded::Filtered => {
                self.offered.tally.filtered += 1;
                return None;
            }
            Encoded::Settled => {
                self.drop_from(at, 1);
                return None;
            }
        };
        let window = self.windows.as_ref().and_then(Windows::window);
        match self.batcher.push(Entry {
            record_offset: at,
            turn: self.turn,
            window,
            ..entry
        }) {
            Ok(full) => full,
            Err(refused) => {
                let reason = format!(
                    "{} bytes in this target's form; it takes {} at most",
                    refused.entry.size(),
                    refused.limit
                );
                let entry = *refused.entry;
                unfit(self, Unfit { entry, reason })
            }
        }
    }

    /// Notes that every record before `at` was offered.
    pub fn advance(&mut self, at: u64) {
        if self.batcher.len() == 0 {
            self.state
                .ledger(|ledger| ledger.advance(self.dropped.unwrap_or(at)));
        }
    }

    /// LaneStats records that nothing is done about, the first of them at `at`.
    fn drop_from(&mut self, at: u64, records: usize) {
        self.dropped.get_or_insert(at);
        self.state.leave(records);
    }

    /// The batch being filled, at the end of the object.
    pub fn flush(&mut self, end: u64) -> Option<Full> {
        self.end = true;
        if let Some(windows) = &mut self.windows {
            windows.end();
        }
        self.advance(end);
        let high_watermark = self.dropped.unwrap_or(end);
        Some(Full {
            batch: self.batcher.take()?,
            before: self.offered,
            high_watermark,
        })
    }

    /// Leaves the batch being filled to another run: the pass ended before the object, every record before `at`
    /// having been offered.
    pub fn halt(&mut self, at: u64) {
        let batch = self.batcher.take().unwrap_or_default();
        let high_watermark = self.dropped.unwrap_or(at);
        self.state
            .ledger(|ledger| ledger.queue(&batch, high_watermark));
        self.state.leave(batch.len());
    }

    /// Whether every record was offered.
    pub fn has_all(&self) -> bool {
        self.end
    }

    /// How many rows are collected.
    pub fn rows(&self) -> usize {
        self.state.rows()
    }
}
