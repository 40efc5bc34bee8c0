//! Encoding clicks for a lane on another thread.

use std::sync::Arc;

use super::Lane;
use crate::deliver::windows::hour;
use crate::progress::TargetProgress;
use crate::targets::{Entry, Target};
use clicks::click::{Click, ClickId};

/// What encodes clicks for one lane, apart from it.
#[derive(Clone)]
pub struct Encoder {
    name: Arc<str>,
    target: Arc<dyn Target>,
    /// What the lane will not want.
    prior: Arc<TargetProgress>,
    resume: u64,
    /// Whether the lane wants windows.
    windows: bool,
}

/// A click as the lane takes it; nothing in place of one that it will not want.
pub struct Encoded {
    pub(super) id: ClickId,
    pub(super) hour: Option<Box<str>>,
    pub(super) entry: Option<Result<Entry, Unfit>>,
}

/// An entry without a body, and why the target can never carry it.
pub(super) type Unfit = Box<(Entry, String)>;

impl Lane {
    /// What encodes clicks for this lane, as long as it is not left behind.
    pub fn encoder(&self) -> Encoder {
        let target = self.state.target.clone();
        let (prior, resume) = (Arc::new(self.prior.clone()), self.resume);
        Encoder {
            name: self.state.name.clone(),
            target,
            prior,
            resume,
            windows: self.windows.is_some(),
        }
    }
}

impl Encoder {
    /// The lane's name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Encodes the click at `at`.
    pub fn encode(&self, click: &Click<'_>, at: u64) -> Encoded {
        let wanted = at >= self.resume && !self.prior.is_settled(at);
        let hour = self.windows.then(|| hour(&click.timestamp()).into());
        Encoded {
            id: click.id,
            hour,
            entry: wanted.then(|| encode(&*self.target, click)),
        }
    }
}

/// The entry of `click` for `target`.
pub(super) fn encode(target: &dyn Target, click: &Click<'_>) -> Result<Entry, Unfit> {
    target
        .encode(click)
        .map_err(|why| Box::new((Entry::new(click, Default::default()), why.0)))
}
