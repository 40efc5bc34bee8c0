//! The state that a lane shares with the tasks that send for it.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Delivery;
use super::deadlines::RunControl;
use super::evidence::{Moment, Ruling, Sent};
use super::gaps::GapBudget;
use super::health::Health;
use super::ledger::Ledger;
use super::limiter::Limiter;
use super::memory::MemoryBudget;
use super::refusal::{log_refusal, logged};
use super::rule_witnesses::RuleWitnesses;
use super::sender::{Hearing, Remainder};
use super::sorted::{Rejected, Sorted};
use super::stats::{Held, LaneStats};
use super::witnesses::Witnesses;
use crate::outcome::Failure;
use crate::progress::{CheckpointSource, LeaseGuard, TargetProgress};
use crate::quarantine::Row;
use crate::targets::{DeliveryMode, Entry, Limits, StoreTerms, Target, Verdict};
use crate::transform::Transform;

/// How long a full queue may hold up the other targets, at most: then the object is read again for
/// it.
const STALL: Duration = Duration::from_secs(5);

/// The state of one target for one object.
pub(super) struct LaneState {
    pub(super) name: Arc<str>,
    pub(super) target: Arc<dyn Target>,
    /// The target's rules, for the whole of the object.
    pub(super) transform: Arc<Transform>,
    /// The terms on which its windows are stored, if its requests are windows.
    pub(super) terms: StoreTerms,
    pub(super) limiter: Arc<Limiter>,
    /// The evidence about the target.
    pub(super) witnesses: Arc<Witnesses>,
    /// The evidence about its rules.
    pub(super) rules: Arc<RuleWitnesses>,
    /// The memory of the target's entries.
    pub(super) memory: MemoryBudget,
    pub(super) timeout: Duration,
    /// What a request may hold.
    pub(super) limits: Limits,
    pub(super) delivery: DeliveryMode,
    pub(super) control: RunControl,
    /// Until when the run may send, if progress is kept.
    lease: Option<Arc<LeaseGuard>>,
    /// The gaps that its requests may leave.
    pub(super) gaps: GapBudget,
    /// Set once the target's circuit was asked.
    admitted: OnceLock<()>,
    stats: Mutex<LaneStats>,
    pub(super) health: Health,
}

impl LaneState {
    /// For one object, of which `prior` is settled; `is_again` if it was asked for again. Nothing is
    /// sent once `lease` is lost.
    pub(super) fn new(
        delivery: &Delivery,
        control: RunControl,
        prior: TargetProgress,
        is_again: bool,
        lease: Option<Arc<LeaseGuard>>,
    ) -> LaneState {
        let config = &delivery.config;
        let transform = config.rules();
        let has_windows = config.delivery.batching.windows().is_some();
        let terms = StoreTerms {
            rules: has_windows.then(|| transform.fingerprint()).flatten(),
            replaces: is_again,
        };
        LaneState {
            name: config.name.clone(),
            target: config.target.clone(),
            rules: delivery.rules.of(&transform, config.target.revision()),
            transform,
            terms,
            limiter: delivery.limiter.clone(),
            witnesses: delivery.witnesses.clone(),
            memory: delivery.memory.clone(),
            timeout: config.timeout,
            limits: config.limits,
            delivery: config.delivery,
            control,
            lease,
            gaps: GapBudget::new(config.delivery.answers),
            admitted: OnceLock::new(),
            stats: Mutex::new(LaneStats::new(prior)),
            health: Health::default(),
        }
    }

    pub(super) fn stats(&self) -> MutexGuard<'_, LaneStats> {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `f` on the ledger.
    pub(super) fn ledger<T>(&self, f: impl FnOnce(&mut Ledger) -> T) -> T {
        f(&mut self.stats().ledger)
    }

    /// Asks the circuit breaker, before the first request: an object that sends nothing must not be
    /// the probe.
    pub(super) fn admit(&self) {
        self.admitted.get_or_init(|| {
            if let Err(closed) = self.limiter.admit() {
                self.give_up(Failure::GaveUp(closed));
            }
        });
    }

    /// Whether each of its requests is a window.
    pub(super) fn sends_windows(&self) -> bool {
        self.delivery.batching.windows().is_some()
    }

    /// Takes the verdicts on `batch`, the request `sent`, and returns the entries to send
    /// again.
    pub(super) fn settle(
        &self,
        batch: Vec<Entry>,
        verdicts: Vec<Verdict>,
        sent: Sent,
        hearing: Hearing,
    ) -> Vec<Entry> {
        let Sorted {
            taken,
            left_out,
            rest,
            rejected,
        } = Sorted::by(verdicts, batch);
        // A target that took others of the same request has looked at each.
        let is_confirmed = !taken.is_empty() || hearing == Hearing::Second;
        if !taken.is_empty() {
            self.witnesses.accept(sent);
            self.stats().accept(taken, left_out);
        }
        for Rejected { entry, reason } in rejected {
            log_refusal(self, &entry, &reason);
            if is_confirmed {
                self.stats().reject(entry, &self.name, reason);
            } else {
                self.doubt(entry, reason, sent);
            }
        }
        rest
    }

