//! The only place that waits for a target: one batch, sent until every entry is settled, or the time is up.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout};

use super::backoff;
use super::groups::{Ticket, requests};
use super::state::LaneState;
use crate::outcome::Failure;
use crate::targets::{Entry, SendError, Verdict};

/// A target that has not answered for so long is down, even if the deadline came before its time-out.
const SILENCE: Duration = Duration::from_secs(5);

/// Sends `batch` until each of its entries is sent, rejected, failed or left for another run. `turn` is its place
/// among the batches that share groups with it, `ranges` its part of those that the lane may leave open.
pub(super) async fn deliver(
    lane: Arc<LaneState>,
    batch: Vec<Entry>,
    (mut turn, mut ranges): (Option<Ticket>, Option<OwnedSemaphorePermit>),
) {
    lane.admit();
    let mut pieces = requests(batch, lane.records);
    pieces.reverse();
    let mut retry = RetryState {
        failures: 0,
        since: None,
        rng: Rng::new(),
    };
    // Whether what authorises requests was renewed since the last one that was not refused.
    let mut renewed = false;
    while let Some(piece) = pieces.pop() {
        // What is settled leaves no range open: others may.
        let left = piece.len() + pieces.iter().map(Vec::len).sum::<usize>();
        drop(
            ranges
                .as_mut()
                .and_then(|ranges| ranges.split(ranges.num_permits().saturating_sub(left))),
        );
        if let Some(turn) = &mut turn {
            turn.keep(pieces.iter().flatten().chain(&piece));
            // If it does not come in time, the time is found to be up.
            lane.control.before_stop(turn.comes(&piece)).await;
        }
        if lane.is_over() {
            lane.leave(piece.len());
            continue;
        }
        let began = Instant::now();
        let Some(result) = attempt(&lane, &piece).await else {
            lane.run_out("the time was up before its turn".to_owned());
            pieces.push(piece);
            continue;
        };
        let (rest, after, cause) = match result {
            Ok(verdicts) => match lane.settle(piece, verdicts) {
                rest if rest.is_empty() => {
                    renewed = false;
                    retry = RetryState {
                        failures: 0,
                        since: None,
                        ..retry
                    };
                    continue;
                }
                rest => (
                    rest,
                    None,
                    "the target did not take every record".to_owned(),
                ),
            },
            Err(SendError::PayloadRejected(cause)) if lane.sends_windows() => {
                let cause = format!("{cause}; a request is a whole window here and is never split");
                lane.give_up(Failure::Misconfigured(cause));
                pieces.push(piece);
                continue;
            }
            Err(SendError::PayloadRejected(_)) if piece.len() > 1 => {
                let mut first = piece;
                let second = first.split_off(first.len() / 2);
                pieces.extend([second, first]);
                continue;
            }
            Err(SendError::PayloadRejected(reason)) => {
                lane.reject(piece, &reason);
                continue;
            }
            Err(SendError::Unauthorized(cause)) => {
                let renewal = lane.target.renew(began);
                if !renewed && lane.control.before_stop(renewal).await == Some(true) {
                    renewed = true;
                } else {
                    lane.give_up(Failure::Misconfigured(cause));
                }
                pieces.push(piece);
                continue;
            }
            Err(error @ (SendError::Misconfigured(_) | SendError::ReaderClosed)) => {
                lane.give_up(error.into());
                pieces.push(piece);
                continue;
            }
            Err(SendError::Throttled(after, cause)) => (piece, after, cause),
            Err(SendError::Unavailable(cause)) => (piece, None, cause),
        };
        if retry.wait(&lane, after, cause).await {
            lane.count_retry();
        }
        pieces.push(rest);
    }
}

impl From<SendError> for Failure {
    fn from(error: SendError) -> Failure {
        match error {
            SendError::ReaderClosed => Failure::Closed,
            SendError::Misconfigured(cause) | SendError::Unauthorized(cause) => {
                Failure::Misconfigured(cause)
            }
            SendError::Throttled(_, cause)
            | SendError::Unavailable(cause)
            | SendError::PayloadRejected(cause) => Failure::GaveUp(cause),
        }
    }
}

/// One request, within its time-out and the deadline; nothing if its turn would come too late.
#[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
async fn attempt(lane: &LaneState, batch: &[Entry]) -> Option<Result<Vec<Verdict>, SendError>> {
    let _slot = lane.control.before_stop(lane.limiter.acquire()).await?;
    match lane.limiter.reserve(lane.control.deadlines.stop_reading)? {
        Duration::ZERO => {}
        wait => lane.control.before_stop(tokio::time::sleep(wait)).await?,
    }
    if lane.is_over() {
        return None;
    }
    let started = Instant::now();
    let left = lane
        .control
        .deadlines
        .abort_requests
        .saturating_duration_since(started);
    let result = timeout(lane.timeout.min(left), lane.target.send(batch)).await;
    let took = started.elapsed();
    let result = result.unwrap_or_else(|_| {
        Err(SendError::Unavailable(format!(
            "no answer within {} ms",
            took.as_millis()
        )))
    });
    lane.measure(took, matches!(result, Err(SendError::Throttled(..))));
    match &result {
        Err(SendError::Throttled(..)) => lane.limiter.throttled(),
        // Cut short by the deadline at once, it says nothing about the target.
        Err(SendError::Unavailable(cause))
            if took < left || left >= lane.timeout || took >= SILENCE =>
        {
            lane.limiter.down(cause)
        }
        Err(SendError::Unavailable(_)) => {}
        _ => lane.limiter.answered(took),
    }
    Some(result)
}

/// The failures in a row of one batch.
struct RetryState {
    failures: u32,
    since: Option<Instant>,
    rng: Rng,
}

impl RetryState {
    /// Waits before the next attempt; or ends the lane, and says `false`, if the time would be up.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
    async fn wait(&mut self, lane: &LaneState, after: Option<Duration>, cause: String) -> bool {
        self.failures += 1;
        let now = Instant::now();
        let since = *self.since.get_or_insert(now);
        let delay = backoff::delay(self.failures, &mut self.rng).max(after.unwrap_or_default());
        let late = |cause| {
            let (attempts, seconds) = (self.failures, delay.as_secs_f64());
            format!(
                "{cause}; {attempts} attempts, and the next, in {seconds:.1} s, would come too late"
            )
        };
        if now.duration_since(since).saturating_add(delay) > lane.control.retry_budget {
            lane.give_up(Failure::GaveUp(late(cause)));
            return false;
        }
        if now
            .checked_add(delay)
            .is_none_or(|then| then >= lane.control.deadlines.stop_reading)
        {
            lane.run_out(late(cause));
            return false;
        }
        tracing::warn!(
            target_name = &*lane.name,
            attempt = self.failures,
            delay_ms = delay.as_millis() as u64,
            cause = cause,
            "target failed, waiting"
        );
        lane.while_waiting(lane.control.before_stop(tokio::time::sleep(delay)))
            .await;
        true
    }
}
