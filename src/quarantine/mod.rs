//! Records that cannot be delivered, kept as rows that say why and that can be fed back.
//!
//! Rows are JSON lines. A row's id depends on its contents and not on the time, and an object of
//! rows is named after its first row and a hash over all of them: the same run again stores nothing
//! twice, and of a run that keeps more rows than the one before, none is lost.

mod members;
mod row;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest, Sha256};

pub use row::{Row, RowClick, RowId, RowKind};

use crate::config::{QuarantineStore, S3Prefix};
use crate::object::{Directory, ObjectError, ObjectRef, Store};
use clicks::Uuid8;

/// Bytes of rows that are collected before they are stored.
const FLUSH: usize = 1 << 20;

/// Why rows are not stored. The object that they are of must come back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuarantineError {
    /// The store refuses them, or does not answer.
    Store(ObjectError),
    /// The store did not answer within this time.
    Late(Duration),
    /// A row of a rejected click without its bytes: they could never be fed back.
    NoBytes(RowId),
}

impl fmt::Display for QuarantineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("its quarantine cannot be written: ")?;
        match self {
            QuarantineError::Store(ObjectError::Unavailable(cause)) => f.write_str(cause),
            QuarantineError::Store(ObjectError::Denied(cause)) => {
                write!(f, "access denied ({cause}): grant s3:PutObject on it")
            }
            QuarantineError::Store(error) => error.fmt(f),
            QuarantineError::Late(allowed) => {
                write!(f, "no answer within {} ms", allowed.as_millis())
            }
            QuarantineError::NoBytes(id) => write!(
                f,
                "row {id} of a rejected click is without the click's bytes, so it could not be \
                 fed back; this is a mistake in the program, please report it"
            ),
        }
    }
}

impl std::error::Error for QuarantineError {}

impl From<ObjectError> for QuarantineError {
    fn from(error: ObjectError) -> QuarantineError {
        QuarantineError::Store(error)
    }
}

/// Where rows go.
pub struct Quarantine {
    place: QuarantineStore,
    store: Store,
}

impl Quarantine {
    /// Returns the quarantine at `place`; `s3` is the store for buckets.
    pub fn new(place: QuarantineStore, s3: Store) -> Quarantine {
        let store = if matches!(place, QuarantineStore::Directory(_)) {
            Store::Directory(Directory { root: None })
        } else {
            s3
        };
        Quarantine { place, store }
    }

    /// Returns where rows go.
    pub fn place(&self) -> &QuarantineStore {
        &self.place
    }

    /// Whether `object` lies in the quarantine, so that it must not be read as clicks.
    pub fn holds(&self, object: &ObjectRef) -> bool {
        matches!(&self.place, QuarantineStore::S3(location) if location.holds(object))
    }

    /// Stores rows that one target rejected, ordered by their places: requests end in any order,
    /// but the same rows must have the same name.
    pub async fn keep<'r>(
        &self,
        rows: impl Iterator<Item = &'r Row>,
    ) -> Result<(), QuarantineError> {
        let mut rows: Vec<_> = rows.map(|row| (row.place.offset, row.id(), row)).collect();
        rows.sort_by_key(|(offset, id, _)| (*offset, *id));
        let mut writer = self.writer();
        for (_, _, row) in rows {
            writer.add(row).await?;
        }
        writer.flush().await
    }

    /// Returns a collector for the rows of one source: bad records, or those of one target.
    pub fn writer(&self) -> Writer<'_> {
        Writer {
            quarantine: self,
            rows: Vec::new(),
            first: None,
            ids: Sha256::new(),
        }
    }

    async fn store(&self, name: &str, rows: Bytes) -> Result<(), QuarantineError> {
        let (bucket, key) = match &self.place {
            QuarantineStore::Log => return Ok(()),
            QuarantineStore::S3(S3Prefix { bucket, prefix }) => {
                (bucket.as_str(), format!("{prefix}{name}.jsonl"))
            }
            QuarantineStore::Directory(path) => (
                "",
                path.join(format!("{name}.jsonl"))
                    .to_string_lossy()
                    .into_owned(),
            ),
        };
        let new = self.store.put_new(bucket, &key, rows).await?;
        tracing::info!(object = %ObjectRef::new(bucket, key), new = new, "quarantine stored");
        Ok(())
    }
}

/// Collects rows and stores them in objects of about 1 MiB.
pub struct Writer<'q> {
    quarantine: &'q Quarantine,
    rows: Vec<u8>,
    first: Option<RowId>,
    /// A hash over the rows' ids.
    ids: Sha256,
}

impl Writer<'_> {
    /// Adds a row.
    pub async fn add(&mut self, row: &Row) -> Result<(), QuarantineError> {
        if row.kind == RowKind::Rejected && row.raw.is_empty() {
            return Err(QuarantineError::NoBytes(row.id()));
        }
        row.log();
        if self.quarantine.place == QuarantineStore::Log {
            return Ok(());
        }
        let id = row.id();
        self.first.get_or_insert(id);
        self.ids.update(id.text());
        row.write(&mut self.rows);
        if self.rows.len() >= FLUSH {
            self.flush().await
        } else {
            Ok(())
        }
    }

    /// Stores what is collected.
    pub async fn flush(&mut self) -> Result<(), QuarantineError> {
        let Some(first) = self.first.take() else {
            return Ok(());
        };
        let all = Uuid8::from_digest(&std::mem::take(&mut self.ids).finalize().into()).to_string();
        let name = format!("{first}-{}", all.get(..8).unwrap_or_default());
        let rows = std::mem::take(&mut self.rows);
        self.quarantine.store(&name, rows.into()).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::object::Memory;
    use clicks::decode::BadRecord;

    #[tokio::test]
    async fn a_rejected_click_without_its_bytes_is_not_stored() {
        let memory = Memory::default();
        let prefix = S3Prefix {
            bucket: "rows".into(),
            prefix: "q/".into(),
        };
        let quarantine =
            Quarantine::new(QuarantineStore::S3(prefix), Store::Memory(memory.clone()));
        let row = |kind| {
            let bad = BadRecord {
                place: Default::default(),
                length: 7,
                raw: Bytes::new(),
                reason: "HTTP 422".into(),
            };
            Row::bad(Arc::new(ObjectRef::new("b", "k")), bad, kind)
        };
        let empty = row(RowKind::Rejected);
        assert_eq!(
            quarantine.keep(std::iter::once(&empty)).await,
            Err(QuarantineError::NoBytes(empty.id()))
        );
        assert_eq!(memory.keys("rows", "q/", None), [""; 0]);
        let gone = row(RowKind::Object);
        assert_eq!(quarantine.keep(std::iter::once(&gone)).await, Ok(()));
        assert_eq!(memory.keys("rows", "q/", None).len(), 1);
    }
}
