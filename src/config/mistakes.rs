//! The mistakes of a configuration, collected so that all of them show in one start.

use std::fmt;

/// One thing wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The variable.
    pub variable: String,
    /// The problem.
    pub problem: Problem,
}

/// The problem of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// It is required and not set.
    NotSet {
        /// The values that it takes.
        expected: String,
    },
    /// Its value is not one that it takes. No other problem shows the value.
    Value {
        /// The value, as it is shown.
        found: String,
        /// The values that it takes.
        expected: String,
    },
    /// It does not go with another variable of the same target, whatever its own value is.
    Conflict(String),
    /// Nothing reads it, whatever its value is.
    Unknown(String),
    /// Anything else, with the way out.
    Other(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::NotSet { expected } => write!(f, "is not set; expected {expected}"),
            Problem::Value { found, expected } => write!(f, "found {found}; expected {expected}"),
            Problem::Conflict(text) | Problem::Unknown(text) | Problem::Other(text) => {
                f.write_str(text)
            }
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.variable, self.problem)
    }
}

/// All mistakes of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<Mistake>);

impl ConfigErrors {
    /// Reports a single mistake.
    pub fn one(variable: impl Into<String>, problem: Problem) -> ConfigErrors {
        ConfigErrors(vec![Mistake {
            variable: variable.into(),
            problem,
        }])
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        let noun = if count == 1 { "mistake" } else { "mistakes" };
        write!(f, "{count} {noun} in the configuration:")?;
        self.0
            .iter()
            .try_for_each(|mistake| write!(f, "\n  {mistake}"))
    }
}

impl std::error::Error for ConfigErrors {}
