//! Writes checkpoints of one object's progress, which renews its lease; and guards the run against
//! a lost lease. One task for each claim makes all its writes, so that no two are on their way at
//! once and none waits for anything but its time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use super::{Carried, Claim, Document, LEASE, Progress, ProgressError, State, TargetProgress};
use crate::quarantine::Row;

/// How often progress is written while there is some: a crash can duplicate at most a second's
/// worth.
pub const SAVE: Duration = Duration::from_secs(1);
/// How often the lease is renewed while there is no progress.
const RENEW: Duration = Duration::from_secs(10);
/// No request starts this close to the end of the lease, so that those in flight can finish.
const MARGIN: Duration = Duration::from_secs(2);

/// Says until when a run may send: until its lease is over, or another run has claimed the object.
#[derive(Debug)]
pub struct LeaseGuard(Mutex<Lease>);

#[derive(Debug)]
struct Lease {
    until: Instant,
    /// Why the last write failed, if it did.
    trouble: Option<ProgressError>,
}

impl LeaseGuard {
    fn new(until: Instant) -> LeaseGuard {
        LeaseGuard(Mutex::new(Lease {
            until,
            trouble: None,
        }))
    }

    /// Why the lease is lost, so that nothing may be sent any more; `None` while it stands.
    pub fn lost(&self) -> Option<String> {
        let lease = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &lease.trouble {
            Some(gone @ (ProgressError::Lost | ProgressError::Deleted)) => Some(gone.to_string()),
            _ if Instant::now() < lease.until => None,
            Some(trouble) => Some(format!("its lease ran out: {trouble}")),
            None => Some("its lease ran out: this run stood still for longer".into()),
        }
    }

    fn note(&self, result: &Result<(), ProgressError>, until: Instant) {
        let mut lease = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lease.trouble = result.clone().err();
        if result.is_ok() {
            lease.until = until;
        }
    }
}

/// Gives the progress of one target, as its run goes on. A record that it rejects is settled once
/// its row is stored.
pub trait CheckpointSource: Send + Sync {
    /// The target's name.
    fn target(&self) -> &Arc<str>;
    /// The progress now.
    fn progress(&self) -> TargetProgress;
    /// Takes the rows that are not stored, each with the offset of its record.
    fn take_rows(&self) -> Vec<(u64, Row)>;
    /// Notes that the rows of the records at these offsets are stored.
    fn stored(&self, offsets: &[u64]);
    /// Gives back rows that could not be stored.
    fn put_back(&self, rows: Vec<(u64, Row)>);
}

/// Gives documents to the one task that writes to the store for a claim.
///
/// The task renews the lease by itself: it repeats the last document, and waits for nothing that
/// the run does. It ends when this is dropped.
pub struct CheckpointWriter {
    orders: watch::Sender<Order>,
    lease: Arc<LeaseGuard>,
    claim: Claim,
    is_durable: bool,
    task: JoinHandle<FinalWrite>,
}

/// The last document, and whether the claim is given up with it.
#[derive(Clone)]
struct Order {
    document: Document,
    state: State,
}

/// The result of the last write of a claim.
pub struct FinalWrite {
    /// The progress as last written, for a message.
    pub carried: Carried,
    /// Whether the last document was written.
    pub result: Result<(), ProgressError>,
}

impl CheckpointWriter {
    /// Starts the task that writes for `claim`, which was asked for at `asked`: its lease counts
    /// from then.
    pub fn start(
        progress: Progress,
        claim: Claim,
        asked: Instant,
        clock: fn() -> SystemTime,
    ) -> CheckpointWriter {
        let lease = Arc::new(LeaseGuard::new(asked + LEASE - MARGIN));
        let (orders, taken) = watch::channel(Order {
            document: claim.document().clone(),
            state: State::Running,
        });
        let is_durable = progress.is_durable();
        let writes = Writes {
            progress,
            claim: claim.clone(),
            lease: lease.clone(),
            written: asked,
            tried: asked,
            clock,
        };
        CheckpointWriter {
            orders,
            lease,
            claim,
            is_durable,
            task: tokio::spawn(writes.run(taken)),
        }
    }

