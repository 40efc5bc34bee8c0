//! How long a run may take, and what must be over when.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// What an object may take longer than its deadline to end in order, where nothing else is said.
const GRACE: Duration = Duration::from_millis(250);

/// How long may be waited.
#[derive(Clone, Debug)]
pub struct Patience {
    /// When reading stops and no request begins any more.
    pub stop: Instant,
    /// When requests in flight are given up.
    pub deadline: Instant,
    /// When rows and progress must be stored.
    pub end: Instant,
    /// How long after its first failure a batch is given up.
    pub give_up: Duration,
    /// Becomes `true` when somebody wants it to stop before.
    pub interrupt: watch::Receiver<bool>,
}

impl Patience {
    /// Until `deadline`, however long that is.
    pub fn until(deadline: Instant) -> Patience {
        let (_, interrupt) = watch::channel(false);
        Patience {
            stop: deadline,
            deadline,
            end: deadline + GRACE,
            give_up: Duration::MAX,
            interrupt,
        }
    }

    /// Whether nothing new may begin.
    pub fn is_over(&self) -> bool {
        *self.interrupt.borrow() || Instant::now() >= self.stop
    }

    /// What `work` comes to; nothing if it is over before.
    pub async fn in_time<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut interrupt = self.interrupt.clone();
        let interrupted = async {
            if interrupt.wait_for(|interrupt| *interrupt).await.is_err() {
                // Nobody can interrupt any more.
                std::future::pending().await
            }
        };
        tokio::select! {
            biased;
            done = timeout_at(self.stop, work) => done.ok(),
            () = interrupted => None,
        }
    }
}
