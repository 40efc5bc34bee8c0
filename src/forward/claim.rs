//! Before an object is read: room in memory, and the word of the table that it is this run's.

use tokio::sync::SemaphorePermit;
use tokio::time::Instant;

use super::Forwarder;
use crate::job::Job;
use crate::object::ObjectRef;
use crate::outcome::End;
use crate::progress::{CheckpointWriter, ClaimOutcome, ClaimRequest, ProgressError, milliseconds};

/// How many times its size a compressed click file is, at least.
const INFLATED: u64 = 12;

impl Forwarder {
    /// Waits for room to read an object beside others: many small ones, or a few large ones.
    pub(super) async fn room(&self, job: &Job) -> Option<SemaphorePermit<'_>> {
        let kib = |bytes: u64| u32::try_from(bytes >> 10).unwrap_or(u32::MAX);
        let kib = job.size.map_or(self.rooms / 10, |bytes| {
            // A window waits in memory until it is whole: of a small file all of it, inflated.
            let held = self
                .cuts
                .iter()
                .map(|cut| bytes.saturating_mul(INFLATED).min(*cut) * 3 / 2)
                .sum();
            kib(bytes.max(held))
        });
        self.room.acquire_many(kib.clamp(1, self.rooms)).await.ok()
    }

    /// Makes the object this run's, if progress is kept; or says how the run ends without.
    pub(super) async fn claim(
        &self,
        job: &Job,
        object: &ObjectRef,
        revision: &str,
    ) -> Result<Option<CheckpointWriter>, End> {
        let Some(progress) = &self.progress else {
            return Ok(None);
        };
        let carried = job
            .resume_point
            .as_ref()
            .and_then(|point| point.progress.as_ref());
        let now = milliseconds((self.clock)());
        let request = ClaimRequest {
            targets: &self.targets,
            replay: job.replay.as_ref(),
            carried,
            now,
        };
        let asked = Instant::now();
        match progress
            .claim(&known_as(object).await, revision, request)
            .await
        {
            Ok(ClaimOutcome::Acquired(claim)) => Ok(Some(CheckpointWriter::new(
                progress.clone(),
                claim,
                asked,
                self.clock,
            ))),
            Ok(ClaimOutcome::AlreadyDone) => Err(End::Done),
            Ok(ClaimOutcome::HeldByOther(left)) => Err(End::LeasedElsewhere(left)),
            // Whoever has written it must mend it.
            Err(error @ ProgressError::Unknown(_)) => Err(End::Refused(error.to_string())),
            Err(error) => Err(End::Failed(error.to_string())),
        }
    }
}

/// The object by a name that is the same however it was spelled: a file's whole path.
async fn known_as(object: &ObjectRef) -> ObjectRef {
    let path = if object.bucket.is_empty() {
        tokio::fs::canonicalize(&object.key).await.ok()
    } else {
        None
    };
    path.map_or_else(
        || object.clone(),
        |path| ObjectRef {
            key: path.to_string_lossy().into_owned(),
            ..object.clone()
        },
    )
}
