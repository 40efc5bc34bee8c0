//! What the tasks that send for one lane share: counts, books, rejected entries, health.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, timeout};

use super::deadlines::RunControl;
use super::ledger::Ledger;
use super::limiter::Limiter;
use super::stats::LaneStats;
use crate::config::TargetConfig;
use crate::outcome::Failure;
use crate::progress::{LeaseGuard, TargetProgress};
use crate::quarantine::Row;
use crate::targets::{Answers, DeliveryMode, Entry, Target, Verdict};

/// Single entries rejected before the first is accepted that mean: not the clicks are wrong, the target is.
const MANY: usize = 20;
/// Ranges that requests in flight may leave open: 4 requests of 500 records, each taken in every second one.
const RANGES: u32 = 1024;
/// Requests whose time is noted: as many as a metric has values.
const LATENCIES: usize = 100;
/// How long a full queue may hold up the other targets, at most: then the object is read again for it.
const STALL: Duration = Duration::from_secs(5);
/// Requests of one object in flight: each may leave one of the 64 ranges that are kept in plain.
pub(super) const IN_FLIGHT: usize = 64;

/// The state of one target for one object.
pub(super) struct LaneState {
    pub(super) name: Arc<str>,
    pub(super) target: Arc<dyn Target>,
    pub(super) limiter: Arc<Limiter>,
    pub(super) timeout: Duration,
    /// Entries of a request.
    pub(super) records: usize,
    pub(super) delivery: DeliveryMode,
    pub(super) control: RunControl,
    /// Until when the run may send, if progress is kept.
    lease: Option<Arc<LeaseGuard>>,
    ranges: Arc<Semaphore>,
    /// Set once the target's circuit was asked.
    admitted: OnceLock<()>,
    stats: Mutex<LaneStats>,
    health: watch::Sender<Health>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Health {
    waiting: u32,
    failed: bool,
    late: bool,
}

impl LaneState {
    /// To a target, behind its limiter, for one object, of which `prior` is settled. Nothing is sent once `lease` is
    /// lost.
    pub(super) fn new(
        (config, limiter): (&TargetConfig, Arc<Limiter>),
        control: RunControl,
        prior: TargetProgress,
        lease: Option<Arc<LeaseGuard>>,
    ) -> LaneState {
        let stats = LaneStats {
            accepted: prior.accepted,
            ledger: Ledger::new(prior),
            ..LaneStats::default()
        };
        LaneState {
            name: config.name.clone(),
            target: config.target.clone(),
            limiter,
            timeout: config.timeout,
            records: config.limits.records,
            delivery: config.delivery,
            control,
            lease,
            ranges: Arc::new(Semaphore::new(RANGES as usize)),
            admitted: OnceLock::new(),
            stats: Mutex::new(stats),
            health: watch::Sender::default(),
        }
    }

    pub(super) fn stats(&self) -> MutexGuard<'_, LaneStats> {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `f` says of the books.
    pub(super) fn ledger<T>(&self, f: impl FnOnce(&mut Ledger) -> T) -> T {
        f(&mut self.stats().ledger)
    }

    /// Asks the circuit, before the first request: an object that sends nothing needs no leave, and must not
    /// be the probe.
    pub(super) fn admit(&self) {
        self.admitted.get_or_init(|| {
            if let Err(closed) = self.limiter.admit() {
                self.give_up(Failure::GaveUp(closed));
            }
        });
    }

    /// Waits for room for the ranges that a request of these entries may leave open.
    pub(super) async fn room(&self, batch: &[Entry]) -> Option<OwnedSemaphorePermit> {
        // Only a target that answers for each entry can leave more than one.
        let ranges = if self.delivery.answers == Answers::PerRecord {
            batch.len().div_ceil(2)
        } else {
            1
        };
        self.ranges
            .clone()
            .acquire_many_owned((ranges as u32).min(RANGES))
            .await
            .ok()
    }

    /// Whether each of its requests is a window.
    pub(super) fn sends_windows(&self) -> bool {
        self.delivery.batching.windows().is_some()
    }

    /// Takes the verdicts on `batch` and returns the entries to send again.
    pub(super) fn settle(&self, batch: Vec<Entry>, verdicts: Vec<Verdict>) -> Vec<Entry> {
        let (mut rest, mut sent) = (Vec::new(), Vec::new());
        // A target that answers for fewer entries than it was given has not taken the others.
        let verdicts = verdicts
            .into_iter()
            .chain(std::iter::repeat(Verdict::Retry));
        let mut rejected = Vec::new();
        for (entry, verdict) in batch.into_iter().zip(verdicts) {
            match verdict {
                Verdict::Sent => sent.push(entry.record_offset),
                Verdict::Retry => rest.push(entry),
                Verdict::Rejected(reason) => rejected.push((entry, reason)),
            }
        }
        if !sent.is_empty() {
            self.stats().accept(sent);
        }
        for (entry, reason) in rejected {
            self.reject(vec![entry], &reason);
        }
        rest
    }

