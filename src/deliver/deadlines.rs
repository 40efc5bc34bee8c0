//! When a run stops reading, sending and storing, how long it retries, and how it is cancelled.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// How long rows and progress may take to be stored after the last request, where nothing else is
/// set.
const GRACE: Duration = Duration::from_millis(250);

/// The instants by which the phases of a run are over, in this order.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// From here on nothing is read and no request is started.
    pub stop_reading: Instant,
    /// Requests still in flight are aborted here.
    pub abort_requests: Instant,
    /// Quarantine rows and progress must be stored by here.
    pub commit_by: Instant,
}

impl Deadlines {
    /// Reads and sends until `deadline`, and stores within a short grace period after it.
    pub fn until(deadline: Instant) -> Deadlines {
        Deadlines {
            stop_reading: deadline,
            abort_requests: deadline,
            commit_by: deadline + GRACE,
        }
    }
}

/// A token that tells every holder of a clone to stop. Cancelling cannot be undone.
#[derive(Clone, Debug, Default)]
pub struct Cancellation(watch::Sender<bool>);

impl Cancellation {
    /// Cancels all clones of this token.
    pub fn cancel(&self) {
        self.0.send_replace(true);
    }

    /// Whether the token was cancelled.
    pub fn is_cancelled(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns once the token is cancelled.
    pub async fn cancelled(&self) {
        // Fails only if the sender is gone, which `self` keeps alive.
        let _ = self.0.subscribe().wait_for(|cancelled| *cancelled).await;
    }
}

/// Bounds a run: its deadlines, its retry budget, and the token that cancels it.
#[derive(Clone, Debug)]
pub struct RunControl {
    /// The deadlines of its phases.
    pub deadlines: Deadlines,
    /// How long after its first failure a batch is retried.
    pub retry_budget: Duration,
    /// Stops the run before its deadlines.
    pub cancellation: Cancellation,
}

impl RunControl {
    /// Runs until `deadline`, retries until then, and is cancelled by nobody.
    pub fn until(deadline: Instant) -> RunControl {
        RunControl {
            deadlines: Deadlines::until(deadline),
            retry_budget: Duration::MAX,
            cancellation: Cancellation::default(),
        }
    }

    /// Whether nothing new may be started.
    pub fn is_over(&self) -> bool {
        self.cancellation.is_cancelled() || Instant::now() >= self.deadlines.stop_reading
    }

    /// Runs `work`; `None` if the stop time passes or the run is cancelled first.
    pub async fn before_stop<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = timeout_at(self.deadlines.stop_reading, work) => done.ok(),
            () = self.cancellation.cancelled() => None,
        }
    }
}
