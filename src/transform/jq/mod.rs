//! Filters and maps that are jq expressions, of which each may take so many steps and no more.
//!
//! An expression is parsed by jaq, and its values are jaq's; but jaq cannot be stopped, so it is run
//! by an evaluator of its own (`eval`), which counts each step before it is taken and each byte
//! before it is made. Functions are an allow-list (`functions`).

mod bounds;
mod eval;
mod functions;
mod json;
mod lower;
mod parse;
mod program;
mod regex;
mod value;

use bytes::Bytes;
use jaq_json::Val;

use crate::config::vars::Scope;
use crate::targets::Var;
use crate::transform::Meaning;
use crate::transform::key::HashKey;
use clicks::click::{Click, Form};

use bounds::{Bounds, Flow, Stop, fail};
use eval::Run;
pub use functions::allowed;
use program::Program;

/// The variable of the filter, below the target's prefix.
pub const FILTER: &str = "FILTER";

/// The variable of the map, below the target's prefix.
pub const MAP: &str = "MAP";

/// The variables that are jq expressions.
pub const VARS: &[Var] = &[
    Var {
        name: FILTER,
        default: "",
        doc: "a jq expression: the target gets the clicks for which it yields a value other than `false` and `null`",
    },
    Var {
        name: MAP,
        default: "",
        doc: "a jq expression that yields one object, which is sent in the place of the click",
    },
];

/// A compiled expression, which threads share.
#[derive(Debug)]
struct Expression {
    program: Program,
    /// The text, on one line and shortened.
    shown: String,
    /// What it means: its text, and a check value of the key if it may hash.
    meaning: Vec<String>,
}

impl Expression {
    /// Reads the expression in `variable`; `None` if there is none, or a mistake was noted.
    fn read(scope: &Scope<'_>, variable: &str, key: Option<&HashKey>) -> Option<Expression> {
        let text = scope.text(variable)?;
        match parse::compile(text, key) {
            Ok(program) => Some(Expression {
                meaning: std::iter::once(text.trim().to_owned())
                    .chain(key.filter(|_| text.contains("hmac")).map(HashKey::check))
                    .collect(),
                program,
                shown: one_line(text),
            }),
            Err(problem) => {
                scope.mistake(variable, problem);
                None
            }
        }
    }

    /// Adds what the expression of `variable` means.
    fn mean(&self, variable: &str, meaning: &mut Meaning) {
        for part in &self.meaning {
            meaning.add(variable, part);
        }
    }

    /// Runs the expression on a click, and hands each value that it yields to `take`, until that
    /// fails.
    fn run(&self, click: &Click<'_>, bounds: &Bounds, mut take: impl FnMut(Val) -> Flow) -> Flow {
        let input = json::read(&click.form(Form::Click))?;
        let run = Run {
            program: &self.program,
            bounds,
        };
        run.run(input, &mut take)
    }
}

/// Writes an expression on one line, and leaves out the end of a long one.
fn one_line(text: &str) -> String {
    let words: Vec<_> = text.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(100) {
        Some((at, _)) => format!("{}…", line.get(..at).unwrap_or_default()),
        None => line,
    }
}

/// Says why an expression failed.
fn cause(variable: &str, stop: Stop) -> String {
    match stop {
        Stop::Over(bound) => format!("_{variable} {bound}"),
        Stop::Break(_) => format!("_{variable} fails"),
        Stop::Error(error) => {
            let text = match value::text(&error) {
                Some(text) => text.to_owned(),
                None => value::kind(&error).to_owned(),
            };
            format!("_{variable} fails: {text}")
        }
    }
}

/// The jq filter of one target.
#[derive(Debug)]
pub struct JqFilter {
    expression: Expression,
}

impl JqFilter {
    /// Reads the filter, whose `hmac` uses `key`; `None` if there is none.
    pub fn read(scope: &Scope<'_>, key: Option<&HashKey>) -> Option<JqFilter> {
        let expression = Expression::read(scope, FILTER, key)?;
        Some(JqFilter { expression })
    }

    /// Whether the target gets `click`: any value that is true lets it through. `Err` says why the
    /// expression fails on it.
    pub fn keeps(&self, click: &Click<'_>) -> Result<bool, String> {
        let bounds = Bounds::default();
        let found = bounds.label();
        let done = self
            .expression
            .run(click, &bounds, |value| match value::is_true(&value) {
                true => Err(Stop::Break(found)),
                false => Ok(()),
            });
        match done {
            Ok(()) => Ok(false),
            Err(Stop::Break(label)) if label == found => Ok(true),
            Err(stop) => Err(cause(FILTER, stop)),
        }
    }

    /// Adds what the filter means.
    pub fn mean(&self, meaning: &mut Meaning) {
        self.expression.mean(FILTER, meaning);
    }

    /// Describes the filter, for people.
    pub fn describe(&self) -> &str {
        &self.expression.shown
    }
}

/// The jq map of one target.
#[derive(Debug)]
pub struct JqMap {
    expression: Expression,
}

impl JqMap {
    /// Reads the map, whose `hmac` uses `key`; `None` if there is none.
    pub fn read(scope: &Scope<'_>, key: Option<&HashKey>) -> Option<JqMap> {
        let expression = Expression::read(scope, MAP, key)?;
        Some(JqMap { expression })
    }

    /// Returns the object that the map makes of `click`, as JSON; `None` if it yields nothing, and so
    /// leaves the click out. `Err` says why the expression fails on it.
    pub fn apply(&self, click: &Click<'_>) -> Result<Option<Bytes>, String> {
        let bounds = Bounds::default();
        let mut made = None;
        let done = self.expression.run(click, &bounds, |value| {
            if made.is_some() {
                return fail("yields more than one object");
            }
            made = Some(value);
            Ok(())
        });
        let written = done.and_then(|()| match &made {
            None => Ok(None),
            Some(made) => json::object(&bounds, made).map(Some),
        });
        match written {
            Ok(body) => Ok(body.map(Bytes::from)),
            Err(stop) => Err(cause(MAP, stop)),
        }
    }

    /// Adds what the map means.
    pub fn mean(&self, meaning: &mut Meaning) {
        self.expression.mean(MAP, meaning);
    }

    /// Describes the map, for people.
    pub fn describe(&self) -> &str {
        &self.expression.shown
    }
}

#[cfg(test)]
mod tests;
