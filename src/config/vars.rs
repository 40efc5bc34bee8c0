//! Where variables come from, and the notes taken while they are read: which were used, and every
//! mistake.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::mistakes::{Mistake, Problem};
use super::units::{parse_bytes, parse_duration};

/// A set of variables, by their names.
pub type Vars = BTreeMap<String, String>;

/// Variables, and which of them may have been set for other programs.
#[derive(Clone, Debug, Default)]
pub struct VarSet {
    /// All of them.
    pub vars: Vars,
    /// The names of those that a person's shell has, for whatever program.
    pub of_shell: BTreeSet<String>,
}

impl VarSet {
    /// Takes the variables of a person's shell.
    pub fn of_shell(vars: Vars) -> VarSet {
        let of_shell = vars.keys().cloned().collect();
        VarSet { vars, of_shell }
    }

    /// Lays variables that were set for this program over these.
    pub fn lay_over(&mut self, vars: Vars) {
        self.of_shell.retain(|name| !vars.contains_key(name));
        self.vars.extend(vars);
    }
}

impl From<Vars> for VarSet {
    /// Takes variables that were all set for this program, as those of a function are.
    fn from(vars: Vars) -> VarSet {
        VarSet {
            vars,
            of_shell: BTreeSet::new(),
        }
    }
}

/// Returns the variables of this process. The only place that reads the environment.
#[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
pub fn environment() -> Vars {
    // What is not UTF-8 must not pass for unset: spelled with replacement characters it is found
    // wrong.
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    std::env::vars_os()
        .map(|(name, value)| (text(name), text(value)))
        .collect()
}

/// Returns whether `name` is not set, or blank.
pub fn is_unset(vars: &Vars, name: &str) -> bool {
    vars.get(name).is_none_or(|text| text.trim().is_empty())
}

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides `text`.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// Returns the text, for the wire alone.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The variables below a prefix.
///
/// Its readers never fail: they note the mistake and return `None`, so that all mistakes of a
/// deployment show in one start.
#[derive(Debug)]
pub struct Scope<'v> {
    prefix: String,
    /// Longer prefixes, whose variables belong to other scopes.
    others: Vec<String>,
    vars: &'v Vars,
    used: RefCell<BTreeSet<String>>,
    mistakes: RefCell<Vec<Mistake>>,
}

impl<'v> Scope<'v> {
    /// Creates a scope of the variables whose names begin with `prefix`, for example `HOOK_`; of
    /// all variables if it is empty.
    pub fn new(vars: &'v Vars, prefix: impl Into<String>) -> Scope<'v> {
        Scope::below(vars, prefix.into(), Vec::new())
    }

    /// Creates a scope of the variables whose names begin with `prefix` and with none of the longer
    /// prefixes `others`: the target with the longest name owns a variable.
    pub fn below(vars: &'v Vars, prefix: String, others: Vec<String>) -> Scope<'v> {
        Scope {
            prefix,
            others,
            vars,
            used: RefCell::default(),
            mistakes: RefCell::default(),
        }
    }

    fn owns(&self, name: &str) -> bool {
        name.starts_with(&self.prefix) && !self.others.iter().any(|other| name.starts_with(other))
    }

    /// Returns the whole name of the variable `key`.
    pub fn name(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// Reads the text of `key`, if it is set and not blank.
    pub fn text(&self, key: &str) -> Option<&'v str> {
        let name = self.name(key);
        let text = self.vars.get(&name).filter(|_| self.owns(&name));
        self.used.borrow_mut().insert(name);
        text.map(|text| text.trim()).filter(|text| !text.is_empty())
    }

    /// Reads the text of `key` without noting that it was read.
    pub fn peek(&self, key: &str) -> Option<&'v str> {
        self.vars.get(&self.name(key)).map(|text| text.trim())
    }

    /// Reads the text of `key`, which must be set.
    pub fn required(&self, key: &str, expected: &str) -> Option<&'v str> {
        let text = self.text(key);
        if text.is_none() {
            let expected = expected.to_owned();
            self.note(key, Problem::NotSet { expected });
        }
        text
    }

