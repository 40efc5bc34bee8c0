//! Finds the object that a job names: which spellings of its key may be read, and which exists.

use crate::config::S3Prefix;
use crate::job::Job;
use crate::object::{Directory, ObjectError, ObjectRef, Reader, Store};
use crate::outcome::SkipReason;

/// Where objects are read from, and which.
pub(super) struct Objects {
    /// The store of the buckets.
    pub(super) store: Store,
    /// The store of objects without a bucket: files.
    files: Store,
    /// The prefixes that may be read; all if `None`.
    pub(super) sources: Option<Vec<S3Prefix>>,
}

/// An object, and its bytes.
pub(super) struct Found {
    pub(super) object: ObjectRef,
    pub(super) reader: Reader,
}

impl Objects {
    pub(super) fn new(store: Store, sources: Option<Vec<S3Prefix>>) -> Objects {
        Objects {
            store,
            files: Store::Directory(Directory { root: None }),
            sources,
        }
    }

    /// The store that an object is read from.
    pub(super) fn store_of(&self, object: &ObjectRef) -> &Store {
        if object.bucket.is_empty() {
            &self.files
        } else {
            &self.store
        }
    }

    /// The spellings of the job's key that may be read; `Err` says why none may. `is_own` tells the
    /// program's own outputs.
    pub(super) fn readable(
        &self,
        job: &Job,
        is_own: impl Fn(&ObjectRef) -> bool,
    ) -> Result<Vec<ObjectRef>, SkipReason> {
        let spell = |key: &String| ObjectRef {
            key: key.clone(),
            ..job.object()
        };
        let mut spellings: Vec<_> = job.keys.iter().map(spell).collect();
        if job.trusted {
            return Ok(spellings);
        }
        if job.bucket.is_empty() {
            return Err(SkipReason::NoBucket);
        }
        if spellings.iter().any(is_own) {
            return Err(SkipReason::OwnOutput);
        }
        let is_source = |object: &ObjectRef| {
            self.sources
                .as_ref()
                .is_none_or(|prefixes| prefixes.iter().any(|prefix| prefix.holds(object)))
        };
        spellings.retain(is_source);
        match (spellings.first(), job.size) {
            (None, _) => Err(SkipReason::OutsideSources),
            (Some(object), Some(0)) if object.key.ends_with('/') => Err(SkipReason::FolderMarker),
            (Some(_), Some(0)) => Err(SkipReason::Empty),
            _ => Ok(spellings),
        }
    }

    /// Opens the first of `spellings` that exists.
    pub(super) async fn open(&self, spellings: Vec<ObjectRef>) -> Result<Found, ObjectError> {
        let keys = spellings.len();
        for object in spellings {
            match self.store_of(&object).open(&object).await {
                Err(ObjectError::Missing) => {
                    tracing::debug!(object = %object, keys = keys, "no such spelling")
                }
                Ok(reader) => return Ok(Found { object, reader }),
                Err(error) => return Err(error),
            }
        }
        Err(ObjectError::Missing)
    }
}
