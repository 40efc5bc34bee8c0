//! The only place that waits for a target: one batch, sent until every entry is settled, or the
//! time is up.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use tokio::time::{Instant, timeout};

use super::backoff;
use super::judge::{Answer, Judgement, judge};
use super::limiter::Permit;
use super::refusal::logged;
use super::sender::{Hearing, Remainder, Reservation};
use super::state::LaneState;
use crate::outcome::Failure;
use crate::targets::{Entry, SendError, Verdict};

/// A target that has not answered for so long is down, even if the deadline came before its
/// time-out.
const SILENCE: Duration = Duration::from_secs(5);

/// Sends a batch until each of its entries is sent, rejected, failed, held or left to another run.
/// Returns what is left of one that was refused so often that others are to be tried first.
pub(super) async fn deliver(lane: Arc<LaneState>, mut batch: Remainder) -> Option<Remainder> {
    lane.admit();
    let mut retry = RetryState::new();
    while let Some(request) = batch.parts.next() {
        let rest = batch.parts.entries();
        batch.reservation.keep(rest.chain(&request));
        if let Some(ticket) = &batch.reservation.ticket {
            // If it does not come first in time, the time is found to be up.
            lane.control.before_stop(ticket.comes_first(&request)).await;
        }
        if lane.is_over() {
            lane.defer(request.len());
            continue;
        }
        let began = Instant::now();
        let Some(answer) = attempt(&lane, &request, &retry).await else {
            lane.run_out_of_time("the time was up before its turn".to_owned());
            batch.parts.put_back(request);
            continue;
        };
        let reason = refusal(&answer.result).map(|reason| logged(&request, &reason));
        match judge(&lane, request, answer, batch.hearing) {
            Judgement::Settled => retry.succeeded(),
            Judgement::Halves(request) => batch.parts.halve(request),
            Judgement::Unauthorized { request, cause } => {
                retry.renew(&lane, began, cause).await;
                batch.parts.put_back(request);
            }
            Judgement::Ended(request) => batch.parts.put_back(request),
            Judgement::Retry { rest, after, cause } => {
                if retry.wait(&lane, after, cause).await {
                    lane.stats().retries += 1;
                }
                batch.parts.put_back(rest);
            }
        }
        if let Some(reason) = reason
            && batch.hearing == Hearing::First
            && lane.count_refusal(&reason)
            && !batch.parts.is_ordered
        {
            return Some(batch);
        }
    }
    None
}

/// The reason of an answer by which a request was refused for what is in it, and none of it taken.
fn refusal(result: &Result<Vec<Verdict>, SendError>) -> Option<String> {
    match result {
        Err(SendError::PayloadRejected(reason)) => Some(reason.clone()),
        Ok(verdicts) => {
            let reasons = verdicts.iter().map(|verdict| match verdict {
                Verdict::Rejected(reason) => Some(reason),
                Verdict::Sent | Verdict::Retry => None,
            });
            reasons
                .collect::<Option<Vec<_>>>()?
                .last()
                .copied()
                .cloned()
        }
        Err(_) => None,
    }
}

impl Reservation {
    /// Gives back what only entries needed that are not among `rest`: their gaps, and their groups.
    fn keep<'e>(&mut self, rest: impl Iterator<Item = &'e Entry> + Clone) {
        if let Some(gaps) = &mut self.gaps {
            // What is settled leaves no gap: others may.
            gaps.shrink(rest.clone().count());
        }
        if let Some(ticket) = &mut self.ticket {
            ticket.keep(rest);
        }
    }
}

/// Sends one request, within its time-out and the deadline; `None` if it could not start in time.
async fn attempt(lane: &LaneState, batch: &[Entry], retry: &RetryState) -> Option<Answer> {
    let _permit = permit(lane, retry).await?;
    let started = Instant::now();
    let left = lane
        .control
        .deadlines
        .abort_requests
        .saturating_duration_since(started);
    let sent = lane.witnesses.send(lane.target.revision());
    let result = timeout(lane.timeout.min(left), lane.target.send(batch)).await;
    let took = started.elapsed();
    let result = result.unwrap_or_else(|_| {
        Err(SendError::Unavailable(format!(
            "no answer within {} ms",
            took.as_millis()
        )))
    });
    tracing::debug!(
        target_name = &*lane.name,
        entries = batch.len(),
        took_ms = took.as_millis() as u64,
        taken = result.is_ok(),
        "request answered"
    );
    lane.stats()
        .measure(took, matches!(result, Err(SendError::Throttled(..))));
    match &result {
        Err(SendError::Throttled(after, cause)) => lane.limiter.throttled(*after, cause),
        // Cut short by the deadline at once, it says nothing about the target.
        Err(SendError::Unavailable(cause))
            if took < left || left >= lane.timeout || took >= SILENCE =>
        {
            lane.limiter.down(cause)
        }
        Err(SendError::Unavailable(_)) => {}
        _ => lane.limiter.answered(took),
    }
    Some(Answer { sent, result })
}

