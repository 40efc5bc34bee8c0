//! Keeps the progress of each target with each object, so that an object that comes again is
//! resumed.
//!
//! An object is known by bucket, key and revision: its version, else its ETag. A run claims it,
//! which no other can then do for the time of a lease; renews the lease; and writes a checkpoint of
//! what is settled as it goes, each time on the condition that the claim still stands.

mod checkpoint;
mod document;
mod item;
mod local;
mod replay;
#[cfg(feature = "aws")]
mod table;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

#[cfg(not(feature = "aws"))]
use crate::without_aws as table;
pub use checkpoint::{
    CheckpointSource, CheckpointWriter, FinalWrite, LeaseGuard, SAVE, milliseconds,
};
pub use document::{Counts, Document, Failing, Gap, TargetProgress};
pub use item::State;
pub use local::{Busy, Local};
pub use replay::ReplayRequest;
pub use table::Table;

use item::{ClaimDecision, Item};

use crate::object::ObjectRef;

/// How long a claim stands unless it is renewed.
pub const LEASE: Duration = Duration::from_secs(30);

/// Where progress is kept.
#[derive(Clone, Debug)]
pub enum Progress {
    /// In a DynamoDB table: for all copies of the function.
    Table(Table),
    /// In this process, and in a file if there is one.
    Local(Local),
}

/// A run's request to claim an object.
#[derive(Clone, Copy, Debug)]
pub struct ClaimRequest<'r> {
    /// The targets that are configured.
    pub targets: &'r [std::sync::Arc<str>],
    /// Whether it is to be forwarded again though it was.
    pub replay: Option<&'r ReplayRequest>,
    /// Progress that an earlier run handed on in a message.
    pub carried: Option<&'r Carried>,
    /// Milliseconds since 1970.
    pub now: u64,
}

/// The outcome of a request.
#[derive(Debug)]
pub enum ClaimOutcome {
    /// The run holds the object's lease.
    Acquired(Claim),
    /// Every target has all of the object.
    AlreadyDone,
    /// Another run holds the lease, for this long at most.
    HeldByOther(Duration),
}

/// An object that this run has claimed, and the progress as last written.
#[derive(Clone, Debug)]
pub struct Claim {
    key: String,
    item: Item,
}

impl Claim {
    /// The progress when it was claimed, or as last written.
    pub fn document(&self) -> &Document {
        &self.item.document
    }

    /// Whether somebody asked that `target` gets the object again.
    pub fn is_again(&self, target: &str) -> bool {
        self.item.again.iter().any(|name| name == target)
    }

    /// The progress as last saved, for a message.
    pub fn carry(&self) -> Carried {
        Carried {
            epoch: self.item.epoch,
            document: self.item.document.clone(),
        }
    }
}

/// Progress that a message carries to the next run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carried {
    /// The epoch it was written in: of two, the later counts.
    #[serde(rename = "epoch")]
    pub epoch: u64,
    /// The progress.
    #[serde(flatten)]
    pub document: Document,
}

/// Why progress cannot be kept. Nothing may be sent then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProgressError {
    /// The claim is another's by now.
    Lost,
    /// The item is gone.
    Deleted,
    /// A later version of this program wrote it.
    Newer {
        /// The format found.
        found: u64,
        /// Where.
        place: String,
    },
    /// A replay names a target that there is not.
    Unknown(String),
    /// There is no such table, or it may not be used, or it does not answer.
    Unavailable(String),
}

impl fmt::Display for ProgressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProgressError::Lost => {
                f.write_str("lease lost: this run stalled for longer than its lease and another run claimed the object")
            }
            ProgressError::Deleted => {
                f.write_str("its progress was deleted while it was forwarded; it starts anew when it comes back")
            }
            ProgressError::Newer { found, place } => write!(
                f,
                "its progress in {place} has format {found}, and this version of the program knows {}: deploy the newer version",
                item::FORMAT
            ),
            ProgressError::Unknown(target) => write!(f, "the replay names target {target}, which is not among TARGETS"),
            ProgressError::Unavailable(cause) => write!(f, "its progress cannot be kept: {cause}"),
        }
    }
}

impl std::error::Error for ProgressError {}