    /// Notes that the target rejected `entry`, which is held where that is not believed.
    fn doubt(&self, mut entry: Entry, reason: String, sent: Sent) {
        let moment = match self.witnesses.reject(entry.id, sent) {
            Ruling::Confirmed => return self.stats().reject(entry, &self.name, reason),
            Ruling::Held(moment) => moment,
        };
        entry.detach();
        let memory = self.memory.hold(&entry);
        let mut stats = self.stats();
        let Some(memory) = memory else {
            stats.deferred += 1;
            let reason = logged(std::slice::from_ref(&entry), &reason);
            let failure = stats.refuses(stats.held.len() as u32 + 1, "clicks were", &reason);
            drop(stats);
            return self.give_up(failure);
        };
        stats.held.push(Held {
            entry,
            reason,
            moment,
            memory,
        });
    }

    /// Counts a request that was refused. Returns whether clicks from elsewhere are to be tried
    /// before the rest of its batch.
    pub(super) fn count_refusal(&self, reason: &str) -> bool {
        let accepted = self.witnesses.accepted();
        let counted = self.stats().count_refusal(accepted, reason);
        counted.unwrap_or_else(|failure| {
            self.give_up(failure);
            false
        })
    }

    /// Whether it is not known of some clicks whether they are wrong, or the target is.
    pub(super) fn is_in_doubt(&self) -> bool {
        !self.stats().held.is_empty()
    }

    /// When the first of the entries that are held was rejected.
    pub(super) fn oldest_held(&self) -> Option<Moment> {
        self.stats().held.iter().map(|held| held.moment).min()
    }

    /// Takes the entries that are held, if the target has taken a click since: they are sent once
    /// more, for it may have been the target that was wrong. Where order matters they are rejected,
    /// since others may have overtaken them.
    pub(super) fn hear_again(&self) -> Option<Remainder> {
        let accepted = self.witnesses.accepted();
        let mut stats = self.stats();
        let is_decided = |held: &mut Held| held.moment < accepted;
        let decided: Vec<Held> = stats.held.extract_if(.., is_decided).collect();
        let (ordered, again): (Vec<_>, Vec<_>) = decided
            .into_iter()
            .partition(|held| held.entry.ordering_key.is_some());
        for held in ordered {
            stats.reject(held.entry, &self.name, held.reason);
        }
        (!again.is_empty()).then(|| Remainder::held(again, Hearing::Second))
    }

    /// Takes as many of the entries that are held as would be believed now: the target may have
    /// taken a click that was on its way when they were rejected.
    pub(super) fn hear_on_credit(&self) -> Option<Remainder> {
        let credit = self.witnesses.credit();
        let again = self.stats().take_held(credit as usize);
        (!again.is_empty()).then(|| Remainder::held(again, Hearing::First))
    }

    /// Counts entries that nobody settled.
    pub(super) fn defer(&self, entries: usize) {
        self.stats().deferred += entries as u64;
    }

    /// Fails what is left of the object for this target; the first cause stands.
    pub(super) fn give_up(&self, failure: Failure) {
        self.stats().failure.get_or_insert(failure);
        self.health.fail();
    }

    /// Leaves the rest of the object to another run: the time is not enough. The first cause
    /// stands.
    pub(super) fn run_out_of_time(&self, cause: String) {
        self.stats().out_of_time.get_or_insert(cause);
        self.health.end();
    }

    /// Whether the lane ended because its target failed.
    pub(super) fn has_failed(&self) -> bool {
        self.health.has_failed()
    }

    /// Whether it was found that nothing more will be sent.
    pub(super) fn has_ended(&self) -> bool {
        self.health.has_ended()
    }

    /// Finds out whether nothing more will be sent: the lease and the deadlines are asked.
    pub(super) fn is_over(&self) -> bool {
        if let Some(lost) = self.lease.as_ref().and_then(|lease| lease.lost()) {
            self.give_up(Failure::GaveUp(lost));
        } else if self.control.is_over() {
            let cause = if self.control.cancellation.is_cancelled() {
                "interrupted"
            } else {
                "the time was up"
            };
            self.run_out_of_time(cause.to_owned());
        }
        self.has_ended()
    }

    /// Returns when others should not wait for this lane's queue any more: when a batch waits for
    /// its next attempt, or when nothing has moved for a while.
    pub(super) async fn holds_up(&self) {
        let stop = self.control.deadlines.stop_reading;
        let left = stop.saturating_duration_since(Instant::now());
        self.health.is_waiting(STALL.min(left / 8)).await;
    }
}

impl CheckpointSource for LaneState {
    fn target(&self) -> &Arc<str> {
        &self.name
    }

    fn progress(&self) -> TargetProgress {
        self.stats().progress()
    }

    fn take_rows(&self) -> Vec<(u64, Row)> {
        std::mem::take(&mut self.stats().rows)
    }

    fn stored(&self, offsets: &[u64]) {
        let mut stats = self.stats();
        offsets.iter().for_each(|at| stats.ledger.stored(*at));
    }

    fn put_back(&self, rows: Vec<(u64, Row)>) {
        self.stats().rows.extend(rows);
    }
}
