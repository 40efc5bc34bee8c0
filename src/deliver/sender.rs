//! The task of a lane that sends its batches, several at a time.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::JoinSet;

use super::groups::{Groups, Ticket};
use super::memory::MemoryPermit;
use super::retry;
use super::state::LaneState;
use crate::targets::Entry;

/// A batch on its way to the target.
pub(super) struct Batch {
    pub(super) entries: Vec<Entry>,
    /// Held until the batch is dealt with.
    pub(super) _memory: MemoryPermit,
}

/// The permits that a batch acquires, in the order of the object, before its task starts.
pub(super) struct Reservation {
    /// Its place among the batches that share groups with it.
    pub(super) ticket: Option<Ticket>,
    /// Its part of the gaps that the lane may leave.
    pub(super) gaps: Option<OwnedSemaphorePermit>,
}

/// Sends batches as they come, `concurrency` at a time.
pub(super) async fn run(
    lane: Arc<LaneState>,
    mut batches: mpsc::Receiver<Batch>,
    groups: Arc<Groups>,
    concurrency: usize,
) {
    let mut running = JoinSet::new();
    loop {
        tokio::select! {
            batch = batches.recv(), if running.len() < concurrency => match batch {
                Some(batch) => {
                    // Here, where batches still are in their order, and not in the batch's task:
                    // one that waits behind another in line must not hold what that one needs.
                    let gaps = lane.control.before_stop(lane.reserve_gaps(&batch.entries)).await;
                    let reservation = Reservation {
                        ticket: groups.enqueue(&batch.entries),
                        gaps: gaps.flatten(),
                    };
                    running.spawn(retry::deliver(lane.clone(), batch, reservation));
                }
                None => break,
            },
            Some(_) = running.join_next(), if !running.is_empty() => {}
        }
    }
    while running.join_next().await.is_some() {}
}
