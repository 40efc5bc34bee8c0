//! Whether a lane still sends, and whether it waits for its target.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

/// Whether a lane still sends, and whether it waits for its target. A lane that has ended never
/// goes on.
#[derive(Debug, Default)]
pub(super) struct Health {
    status: watch::Sender<Status>,
    failed: AtomicBool,
    /// The same as in the status: every click asks for it.
    ended: AtomicBool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Status {
    /// Batches that wait for their next attempt.
    waiting: u32,
    ended: bool,
}

impl Health {
    /// Ends the lane because its target failed.
    pub(super) fn fail(&self) {
        self.failed.store(true, Ordering::Release);
        self.end();
    }

    /// Ends the lane, whatever the reason.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Release);
        self.status.send_modify(|status| status.ended = true);
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Awaits a delay, in which the lane counts as waiting; returns early if the lane ends.
    pub(super) async fn wait<T>(&self, delay: impl Future<Output = T>) {
        let mut status = self.status.subscribe();
        self.status.send_modify(|status| status.waiting += 1);
        tokio::select! {
            _ = delay => {}
            _ = status.wait_for(|status| status.ended) => {}
        }
        self.status.send_modify(|status| status.waiting -= 1);
    }

    /// Returns when a batch waits for its next attempt, or after `most`.
    pub(super) async fn is_waiting(&self, most: Duration) {
        // The sender lives as long as `self`.
        let mut status = self.status.subscribe();
        let _ = timeout(most, status.wait_for(|status| status.waiting > 0)).await;
    }
}
