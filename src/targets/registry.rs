//! The registry: every kind of target, and the variables of each.

use std::sync::Arc;

use super::support::aws;
use super::{
    Context, Target, dynamodb, eventbridge, firehose, http, kinesis, lambda, s3, sns, sqs, stdout,
};
use crate::config::vars::Scope;

/// A variable of a kind, below the target's prefix.
#[derive(Debug)]
pub struct Var {
    /// Its name without the prefix; `HEADER_*` stands for any that begin so.
    pub name: &'static str,
    /// Its value when it is not set; empty if there is none.
    pub default: &'static str,
    /// What it does.
    pub doc: &'static str,
}

/// Makes a target of its variables, or notes the mistakes.
pub type Build = fn(&Scope<'_>, Context) -> Option<Arc<dyn Target>>;

/// A kind of target as the registry knows it.
pub struct Kind {
    /// The value of `_KIND`.
    pub name: &'static str,
    /// What it is, for people.
    pub doc: &'static str,
    /// Its own variables.
    pub vars: &'static [Var],
    /// Those that it shares with other kinds.
    pub shared: &'static [Var],
    /// Its constructor.
    pub build: Build,
}

impl Kind {
    /// All its variables but those of every target.
    pub fn variables(&self) -> impl Iterator<Item = &'static Var> + use<> {
        self.vars.iter().chain(self.shared)
    }
}

/// All kinds, in the order of the README.
pub const KINDS: &[Kind] = &[
    http::KIND,
    firehose::KIND,
    kinesis::KIND,
    sqs::KIND,
    sns::KIND,
    eventbridge::KIND,
    dynamodb::KIND,
    s3::KIND,
    lambda::KIND,
    stdout::KIND,
];

/// The variables that every target inside AWS has.
pub const AWS: &[Var] = aws::VARS;

/// The variables that every target has.
pub const COMMON: &[Var] = &[
    Var {
        name: "KIND",
        default: "",
        doc: "the kind of target; required",
    },
    Var {
        name: "MAX_RECORDS",
        default: "the kind's limit",
        doc: "most clicks in a request; may only lower the limit",
    },
    Var {
        name: "MAX_BYTES",
        default: "the kind's limit",
        doc: "most bytes in a request's body before compression; may only lower the limit",
    },
    Var {
        name: "CONCURRENCY",
        default: "10; 1 for `stdout`",
        doc: "most requests in flight at a time; fewer while the target throttles or slows down",
    },
    Var {
        name: "RATE",
        default: "",
        doc: "most requests per second, of all copies of the function together (`MAX_CONCURRENCY`)",
    },
    Var {
        name: "TIMEOUT",
        default: "30s",
        doc: "how long a request may take",
    },
];
