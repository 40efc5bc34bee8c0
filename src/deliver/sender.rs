//! The task of a lane that sends its batches, several at a time.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::cut::by_group;
use super::gaps::GapShare;
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

/// The permits that a request, or a batch of ordered ones, acquires in the order of the object,
/// before its task starts.
#[derive(Default)]
pub(super) struct Reservation {
    /// Its place among the batches that share ordering keys with it.
    pub(super) ticket: Option<Ticket>,
    /// Its part of the gaps that the lane may leave.
    pub(super) gaps: Option<GapShare>,
}

/// What is left to send of a batch, or of the part of it that is of one group.
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
    /// The parts of the last batch that are not started, each of one group.
    waiting: VecDeque<Remainder>,
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
        waiting: VecDeque::new(),
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
                    Some(batch) => self.receive(batch).await,
                    None => self.is_open = false,
                },
                Some(ended) = self.running.join_next(), if !self.running.is_empty() => {
                    // A panic is told by the entries that nobody accounts for.
                    if let Ok(Some(mut refused)) = ended {
                        // Others are tried first, and must not wait for what it holds.
                        refused.reservation.gaps = None;
                        self.refused.push_back(refused);
                        self.is_other_tried = false;
                    }
                }
                else => return,
            }
        }
    }

    /// Starts what is at hand: entries that are to be heard again, what was refused, or another
    /// part or batch before it. `false` if there is nothing.
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
            && self.waiting.is_empty()
            && let Ok(batch) = self.batches.try_recv()
        {
            self.receive(batch).await;
        }
        let next = next.or_else(|| {
            let other = self.waiting.pop_front();
            self.is_other_tried |= other.is_some();
            other.or_else(|| self.refused.pop_front())
        });
        let Some(mut next) = next else {
            return false;
        };
        self.call_witness(&mut next.parts);
        self.spawn(next);
        true
    }

    /// Takes a new batch apart, into one part for each request that holds one group.
    async fn receive(&mut self, batch: Batch) {
        let Batch {
            entries,
            mut memory,
        } = batch;
        // Here, where batches still are in their order, and not in the batch's task: one that
        // waits behind another in line must not hold what that one needs.
        let requests = by_group(entries, self.lane.limits);
        let gaps = self.lane.gaps.reserve(&requests);
        let gaps = self.lane.control.before_stop(gaps).await.flatten();
        let mut gaps = gaps.into_iter().flatten();
        for request in requests {
            let memory = memory.split(&request);
            self.waiting.push_back(Remainder {
                reservation: Reservation {
                    ticket: self.groups.enqueue(&request),
                    gaps: gaps.next(),
                },
                parts: Parts::of(request, self.lane.limits.records),
                hearing: Hearing::First,
                _memory: vec![memory],
            });
        }
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
