//! The results of a target's rules on a click.

use std::borrow::Cow;

use crate::targets::Entry;

/// The rules that were applied to a click before it was kept in the quarantine: each is applied
/// once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The filters: it was chosen.
    pub filters: bool,
    /// Privacy: it is what that left.
    pub privacy: bool,
}

impl Applied {
    /// Whether any were, so that the click may be another than the one delivered.
    pub fn any(self) -> bool {
        self.filters || self.privacy
    }
}

/// A rule that can fail on a click, in the order in which a click comes to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// `_FILTER`.
    Filter,
    /// `_MAP`.
    Map,
    /// A placeholder of the target's.
    Placeholder,
}

/// A click after the rules of a target.
#[derive(Debug)]
pub enum Transformed {
    /// It is not for this target.
    Filtered(Filtered),
    /// Its entry.
    Entry(Entry),
    /// The target can never carry it. The entry shows what privacy left, and has no body.
    Never(Entry, String),
    /// A rule fails on it. The entry shows what privacy left, and has no body.
    Failed(Entry, RuleFailure),
}

/// Why a click is not for a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filtered {
    /// The variable that decided, without the target's prefix.
    pub by: Cow<'static, str>,
    /// The last of the rules that can fail which the click came to; it did not fail.
    pub passed: Option<Rule>,
}

/// Why a rule fails on a click.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFailure {
    /// The rule.
    pub rule: Rule,
    /// The cause, for people. It names the variable, and may repeat the click.
    pub cause: String,
}
