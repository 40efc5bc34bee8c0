//! The lanes of a pass that go on together.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::deliver::state::LaneState;

/// Counts the lanes that go on together in a pass: all but the last of them may be left behind.
pub struct Attached(AtomicUsize);

impl Attached {
    /// Starts with `lanes` lanes; with none, no lane may be left behind.
    pub fn new(lanes: usize) -> Attached {
        Attached(AtomicUsize::new(lanes))
    }

    /// Returns once the lane of `lane`, whose queue is full, is to be left behind, and takes it away;
    /// never if it has ended, or is the last.
    pub(super) async fn left_behind(&self, lane: &LaneState) {
        if lane.has_ended() {
            std::future::pending().await
        }
        lane.holds_up().await;
        if !self.leave() {
            std::future::pending().await
        }
    }

    /// Takes one lane away; `false` if it is the last.
    fn leave(&self) -> bool {
        let others = |lanes: usize| (lanes > 1).then(|| lanes - 1);
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, others)
            .is_ok()
    }
}
