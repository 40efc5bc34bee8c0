//! Lets a target choose the clicks it gets, and their shape: per target, plain filters, then a jq
//! filter, then privacy, then a jq map; what comes out is encoded by the target.
//!
//! Filters see the click as delivered and normalised. All that follows sees what privacy left: the
//! map, every form, and what is sent beside the body, since a target learns of a click through its
//! [`View`] alone.

pub mod countries;
pub mod filter;
pub mod fingerprint;
pub mod jq;
pub mod key;
pub mod privacy;
mod result;

use crate::config::vars::Scope;
use crate::targets::{EncodeError, Entry, Target, Var, View};
use clicks::click::{Click, ClickId};

use filter::Filters;
pub use fingerprint::{Meaning, RulesId};
use jq::{FILTER, JqFilter, JqMap, MAP};
use key::HashKey;
use privacy::Privacy;
pub use result::{Applied, Filtered, Rule, RuleFailure, Transformed};

/// The variables by which every target chooses and shapes clicks.
pub fn variables() -> impl Iterator<Item = &'static Var> {
    let key = std::slice::from_ref(&key::VAR);
    let private = privacy::VARS.iter().chain(key);
    filter::VARS.iter().chain(private).chain(jq::VARS)
}

/// How the value of a variable stands in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextInFile {
    /// Each value of a list is a line.
    Lines,
    /// The file is the value.
    Whole,
}

/// Returns how the value of a variable, named without the target's prefix, stands in a file; `None`
/// if it may not.
pub fn text_in_file(variable: &str) -> Option<TextInFile> {
    match variable {
        FILTER | MAP => Some(TextInFile::Whole),
        list => filter::is_list(list).then_some(TextInFile::Lines),
    }
}

/// The rules of one target.
#[derive(Debug, Default)]
pub struct Transform {
    filters: Option<Filters>,
    filter: Option<JqFilter>,
    privacy: Option<Privacy>,
    map: Option<JqMap>,
}

impl Transform {
    /// Reads the rules of a target.
    pub fn read(scope: &Scope<'_>) -> Transform {
        let key = HashKey::read(scope);
        Transform {
            filters: Filters::read(scope),
            filter: JqFilter::read(scope, key.as_ref()),
            privacy: Privacy::read(scope, key.as_ref()),
            map: JqMap::read(scope, key.as_ref()),
        }
    }

    /// Whether there are no rules: every click is sent as it is.
    pub fn is_empty(&self) -> bool {
        self.filters.is_none()
            && self.filter.is_none()
            && self.privacy.is_none()
            && self.map.is_none()
    }

    fn has_filters(&self) -> bool {
        self.filters.is_some() || self.filter.is_some()
    }

