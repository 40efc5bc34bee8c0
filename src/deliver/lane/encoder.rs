//! Encoding clicks for a lane on another thread.

use std::sync::Arc;

use super::Lane;
use crate::deliver::windows::hour;
use crate::progress::TargetProgress;
use crate::targets::{Entry, Target, View};
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

/// A click that was encoded for a lane.
pub struct EncodedClick {
    pub(super) id: ClickId,
    /// The hour of its timestamp, if the lane wants windows.
    pub(super) hour: Option<Box<str>>,
    pub(super) encoded: Encoded,
}

/// What a lane gets of a click.
pub enum Encoded {
    /// Nothing: an earlier run has settled it.
    Settled,
    /// Nothing: it is not for this target.
    Filtered,
    /// Why the target can never carry it.
    Unfit(Box<Unfit>),
    /// Its entry.
    Entry(Entry),
}

/// A click that a target can never carry.
pub struct Unfit {
    /// Its entry, without a body.
    pub entry: Entry,
    /// Why the target can never carry it.
    pub reason: String,
}

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
    pub fn encode(&self, click: &Click<'_>, at: u64) -> EncodedClick {
        let wanted = at >= self.resume && !self.prior.is_settled(at);
        let hour = self.windows.then(|| hour(&click.timestamp()).into());
        EncodedClick {
            id: click.id,
            hour,
            encoded: if wanted {
                encode(&*self.target, click)
            } else {
                Encoded::Settled
            },
        }
    }
}

/// Encodes `click` for `target`.
pub(super) fn encode(target: &dyn Target, click: &Click<'_>) -> Encoded {
    let view = View::of(click);
    match target.encode(&view) {
        Ok(entry) => Encoded::Entry(entry),
        Err(why) => Encoded::Unfit(Box::new(Unfit {
            entry: Entry::new(&view, Default::default()),
            reason: why.0,
        })),
    }
}