    /// Reads the value of `key`, if it is set. `T`'s error says what is expected.
    pub fn parsed<T: FromStr<Err = String>>(&self, key: &str) -> Option<T> {
        self.parse(key, str::parse)
    }

    /// Reads the value of `key` with `parse`, whose error says what is expected.
    pub fn parse<T>(&self, key: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let text = self.text(key)?;
        parse(text)
            .map_err(|expected| self.wrong_value(key, format!("{text:?}"), expected))
            .ok()
    }

    /// Reads the text of `key`, which `check` must allow; its error says what is expected.
    pub fn checked(&self, key: &str, check: fn(&str) -> Result<(), String>) -> Option<String> {
        self.parse(key, |text| check(text).map(|()| text.to_owned()))
    }

    /// Reads the text of `key`, which must be set, and which `check` must allow.
    pub fn required_checked(
        &self,
        key: &str,
        expected: &str,
        check: fn(&str) -> Result<(), String>,
    ) -> Option<String> {
        self.required(key, expected)?;
        self.checked(key, check)
    }

    /// Reads a whole number of at least 1.
    pub fn count(&self, key: &str) -> Option<usize> {
        self.parse(key, |text| {
            text.parse()
                .ok()
                .filter(|n| *n > 0)
                .ok_or_else(|| "a whole number above 0".into())
        })
    }

    /// Reads a number of bytes.
    pub fn bytes(&self, key: &str) -> Option<u64> {
        self.parse(key, parse_bytes)
    }

    /// Reads a length of time.
    pub fn duration(&self, key: &str) -> Option<Duration> {
        self.parse(key, parse_duration)
    }

    /// Reads a text to hide.
    pub fn secret(&self, key: &str) -> Option<Secret> {
        self.text(key).map(Secret::new)
    }

    /// Reads the variables that begin with `key` and are not blank: for each, what follows `key` in
    /// its name, and its text.
    pub fn starting(&self, key: &str) -> Vec<(String, &'v str)> {
        let prefix = self.name(key);
        let own = self.vars.iter().filter(|(name, _)| self.owns(name));
        let found: Vec<_> = own
            .filter_map(|(name, text)| Some((name.strip_prefix(&prefix)?, text.trim())))
            .filter(|(rest, _)| !rest.is_empty())
            .collect();
        let names = found.iter().map(|(rest, _)| format!("{prefix}{rest}"));
        self.used.borrow_mut().extend(names);
        let set = found.into_iter().filter(|(_, text)| !text.is_empty());
        set.map(|(rest, text)| (rest.to_owned(), text)).collect()
    }

    /// Notes a mistake in `key`: what was found and what is expected.
    pub fn mistake(&self, key: &str, problem: impl Into<String>) {
        self.note(key, Problem::Other(problem.into()));
    }

    /// Notes that `key` does not go with another variable of this scope.
    pub fn conflict(&self, key: &str, problem: impl Into<String>) {
        self.note(key, Problem::Conflict(problem.into()));
    }

    /// Notes that the value of `key`, shown as `found`, is not one that it takes.
    pub fn wrong_value(&self, key: &str, found: impl Into<String>, expected: impl Into<String>) {
        let (found, expected) = (found.into(), expected.into());
        self.note(key, Problem::Value { found, expected });
    }

    fn note(&self, key: &str, problem: Problem) {
        let mistake = Mistake {
            variable: self.name(key),
            problem,
        };
        let mut mistakes = self.mistakes.borrow_mut();
        // A variable may be read by several.
        if !mistakes.contains(&mistake) {
            mistakes.push(mistake);
        }
    }

    /// Returns the variables that were read, set or not.
    pub fn read(&self) -> BTreeSet<String> {
        self.used.borrow().clone()
    }

    /// Returns the variables of this scope that nobody has read.
    pub fn unread(&self) -> Vec<String> {
        let used = self.used.borrow();
        self.vars
            .keys()
            .filter(|name| self.owns(name) && !used.contains(*name))
            .cloned()
            .collect()
    }

    /// Returns the mistakes noted.
    pub fn into_mistakes(self) -> Vec<Mistake> {
        self.mistakes.into_inner()
    }

    /// Returns whether a mistake was noted.
    pub fn has_mistakes(&self) -> bool {
        !self.mistakes.borrow().is_empty()
    }
}
