//! Which records of an object are left to a lane.

use std::sync::Arc;

use crate::progress::TargetProgress;

/// Which records of an object are left to a lane.
#[derive(Clone)]
pub(super) struct Scope {
    /// The progress of earlier runs.
    prior: Arc<TargetProgress>,
    /// Records before this offset were dealt with in an earlier pass of this run.
    resume: u64,
}

/// Whether a record is left to a lane.
pub(super) enum Standing {
    /// An earlier pass of this run dealt with it.
    Passed,
    /// An earlier run settled it.
    Settled,
    /// It is left to do.
    Open,
}

impl Scope {
    /// Everything that `prior` has not settled.
    pub(super) fn new(prior: TargetProgress) -> Scope {
        Scope {
            prior: Arc::new(prior),
            resume: 0,
        }
    }

    /// Notes that the records before `resume` were dealt with in this run.
    pub(super) fn pass(&mut self, resume: u64) {
        self.resume = resume;
    }

    pub(super) fn standing(&self, at: u64) -> Standing {
        if at < self.resume {
            Standing::Passed
        } else if self.prior.is_settled(at) {
            Standing::Settled
        } else {
            Standing::Open
        }
    }
}