    /// Applies the rules to `click`, but for those that were `applied` before, and lets `target`
    /// encode what they leave.
    pub fn encode(&self, click: &Click<'_>, applied: Applied, target: &dyn Target) -> Transformed {
        if self.is_empty() {
            return encoded(&View::of(click), applied, target);
        }
        if applied.privacy && !applied.filters && self.has_filters() {
            return unjudged(click, applied);
        }
        if !applied.filters
            && let Some(variable) = self.filters.as_ref().and_then(|it| it.refuse(click))
        {
            return Transformed::Filtered(Filtered {
                by: variable.into(),
                passed: None,
            });
        }
        let (is_chosen, chooses) = (applied.filters, self.filter.as_ref());
        let judged = match chooses.filter(|_| !is_chosen) {
            Some(filter) => filter.keeps(click),
            None => Ok(true),
        };
        if let Ok(false) = judged {
            return filtered(FILTER, Rule::Filter);
        }
        let rest = Applied {
            // A filter that fails is asked again.
            filters: judged.is_ok(),
            privacy: applied.privacy || self.privacy.is_some(),
        };
        let shape = |click: &Click<'_>| match judged {
            Ok(_) => self.mapped(click, rest, target),
            Err(cause) => {
                let cause = self.without_values(cause, applied);
                failed(&View::of(click), rest, Rule::Filter, cause)
            }
        };
        match &self.privacy {
            Some(privacy) if !applied.privacy => privacy
                .apply(click, shape)
                .unwrap_or_else(|| no_click(click, privacy.id(click), rest)),
            _ => shape(click),
        }
    }

    /// Returns why `_FILTER` fails on a click as it may be told: it saw values that privacy takes
    /// away.
    fn without_values(&self, cause: String, applied: Applied) -> String {
        if self.privacy.is_some() && !applied.privacy {
            return format!(
                "_{FILTER} fails on it; more is not told, because the expression sees what privacy \
                 takes away"
            );
        }
        cause
    }

    /// Applies the map to what privacy left, and lets `target` encode what it yields.
    fn mapped(&self, click: &Click<'_>, applied: Applied, target: &dyn Target) -> Transformed {
        let view = View::of(click);
        match self.map.as_ref().map(|map| map.apply(click)) {
            None => encoded(&view, applied, target),
            Some(Ok(None)) => filtered(MAP, Rule::Map),
            Some(Ok(Some(mapped))) => encoded(&view.with_map(&mapped), applied, target),
            Some(Err(cause)) => failed(&view, applied, Rule::Map, cause),
        }
    }

    /// Whether what is sent is what a map yields.
    pub fn has_map(&self) -> bool {
        self.map.is_some()
    }

    /// Returns a fingerprint of what the rules mean; `None` if there are none.
    pub fn fingerprint(&self) -> Option<RulesId> {
        let mut meaning = Meaning::default();
        if let Some(filters) = &self.filters {
            filters.mean(&mut meaning);
        }
        if let Some(filter) = &self.filter {
            filter.mean(&mut meaning);
        }
        if let Some(privacy) = &self.privacy {
            privacy.mean(&mut meaning);
        }
        if let Some(map) = &self.map {
            map.mean(&mut meaning);
        }
        meaning.id()
    }

    /// Returns the id that leaves for `click`, to which these rules were `applied` before.
    pub fn id(&self, click: &Click<'_>, applied: Applied) -> ClickId {
        match &self.privacy {
            Some(privacy) if !applied.privacy => privacy.id(click),
            _ => click.id,
        }
    }

    /// Notes the rules that change what `target` needs.
    pub fn check(&self, scope: &Scope<'_>, target: &dyn Target) {
        if let Some(privacy) = &self.privacy {
            privacy.check_needs(scope, &target.needs());
        }
    }

    /// Describes the rules as they were understood, as names and values for people, without secrets.
    pub fn describe(&self) -> Vec<(&'static str, String)> {
        let filters = self.filters.iter().flat_map(Filters::describe);
        let filter = self.filter.iter();
        let filter = filter.map(|filter| ("filter", filter.describe().to_owned()));
        let privacy = self.privacy.iter().flat_map(Privacy::describe);
        let map = self.map.iter();
        let map = map.map(|map| ("map", map.describe().to_owned()));
        filters.chain(filter).chain(privacy).chain(map).collect()
    }
}

fn filtered(variable: &'static str, passed: Rule) -> Transformed {
    Transformed::Filtered(Filtered {
        by: variable.into(),
        passed: Some(passed),
    })
}

/// Keeps what `view` shows of a click that a rule fails on.
fn failed(view: &View<'_>, applied: Applied, rule: Rule, cause: String) -> Transformed {
    let entry = Entry {
        applied,
        ..Entry::new(view, Default::default())
    };
    Transformed::Failed(entry, RuleFailure { rule, cause })
}

/// Refuses a click that was not judged before privacy was applied to it: what is left of it may be
/// judged otherwise.
fn unjudged(click: &Click<'_>, applied: Applied) -> Transformed {
    let entry = Entry::new(&View::of(click), Default::default());
    let reason = "a filter failed on it, and cannot judge it by what privacy left of it: forward its \
                  object again";
    Transformed::Never(Entry { applied, ..entry }, reason.into())
}

/// Refuses a click of which privacy leaves none, without a byte of it.
fn no_click(click: &Click<'_>, id: ClickId, applied: Applied) -> Transformed {
    let entry = Entry {
        id,
        applied,
        raw: Default::default(),
        ..Entry::new(&View::of(click), Default::default())
    };
    Transformed::Never(entry, "what privacy leaves of it is no click".into())
}

/// Lets `target` encode a click to which these rules were `applied`.
fn encoded(view: &View<'_>, applied: Applied, target: &dyn Target) -> Transformed {
    let bare = || Entry {
        applied,
        ..Entry::new(view, Default::default())
    };
    match target.encode(view) {
        Ok(entry) => Transformed::Entry(Entry { applied, ..entry }),
        Err(EncodeError::Never(reason)) => Transformed::Never(bare(), reason),
        Err(EncodeError::Rule(cause)) => failed(view, applied, Rule::Placeholder, cause),
    }
}