    /// The guard that says until when the run may send.
    pub fn lease(&self) -> Arc<LeaseGuard> {
        self.lease.clone()
    }

    /// The progress when the object was claimed.
    pub fn claimed(&self) -> &Document {
        self.claim.document()
    }

    /// Whether somebody asked that `target` gets the object again.
    pub fn is_again(&self, target: &str) -> bool {
        self.claim.is_again(target)
    }

    /// Whether progress outlives the process, so that it is worth writing before the end.
    pub fn is_durable(&self) -> bool {
        self.is_durable
    }

    /// Has `document` written, at most once a second.
    pub fn offer(&self, document: Document) {
        let state = State::Running;
        self.orders.send_if_modified(|order| {
            let is_new = order.document != document;
            if is_new {
                *order = Order { document, state };
            }
            is_new
        });
    }

    /// Writes the last document, in state `Open` or `Done`, which gives the claim up.
    pub async fn finish(self, document: Document, state: State) -> FinalWrite {
        self.orders.send_replace(Order { document, state });
        self.task.await.unwrap_or_else(|error| FinalWrite {
            carried: self.claim.carry(),
            result: Err(ProgressError::Unavailable(format!(
                "the task that writes it ended early: {error}"
            ))),
        })
    }
}

/// All writes of one claim, one after another.
struct Writes {
    progress: Progress,
    claim: Claim,
    lease: Arc<LeaseGuard>,
    /// When the last write that succeeded was begun.
    written: Instant,
    /// When the last write was begun.
    tried: Instant,
    clock: fn() -> SystemTime,
}

impl Writes {
    /// Writes what is ordered until the claim is given up, or nobody orders any more.
    async fn run(mut self, mut orders: watch::Receiver<Order>) -> FinalWrite {
        loop {
            let order = orders.borrow_and_update().clone();
            if order.state != State::Running {
                return self.finish(order).await;
            }
            match timeout_at(self.due(&order.document), orders.changed()).await {
                Ok(Ok(())) => continue,
                Ok(Err(_)) => return self.abandoned(),
                Err(_) => {}
            }
            let is_last = |order: &Order| order.state != State::Running;
            // Should a write that is dropped arrive after all, the last one takes it into account,
            // or it is refused.
            tokio::select! {
                written = self.write(order) => if let Err(error) = written {
                    tracing::warn!(error = %error, "progress not written");
                },
                last = orders.wait_for(is_last) => if last.is_err() {
                    return self.abandoned();
                }
            }
        }
    }

    /// When the next write is due, if `document` is still the last one then.
    fn due(&self, document: &Document) -> Instant {
        let is_new = self.progress.is_durable() && document != self.claim.document();
        let since = if is_new { SAVE } else { RENEW };
        (self.written + since).max(self.tried + SAVE)
    }

    /// Writes `order`. In state `Running` that renews the lease; in any other it gives the claim
    /// up.
    async fn write(&mut self, order: Order) -> Result<(), ProgressError> {
        let Order { document, state } = order;
        let asked = Instant::now();
        self.tried = asked;
        let now = milliseconds((self.clock)());
        let result = self
            .progress
            .save(&mut self.claim, document, state, now)
            .await;
        self.lease.note(&result, asked + LEASE - MARGIN);
        if result.is_ok() {
            self.written = asked;
        }
        result
    }

    async fn finish(mut self, order: Order) -> FinalWrite {
        let result = self.write(order).await;
        FinalWrite {
            carried: self.claim.carry(),
            result,
        }
    }

    /// The result that nobody asks for.
    fn abandoned(self) -> FinalWrite {
        FinalWrite {
            carried: self.claim.carry(),
            result: Ok(()),
        }
    }
}

/// Milliseconds from 1970 to `time`; 0 if it lies before.
pub fn milliseconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as u64)
}