    /// Sets entries aside that the target will never take.
    pub(super) fn reject(&self, entries: Vec<Entry>, reason: &str) {
        let mut stats = self.stats();
        let row = |entry: Entry| {
            (
                entry.record_offset,
                Row::rejected(entry, self.name.clone(), reason.to_owned()),
            )
        };
        stats.held.extend(entries.into_iter().map(row));
        if stats.accepted {
            stats.settle_held();
        } else if stats.held.len() >= MANY {
            stats.left += std::mem::take(&mut stats.held).len() as u64;
            drop(stats);
            self.give_up(Failure::Misconfigured(format!(
                "the first {MANY} clicks were refused one by one, each with {reason}"
            )));
        }
    }

    /// Sets aside a record that the target can never carry, unless an earlier pass did.
    pub(super) fn unfit(&self, at: u64, turn: u64, row: Row) {
        let mut stats = self.stats();
        if at >= stats.unfit {
            stats.unfit = at + 1;
            stats.rows.push((at, row));
            stats.ledger.quarantine(at, turn);
        }
    }

    /// LaneStats entries that nobody settled.
    pub(super) fn leave(&self, entries: usize) {
        self.stats().left += entries as u64;
    }

    pub(super) fn count_retry(&self) {
        self.stats().retries += 1;
    }

    /// Notes how long a request took, and whether it was one too many.
    pub(super) fn measure(&self, took: Duration, throttled: bool) {
        let mut stats = self.stats();
        stats.throttles += u64::from(throttled);
        if stats.latency.len() < LATENCIES {
            stats
                .latency
                .push(u32::try_from(took.as_millis()).unwrap_or(u32::MAX));
        }
    }

    /// Fails what is left of the object for this target; the first cause stands.
    pub(super) fn give_up(&self, failure: Failure) {
        self.stats().failure.get_or_insert(failure);
        self.health.send_modify(|health| health.failed = true);
    }

    /// Leaves the rest of the object for another run: the time is not enough. The first cause stands.
    pub(super) fn run_out(&self, cause: String) {
        self.stats().late.get_or_insert(cause);
        self.health.send_modify(|health| health.late = true);
    }

    pub(super) fn has_failed(&self) -> bool {
        self.health.borrow().failed
    }

    /// Whether nothing more will be sent.
    pub(super) fn is_over(&self) -> bool {
        if let Some(lost) = self.lease.as_ref().and_then(|lease| lease.lost()) {
            self.give_up(Failure::GaveUp(lost));
        } else if self.control.is_over() {
            self.run_out(
                if self.control.cancellation.is_cancelled() {
                    "interrupted"
                } else {
                    "the time was up"
                }
                .to_owned(),
            );
        }
        self.has_ended()
    }

    /// Whether it was found that nothing more will be sent.
    pub(super) fn has_ended(&self) -> bool {
        let health = *self.health.borrow();
        health.failed || health.late
    }

    /// Awaits a delay, in which the lane counts as waiting; returns early if the lane ends.
    pub(super) async fn while_waiting(&self, delay: impl Future<Output = Option<()>>) {
        let mut health = self.health.subscribe();
        self.health.send_modify(|health| health.waiting += 1);
        tokio::select! {
            _ = delay => {}
            _ = health.wait_for(|health| health.failed || health.late) => {}
        }
        self.health.send_modify(|health| health.waiting -= 1);
    }

    /// Returns when others should not wait for this lane's queue any more: when a batch waits for its next
    /// attempt, or when nothing has moved for a while.
    pub(super) async fn holds_up(&self) {
        let left = self
            .control
            .deadlines
            .stop_reading
            .saturating_duration_since(Instant::now());
        // The sender lives as long as `self`.
        let mut health = self.health.subscribe();
        let _ = timeout(
            STALL.min(left / 8),
            health.wait_for(|health| health.waiting > 0),
        )
        .await;
    }

    pub(super) fn rows(&self) -> usize {
        self.stats().rows.len()
    }

    /// Whether more is settled than before this run.
    pub(super) fn has_moved(&self) -> bool {
        self.stats().ledger.has_moved()
    }

    /// The counts at the end, when nothing is in flight.
    pub(super) fn finish(&self) -> LaneStats {
        let mut stats = self.stats();
        // Of a target that has accepted nothing, it is not known whose fault the rejections are.
        if stats.failure.is_some() || (stats.late.is_some() && !stats.accepted) {
            stats.left += std::mem::take(&mut stats.held).len() as u64;
        } else {
            stats.settle_held();
        }
        let LaneStats {
            sent,
            rejected,
            left,
            retries,
            throttles,
            ..
        } = *stats;
        let (failure, late, latency) = (
            stats.failure.clone(),
            stats.late.clone(),
            std::mem::take(&mut stats.latency),
        );
        LaneStats {
            sent,
            rejected,
            left,
            retries,
            throttles,
            latency,
            failure,
            late,
            ..LaneStats::default()
        }
    }
}
