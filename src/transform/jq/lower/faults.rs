//! Says why a term cannot be used.

use super::Node;
use crate::transform::jq::functions::{self, Signature};

/// Why a term cannot be used, and the part of the text that is at fault.
#[derive(Debug)]
pub(in crate::transform::jq) struct Fault<'s> {
    pub at: &'s str,
    pub problem: String,
}

pub(super) type Lowered<'s, T = Node> = Result<T, Fault<'s>>;

/// Fails at the part `at` of the text.
pub(super) fn fault<'s, T>(at: &'s str, problem: impl Into<String>) -> Lowered<'s, T> {
    let problem = problem.into();
    Err(Fault { at, problem })
}

/// Says why a variable is refused.
pub(super) fn no_variable(name: &str) -> String {
    match name {
        "$ENV" | "$__prog_args" => "the environment cannot be read".to_owned(),
        _ => format!("there is no variable {name}"),
    }
}

/// Says why a function is refused, and the nearest that is not.
pub(super) fn unknown(name: &str, arity: usize) -> String {
    let takes: Vec<_> = functions::all()
        .filter(|known| known.name == name)
        .map(|known| known.arity.to_string())
        .collect();
    if !takes.is_empty() {
        let takes = takes.join(" or ");
        return format!("{name} takes {takes} arguments, not {arity}");
    }
    if let Some(reason) = functions::reason(name) {
        return format!("{name} cannot be used: {reason}");
    }
    let likeness = |known: &Signature| strsim::jaro_winkler(name, known.name);
    let near = functions::all().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    match near.filter(|near| likeness(near) > 0.8) {
        Some(near) => format!("there is no function {name} here; did you mean {near}?"),
        None => format!("there is no function {name} here"),
    }
}
