//! From clicks to verdicts, for one target: batch, send, retry, count.
//!
//! A [`Delivery`] lives as long as the process; a [`Lane`] is its road for one object. Its queue is
//! bounded, so that a slow target slows reading instead of filling memory; a target in trouble is
//! detached instead, and the object read again for it.

pub mod backoff;
mod batch;
mod retry;
mod state;

use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};
use tokio::task::{JoinHandle, JoinSet};

pub use retry::Patience;

use crate::click::Click;
use crate::config::TargetConfig;
use crate::outcome::{Tally, TargetOutcome};
use crate::quarantine::Row;
use crate::target::Entry;
use batch::Batcher;
use state::LaneState;

/// Batches that wait in a lane beside those in flight.
const QUEUE: usize = 2;

/// One target of this process.
pub struct Delivery {
    config: TargetConfig,
    slots: Arc<Semaphore>,
}

impl Delivery {
    /// To a target.
    pub fn new(config: TargetConfig) -> Delivery {
        let slots = Arc::new(Semaphore::new(config.concurrency));
        Delivery { config, slots }
    }

    /// The target's name.
    pub fn name(&self) -> &Arc<str> {
        &self.config.name
    }

    /// A lane for one object.
    pub fn open(&self, patience: Patience) -> Lane {
        let TargetConfig { name, target, timeout, concurrency, limits, .. } = &self.config;
        let state = Arc::new(LaneState::new(name.clone(), target.clone(), self.slots.clone(), *timeout, patience));
        let (queue, batches) = mpsc::channel(QUEUE);
        let worker = tokio::spawn(work(state.clone(), batches, *concurrency));
        let (batcher, tally) = (Batcher::new(*limits), Tally::default());
        Lane { state, batcher, queue, worker, tally, batch_start: tally, first: None, resume: 0, unfit_until: 0, rows: Vec::new() }
    }
}

/// Sends batches as they come, `concurrency` at a time.
async fn work(state: Arc<LaneState>, mut batches: mpsc::Receiver<Vec<Entry>>, concurrency: usize) {
    let mut running = JoinSet::new();
    loop {
        tokio::select! {
            batch = batches.recv(), if running.len() < concurrency => match batch {
                Some(batch) => drop(running.spawn(retry::deliver(state.clone(), batch))),
                None => break,
            },
            Some(_) = running.join_next(), if !running.is_empty() => {}
        }
    }
    while running.join_next().await.is_some() {}
}

/// One target's road for one object.
pub struct Lane {
    state: Arc<LaneState>,
    batcher: Batcher,
    queue: mpsc::Sender<Vec<Entry>>,
    worker: JoinHandle<()>,
    /// `read`, `filtered` and what was quarantined before sending.
    tally: Tally,
    /// The tally before the first entry of the batch being filled, and that entry's index.
    batch_start: Tally,
    first: Option<u64>,
    /// Records before this index are dealt with.
    resume: u64,
    /// Unfit records before this index have their row.
    unfit_until: u64,
    rows: Vec<Row>,
}

/// A batch that is full, with what to go back to if it cannot be queued.
pub struct Full {
    batch: Vec<Entry>,
    before: Tally,
    first: u64,
}

impl Lane {
    /// The target's name.
    pub fn name(&self) -> &str {
        &self.state.name
    }

    /// Whether nothing more will be sent: what comes is counted as failed.
    pub fn has_failed(&self) -> bool {
        self.state.has_failed()
    }

    /// Whether the record at `index` was dealt with in an earlier pass over the object.
    pub fn is_past(&self, index: u64) -> bool {
        index < self.resume
    }

    /// Counts a record that is bad for every target.
    pub fn bad(&mut self) {
        self.tally.read += 1;
        self.tally.quarantined += 1;
    }

    /// Counts a record that is not for this target.
    pub fn filtered(&mut self) {
        self.tally.read += 1;
        self.tally.filtered += 1;
    }

    /// Takes a click. Returns the batch that was full before it, which goes to [`enqueue`](Self::enqueue).
    ///
    /// `index` is the record's position in the object being read, which for a row of the quarantine is not
    /// that of its click.
    pub fn offer(&mut self, click: &Click<'_>, index: u64) -> Option<Full> {
        let before = self.tally;
        self.tally.read += 1;
        if self.has_failed() {
            self.state.fail(1);
            return None;
        }
        let entry = match self.state.target.encode(click) {
            Ok(entry) => entry,
            Err(unfit) => {
                self.unfit(index, Row::rejected(Entry::new(click, Default::default()), self.state.name.clone(), unfit.0));
                return None;
            }
        };
        match self.batcher.push(entry) {
            Ok(None) => {
                if self.first.is_none() {
                    (self.batch_start, self.first) = (before, Some(index));
                }
                None
            }
            Ok(Some(batch)) => {
                let start = std::mem::replace(&mut self.batch_start, before);
                let first = self.first.replace(index).unwrap_or(index);
                Some(Full { batch, before: start, first })
            }
            Err(refused) => {
                let reason =
                    format!("{} bytes in this target's form; it takes {} at most", refused.entry.body.len(), refused.limit);
                self.unfit(index, Row::rejected(*refused.entry, self.state.name.clone(), reason));
                None
            }
        }
    }

    fn unfit(&mut self, index: u64, row: Row) {
        self.tally.quarantined += 1;
        if index >= self.unfit_until {
            self.unfit_until = index + 1;
            self.rows.push(row);
        }
    }

    /// The batch being filled, at the end of the object.
    pub fn flush(&mut self) -> Option<Full> {
        let batch = self.batcher.take()?;
        Some(Full { batch, before: self.batch_start, first: self.first.take().unwrap_or_default() })
    }

    /// Queues a batch. If the queue is full because the target is in trouble, and others wait for this
    /// lane (`may_detach`), the lane goes back to before the batch and `false` says so.
    pub async fn enqueue(&mut self, full: Full, may_detach: bool) -> bool {
        let permit = tokio::select! {
            biased;
            permit = self.queue.reserve() => permit,
            () = self.state.backing_off(), if may_detach => {
                self.batcher.take();
                (self.tally, self.resume, self.first) = (full.before, full.first, None);
                return false;
            }
        };
        match permit {
            Ok(permit) => permit.send(full.batch),
            // The worker ends only with the lane, or by a panic of a target.
            Err(_) => self.state.fail(full.batch.len()),
        }
        true
    }

    /// How many rows are collected.
    pub fn rows(&self) -> usize {
        self.rows.len() + self.state.rows()
    }

    /// Rows for the quarantine, collected since the last call.
    pub fn take_rows(&mut self) -> Vec<Row> {
        let mut rows = std::mem::take(&mut self.rows);
        rows.extend(self.state.take_rows());
        rows
    }

    /// Awaits what is in flight. Returns what the target got and the last rows.
    pub async fn close(mut self) -> (TargetOutcome, Vec<Row>) {
        drop(self.queue);
        let _ = self.worker.await;
        let counts = self.state.finish();
        let mut tally = self.tally;
        tally.sent += counts.sent;
        tally.quarantined += counts.rejected;
        tally.failed += counts.failed;
        // A task that panicked has settled nothing: its entries are not delivered.
        let lost = tally.read.saturating_sub(tally.sent + tally.filtered + tally.quarantined + tally.failed);
        tally.failed += lost;
        let failure = counts.failure.or_else(|| {
            (tally.failed > 0).then(|| crate::outcome::Failure::GaveUp("a task of this target ended early; see the log".into()))
        });
        self.rows.extend(counts.rows);
        (TargetOutcome { target: self.state.name.clone(), tally, retries: counts.retries, failure }, self.rows)
    }
}
