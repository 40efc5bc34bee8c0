//! The task of a lane that sends its batches, several at a time.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::JoinSet;

use super::groups::{Groups, Ticket};
use super::memory::MemoryPermit;
use super::parts::Parts;
use super::retry;
use super::state::LaneState;
use super::stats::Held;
use super::witnesses::Sending;
use crate::targets::Entry;

/// A batch on its way to the target.
pub(super) struct Batch {
    pub(super) entries: Vec<Entry>,
    /// Held until the batch is dealt with.
    pub(super) memory: MemoryPermit,
}

/// The permits that a batch acquires, in the order of the object, before its task starts.
#[derive(Default)]
pub(super) struct Reservation {
    /// Its place among the batches that share groups with it.
    pub(super) ticket: Option<Ticket>,
    /// Its part of the gaps that the lane may leave.
    pub(super) gaps: Option<OwnedSemaphorePermit>,
}

/// What is left to send of a batch.
pub(super) struct Remainder {
    pub(super) parts: Parts,
    pub(super) reservation: Reservation,
    pub(super) hearing: Hearing,
    /// Held until it is dealt with.
    pub(super) _memory: Vec<MemoryPermit>,
}

impl Remainder {
    /// A request for each of the entries that were held.
    pub(super) fn held(held: Vec<Held>, hearing: Hearing) -> Remainder {
        let (entries, memory) = held.into_iter().map(|one| (one.entry, one.memory)).unzip();
        Remainder {
            parts: Parts::single(entries),
            reservation: Reservation::default(),
            hearing,
            _memory: memory,
        }
    }
}

/// Whether entries are sent because nothing is known of them, or because they were rejected, and
/// the target has taken others since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hearing {
    First,
    Second,
}

/// Sends the batches of one lane.
struct Sender {
    lane: Arc<LaneState>,
    groups: Arc<Groups>,
    batches: mpsc::Receiver<Batch>,
    running: JoinSet<Option<Remainder>>,
    /// Batches that were refused so often that others are tried first.
    refused: VecDeque<Remainder>,
    /// Whether another one was tried since.
    is_other_tried: bool,
    /// Whether there may be further batches.
    is_open: bool,
}

/// Sends batches as they come, `concurrency` at a time; one at a time as long as it is not known
/// whether clicks that were rejected are wrong, or the target is.
pub(super) async fn run(
    lane: Arc<LaneState>,
    batches: mpsc::Receiver<Batch>,
    groups: Arc<Groups>,
    concurrency: usize,
) {
    let mut sending = lane.witnesses.sending();
    let mut sender = Sender {
        lane,
        groups,
        batches,
        running: JoinSet::new(),
        refused: VecDeque::new(),
        is_other_tried: true,
        is_open: true,
    };
    loop {
        sender.run(concurrency).await;
        match sender.more_evidence(sending).await {
            Some(again) => sending = again,
            None => return,
        }
    }
}

impl Sender {
    /// Returns once there are no further batches, and none is running.
    async fn run(&mut self, concurrency: usize) {
        loop {
            let most = if self.lane.is_in_doubt() {
                1
            } else {
                concurrency
            };
            let is_free = self.running.len() < most;
            if is_free && self.start_one().await {
                continue;
            }
            tokio::select! {
                batch = self.batches.recv(), if is_free && self.is_open => match batch {
                    Some(batch) => self.start(batch).await,
                    None => self.is_open = false,
                },
                Some(ended) = self.running.join_next(), if !self.running.is_empty() => {
                    // A panic is told by the entries that nobody accounts for.
                    if let Ok(Some(refused)) = ended {
                        self.refused.push_back(refused);
                        self.is_other_tried = false;
                    }
                }
                else => return,
            }
        }
    }

    /// Starts what is at hand: entries that are to be heard again, a batch that was refused, or
    /// another one before it. `false` if there is nothing.
    async fn start_one(&mut self) -> bool {
        let again = self.lane.hear_again();
        if let Some(again) = again {
            self.spawn(again);
            return true;
        }
        let next = if self.is_other_tried {
            self.refused.pop_front()
        } else {
            None
        };
        if next.is_none()
            && let Ok(batch) = self.batches.try_recv()
        {
            self.start(batch).await;
            return true;
        }
        let Some(mut next) = next.or_else(|| self.refused.pop_front()) else {
            return false;
        };
        self.call_witness(&mut next.parts);
        self.spawn(next);
        true
    }

    /// Starts a new batch.
    async fn start(&mut self, batch: Batch) {
        self.is_other_tried = true;
        let Batch { entries, memory } = batch;
        // Here, where batches still are in their order, and not in the batch's task: one that
        // waits behind another in line must not hold what that one needs.
        let gaps = self.lane.gaps.reserve(&entries);
        let gaps = self.lane.control.before_stop(gaps).await.flatten();
        let ticket = self.groups.enqueue(&entries);
        let mut parts = Parts::of(entries, self.lane.records);
        self.call_witness(&mut parts);
        self.spawn(Remainder {
            parts,
            reservation: Reservation { ticket, gaps },
            hearing: Hearing::First,
            _memory: vec![memory],
        });
    }

    /// In doubt, a single click asks the target: if it is taken, the others can be decided, and as
    /// many as possible are left for the next doubt.
    fn call_witness(&self, parts: &mut Parts) {
        if self.lane.is_in_doubt() {
            parts.call_witness();
        }
    }

    fn spawn(&mut self, remainder: Remainder) {
        let lane = self.lane.clone();
        self.running.spawn(retry::deliver(lane, remainder));
    }

    /// Waits, if entries are held, until the target takes another click, of whatever object, unless
    /// what it took decides on them already; `None` if none are held, or if none will come.
    async fn more_evidence(&mut self, sending: Sending) -> Option<Sending> {
        let on_credit = Some(&self.lane).filter(|lane| !lane.is_over());
        if let Some(again) = on_credit.and_then(|lane| lane.hear_on_credit()) {
            self.spawn(again);
            return Some(sending);
        }
        let oldest = self.lane.oldest_held().filter(|_| !self.lane.is_over())?;
        // Lanes that wait for each other send nothing.
        drop(sending);
        let waited = self.lane.witnesses.wait_for(oldest);
        let confirmed = self.lane.control.before_stop(waited).await == Some(true);
        (confirmed && !self.lane.is_over()).then(|| self.lane.witnesses.sending())
    }
}
