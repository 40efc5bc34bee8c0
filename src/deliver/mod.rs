//! From clicks to verdicts, for one target: batch, send, retry, count.
//!
//! A [`Delivery`] lives as long as the process; a [`Lane`] is its road for one object. Its queue is
//! bounded, so that a slow target slows reading instead of filling memory; a target in retry is
//! detached instead, and the object read again for it.

pub mod backoff;
mod batch;
mod breaker;
mod checkpoint_source;
mod concurrency;
mod deadlines;
mod groups;
mod lane;
mod ledger;
mod limiter;
mod memory;
mod rate;
mod retry;
mod state;
mod stats;
mod windows;

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

pub use deadlines::{Cancellation, Deadlines, RunControl};
pub use lane::{Encoded, EncodedClick, Encoder, Full, Lane, Unfit};

use crate::config::TargetConfig;
use crate::object::ObjectRef;
use crate::progress::{LeaseGuard, TargetProgress};
use crate::targets::SendError;
use groups::Groups;
use limiter::Limiter;
use memory::{Batch, MemoryBudget};
use state::{IN_FLIGHT, LaneState};

/// Batches that wait in a lane beside those in flight.
const QUEUE: usize = 2;

/// One target of this process.
pub struct Delivery {
    config: TargetConfig,
    limiter: Arc<Limiter>,
    groups: Arc<Groups>,
    memory: MemoryBudget,
}

impl Delivery {
    /// To a target, whose entries may take so many bytes of memory in all objects together.
    pub fn new(config: TargetConfig, bytes: u64) -> Delivery {
        let limiter = Arc::new(Limiter::new(config.concurrency, config.rate));
        Delivery {
            config,
            limiter,
            groups: Arc::default(),
            memory: MemoryBudget::new(bytes),
        }
    }

    /// The target's name.
    pub fn name(&self) -> &Arc<str> {
        &self.config.name
    }

    /// The actions of IAM that the target takes; the request itself where it takes none.
    pub fn needs(&self) -> String {
        let actions: Vec<_> = self
            .config
            .target
            .permissions()
            .into_iter()
            .flat_map(|p| p.actions)
            .copied()
            .collect();
        if actions.is_empty() {
            "a request".into()
        } else {
            actions.join(", ")
        }
    }

    /// What the target says to a request that changes nothing.
    pub async fn probe(&self) -> Result<(), SendError> {
        timeout(self.config.timeout, self.config.target.probe())
            .await
            .unwrap_or_else(|_| Err(SendError::Unavailable("no answer".into())))
    }

    /// Whether the target wrote `object`.
    pub fn wrote(&self, object: &ObjectRef) -> bool {
        self.config.target.wrote(object)
    }

    /// Opens a lane for one object, of which `prior` is settled; nothing is sent once `lease` is lost.
    pub fn open(
        &self,
        control: RunControl,
        prior: TargetProgress,
        lease: Option<Arc<LeaseGuard>>,
    ) -> Lane {
        let state = Arc::new(LaneState::new(
            (&self.config, self.limiter.clone()),
            control,
            prior.clone(),
            lease,
        ));
        let (queue, batches) = mpsc::channel(QUEUE);
        let concurrency = self.config.concurrency.min(IN_FLIGHT);
        let worker = tokio::spawn(work(
            state.clone(),
            batches,
            self.groups.clone(),
            concurrency,
        ));
        Lane::new(
            state,
            prior,
            self.config.limits,
            self.memory.clone(),
            (queue, worker),
        )
    }
}

/// Sends batches as they come, `concurrency` at a time.
async fn work(
    state: Arc<LaneState>,
    mut batches: mpsc::Receiver<Batch>,
    groups: Arc<Groups>,
    concurrency: usize,
) {
    let mut running = JoinSet::new();
    loop {
        tokio::select! {
            batch = batches.recv(), if running.len() < concurrency => match batch {
                Some(Batch { entries, room }) => {
                    // Here, and not in its task, batches still are in their order: one that stands in line behind
                    // another must not hold what that one needs.
                    let ranges = state.control.before_stop(state.room(&entries)).await.flatten();
                    let (state, turn) = (state.clone(), groups.enqueue(&entries));
                    running.spawn(async move {
                        let _room = room;
                        retry::deliver(state, entries, (turn, ranges)).await;
                    });
                }
                None => break,
            },
            Some(_) = running.join_next(), if !running.is_empty() => {}
        }
    }
    while running.join_next().await.is_some() {}
}
