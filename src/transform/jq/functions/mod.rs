//! The functions that an expression may use: an allow-list.
//!
//! Each counts its work before it begins. Whatever reads the environment, the input, the clock or
//! files, writes anywhere, or ends the process, is not here, and so cannot be used.

mod arrays;
mod convert;
mod dates;
mod formats;
mod numbers;
mod text;

use jaq_json::Val;

pub(super) use arrays::indices;

use super::bounds::{Bounds, Flow};
use super::lower;
use super::regex::RegexKind;

/// A function of a value, and of the values of its arguments, to one value.
#[derive(Debug)]
pub(super) struct Function {
    pub name: &'static str,
    pub arity: usize,
    pub run: fn(&Bounds, &Val, &[Val]) -> Flow<Val>,
}

const fn function(
    name: &'static str,
    arity: usize,
    run: fn(&Bounds, &Val, &[Val]) -> Flow<Val>,
) -> Function {
    Function { name, arity, run }
}

/// A function whose arguments are run by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Control {
    Empty,
    Error,
    ErrorOf,
    Path,
    GetPath,
    First,
    Limit,
    Skip,
    Range,
    SortBy,
    GroupBy,
    UniqueBy,
    MinBy,
    MaxBy,
}

/// The name of a function, and the number of its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Signature {
    pub name: &'static str,
    pub arity: usize,
}

const fn signature(name: &'static str, arity: usize) -> Signature {
    Signature { name, arity }
}

/// A function that is not written in jq.
#[derive(Debug)]
pub(super) enum Known {
    Function(&'static Function),
    Control(Control),
}

/// The functions that run their arguments.
const CONTROLS: &[(Signature, Control)] = &[
    (signature("empty", 0), Control::Empty),
    (signature("error", 0), Control::Error),
    (signature("error", 1), Control::ErrorOf),
    (signature("path", 1), Control::Path),
    (signature("getpath", 1), Control::GetPath),
    (signature("first", 1), Control::First),
    (signature("limit", 2), Control::Limit),
    (signature("skip", 2), Control::Skip),
    (signature("range", 3), Control::Range),
    (signature("sort_by", 1), Control::SortBy),
    (signature("group_by", 1), Control::GroupBy),
    (signature("unique_by", 1), Control::UniqueBy),
    (signature("min_by", 1), Control::MinBy),
    (signature("max_by", 1), Control::MaxBy),
];

/// The name of the function that hashes with the target's key.
pub(super) const HMAC: &str = "hmac";

/// Returns why a function of jq is refused, if there is a reason of its own.
pub(super) fn reason(name: &str) -> Option<&'static str> {
    Some(match name {
        "env" | "getenv" | "$ENV" => "the environment cannot be read",
        "input" | "inputs" | "input_line_number" | "input_filename" => {
            "an expression sees one click"
        }
        "now" | "localtime" | "strflocaltime" => {
            "a rule must decide on a click alike whenever and wherever it runs"
        }
        "debug" | "debug_empty" | "stderr" | "halt" | "halt_error" => {
            "it acts on the whole process"
        }
        _ => return None,
    })
}

fn functions() -> impl Iterator<Item = &'static Function> {
    [
        arrays::FUNCTIONS,
        convert::FUNCTIONS,
        dates::FUNCTIONS,
        formats::FUNCTIONS,
        numbers::FUNCTIONS,
        text::FUNCTIONS,
    ]
    .into_iter()
    .flatten()
}

/// Finds a function that is not written in jq.
pub(super) fn known(name: &str, arity: usize) -> Option<Known> {
    let function = functions().find(|known| known.name == name && known.arity == arity);
    if let Some(function) = function {
        return Some(Known::Function(function));
    }
    CONTROLS
        .iter()
        .find(|(known, _)| known.name == name && known.arity == arity)
        .map(|(_, control)| Known::Control(*control))
}

/// Returns all functions.
pub(super) fn all() -> impl Iterator<Item = Signature> {
    let controls = CONTROLS.iter().map(|(known, _)| *known);
    let others = functions().map(|known| signature(known.name, known.arity));
    let regex = RegexKind::ALL.iter().map(|(known, _)| *known);
    controls
        .chain(others)
        .chain(regex)
        .chain(lower::written_in_jq())
        .chain([signature(HMAC, 0)])
}

impl Signature {
    pub(super) const fn new(name: &'static str, arity: usize) -> Signature {
        signature(name, arity)
    }
}

impl std::fmt::Display for Signature {
    /// Writes a function as people name it: `map/1`, or `length`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.arity {
            0 => f.write_str(self.name),
            arity => write!(f, "{}/{arity}", self.name),
        }
    }
}

/// Returns all functions as people name them, in alphabetical order.
pub fn allowed() -> Vec<String> {
    let mut all: Vec<_> = all().collect();
    all.sort_unstable();
    all.iter().map(Signature::to_string).collect()
}
