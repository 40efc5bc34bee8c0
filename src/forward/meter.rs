//! Counts what is read, for a progress bar.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Counts the bytes of objects as they are stored.
#[derive(Debug, Default)]
pub struct Meter {
    read: AtomicU64,
    /// Objects that were opened, and their sizes together.
    opened: AtomicU64,
    sizes: AtomicU64,
    /// Whether an object was opened whose size nobody knows.
    is_endless: AtomicBool,
}

impl Meter {
    /// Counts an object that was opened.
    pub(super) fn open(&self, size: Option<u64>) {
        match size {
            Some(size) => self.sizes.fetch_add(size, Ordering::Relaxed),
            None => u64::from(self.is_endless.swap(true, Ordering::Relaxed)),
        };
        self.opened.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts bytes that a store gave.
    pub(super) fn add(&self, bytes: usize) {
        self.read.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Returns the bytes read so far.
    pub fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Estimates the size of so many objects by those opened so far; `None` if the size of one of
    /// them is not known, or none was opened.
    pub fn estimate(&self, objects: u64) -> Option<u64> {
        let opened = self.opened.load(Ordering::Relaxed);
        let sizes = self.sizes.load(Ordering::Relaxed);
        let is_endless = self.is_endless.load(Ordering::Relaxed);
        let whole = u128::from(sizes) * u128::from(objects.max(opened));
        let estimate = whole.checked_div(opened.into())?;
        (!is_endless).then(|| u64::try_from(estimate).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_all_is_estimated_by_those_that_were_opened() {
        let meter = Meter::default();
        assert_eq!(meter.estimate(10), None);
        meter.open(Some(100));
        meter.open(Some(300));
        assert_eq!(meter.estimate(10), Some(2000));
        assert_eq!(meter.estimate(1), Some(400), "both were opened");
        meter.open(None);
        assert_eq!(meter.estimate(10), None);
    }
}
