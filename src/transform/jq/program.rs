//! An expression in the form in which it is run: names are resolved, and nothing in it is unknown.

use jaq_core::ops::{Cmp, Math};
use jaq_json::Val;

use super::functions::{Control, Function};
use super::regex::RegexCall;
use crate::transform::key::HashKey;

/// A whole expression.
#[derive(Debug)]
pub(super) struct Program {
    pub main: Node,
    pub definitions: Vec<Definition>,
}

/// A function that is written in jq.
#[derive(Debug, Default)]
pub(super) struct Definition {
    pub parameters: Vec<Parameter>,
    pub body: Node,
}

/// How an argument is passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parameter {
    /// `$x`: each of its values in turn.
    Value,
    /// `f`: as it is.
    Closure,
}

/// A function of a value to any number of values. Numbers of slots count bindings from the
/// innermost outwards.
#[derive(Debug, Default)]
pub(super) enum Node {
    #[default]
    Identity,
    /// `..`
    Recurse,
    /// `.a.b`: names alone.
    Names(Vec<Val>),
    Literal(Val),
    Text(Vec<Piece>),
    Array(Option<Box<Node>>),
    Object(Vec<Member>),
    Negate(Box<Node>),
    Pipe(Box<Node>, Box<Node>),
    Bind(Box<Binding>),
    Comma(Box<Node>, Box<Node>),
    Alternative(Box<Node>, Box<Node>),
    /// `or` where `true` decides, `and` where `false` does.
    Logic(Box<Node>, bool, Box<Node>),
    Math(Box<Node>, Math, Box<Node>),
    Compare(Box<Node>, Cmp, Box<Node>),
    Change(Box<Node>, Change, Box<Node>),
    Label(Box<Node>),
    Break(usize),
    Reduce(Box<Fold>),
    Foreach(Box<Fold>),
    Try(Box<Node>, Option<Box<Node>>),
    If(Box<Branch>),
    Variable(usize),
    /// A parameter that is a closure.
    Argument(usize),
    Call {
        definition: usize,
        /// The bindings at the place of the call that the definition does not see; `None` if it sees
        /// none.
        hidden: Option<usize>,
        arguments: Vec<Node>,
    },
    Function(&'static Function, Vec<Node>),
    Control(Control, Vec<Node>),
    Regex(Box<RegexCall>),
    Hmac(Box<HashKey>),
    Path(Box<Node>, Vec<Step>),
}

/// A part of a text with `\(…)` in it.
#[derive(Debug)]
pub(super) enum Piece {
    Plain(String),
    /// What stands in the brackets, and the format of its values.
    Filled(Node, &'static Function),
}

/// `name: value`
#[derive(Debug)]
pub(super) struct Member {
    pub name: Node,
    pub value: Node,
}

/// `source as pattern | body`
#[derive(Debug)]
pub(super) struct Binding {
    pub source: Node,
    pub pattern: Pattern,
    pub body: Node,
}

/// `reduce source as pattern (start; update)`, or `foreach` with an `extract`.
#[derive(Debug)]
pub(super) struct Fold {
    pub source: Node,
    pub pattern: Pattern,
    pub start: Node,
    pub update: Node,
    pub extract: Option<Node>,
}

/// `if condition then yes else no end`
#[derive(Debug)]
pub(super) struct Branch {
    pub condition: Node,
    pub yes: Node,
    pub no: Node,
}

/// Where values are bound to variables.
#[derive(Debug)]
pub(super) enum Pattern {
    Variable,
    Parts(Vec<PatternPart>),
}

/// A part of a value: its key or its index, and where its own values are bound.
#[derive(Debug)]
pub(super) struct PatternPart {
    pub key: Node,
    pub pattern: Pattern,
}

/// An assignment.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    Assign,
    Update,
    Math(Math),
    Alternative,
}

/// A part of a path.
#[derive(Debug)]
pub(super) struct Step {
    pub part: StepPart,
    /// Whether a value without it is passed over instead of an error.
    pub is_optional: bool,
}

/// The values that a part of a path leads to.
#[derive(Debug)]
pub(super) enum StepPart {
    Index(Node),
    All,
    Slice(Option<Node>, Option<Node>),
}
