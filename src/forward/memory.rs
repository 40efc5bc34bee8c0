//! How much memory the objects may take that are read side by side: many small ones, or a few large
//! ones.

use tokio::sync::{Semaphore, SemaphorePermit};

/// How many times its size a compressed click file is, at least.
const INFLATED: u64 = 12;
/// An object of unknown size takes one part in so many of the budget.
const UNKNOWN: u32 = 10;

/// Memory for the objects that are read side by side.
pub(super) struct ReadBudget {
    /// The free part, in KiB.
    free: Semaphore,
    /// The whole budget, in KiB.
    all: u32,
    /// Plain bytes of a window, for each target whose requests are windows.
    windows: Vec<u64>,
}

/// Memory for one object, until it is dropped.
pub(super) struct ReadPermit<'b> {
    _kib: Option<SemaphorePermit<'b>>,
}

impl ReadBudget {
    /// Allows so many bytes. `windows` has the plain bytes of a window for each target that has
    /// windows.
    pub(super) fn new(bytes: u64, windows: Vec<u64>) -> ReadBudget {
        let all = u32::try_from(bytes >> 10).unwrap_or(u32::MAX);
        ReadBudget {
            free: Semaphore::new(all as usize),
            all,
            windows,
        }
    }

    /// Waits for memory for an object of `size` bytes as stored, if that is known.
    pub(super) async fn acquire(&self, size: Option<u64>) -> ReadPermit<'_> {
        let kib = |bytes: u64| u32::try_from(bytes >> 10).unwrap_or(u32::MAX);
        let kib = size.map_or(self.all / UNKNOWN, |bytes| {
            // A window waits in memory until it is complete: of a small file all of it, inflated.
            let inflated = bytes.saturating_mul(INFLATED);
            let held = self.windows.iter();
            let held = held.map(|window| inflated.min(*window) * 3 / 2).sum();
            kib(bytes.max(held))
        });
        // The semaphore is never closed.
        ReadPermit {
            _kib: self.free.acquire_many(kib.clamp(1, self.all)).await.ok(),
        }
    }
}