impl Progress {
    /// Whether it outlives this process, so that it is worth writing before the end.
    pub fn is_durable(&self) -> bool {
        match self {
            Progress::Table(_) => true,
            Progress::Local(local) => local.is_durable(),
        }
    }

    /// Whether it can be read and written, without writing anything.
    pub async fn probe(&self) -> Result<(), ProgressError> {
        match self {
            Progress::Table(table) => table.probe().await,
            Progress::Local(_) => Ok(()),
        }
    }

    /// Whether other processes see it.
    pub fn is_shared(&self) -> bool {
        matches!(self, Progress::Table(_))
    }

    /// Claims an object for a run.
    pub async fn claim(
        &self,
        object: &ObjectRef,
        revision: &str,
        request: ClaimRequest<'_>,
    ) -> Result<ClaimOutcome, ProgressError> {
        let key = item::key(object, revision);
        // No other claim has its name: an answer that was lost is known by it.
        let owner = format!("{:032x}", fastrand::u128(..));
        // The usual object was never seen: one write claims it. A replay's was, and what it asks
        // depends on that.
        let mut found = if request.replay.is_some() {
            self.get(&key).await?
        } else {
            None
        };
        loop {
            let item = match item::decide(found.as_ref(), &request, &owner)? {
                ClaimDecision::Claim(item) => item,
                ClaimDecision::AlreadyDone => return Ok(ClaimOutcome::AlreadyDone),
                ClaimDecision::HeldByOther(left) => return Ok(ClaimOutcome::HeldByOther(left)),
            };
            match self.put(&key, &item, found.as_ref(), request.now).await? {
                None => return Ok(ClaimOutcome::Acquired(Claim { key, item })),
                // The write before had arrived after all.
                Some(there) if there.owner == owner => {
                    return Ok(ClaimOutcome::Acquired(Claim { key, item: there }));
                }
                Some(there) => found = Some(there),
            }
        }
    }

    /// Decides as [`claim`](Self::claim) does, and claims nothing: `None` if something is left to
    /// do, and no run does it.
    pub async fn look(
        &self,
        object: &ObjectRef,
        revision: &str,
        request: ClaimRequest<'_>,
    ) -> Result<Option<ClaimOutcome>, ProgressError> {
        let found = self.get(&item::key(object, revision)).await?;
        Ok(match item::decide(found.as_ref(), &request, "")? {
            ClaimDecision::Claim(_) => None,
            ClaimDecision::AlreadyDone => Some(ClaimOutcome::AlreadyDone),
            ClaimDecision::HeldByOther(left) => Some(ClaimOutcome::HeldByOther(left)),
        })
    }

    /// Writes how far a claimed object is: still `Running`, which renews the lease, or `Open` or
    /// `Done`, which gives the claim up.
    pub async fn save(
        &self,
        claim: &mut Claim,
        document: Document,
        state: State,
        now: u64,
    ) -> Result<(), ProgressError> {
        let lease = if state == State::Running {
            now + LEASE.as_millis() as u64
        } else {
            0
        };
        let mut before = claim.item.clone();
        loop {
            let item = Item {
                document: document.clone(),
                state,
                lease,
                writes: before.writes + 1,
                ..before.clone()
            };
            match self.put(&claim.key, &item, Some(&before), now).await? {
                Some(there) if there.owner != item.owner || there.epoch != item.epoch => {
                    return Err(ProgressError::Lost);
                }
                // A write before this one had arrived though its answer was lost; or this one had.
                Some(there) if there != item => before = there,
                _ => {
                    claim.item = item;
                    return Ok(());
                }
            }
        }
    }

    /// The item, if there is one.
    async fn get(&self, key: &str) -> Result<Option<Item>, ProgressError> {
        match self {
            Progress::Table(table) => table.get(key).await,
            Progress::Local(local) => Ok(local.get(key)),
        }
    }

    /// Writes `item` if the one that is there is `before`, or if there is none as it says; else
    /// tells what is there.
    async fn put(
        &self,
        key: &str,
        item: &Item,
        before: Option<&Item>,
        now: u64,
    ) -> Result<Option<Item>, ProgressError> {
        match self {
            Progress::Table(table) => table.put(key, item, before, now).await,
            Progress::Local(local) => local.put(key, item, before),
        }
    }
}
