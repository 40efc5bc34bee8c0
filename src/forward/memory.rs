//! How much memory the objects may take that are read side by side: many small ones, or a few large
//! ones.

use tokio::sync::{Semaphore, SemaphorePermit};

/// How many times its size a compressed click file is, at least.
const INFLATED: u64 = 12;
/// To open an object of unknown size takes one part in so many of the budget. To read one takes all
/// of it.
const OPENING: u32 = 10;

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
    budget: &'b ReadBudget,
    /// The permit's part, in KiB.
    kib: SemaphorePermit<'b>,
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

    /// Waits for memory to open an object: what it takes to read it, if its size as stored is
    /// known, else a small part, which has to [`fit`](ReadPermit::fit) once it is open.
    pub(super) async fn acquire_to_open(&self, size: Option<u64>) -> ReadPermit<'_> {
        let opening = self.all / OPENING;
        let kib = size.map_or(opening.max(1), |bytes| self.share(Some(bytes)));
        self.acquire_kib(kib).await
    }

    /// Waits for memory to read an object of `size` bytes as stored.
    pub(super) async fn acquire(&self, size: Option<u64>) -> ReadPermit<'_> {
        self.acquire_kib(self.share(size)).await
    }

    async fn acquire_kib(&self, kib: u32) -> ReadPermit<'_> {
        let acquired = self.free.acquire_many(kib).await;
        ReadPermit {
            budget: self,
            kib: acquired.unwrap_or_else(|_| unreachable!("the semaphore is never closed")),
        }
    }

    /// Returns the KiB that an object of `size` bytes takes: all there are if the size is unknown.
    fn share(&self, size: Option<u64>) -> u32 {
        let kib = |bytes: u64| u32::try_from(bytes >> 10).unwrap_or(u32::MAX);
        let needed = size.map_or(self.all, |bytes| {
            // A window waits in memory until it is complete: of a small file all of it, inflated.
            let inflated = bytes.saturating_mul(INFLATED);
            let held = self.windows.iter();
            let held = held.map(|window| inflated.min(*window) * 3 / 2).sum();
            kib(bytes.max(held))
        });
        needed.clamp(1, self.all)
    }
}

impl ReadPermit<'_> {
    /// Makes it fit an object whose size was learnt: gives back what is too much, or takes what is
    /// missing if that is free. Never waits: `false` says that it is too small, and must be dropped
    /// before another is acquired, lest two wait for each other.
    pub(super) fn fit(&mut self, size: Option<u64>) -> bool {
        let (needed, held) = (self.budget.share(size), self.kib.num_permits());
        match (needed as usize).checked_sub(held) {
            None => {
                drop(self.kib.split(held - needed as usize));
                true
            }
            Some(missing) => {
                let missing = u32::try_from(missing).unwrap_or(u32::MAX);
                let more = self.budget.free.try_acquire_many(missing);
                more.map(|more| self.kib.merge(more)).is_ok()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use futures::future::join_all;
    use tokio::time::timeout;

    const MIB: u64 = 1 << 20;

    #[tokio::test]
    async fn an_unknown_size_counts_as_the_largest_once_an_object_is_open() {
        let budget = ReadBudget::new(16 * MIB, vec![8 * MIB, 8 * MIB]);
        let mut first = budget.acquire_to_open(None).await;
        let second = budget.acquire_to_open(None).await;
        assert!(!first.fit(None), "another has a part of it");
        drop(second);
        assert!(first.fit(None));
        assert_eq!(budget.free.available_permits(), 0);
        assert!(first.fit(Some(1000)), "it is small after all");
        assert_eq!(budget.free.available_permits(), 16 * 1024 - 35);
    }

    /// Opens objects as the forwarder does, in random order and of random sizes, told and learnt.
    #[tokio::test(start_paused = true)]
    async fn readers_never_wait_for_each_other_nor_take_more_than_there_is() {
        for seed in 0..200 {
            let mut random = fastrand::Rng::with_seed(seed);
            let windows = vec![8 * MIB; random.usize(0..4)];
            let budget = Arc::new(ReadBudget::new(random.u64(1..32) * MIB, windows));
            let taken = Arc::new(AtomicUsize::new(0));
            let size = |random: &mut fastrand::Rng| random.bool().then(|| 1 << random.u32(0..26));
            let readers = (0..random.usize(1..30)).map(|_| {
                let (told, learnt) = (size(&mut random), size(&mut random));
                let (budget, taken) = (budget.clone(), taken.clone());
                let pause = Duration::from_millis(random.u64(0..9));
                async move {
                    let mut permit = budget.acquire_to_open(told).await;
                    while !permit.fit(learnt) {
                        drop(permit);
                        permit = budget.acquire(learnt).await;
                    }
                    let held = permit.kib.num_permits();
                    let all = taken.fetch_add(held, Ordering::Relaxed) + held;
                    assert!(all <= budget.all as usize, "seed {seed}: {all}");
                    drop(timeout(pause, std::future::pending::<()>()).await);
                    taken.fetch_sub(held, Ordering::Relaxed);
                }
            });
            let all = timeout(Duration::from_secs(60), join_all(readers)).await;
            assert!(all.is_ok(), "seed {seed}: readers wait for each other");
            assert_eq!(budget.free.available_permits(), budget.all as usize);
        }
    }
}
