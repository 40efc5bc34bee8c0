//! Bounds the work of one expression on one click: its steps, its bytes, and how deep it goes.

use std::cell::Cell;
use std::fmt;

use jaq_json::{Num, Val};

/// The most steps of an expression on a click: a node of the expression that is run, or a node of a
/// value that is read, is one.
pub const STEPS: usize = 100_000;

/// The most bytes that an expression may make of a click, all that it makes counted together.
pub const BYTES: usize = 1 << 20;

/// The most calls within calls of the evaluator, which together fit the stack of a worker.
const CALLS: usize = 800;

/// The most levels of a value.
pub(super) const LEVELS: usize = 200;

/// Bytes of text that are read in a step.
const TEXT_OF_STEP: usize = 64;

/// Bytes of a value beside its text.
pub(super) const VALUE: usize = 32;

/// Why an expression stopped before its end.
#[derive(Debug)]
pub(super) enum Stop {
    /// An error, which the expression may catch.
    Error(Val),
    /// A `break` on its way to its label.
    Break(usize),
    /// A bound is reached; nothing catches it.
    Over(Bound),
}

/// A bound of the work on one click.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    Steps,
    Bytes,
    Calls,
    Levels,
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bound::Steps => write!(f, "takes more than {STEPS} steps on a click"),
            Bound::Bytes => write!(f, "makes more than {BYTES} bytes of a click"),
            Bound::Calls => write!(f, "calls itself more than {CALLS} levels deep"),
            Bound::Levels => write!(f, "makes a value of more than {LEVELS} levels"),
        }
    }
}

pub(super) type Flow<T = ()> = Result<T, Stop>;

/// Fails with `text`.
pub(super) fn fail<T>(text: impl Into<String>) -> Flow<T> {
    Err(Stop::Error(Val::from(text.into())))
}

/// Counts what an expression does with one click.
#[derive(Debug, Default)]
pub(super) struct Bounds {
    steps: Cell<usize>,
    bytes: Cell<usize>,
    calls: Cell<usize>,
    labels: Cell<usize>,
}

impl Bounds {
    /// Counts `n` steps before they are taken.
    pub fn steps(&self, n: usize) -> Flow {
        add(&self.steps, n, STEPS, Bound::Steps)
    }

    /// Counts `n` bytes before they are made.
    pub fn bytes(&self, n: usize) -> Flow {
        add(&self.bytes, n, BYTES, Bound::Bytes)
    }

    /// Counts the reading of a text of `n` bytes.
    pub fn text(&self, n: usize) -> Flow {
        self.steps(n / TEXT_OF_STEP)
    }

    /// Counts the reading of a text, or of a number that is kept as its digits: whatever is done
    /// with it may read all of it. What reads the parts of an array or an object counts these.
    pub fn read(&self, value: &Val) -> Flow {
        self.text(text_len(value))
    }

    /// Runs `work` one call deeper.
    pub fn deeper<T>(&self, work: impl FnOnce() -> Flow<T>) -> Flow<T> {
        self.steps(1)?;
        add(&self.calls, 1, CALLS, Bound::Calls)?;
        let done = work();
        self.calls.set(self.calls.get() - 1);
        done
    }

    /// Returns a label that no other has.
    pub fn label(&self) -> usize {
        self.labels.set(self.labels.get() + 1);
        self.labels.get()
    }

    /// Counts a step for each node of `value`, before anything walks through it. Returns their
    /// number.
    pub fn walk(&self, value: &Val) -> Flow<usize> {
        self.walk_level(value, 0)
    }

    fn walk_level(&self, value: &Val, level: usize) -> Flow<usize> {
        if level > LEVELS {
            return Err(Stop::Over(Bound::Levels));
        }
        self.steps(1)?;
        let mut nodes = 1;
        match value {
            Val::Null | Val::Bool(_) | Val::Num(_) | Val::BStr(_) | Val::TStr(_) => {
                self.read(value)?
            }
            Val::Arr(items) => {
                for item in items.iter() {
                    nodes += self.walk_level(item, level + 1)?;
                }
            }
            Val::Obj(members) => {
                for (name, member) in members.iter() {
                    self.text(text_len(name))?;
                    nodes += self.walk_level(member, level + 1)?;
                }
            }
        }
        Ok(nodes)
    }

    /// Counts the work of comparing `a` with `b`, or of searching one in the other.
    pub fn compare(&self, a: &Val, b: &Val) -> Flow<usize> {
        match (a, b) {
            (Val::Arr(_) | Val::Obj(_), Val::Arr(_) | Val::Obj(_)) => {
                Ok(self.walk(a)? + self.walk(b)?)
            }
            (Val::Num(_), Val::Num(_)) => {
                self.read(a)?;
                self.read(b).map(|()| 1)
            }
            _ => self.text(text_len(a).min(text_len(b))).map(|()| 1),
        }
    }

    /// Counts the sorting of `items`.
    pub fn sort(&self, items: &[Val]) -> Flow {
        let rounds = items.len().max(2).ilog2() as usize + 1;
        for item in items {
            let before = self.steps.get();
            self.walk(item)?;
            self.steps((self.steps.get() - before) * rounds)?;
        }
        Ok(())
    }
}

fn add(counter: &Cell<usize>, n: usize, most: usize, bound: Bound) -> Flow {
    let sum = counter.get().saturating_add(n);
    if sum > most {
        return Err(Stop::Over(bound));
    }
    counter.set(sum);
    Ok(())
}

fn text_len(value: &Val) -> usize {
    match value {
        Val::BStr(text) | Val::TStr(text) => text.len(),
        Val::Num(Num::Dec(digits)) => digits.len(),
        Val::Num(Num::BigInt(number)) => usize::try_from(number.bits() / 3).unwrap_or(usize::MAX),
        _ => 0,
    }
}
