//! Claims objects, so that no other run forwards them at the same time.

use std::sync::Arc;
use std::time::SystemTime;

use tokio::time::Instant;

use crate::job::Job;
use crate::object::ObjectRef;
use crate::object::file_name::absolute;
use crate::outcome::End;
use crate::progress::{
    CheckpointWriter, ClaimOutcome, ClaimRequest, LeaseGuard, Progress, ProgressError,
    TargetProgress, milliseconds,
};

/// Claims objects, if progress is kept.
pub(super) struct Claims {
    pub(super) progress: Option<Progress>,
    /// The names of the configured targets.
    pub(super) targets: Arc<[Arc<str>]>,
    pub(super) clock: fn() -> SystemTime,
}

/// The claim of a run to an object.
#[derive(Default)]
pub(super) struct Claimed {
    /// Writes the progress; `None` if none is kept.
    pub(super) writer: Option<CheckpointWriter>,
}

impl Claimed {
    /// Returns the progress of `target` when the object was claimed.
    pub(super) fn progress(&self, target: &str) -> TargetProgress {
        let writer = self.writer.as_ref();
        let known = writer.and_then(|writer| writer.claimed().targets.get(target).cloned());
        known.unwrap_or_default()
    }

    /// Returns the end of what some target was offered before.
    pub(super) fn known(&self) -> u64 {
        let writers = self.writer.iter();
        let progress = writers.flat_map(|writer| writer.claimed().targets.values());
        let known = progress.map(|progress| progress.high_watermark).max();
        known.unwrap_or(0)
    }

    /// Whether somebody asked that `target` gets the object again.
    pub(super) fn is_again(&self, target: &str) -> bool {
        let writer = self.writer.as_ref();
        writer.is_some_and(|writer| writer.is_again(target))
    }

    /// Returns the lease, if progress is kept.
    pub(super) fn lease(&self) -> Option<Arc<LeaseGuard>> {
        self.writer.as_ref().map(CheckpointWriter::lease)
    }
}

impl Claims {
    /// Claims an object for this run, as far as progress is kept; `Err` says how the run ends
    /// without.
    pub(super) async fn claim(
        &self,
        job: &Job,
        object: &ObjectRef,
        revision: &str,
    ) -> Result<Claimed, End> {
        let Some(progress) = &self.progress else {
            return Ok(Claimed::default());
        };
        let asked = Instant::now();
        let claimed = progress
            .claim(&canonical(object).await, revision, self.request(job))
            .await;
        tracing::debug!(
            object = %object,
            took_ms = asked.elapsed().as_millis() as u64,
            acquired = matches!(claimed, Ok(ClaimOutcome::Acquired(_))),
            "object claimed"
        );
        match claimed {
            Ok(ClaimOutcome::Acquired(claim)) => {
                let progress = progress.clone();
                let writer = CheckpointWriter::start(progress, claim, asked, self.clock);
                Ok(Claimed {
                    writer: Some(writer),
                })
            }
            Ok(ClaimOutcome::AlreadyDone) => Err(End::Done),
            Ok(ClaimOutcome::HeldByOther(left)) => Err(End::LeasedElsewhere(left)),
            Err(error) => Err(refused(&error)),
        }
    }

    /// Returns how the run over an object ends whose contents, which the job names, are not there
    /// any more; `None` if they were not forwarded, as far as is known.
    pub(super) async fn end_of_gone(&self, job: &Job) -> Option<End> {
        let progress = self.progress.as_ref()?;
        let point = job.resume_point.as_ref().map(|point| &point.revision);
        let revision = point.or(job.version.as_ref()).or(job.etag.as_ref())?;
        for key in &job.keys {
            let object = ObjectRef::new(job.bucket.as_str(), key.as_str());
            let object = canonical(&object).await;
            match progress.look(&object, revision, self.request(job)).await {
                Ok(Some(ClaimOutcome::AlreadyDone)) => return Some(End::Done),
                Ok(Some(ClaimOutcome::HeldByOther(left))) => {
                    return Some(End::LeasedElsewhere(left));
                }
                Ok(Some(ClaimOutcome::Acquired(_)) | None) => {}
                Err(error) => return Some(refused(&error)),
            }
        }
        None
    }

    fn request<'r>(&'r self, job: &'r Job) -> ClaimRequest<'r> {
        let point = job.resume_point.as_ref();
        ClaimRequest {
            targets: &self.targets,
            replay: job.replay.as_ref(),
            carried: point.and_then(|point| point.progress.as_ref()),
            now: milliseconds((self.clock)()),
        }
    }
}

/// Returns how a run ends that gets no claim for this reason.
fn refused(error: &ProgressError) -> End {
    match error {
        // Only whoever wrote the replay can mend it.
        ProgressError::Unknown(_) => End::Refused(error.to_string()),
        error => End::Failed(error.to_string()),
    }
}

/// The object by a name that is the same however it was spelled: a file's absolute path.
async fn canonical(object: &ObjectRef) -> ObjectRef {
    let key = if object.bucket.is_empty() {
        absolute(&object.key).await
    } else {
        None
    };
    let key = key.unwrap_or_else(|| object.key.clone());
    ObjectRef {
        key,
        ..object.clone()
    }
}
