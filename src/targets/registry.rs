//! The registry: every kind of target, and the variables of each.

use std::sync::Arc;

#[cfg(feature = "aws")]
use super::support::aws;
use super::{Context, Target, http, stdout};
#[cfg(feature = "aws")]
use super::{dynamodb, eventbridge, firehose, kinesis, lambda, s3, sns, sqs};
use crate::config::vars::{Scope, Vars};
use crate::transform;

/// A variable of a kind, below the target's prefix.
#[derive(Debug)]
pub struct Var {
    /// Its name without the prefix; `HEADER_*` stands for every name that begins with `HEADER_`.
    pub name: &'static str,
    /// Its value when it is not set; empty if there is none.
    pub default: &'static str,
    /// Its effect, for people.
    pub doc: &'static str,
}

/// The place of what a target's `_MAP` yields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapUse {
    /// It is the body: what the click's form is without a map.
    Body,
    /// It is the row: its members are the columns, with their types.
    Row,
    /// A map is refused, for this reason.
    Refused(&'static str),
}

/// Builds a target from its variables. `None` if they are wrong; the scope has the mistakes.
pub type Build = fn(&Scope<'_>, Context) -> Option<Arc<dyn Target>>;

/// A kind of target as the registry knows it.
pub struct Kind {
    /// The value of `_KIND`.
    pub name: &'static str,
    /// A description, for people.
    pub doc: &'static str,
    /// Its own variables.
    pub vars: &'static [Var],
    /// The variables that it shares with other kinds.
    pub shared: &'static [Var],
    /// The names, without the prefix, and values of its least valid configuration, as a user would
    /// set them.
    pub example: &'static [(&'static str, &'static str)],
    /// The place of what its `_MAP` yields.
    pub map: MapUse,
    /// Its constructor.
    pub build: Build,
}

impl Kind {
    /// Returns all its variables but those of every target.
    pub fn variables(&self) -> impl Iterator<Item = &'static Var> + use<> {
        self.vars.iter().chain(self.shared)
    }

    /// Returns the least valid configuration of a target whose variables begin with `prefix`.
    pub fn example(&self, prefix: &str) -> Vars {
        [("KIND", self.name)]
            .iter()
            .chain(self.example)
            .map(|(name, value)| (format!("{prefix}{name}"), (*value).to_owned()))
            .collect()
    }
}

/// All kinds, in the order of the README.
pub const KINDS: &[Kind] = &[
    http::KIND,
    #[cfg(feature = "aws")]
    firehose::KIND,
    #[cfg(feature = "aws")]
    kinesis::KIND,
    #[cfg(feature = "aws")]
    sqs::KIND,
    #[cfg(feature = "aws")]
    sns::KIND,
    #[cfg(feature = "aws")]
    eventbridge::KIND,
    #[cfg(feature = "aws")]
    dynamodb::KIND,
    #[cfg(feature = "aws")]
    s3::KIND,
    #[cfg(feature = "aws")]
    lambda::KIND,
    stdout::KIND,
];

/// The names of the kinds inside AWS, which a build without the feature `aws` leaves out.
pub const IN_AWS: &[&str] = &[
    "firehose",
    "kinesis",
    "sqs",
    "sns",
    "eventbridge",
    "dynamodb",
    "s3",
    "lambda",
];

/// The variables that every target inside AWS has.
#[cfg(feature = "aws")]
pub const AWS: &[Var] = aws::VARS;

/// Returns the variables that every target has: those of its delivery, and those by which it chooses
/// and shapes clicks.
pub fn common() -> impl Iterator<Item = &'static Var> {
    DELIVERY.iter().chain(transform::variables())
}

/// The variables by which every target is delivered to.
const DELIVERY: &[Var] = &[
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
        doc: "most bytes in a request's body before compression, or of a click file in one file of a lake; may only lower the limit",
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

#[cfg(all(test, feature = "aws"))]
mod tests {
    use super::*;

    #[test]
    fn the_kinds_inside_aws_are_those_that_need_its_clients() {
        let in_aws = KINDS.iter().filter(|kind| !kind.shared.is_empty());
        assert_eq!(in_aws.map(|kind| kind.name).collect::<Vec<_>>(), IN_AWS);
    }
}
