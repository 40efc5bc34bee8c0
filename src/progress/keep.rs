//! A claim kept alive while its run lasts, and the fence that stops the run if it is not.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::{Carried, Claim, Document, LEASE, Progress, ProgressError, State, TargetProgress};
use crate::quarantine::Row;

/// How often progress is written while there is some: what a crash may double is a second's worth.
pub const SAVE: Duration = Duration::from_secs(1);
/// How often the lease is renewed when there is none.
const RENEW: Duration = Duration::from_secs(10);
/// How long before the lease is over nothing more is sent: a request on its way has to arrive.
const MARGIN: Duration = Duration::from_secs(2);

/// Until when a run may send. It falls when the lease is over, or when another run has the object.
#[derive(Debug)]
pub struct Fence {
    until: Mutex<Instant>,
    fallen: AtomicBool,
}

impl Fence {
    fn new(until: Instant) -> Fence {
        Fence { until: Mutex::new(until), fallen: AtomicBool::new(false) }
    }

    /// Whether nothing may be sent any more.
    pub fn has_fallen(&self) -> bool {
        let until = *self.until.lock().unwrap_or_else(PoisonError::into_inner);
        self.fallen.load(Ordering::Relaxed) || Instant::now() >= until
    }

    fn extend(&self, until: Instant) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    fn fall(&self) {
        self.fallen.store(true, Ordering::Relaxed);
    }
}

/// What one target has settled, as it changes: with the rows that must be stored before that is true.
pub struct Settled {
    /// The target's name.
    pub target: Arc<str>,
    /// The progress now, and the rows since the last call.
    pub snapshot: Box<dyn Fn() -> (TargetProgress, Vec<Row>) + Send + Sync>,
}

/// Writes one object's progress.
pub struct Keeper {
    progress: Progress,
    claim: Claim,
    fence: Arc<Fence>,
    written: Instant,
    clock: fn() -> SystemTime,
}

impl Keeper {
    /// Of a claim made after `asked`.
    pub fn new(progress: Progress, claim: Claim, asked: Instant, clock: fn() -> SystemTime) -> Keeper {
        let fence = Arc::new(Fence::new(asked + LEASE - MARGIN));
        Keeper { progress, claim, fence, written: asked, clock }
    }

    /// Until when the run may send.
    pub fn fence(&self) -> Arc<Fence> {
        self.fence.clone()
    }

    /// What was last written.
    pub fn document(&self) -> &Document {
        self.claim.document()
    }

    /// What was last written, for a message.
    pub fn carry(&self) -> Carried {
        self.claim.carry()
    }

    /// Whether it is time to write `document`.
    pub fn is_due(&self, document: &Document) -> bool {
        (self.progress.is_durable() && document != self.claim.document()) || self.written.elapsed() >= RENEW
    }

    /// Whether the lease must be renewed, whatever has changed.
    pub fn must_renew(&self) -> bool {
        self.written.elapsed() >= RENEW
    }

    /// Whether progress is worth writing before the end.
    pub fn is_durable(&self) -> bool {
        self.progress.is_durable()
    }

    /// Writes `document`, and gives the claim up unless the run goes on.
    pub async fn write(&mut self, document: Document, state: State) -> Result<(), ProgressError> {
        let asked = Instant::now();
        let result = self.progress.save(&mut self.claim, document, state, milliseconds((self.clock)())).await;
        match &result {
            Ok(()) => {
                self.written = asked;
                self.fence.extend(asked + LEASE - MARGIN);
            }
            Err(ProgressError::Lost) => self.fence.fall(),
            Err(_) => {}
        }
        result
    }
}

/// Since 1970.
pub fn milliseconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