/// Waits until a request may start: for any pause that the target asked for, for a place among the
/// requests in flight, and for the rate limit. `None` if none may start in time.
#[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
async fn permit(lane: &LaneState, retry: &RetryState) -> Option<Permit> {
    loop {
        retry.wait_out_hold(lane).await?;
        let permit = lane.control.before_stop(lane.limiter.acquire()).await?;
        match lane.limiter.reserve(lane.control.deadlines.stop_reading)? {
            Duration::ZERO => {}
            wait => lane.control.before_stop(tokio::time::sleep(wait)).await?,
        }
        if lane.is_over() {
            return None;
        }
        // Another request may have been asked for a pause meanwhile.
        if lane.limiter.hold().is_none() {
            return Some(permit);
        }
    }
}

/// The failures in a row of one batch, and the delays between them.
struct RetryState {
    failures: u32,
    /// When the first of them was.
    since: Option<Instant>,
    /// Whether what authorises requests was renewed since the last one that was taken.
    renewed: bool,
    rng: Rng,
}

impl RetryState {
    fn new() -> RetryState {
        RetryState {
            failures: 0,
            since: None,
            renewed: false,
            rng: Rng::new(),
        }
    }

    fn succeeded(&mut self) {
        (self.failures, self.since, self.renewed) = (0, None, false);
    }

    /// Renews once what authorises requests, for one that was sent at `began` and refused because
    /// of `cause`; or ends the lane.
    async fn renew(&mut self, lane: &LaneState, began: Instant, cause: String) {
        let renewal = lane.control.before_stop(lane.target.renew(began));
        if !self.renewed && renewal.await == Some(true) {
            self.renewed = true;
        } else {
            lane.give_up(Failure::Misconfigured(cause));
        }
    }

    /// Waits before the next attempt. `false` if that would be too late: then it ends the lane.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
    async fn wait(&mut self, lane: &LaneState, after: Option<Duration>, cause: String) -> bool {
        self.failures += 1;
        self.since.get_or_insert_with(Instant::now);
        let delay = backoff::delay(self.failures, &mut self.rng).max(after.unwrap_or_default());
        if !self.is_in_time(lane, delay, &cause) {
            return false;
        }
        lane.limiter.waits(&lane.name, &cause, delay);
        tracing::debug!(
            target_name = &*lane.name,
            attempt = self.failures,
            delay_ms = delay.as_millis() as u64,
            cause = cause,
            "target failed, waiting"
        );
        let delay = tokio::time::sleep(delay);
        lane.health.wait(lane.control.before_stop(delay)).await;
        true
    }

    /// Waits out the pause that the target asked for, whichever request it answered so. `None` if
    /// that would be too late: then it ends the lane.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
    async fn wait_out_hold(&self, lane: &LaneState) -> Option<()> {
        while let Some(hold) = lane.limiter.hold()
            && !lane.is_over()
        {
            let left = hold.until.saturating_duration_since(Instant::now());
            if !self.is_in_time(lane, left, &hold.cause) {
                return None;
            }
            lane.limiter.waits(&lane.name, &hold.cause, left);
            let pause = tokio::time::sleep_until(hold.until);
            lane.health.wait(lane.control.before_stop(pause)).await;
        }
        Some(())
    }

    /// Whether an attempt after `delay` is within the retry budget and the deadline; if not, it
    /// ends the lane.
    fn is_in_time(&self, lane: &LaneState, delay: Duration, cause: &str) -> bool {
        let now = Instant::now();
        let late = || {
            let (attempts, seconds) = (self.failures, delay.as_secs_f64());
            format!(
                "{cause}; {attempts} attempts, and the next, in {seconds:.1} s, would come too late"
            )
        };
        let since = self.since.unwrap_or(now);
        if now.duration_since(since).saturating_add(delay) > lane.control.retry_budget {
            lane.give_up(Failure::GaveUp(late()));
            return false;
        }
        let then = now.checked_add(delay);
        if then.is_none_or(|then| then >= lane.control.deadlines.stop_reading) {
            lane.run_out_of_time(late());
            return false;
        }
        true
    }
}
