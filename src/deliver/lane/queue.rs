//! How a full batch gets from a lane to what sends it.

use super::{Full, Lane};
use crate::deliver::memory::{Batch, Place, place};

impl Lane {
    /// Queues a batch. If the queue stays full, and others wait for this lane (`may_detach`), the lane keeps the
    /// batch, takes back what came after it, and `false` says so: it [goes on](Self::go_on) alone.
    pub async fn enqueue(&mut self, full: Full, may_detach: bool) -> bool {
        self.state
            .ledger(|ledger| ledger.queue(&full.batch, full.high_watermark));
        self.pending = full.batch;
        let place = place(&self.queue, &self.memory, &self.pending);
        tokio::select! {
            biased;
            place = place => self.send(place),
            () = self.state.holds_up(), if may_detach && !self.state.has_ended() => {
                self.batcher.take();
                (self.offered, self.resume) = (full.before, full.high_watermark);
                return false;
            }
        }
        true
    }

    /// Queues the batch that was kept, however long that takes.
    pub async fn go_on(&mut self) {
        let place = place(&self.queue, &self.memory, &self.pending).await;
        self.send(place);
    }

    fn send(&mut self, place: Place) {
        let entries = std::mem::take(&mut self.pending);
        match place {
            (Ok(permit), room) => drop(permit.send(Batch { entries, room })),
            // The worker ends only with the lane, or by a panic of a target.
            (Err(_), _) => self.state.leave(entries.len()),
        }
    }
}
