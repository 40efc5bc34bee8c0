//! Takes clicks to one target: encodes, batches, sends, retries, counts.
//!
//! A [`Delivery`] lives as long as the process; a [`Lane`] is its way for one object. The lane's
//! queue is bounded, so that a slow target slows reading instead of filling memory; a lane whose
//! target fails is left behind instead, and the object is read again for it.

pub mod backoff;
mod batch;
mod breaker;
mod concurrency;
mod condition;
mod cut;
mod deadlines;
mod evidence;
mod gaps;
mod groups;
mod health;
mod judge;
mod lane;
mod ledger;
mod limiter;
mod memory;
mod parts;
mod rate;
mod refusal;
mod rehearsal;
mod retry;
mod rule_evidence;
mod rule_witnesses;
mod sender;
mod sorted;
mod state;
mod stats;
mod windows;
mod witnesses;

use std::sync::Arc;

use tokio::time::timeout;

pub use deadlines::{Cancellation, Deadlines, RunControl};
pub use lane::{Addressed, Attached, EncodedClick, Encoder, Lane};
pub use rehearsal::{RehearsalLane, RehearsedSend};

use crate::config::TargetConfig;
use crate::object::ObjectRef;
use crate::progress::{LeaseGuard, TargetProgress};
use crate::targets::{Proof, SendError};
use groups::Groups;
use lane::Outbox;
use limiter::Limiter;
use memory::MemoryBudget;
use rule_witnesses::CurrentRules;
use state::LaneState;
use witnesses::Witnesses;

/// Most requests of one object in flight: each may leave one of the 64 gaps that are stored spelled
/// out.
const IN_FLIGHT: usize = 64;

/// One target of this process.
pub struct Delivery {
    config: TargetConfig,
    limiter: Arc<Limiter>,
    witnesses: Arc<Witnesses>,
    rules: CurrentRules,
    groups: Arc<Groups>,
    memory: MemoryBudget,
}

impl Delivery {
    /// Delivers to a target, whose entries may take so many bytes of memory in all objects
    /// together.
    pub fn new(config: TargetConfig, bytes: u64) -> Delivery {
        let limiter = Arc::new(Limiter::new(config.concurrency, config.rate));
        Delivery {
            config,
            limiter,
            witnesses: Arc::default(),
            rules: CurrentRules::default(),
            groups: Arc::default(),
            memory: MemoryBudget::new(bytes),
        }
    }

    /// The target's name.
    pub fn name(&self) -> &Arc<str> {
        &self.config.name
    }

    /// The IAM actions that the target needs, for people; "a request" if it needs none.
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

    /// Sends the target a request that changes nothing, and returns what that proved; `Err` is what
    /// sending would end with.
    pub async fn probe(&self) -> Result<Proof, SendError> {
        timeout(self.config.timeout, self.config.target.probe())
            .await
            .unwrap_or_else(|_| Err(SendError::Unavailable("no answer".into())))
    }

    /// Whether the target wrote `object`.
    pub fn wrote(&self, object: &ObjectRef) -> bool {
        self.config.target.wrote(object)
    }

    /// Reads again what the target's variables refer to, if that is old: a target that filters
    /// everything sends nothing, which is the other time when this is done.
    pub async fn reload_old(&self) {
        self.config.reload_old().await;
    }

    /// Opens a lane for one object, of which `prior` is settled; `is_again` if it was asked for
    /// again. Nothing is sent once `lease` is lost.
    pub fn open(
        &self,
        control: RunControl,
        prior: TargetProgress,
        is_again: bool,
        lease: Option<Arc<LeaseGuard>>,
    ) -> Lane {
        let state = LaneState::new(self, control, prior.clone(), is_again, lease);
        let state = Arc::new(state);
        let outbox = Outbox::start(
            state.clone(),
            self.groups.clone(),
            self.config.concurrency.min(IN_FLIGHT),
        );
        Lane::new(state, prior, self.config.limits, outbox)
    }
}
