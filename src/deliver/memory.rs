//! How much memory the entries of one target may take, in all objects together: a target that does
//! not answer must not fill it, however many objects come.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::targets::Entry;

/// Memory for entries, shared between clones.
#[derive(Clone, Debug)]
pub(super) struct MemoryBudget {
    batches: Pool,
    /// A part of its own, so that batches can always go on: the target's answers to them decide
    /// what becomes of the entries that are held.
    held: Pool,
}

/// A part of the budget.
#[derive(Clone, Debug)]
struct Pool {
    /// The free part, in KiB.
    free: Arc<Semaphore>,
    /// The whole part, in KiB.
    all: u32,
}

/// One part in so many is for entries that are held.
const HELD: u32 = 4;

/// Memory that entries take, until it is dropped.
#[derive(Debug)]
pub(super) struct MemoryPermit {
    kib: Option<OwnedSemaphorePermit>,
}

impl MemoryPermit {
    /// Splits off the part of these entries.
    pub(super) fn split(&mut self, entries: &[Entry]) -> MemoryPermit {
        let part = |all: &mut OwnedSemaphorePermit| {
            // Rounded up: what is left of it is given back at once.
            let kib = (kib(entries) as usize + 1).min(all.num_permits());
            all.split(kib)
        };
        MemoryPermit {
            kib: self.kib.as_mut().and_then(part),
        }
    }
}

impl MemoryBudget {
    /// Allows so many bytes.
    pub(super) fn new(bytes: u64) -> MemoryBudget {
        let all = u32::try_from(bytes >> 10)
            .unwrap_or(u32::MAX)
            .clamp(1, Semaphore::MAX_PERMITS as u32);
        let held = (all / HELD).max(1);
        MemoryBudget {
            batches: Pool::new((all - held).max(1)),
            held: Pool::new(held),
        }
    }

    /// Waits for memory for `entries`; a batch that needs more than the budget takes all of it.
    pub(super) async fn acquire(&self, entries: &[Entry]) -> MemoryPermit {
        let Pool { free, all } = &self.batches;
        let kib = kib(entries).clamp(1, *all);
        MemoryPermit {
            // The semaphore is never closed.
            kib: free.clone().acquire_many_owned(kib).await.ok(),
        }
    }

    /// Takes memory for an entry that is held; `None` if there is none.
    pub(super) fn hold(&self, entry: &Entry) -> Option<MemoryPermit> {
        let Pool { free, all } = &self.held;
        let kib = kib(std::slice::from_ref(entry)).clamp(1, *all);
        let permit = free.clone().try_acquire_many_owned(kib).ok()?;
        Some(MemoryPermit { kib: Some(permit) })
    }
}

impl Pool {
    fn new(all: u32) -> Pool {
        Pool {
            free: Arc::new(Semaphore::new(all as usize)),
            all,
        }
    }
}

/// The memory of `entries`.
fn kib(entries: &[Entry]) -> u32 {
    let bytes: usize = entries
        .iter()
        .map(|entry| {
            let group = entry.group.as_ref().map_or(0, |group| group.size());
            entry.size() + entry.raw.len() + group + size_of::<Entry>()
        })
        .sum();
    (bytes >> 10) as u32
}
