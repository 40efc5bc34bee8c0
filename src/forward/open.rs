//! Which object a job names: what may be read, what is there, and what is gone.

use std::sync::Arc;

use super::Forwarder;
use crate::job::Job;
use crate::object::{ObjectError, ObjectRef, Reader};
use crate::outcome::{End, Outcome, SkipReason};
use crate::quarantine::{Row, RowKind};
use clicks::decode::{BadRecord, Place};

/// Why an object that was named is not read.
pub(super) const GONE: &str = "the object is gone: no spelling of its key exists";
pub(super) const REPLACED: &str = "the object was replaced before all of it was forwarded; switch on the bucket's versions, so that this cannot happen";

impl Forwarder {
    /// The spellings of the job's key that may be read, or why none may.
    pub(super) fn readable(&self, job: &Job) -> Result<Vec<ObjectRef>, SkipReason> {
        let mut spellings: Vec<_> = job
            .keys
            .iter()
            .map(|key| ObjectRef {
                key: key.clone(),
                ..job.object()
            })
            .collect();
        if job.trusted {
            return Ok(spellings);
        }
        if job.bucket.is_empty() {
            return Err(SkipReason::NoBucket);
        }
        let own = |object| {
            self.quarantine.holds(object)
                || self
                    .deliveries
                    .iter()
                    .any(|delivery| delivery.wrote(object))
        };
        if spellings.iter().any(own) {
            return Err(SkipReason::OwnOutput);
        }
        spellings.retain(|object| {
            self.sources
                .as_ref()
                .is_none_or(|prefixes| prefixes.iter().any(|location| location.holds(object)))
        });
        match (spellings.first(), job.size) {
            (None, _) => Err(SkipReason::OutsideSources),
            (Some(object), Some(0)) if object.key.ends_with('/') => Err(SkipReason::FolderMarker),
            (Some(_), Some(0)) => Err(SkipReason::Empty),
            _ => Ok(spellings),
        }
    }

    /// Opens the first spelling of the key that exists.
    pub(super) async fn open(
        &self,
        job: &Job,
        spellings: Vec<ObjectRef>,
    ) -> Result<(ObjectRef, Reader), ObjectError> {
        for object in spellings {
            match self.store(&object).open(&object).await {
                Err(ObjectError::Missing) => {
                    tracing::debug!(object = %object, keys = job.keys.len(), "no such spelling")
                }
                Ok(reader) => return Ok((object, reader)),
                Err(error) => return Err(error),
            }
        }
        Err(ObjectError::Missing)
    }

    /// Notes an object that is gone: somebody must learn of it, though it will never come back.
    pub(super) async fn gone(&self, object: ObjectRef, reason: &str) -> Outcome {
        let bad = BadRecord {
            place: Place::default(),
            length: 0,
            raw: Default::default(),
            reason: reason.into(),
        };
        let kept = self
            .quarantine
            .keep(std::iter::once(&Row::bad(
                Arc::new(object.clone()),
                bad,
                RowKind::Object,
            )))
            .await;
        let end = kept.map_or_else(
            |e| End::Failed(format!("its quarantine row cannot be stored: {e}")),
            |()| End::Missing,
        );
        Outcome::unread(object, end)
    }
}
