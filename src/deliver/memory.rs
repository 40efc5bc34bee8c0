//! How much memory the entries of one target may take, in all objects together: a target that does
//! not answer must not fill it, however many objects come.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::targets::Entry;

/// Memory for entries, shared between clones.
#[derive(Clone, Debug)]
pub(super) struct MemoryBudget {
    /// The free part, in KiB.
    free: Arc<Semaphore>,
    /// The whole budget, in KiB.
    all: u32,
}

/// Memory that a batch takes, until it is dropped.
pub(super) struct MemoryPermit {
    _kib: Option<OwnedSemaphorePermit>,
}

impl MemoryBudget {
    /// Allows so many bytes.
    pub(super) fn new(bytes: u64) -> MemoryBudget {
        let all = u32::try_from(bytes >> 10)
            .unwrap_or(u32::MAX)
            .clamp(1, Semaphore::MAX_PERMITS as u32);
        MemoryBudget {
            free: Arc::new(Semaphore::new(all as usize)),
            all,
        }
    }

    /// Waits for memory for `entries`; a batch that needs more than the budget takes all of it.
    pub(super) async fn acquire(&self, entries: &[Entry]) -> MemoryPermit {
        let bytes: usize = entries
            .iter()
            .map(|entry| entry.size() + entry.raw.len() + size_of::<Entry>())
            .sum();
        let kib = ((bytes >> 10) as u32).clamp(1, self.all);
        MemoryPermit {
            // The semaphore is never closed.
            _kib: self.free.clone().acquire_many_owned(kib).await.ok(),
        }
    }
}
