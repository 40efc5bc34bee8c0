//! Claims objects, so that no other run forwards them at the same time.

use std::sync::Arc;
use std::time::SystemTime;

use tokio::time::Instant;

use crate::job::Job;
use crate::object::ObjectRef;
use crate::outcome::End;
use crate::progress::{
    CheckpointWriter, ClaimOutcome, ClaimRequest, Progress, ProgressError, milliseconds,
};

/// Claims objects, if progress is kept.
pub(super) struct Claims {
    pub(super) progress: Option<Progress>,
    /// The names of the configured targets.
    pub(super) targets: Arc<[Arc<str>]>,
    pub(super) clock: fn() -> SystemTime,
}

impl Claims {
    /// Claims an object for this run: `None` if no progress is kept, `Err` says how the run ends
    /// without.
    pub(super) async fn claim(
        &self,
        job: &Job,
        object: &ObjectRef,
        revision: &str,
    ) -> Result<Option<CheckpointWriter>, End> {
        let Some(progress) = &self.progress else {
            return Ok(None);
        };
        let point = job.resume_point.as_ref();
        let request = ClaimRequest {
            targets: &self.targets,
            replay: job.replay.as_ref(),
            carried: point.and_then(|point| point.progress.as_ref()),
            now: milliseconds((self.clock)()),
        };
        let asked = Instant::now();
        let claimed = progress
            .claim(&canonical(object).await, revision, request)
            .await;
        match claimed {
            Ok(ClaimOutcome::Acquired(claim)) => {
                let progress = progress.clone();
                let writer = CheckpointWriter::start(progress, claim, asked, self.clock);
                Ok(Some(writer))
            }
            Ok(ClaimOutcome::AlreadyDone) => Err(End::Done),
            Ok(ClaimOutcome::HeldByOther(left)) => Err(End::LeasedElsewhere(left)),
            // Only whoever wrote the replay can mend it.
            Err(error @ ProgressError::Unknown(_)) => Err(End::Refused(error.to_string())),
            Err(error) => Err(End::Failed(error.to_string())),
        }
    }
}

/// The object by a name that is the same however it was spelled: a file's absolute path.
async fn canonical(object: &ObjectRef) -> ObjectRef {
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
