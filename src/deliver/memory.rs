//! How much of memory the entries of one target may take, in all objects together: a target that does not answer
//! must not fill it, however many objects come.

use std::sync::Arc;

use tokio::sync::mpsc::{self, error::SendError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::targets::Entry;

/// MemoryBudget for entries, in KiB.
#[derive(Clone, Debug)]
pub(super) struct MemoryBudget {
    free: Arc<Semaphore>,
    all: u32,
}

/// A batch and the room it takes.
pub(super) struct Batch {
    pub(super) entries: Vec<Entry>,
    pub(super) room: Option<OwnedSemaphorePermit>,
}

/// A place in the queue, and room in memory.
pub(super) type Place = (
    Result<mpsc::OwnedPermit<Batch>, SendError<()>>,
    Option<OwnedSemaphorePermit>,
);

/// Waits for both.
pub(super) async fn place(
    queue: &mpsc::Sender<Batch>,
    room: &MemoryBudget,
    entries: &[Entry],
) -> Place {
    (
        queue.clone().reserve_owned().await,
        room.take(entries).await,
    )
}

impl MemoryBudget {
    pub(super) fn new(bytes: u64) -> MemoryBudget {
        let all = u32::try_from(bytes >> 10)
            .unwrap_or(u32::MAX)
            .clamp(1, Semaphore::MAX_PERMITS as u32);
        MemoryBudget {
            free: Arc::new(Semaphore::new(all as usize)),
            all,
        }
    }

    /// Waits for room for `entries`; a batch that needs more than there is takes all.
    pub(super) async fn take(&self, entries: &[Entry]) -> Option<OwnedSemaphorePermit> {
        let bytes: usize = entries
            .iter()
            .map(|entry| entry.size() + entry.raw.len() + size_of::<Entry>())
            .sum();
        self.free
            .clone()
            .acquire_many_owned(((bytes >> 10) as u32).clamp(1, self.all))
            .await
            .ok()
    }
}
