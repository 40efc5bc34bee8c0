//! The only place that waits: one batch, sent until every entry is settled, or the time is up.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use tokio::time::Instant;

use super::backoff;
use super::state::LaneState;
use crate::outcome::Failure;
use crate::target::{Entry, Halt, Verdict};

/// How long may be waited.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// When everything must be done.
    pub deadline: Instant,
    /// How long after its first failure a batch is given up.
    pub give_up: Duration,
}

impl Patience {
    /// Until `deadline`, however long that is.
    pub fn until(deadline: Instant) -> Patience {
        Patience { deadline, give_up: Duration::MAX }
    }

    /// Whether the time is up.
    pub fn is_over(&self) -> bool {
        Instant::now() >= self.deadline
    }
}

/// Sends `batch` until each of its entries is sent, rejected or failed.
pub(super) async fn deliver(lane: Arc<LaneState>, batch: Vec<Entry>) {
    let mut pieces = vec![batch];
    let mut trouble = Trouble { failures: 0, since: None, rng: Rng::new() };
    while let Some(piece) = pieces.pop() {
        if lane.has_failed() {
            lane.fail(piece.len());
            continue;
        }
        let (rest, after, cause) = match attempt(&lane, &piece).await {
            Ok(verdicts) => match lane.settle(piece, verdicts) {
                rest if rest.is_empty() => {
                    trouble = Trouble { failures: 0, since: None, ..trouble };
                    continue;
                }
                rest => (rest, None, "the target did not take every record".to_owned()),
            },
            Err(Halt::Refused(_)) if piece.len() > 1 => {
                let mut first = piece;
                let second = first.split_off(first.len() / 2);
                pieces.extend([second, first]);
                continue;
            }
            Err(Halt::Refused(reason)) => {
                lane.reject(piece, &reason);
                continue;
            }
            Err(Halt::Misconfigured(cause)) => {
                lane.give_up(Failure::Misconfigured(cause));
                lane.fail(piece.len());
                continue;
            }
            Err(Halt::Closed) => {
                lane.give_up(Failure::Closed);
                lane.fail(piece.len());
                continue;
            }
            Err(Halt::Throttled(after, cause)) => (piece, after, cause),
            Err(Halt::Down(cause)) => (piece, None, cause),
        };
        if trouble.wait(&lane, after, cause).await {
            lane.count_retry();
        }
        pieces.push(rest);
    }
}

/// One request, within its time-out and the deadline.
async fn attempt(lane: &LaneState, batch: &[Entry]) -> Result<Vec<Verdict>, Halt> {
    // The semaphore is never closed.
    let _slot = lane.slots.acquire().await;
    let timeout = lane.timeout.min(lane.patience.deadline.saturating_duration_since(Instant::now()));
    match tokio::time::timeout(timeout, lane.target.send(batch)).await {
        Ok(result) => result,
        Err(_) => Err(Halt::Down(format!("no answer within {} ms", timeout.as_millis()))),
    }
}

/// The failures in a row of one batch.
struct Trouble {
    failures: u32,
    since: Option<Instant>,
    rng: Rng,
}

impl Trouble {
    /// Waits before the next attempt; or fails the lane, and says `false`, if the time would be up.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
    async fn wait(&mut self, lane: &LaneState, after: Option<Duration>, cause: String) -> bool {
        self.failures += 1;
        let now = Instant::now();
        let since = *self.since.get_or_insert(now);
        let delay = backoff::delay(self.failures, &mut self.rng).max(after.unwrap_or_default());
        let in_time = now.checked_add(delay).is_some_and(|then| then < lane.patience.deadline);
        if !in_time || now.duration_since(since).saturating_add(delay) > lane.patience.give_up {
            let (attempts, seconds) = (self.failures, delay.as_secs_f64());
            let late = format!("{cause}; {attempts} attempts, and the next, in {seconds:.1} s, would come too late");
            lane.give_up(Failure::GaveUp(late));
            return false;
        }
        tracing::warn!(
            target_name = &*lane.name,
            attempt = self.failures,
            delay_ms = delay.as_millis() as u64,
            cause,
            "target failed, waiting"
        );
        lane.while_waiting(tokio::time::sleep(delay)).await;
        true
    }
}
