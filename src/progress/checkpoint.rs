//! Writes checkpoints of one object's progress, which renews its lease; and guards the run against
//! a lost lease.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

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

/// Writes checkpoints of one object's progress.
pub struct CheckpointWriter {
    progress: Progress,
    claim: Claim,
    lease: Arc<LeaseGuard>,
    written: Instant,
    clock: fn() -> SystemTime,
}

impl CheckpointWriter {
    /// For `claim`, which was asked for at `asked`: its lease counts from then.
    pub fn new(
        progress: Progress,
        claim: Claim,
        asked: Instant,
        clock: fn() -> SystemTime,
    ) -> CheckpointWriter {
        let lease = Arc::new(LeaseGuard::new(asked + LEASE - MARGIN));
        CheckpointWriter {
            progress,
            claim,
            lease,
            written: asked,
            clock,
        }
    }

    /// The guard that says until when the run may send.
    pub fn lease(&self) -> Arc<LeaseGuard> {
        self.lease.clone()
    }

    /// The progress as last written.
    pub fn document(&self) -> &Document {
        self.claim.document()
    }

    /// The progress as last written, for a message.
    pub fn carry(&self) -> Carried {
        self.claim.carry()
    }

    /// Whether `document` should be written now.
    pub fn is_due(&self, document: &Document) -> bool {
        (self.is_durable() && document != self.document()) || self.must_renew()
    }

    /// Whether the lease must be renewed, even if nothing has changed.
    pub fn must_renew(&self) -> bool {
        self.written.elapsed() >= RENEW
    }

    /// Whether progress outlives the process, so that it is worth writing before the end.
    pub fn is_durable(&self) -> bool {
        self.progress.is_durable()
    }

    /// Writes `document`. In state `Running` that renews the lease; in any other it gives the claim
    /// up.
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
        self.lease.note(&result, asked + LEASE - MARGIN);
        if result.is_ok() {
            self.written = asked;
        }
        result
    }
}

/// Milliseconds from 1970 to `time`; 0 if it lies before.
pub fn milliseconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as u64)
}
