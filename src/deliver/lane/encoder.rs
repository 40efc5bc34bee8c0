//! Encodes clicks for a lane, on whatever thread decodes them.

use std::sync::Arc;

use bytes::Bytes;

use super::scope::{Scope, Standing};
use crate::deliver::state::LaneState;
use crate::deliver::windows::hour;
use crate::targets::{Entry, View};
use crate::transform::{Applied, Filtered, Rule, RuleFailure, Transformed};
use clicks::click::{Click, ClickId};

/// Encodes clicks for one lane. It stays valid until the lane is left behind.
#[derive(Clone)]
pub struct Encoder {
    lane: Arc<LaneState>,
    scope: Scope,
    /// Whether the target's requests are windows.
    windows: bool,
}

/// For whom a click is: other than usual for one in a row of the quarantine that is fed back.
#[derive(Clone, Copy, Default)]
pub struct Addressed<'n> {
    /// The target that it is for; every target if `None`.
    pub only: Option<&'n str>,
    /// The rules of that target that were applied before.
    pub applied: Applied,
}

/// A click that was encoded for a lane.
pub struct EncodedClick {
    /// Decides the click's window; `None` if the lane has no windows, or the click is not for its
    /// target.
    pub(super) window: Option<WindowKey>,
    pub(super) encoded: Encoded,
}

/// Decides the window of a click, together with its offset.
pub struct WindowKey {
    pub(super) id: ClickId,
    /// The hour of its timestamp.
    pub(super) hour: Box<str>,
}

/// A click in the form in which a lane takes it.
pub enum Encoded {
    /// Nothing: an earlier run or pass has settled it, or the lane has ended.
    Settled,
    /// Nothing: it is not for this target. The last of the rules that can fail which it came
    /// through.
    Filtered(Option<Rule>),
    /// Its place in a window that is stored anew without it.
    LeftOut(Box<LeftOut>),
    /// Why the target can never carry it.
    Unfit(Box<Unfit>),
    /// Why a rule fails on it.
    Failed(Box<Failed>),
    /// Its entry.
    Entry(Entry),
}

/// A click that is not for the target, and whose window was stored before.
pub struct LeftOut {
    /// Its entry, which has no body.
    pub entry: Entry,
    /// The last of the rules that can fail which it came through.
    pub passed: Option<Rule>,
}

/// A click that a target can never carry.
pub struct Unfit {
    /// Its entry, which may have no body.
    pub entry: Entry,
    /// Why the target can never carry it.
    pub reason: String,
}

/// A click on which a rule fails.
pub struct Failed {
    /// Its entry, which has no body.
    pub entry: Entry,
    /// Why it fails.
    pub failure: RuleFailure,
}

impl Encoder {
    pub(super) fn new(lane: Arc<LaneState>, scope: Scope, windows: bool) -> Encoder {
        Encoder {
            lane,
            scope,
            windows,
        }
    }

    /// The lane's name.
    pub fn name(&self) -> &Arc<str> {
        &self.lane.name
    }

    /// Encodes the click of the record at `at`, which is for those that `to` says.
    pub fn encode(&self, click: &Click<'_>, at: u64, to: Addressed<'_>) -> EncodedClick {
        if to.only.is_some_and(|only| *only != **self.name()) {
            return EncodedClick {
                window: None,
                encoded: Encoded::Filtered(None),
            };
        }
        let window = self.windows.then(|| WindowKey {
            id: self.lane.transform.id(click, to.applied),
            hour: hour(&click.timestamp()).into(),
        });
        let wanted = matches!(self.scope.standing(at), Standing::Open) && !self.lane.has_ended();
        let encoded = if wanted {
            self.entry(click, to.applied)
        } else {
            Encoded::Settled
        };
        EncodedClick { window, encoded }
    }

    fn entry(&self, click: &Click<'_>, applied: Applied) -> Encoded {
        let LaneState {
            transform, target, ..
        } = &*self.lane;
        match transform.encode(click, applied, &**target) {
            Transformed::Filtered(Filtered { passed, .. }) => self.filtered(click, passed),
            Transformed::Entry(entry) => Encoded::Entry(entry),
            Transformed::Never(entry, reason) => Encoded::Unfit(Box::new(Unfit { entry, reason })),
            Transformed::Failed(entry, failure) => {
                Encoded::Failed(Box::new(Failed { entry, failure }))
            }
        }
    }

    /// A click that is not for the target, and came through the rules up to `passed`. What was
    /// stored of it before may have to be replaced.
    fn filtered(&self, click: &Click<'_>, passed: Option<Rule>) -> Encoded {
        if !(self.windows && self.lane.terms.replaces) {
            return Encoded::Filtered(passed);
        }
        match self.lane.target.encode(&View::of(click)) {
            Ok(entry) => {
                let entry = Entry {
                    is_left_out: true,
                    body: Bytes::new(),
                    raw: Bytes::new(),
                    ..entry
                };
                Encoded::LeftOut(Box::new(LeftOut { entry, passed }))
            }
            Err(_) => Encoded::Filtered(passed),
        }
    }
}
