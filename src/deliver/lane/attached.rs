//! The lanes of a pass that go on together.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts the lanes that go on together in a pass: all but the last of them may be left behind.
pub struct Attached(AtomicUsize);

impl Attached {
    /// Starts with `lanes` lanes; with none, no lane may be left behind.
    pub fn new(lanes: usize) -> Attached {
        Attached(AtomicUsize::new(lanes))
    }

    /// Takes one lane away; `false` if it is the last.
    pub(super) fn leave(&self) -> bool {
        let others = |lanes: usize| (lanes > 1).then(|| lanes - 1);
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, others)
            .is_ok()
    }
}
