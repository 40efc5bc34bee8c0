//! What the tasks that send for one lane share: counts, rejected entries, health.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};

use super::retry::Patience;
use crate::outcome::Failure;
use crate::quarantine::Row;
use crate::target::{Entry, Target, Verdict};

/// Single entries rejected before the first is accepted that mean: not the clicks are wrong, the target is.
const MANY: usize = 20;

/// The state of one target for one object.
pub(super) struct LaneState {
    pub(super) name: Arc<str>,
    pub(super) target: Arc<dyn Target>,
    pub(super) slots: Arc<Semaphore>,
    pub(super) timeout: Duration,
    pub(super) patience: Patience,
    counts: Mutex<Counts>,
    health: watch::Sender<Health>,
}

/// What has become of the entries.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) sent: u64,
    pub(super) failed: u64,
    pub(super) rejected: u64,
    pub(super) retries: u64,
    pub(super) failure: Option<Failure>,
    /// Rejected entries for the quarantine.
    pub(super) rows: Vec<Row>,
    /// Rejected before anything was accepted: not yet known whose fault it is.
    held: Vec<Row>,
    accepted: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Health {
    waiting: u32,
    failed: bool,
}

impl LaneState {
    pub(super) fn new(
        name: Arc<str>,
        target: Arc<dyn Target>,
        slots: Arc<Semaphore>,
        timeout: Duration,
        patience: Patience,
    ) -> LaneState {
        let (counts, health) = (Mutex::default(), watch::Sender::default());
        LaneState { name, target, slots, timeout, patience, counts, health }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the verdicts on `batch` and returns the entries to send again.
    pub(super) fn settle(&self, batch: Vec<Entry>, verdicts: Vec<Verdict>) -> Vec<Entry> {
        let mut rest = Vec::new();
        // A target that answers for fewer entries than it was given has not taken the others.
        let verdicts = verdicts.into_iter().chain(std::iter::repeat(Verdict::Retry));
        for (entry, verdict) in batch.into_iter().zip(verdicts) {
            match verdict {
                Verdict::Sent => self.accept(),
                Verdict::Retry => rest.push(entry),
                Verdict::Rejected(reason) => self.reject(vec![entry], &reason),
            }
        }
        rest
    }

    fn accept(&self) {
        let mut counts = self.counts();
        counts.sent += 1;
        if !counts.accepted {
            counts.accepted = true;
            let held = std::mem::take(&mut counts.held);
            counts.rejected += held.len() as u64;
            counts.rows.extend(held);
        }
    }

    /// Sets entries aside that the target will never take.
    pub(super) fn reject(&self, entries: Vec<Entry>, reason: &str) {
        let mut counts = self.counts();
        let rows = entries.into_iter().map(|entry| Row::rejected(entry, self.name.clone(), reason.to_owned()));
        if counts.accepted {
            let before = counts.rows.len();
            counts.rows.extend(rows);
            counts.rejected += (counts.rows.len() - before) as u64;
            return;
        }
        counts.held.extend(rows);
        if counts.held.len() >= MANY {
            counts.failed += std::mem::take(&mut counts.held).len() as u64;
            drop(counts);
            self.give_up(Failure::Misconfigured(format!("the first {MANY} clicks were refused one by one, each with {reason}")));
        }
    }

    /// Counts entries that were not delivered.
    pub(super) fn fail(&self, entries: usize) {
        self.counts().failed += entries as u64;
    }

    pub(super) fn count_retry(&self) {
        self.counts().retries += 1;
    }

    /// Fails what is left of the object for this target; the first cause stands.
    pub(super) fn give_up(&self, failure: Failure) {
        self.counts().failure.get_or_insert(failure);
        self.health.send_modify(|health| health.failed = true);
    }

    pub(super) fn has_failed(&self) -> bool {
        self.health.borrow().failed
    }

    /// Awaits a delay, in which the lane counts as waiting; returns early if the lane fails.
    pub(super) async fn while_waiting(&self, delay: impl Future<Output = ()>) {
        let mut health = self.health.subscribe();
        self.health.send_modify(|health| health.waiting += 1);
        tokio::select! {
            () = delay => {}
            _ = health.wait_for(|health| health.failed) => {}
        }
        self.health.send_modify(|health| health.waiting -= 1);
    }

    /// Returns when a batch of this lane waits for its next attempt.
    pub(super) async fn backing_off(&self) {
        // The sender lives as long as `self`.
        let _ = self.health.subscribe().wait_for(|health| health.waiting > 0).await;
    }

    pub(super) fn rows(&self) -> usize {
        self.counts().rows.len()
    }

    /// The rows collected so far.
    pub(super) fn take_rows(&self) -> Vec<Row> {
        std::mem::take(&mut self.counts().rows)
    }

    /// The counts at the end, when nothing is in flight.
    pub(super) fn finish(&self) -> Counts {
        let mut counts = std::mem::take(&mut *self.counts());
        let held = std::mem::take(&mut counts.held);
        if counts.failure.is_some() {
            counts.failed += held.len() as u64;
        } else {
            counts.rejected += held.len() as u64;
            counts.rows.extend(held);
        }
        counts
    }
}
