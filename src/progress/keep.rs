//! A claim kept alive while its run lasts, and the fence that stops the run if it is not.

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
pub struct Fence(Mutex<Lease>);

#[derive(Debug)]
struct Lease {
    until: Instant,
    /// What the last write has come to.
    trouble: Option<ProgressError>,
}

impl Fence {
    fn new(until: Instant) -> Fence {
        Fence(Mutex::new(Lease {
            until,
            trouble: None,
        }))
    }

    /// Why nothing may be sent any more; nothing if it still stands.
    pub fn has_fallen(&self) -> Option<String> {
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

/// What one target settles, as its run goes on. A record that it rejects is settled once its row is stored.
pub trait Settling: Send + Sync {
    /// The target's name.
    fn target(&self) -> &Arc<str>;
    /// What is settled now.
    fn progress(&self) -> TargetProgress;
    /// The rows that are not stored, each with the offset of its record; they are the caller's now.
    fn take_rows(&self) -> Vec<(u64, Row)>;
    /// The rows of the records at these offsets are stored.
    fn stored(&self, offsets: &[u64]);
    /// These rows could not be stored.
    fn put_back(&self, rows: Vec<(u64, Row)>);
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
    pub fn new(
        progress: Progress,
        claim: Claim,
        asked: Instant,
        clock: fn() -> SystemTime,
    ) -> Keeper {
        let fence = Arc::new(Fence::new(asked + LEASE - MARGIN));
        Keeper {
            progress,
            claim,
            fence,
            written: asked,
            clock,
        }
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
        (self.is_durable() && document != self.document()) || self.must_renew()
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
        let result = self
            .progress
            .save(
                &mut self.claim,
                document,
                state,
                milliseconds((self.clock)()),
            )
            .await;
        self.fence.note(&result, asked + LEASE - MARGIN);
        if result.is_ok() {
            self.written = asked;
        }
        result
    }
}

/// Since 1970.
pub fn milliseconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as u64)
}
