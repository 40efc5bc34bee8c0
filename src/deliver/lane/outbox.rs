//! The way from a lane to the task that sends its batches: a bounded queue, within the target's
//! memory budget.

use std::sync::Arc;

use tokio::sync::mpsc::{OwnedPermit, Sender, channel, error::SendError};
use tokio::task::JoinHandle;

use crate::deliver::groups::Groups;
use crate::deliver::memory::MemoryPermit;
use crate::deliver::sender::{self, Batch};
use crate::deliver::state::LaneState;
use crate::targets::Entry;

/// Batches that wait in the queue beside those in flight.
const QUEUE: usize = 2;

/// Hands batches to the task that sends them.
pub(in crate::deliver) struct Outbox {
    lane: Arc<LaneState>,
    queue: Sender<Batch>,
    /// The task that sends what is queued.
    sender: JoinHandle<()>,
    /// A batch that the queue had no place for when its lane was left behind.
    pending: Vec<Entry>,
}

/// A place in the queue, and memory for a batch.
struct Slot {
    /// `Err` if the task has ended, which it does before the lane only if a target panics.
    place: Result<OwnedPermit<Batch>, SendError<()>>,
    memory: MemoryPermit,
}

impl Outbox {
    /// Starts the task that sends the batches of `lane`, up to `concurrency` at a time.
    pub(in crate::deliver) fn start(
        lane: Arc<LaneState>,
        groups: Arc<Groups>,
        concurrency: usize,
    ) -> Outbox {
        let (queue, batches) = channel(QUEUE);
        Outbox {
            sender: tokio::spawn(sender::run(lane.clone(), batches, groups, concurrency)),
            lane,
            queue,
            pending: Vec::new(),
        }
    }

    /// Queues `entries`, unless `abandon` returns first: then they are pending, and `false` says
    /// so.
    pub(super) async fn queue_unless(
        &mut self,
        entries: Vec<Entry>,
        abandon: impl Future<Output = ()>,
    ) -> bool {
        self.pending = entries;
        tokio::select! {
            biased;
            slot = self.reserve() => self.send(slot),
            () = abandon => return false,
        }
        true
    }

    /// Queues the pending batch.
    pub(super) async fn queue_pending(&mut self) {
        let slot = self.reserve().await;
        self.send(slot);
    }

    /// Waits until the pending batch can be queued.
    async fn reserve(&self) -> Slot {
        Slot {
            place: self.queue.clone().reserve_owned().await,
            memory: self.lane.memory.acquire(&self.pending).await,
        }
    }

    fn send(&mut self, slot: Slot) {
        let entries = std::mem::take(&mut self.pending);
        match slot.place {
            Ok(place) => drop(place.send(Batch {
                entries,
                memory: slot.memory,
            })),
            Err(_) => self.lane.defer(entries.len()),
        }
    }

    /// Defers what is pending, and returns once everything that was queued is dealt with.
    pub(super) async fn close(self) {
        self.lane.defer(self.pending.len());
        drop(self.queue);
        // A panic is told by the entries that nobody accounts for.
        let _ = self.sender.await;
    }
}
