//! Finds the object that a job names: which spellings of its key may be read, and which exists.

use super::memory::{ReadBudget, ReadPermit};
use crate::config::S3Prefix;
use crate::deliver::RunControl;
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

/// An object, its bytes, and the memory for reading them.
pub(super) struct Found<'b> {
    pub(super) object: ObjectRef,
    pub(super) reader: Reader,
    pub(super) memory: ReadPermit<'b>,
}

/// Why an object is not open.
pub(super) enum NotOpened {
    /// The time was up before there was memory for it.
    NoMemory,
    Store(ObjectError),
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

    /// Opens the first of `spellings` that exists, with the memory of `budget` that reading it
    /// takes. `told` is the size that its event names.
    pub(super) async fn open<'b>(
        &self,
        spellings: &[ObjectRef],
        budget: &'b ReadBudget,
        told: Option<u64>,
        control: &RunControl,
    ) -> Result<Found<'b>, NotOpened> {
        let acquiring = control.before_stop(budget.acquire_to_open(told));
        let mut memory = acquiring.await.ok_or(NotOpened::NoMemory)?;
        loop {
            let no_answer = || ObjectError::Unavailable("no answer until the time was up".into());
            let opening = control.before_stop(self.find(spellings)).await;
            let opening = opening.unwrap_or_else(|| Err(no_answer()));
            let Opened { object, reader } = opening.map_err(NotOpened::Store)?;
            let size = reader.size().or(told);
            // Whoever writes a pipe may be waiting for another one to be read.
            let is_pipe = reader.revision().is_none();
            if is_pipe || memory.fit(size) {
                return Ok(Found {
                    object,
                    reader,
                    memory,
                });
            }
            // All is given back before more is waited for.
            drop((reader, memory));
            let acquiring = control.before_stop(budget.acquire(size));
            memory = acquiring.await.ok_or(NotOpened::NoMemory)?;
        }
    }

    /// Opens the first of `spellings` that exists.
    async fn find(&self, spellings: &[ObjectRef]) -> Result<Opened, ObjectError> {
        for object in spellings {
            match self.store_of(object).open(object).await {
                Err(ObjectError::Missing) => {
                    tracing::debug!(object = %object, keys = spellings.len(), "no such spelling")
                }
                Ok(reader) => {
                    let object = object.clone();
                    return Ok(Opened { object, reader });
                }
                Err(error) => return Err(error),
            }
        }
        Err(ObjectError::Missing)
    }
}

/// An object and its bytes.
struct Opened {
    object: ObjectRef,
    reader: Reader,
}
