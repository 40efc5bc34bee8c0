//! How many requests may be in flight to one target of this process, and how soon after each other.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::breaker::{Admission, Breaker};
use super::concurrency::ConcurrencyLimit;
use super::condition::{Back, Condition};
use super::rate::Rate;

/// The longest that one answer can hold a target back: an hour is how often a message comes back,
/// and a date that a wrong clock made up must not hold it back for longer.
const LONGEST_HOLD: Duration = Duration::from_secs(3600);

/// One target's limiter, shared by all its lanes.
#[derive(Debug)]
pub(super) struct Limiter {
    state: Mutex<State>,
    freed: Notify,
}

#[derive(Debug)]
struct State {
    concurrency: ConcurrencyLimit,
    rate: Option<Rate>,
    breaker: Breaker,
    /// Why the target was last found down.
    cause: String,
    in_flight: usize,
    /// The last answer by which the target asked for a pause.
    hold: Option<Hold>,
    /// What people were told of it.
    condition: Condition,
}

/// A pause that the target asked for: no request starts before it is over.
#[derive(Clone, Debug)]
pub(super) struct Hold {
    pub(super) until: Instant,
    /// The answer that asked for it.
    pub(super) cause: String,
}

/// A place among the requests in flight, until it is dropped.
pub(super) struct Permit {
    limiter: Arc<Limiter>,
}

impl Limiter {
    /// With a ceiling for the requests in flight, and requests a second if they are limited.
    pub(super) fn new(ceiling: usize, rate: Option<f64>) -> Limiter {
        let (concurrency, rate, breaker) = (
            ConcurrencyLimit::new(ceiling),
            rate.map(Rate::new),
            Breaker::new(),
        );
        let state = State {
            concurrency,
            rate,
            breaker,
            cause: String::new(),
            in_flight: 0,
            hold: None,
            condition: Condition::default(),
        };
        Limiter {
            state: Mutex::new(state),
            freed: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the circuit breaker; `Err` says why nothing may be sent now.
    pub(super) fn admit(&self) -> Result<(), String> {
        let mut state = self.state();
        match state.breaker.admit(now()) {
            Admission::Closed | Admission::Probe => Ok(()),
            Admission::Open(left) => Err(format!(
                "circuit open after repeated failures, the last {}; nothing is sent for another {:.0} s",
                state.cause,
                left.as_secs_f64()
            )),
        }
    }

    /// Waits for a place among the requests in flight.
    pub(super) async fn acquire(self: &Arc<Self>) -> Permit {
        loop {
            let freed = self.freed.notified();
            {
                let mut state = self.state();
                if state.in_flight < state.concurrency.limit() {
                    state.in_flight += 1;
                    return Permit {
                        limiter: self.clone(),
                    };
                }
            }
            freed.await;
        }
    }

    /// Reserves a request under the rate limit, and returns how long to wait for it; `None` if that
    /// would be at `end` or later.
    pub(super) fn reserve(&self, end: Instant) -> Option<Duration> {
        let mut state = self.state();
        let Some(rate) = &mut state.rate else {
            return Some(Duration::ZERO);
        };
        let wait = rate.next(now());
        let in_time = Instant::now()
            .checked_add(wait)
            .is_some_and(|then| then < end);
        in_time.then(|| rate.reserve(now()))
    }

    /// Notes that the target answered, `took` after the request.
    pub(super) fn answered(&self, took: Duration) {
        let mut state = self.state();
        state.breaker.up();
        let in_flight = state.in_flight;
        state.concurrency.success(took, now(), in_flight);
        let back = state.condition.answered(now());
        drop(state);
        self.freed.notify_waiters();
        if let Some(Back { name, after }) = back {
            let seconds = after.as_secs_f64();
            tracing::warn!(target_name = &*name, "{name} is back after {seconds:.0} s");
        }
    }

    /// Tells that the target `name` is down because of `cause`, unless it was told, before a wait
    /// of `delay`.
    pub(super) fn waits(&self, name: &Arc<str>, cause: &str, delay: Duration) {
        if self.state().condition.waits(name, delay) {
            tracing::warn!(target_name = &**name, "{name} is down: {cause}");
        }
    }

    /// Notes that the target is up, and throttles; `after` is how long it asks to wait, if it does.
    pub(super) fn throttled(&self, after: Option<Duration>, cause: &str) {
        let mut state = self.state();
        state.breaker.up();
        state.concurrency.throttled(now());
        state.condition.failed(now());
        let Some(after) = after.filter(|after| !after.is_zero()) else {
            return;
        };
        let until = Instant::now() + after.min(LONGEST_HOLD);
        if state.hold.as_ref().is_none_or(|hold| hold.until < until) {
            let cause = cause.to_owned();
            state.hold = Some(Hold { until, cause });
        }
    }

    /// The pause that the target asked for, if it is not over.
    pub(super) fn hold(&self) -> Option<Hold> {
        let hold = self.state().hold.clone();
        hold.filter(|hold| hold.until > Instant::now())
    }

    /// Notes that the target does not answer, or is broken.
    pub(super) fn down(&self, cause: &str) {
        let mut state = self.state();
        state.breaker.down(now());
        state.condition.failed(now());
        state.cause.replace_range(.., cause);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.limiter.state().in_flight -= 1;
        self.limiter.freed.notify_waiters();
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}
