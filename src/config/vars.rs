//! Where variables come from, and the notes taken while they are read: which were used, and every mistake.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A set of variables.
pub type Vars = BTreeMap<String, String>;

/// The variables of this process. The only place that reads the environment.
#[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
pub fn environment() -> Vars {
    // What is not UTF-8 must not pass for unset: spelled with replacement characters it is found wrong.
    std::env::vars_os()
        .map(|(name, value)| {
            (
                name.to_string_lossy().into_owned(),
                value.to_string_lossy().into_owned(),
            )
        })
        .collect()
}

/// One thing wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The variable.
    pub variable: String,
    /// What was found and what is expected.
    pub problem: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.variable, self.problem)
    }
}

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides `text`.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text, for the wire alone.
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

/// Variables below a prefix. Readers never fail: they note the mistake and return nothing, so that all
/// mistakes of a deployment show in one start.
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
    /// The variables whose names begin with `prefix`, `HOOK_` say; all of them if it is empty.
    pub fn new(vars: &'v Vars, prefix: impl Into<String>) -> Scope<'v> {
        Scope::below(vars, prefix.into(), Vec::new())
    }

    /// The variables whose names begin with `prefix` and with none of the longer prefixes `others`: the
    /// target with the longest name owns a variable.
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

    /// The whole name of the variable `key`.
    pub fn name(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// The text of `key`, if it is set and not blank.
    pub fn text(&self, key: &str) -> Option<&'v str> {
        let name = self.name(key);
        let text = self
            .vars
            .get(&name)
            .filter(|_| self.owns(&name))
            .map(|text| text.trim())
            .filter(|text| !text.is_empty());
        self.used.borrow_mut().insert(name);
        text
    }

    /// The text of `key` without noting that it was read.
    pub fn peek(&self, key: &str) -> Option<&'v str> {
        self.vars.get(&self.name(key)).map(|text| text.trim())
    }

    /// The text of `key`, which must be set.
    pub fn required(&self, key: &str, expected: &str) -> Option<&'v str> {
        let text = self.text(key);
        if text.is_none() {
            self.mistake(key, format!("is not set; expected {expected}"));
        }
        text
    }

    /// The value of `key`, if it is set. `T`'s error says what is expected.
    pub fn parsed<T: FromStr<Err = String>>(&self, key: &str) -> Option<T> {
        self.parse(key, str::parse)
    }

    /// The value of `key` as `parse` reads it, whose error says what is expected.
    pub fn parse<T>(&self, key: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let text = self.text(key)?;
        parse(text)
            .map_err(|expected| self.mistake(key, format!("found {text:?}; expected {expected}")))
            .ok()
    }

    /// A whole number of at least 1.
    pub fn count(&self, key: &str) -> Option<usize> {
        self.parse(key, |text| {
            text.parse()
                .ok()
                .filter(|n| *n > 0)
                .ok_or("a whole number above 0".into())
        })
    }

    /// A number of bytes.
    pub fn bytes(&self, key: &str) -> Option<u64> {
        self.parse(key, parse_bytes)
    }

    /// A length of time.
    pub fn duration(&self, key: &str) -> Option<Duration> {
        self.parse(key, parse_duration)
    }

    /// A text to hide.
    pub fn secret(&self, key: &str) -> Option<Secret> {
        self.text(key).map(Secret::new)
    }

    /// The variables that begin with `key` and are not blank, each with what follows.
    pub fn starting(&self, key: &str) -> Vec<(String, &'v str)> {
        let prefix = self.name(key);
        let own = self.vars.iter().filter(|(name, _)| self.owns(name));
        let found = own
            .filter_map(|(name, text)| Some((name.strip_prefix(&prefix)?.to_owned(), text.trim())));
        let found: Vec<_> = found.filter(|(rest, _)| !rest.is_empty()).collect();
        self.used
            .borrow_mut()
            .extend(found.iter().map(|(rest, _)| format!("{prefix}{rest}")));
        found
            .into_iter()
            .filter(|(_, text)| !text.is_empty())
            .collect()
    }

    /// Notes a mistake in `key`.
    pub fn mistake(&self, key: &str, problem: impl Into<String>) {
        self.mistakes.borrow_mut().push(Mistake {
            variable: self.name(key),
            problem: problem.into(),
        });
    }

    /// The variables that were read, set or not.
    pub fn read(&self) -> BTreeSet<String> {
        self.used.borrow().clone()
    }

    /// The variables of this scope that nobody has read.
    pub fn unread(&self) -> Vec<String> {
        let used = self.used.borrow();
        self.vars
            .keys()
            .filter(|name| self.owns(name) && !used.contains(*name))
            .cloned()
            .collect()
    }

    /// The mistakes noted.
    pub fn into_mistakes(self) -> Vec<Mistake> {
        self.mistakes.into_inner()
    }

    /// Whether a mistake was noted.
    pub fn has_mistakes(&self) -> bool {
        !self.mistakes.borrow().is_empty()
    }
}

/// `30s`, `500ms`, `2m`, or a plain number of seconds.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at_checked(digits).unwrap_or_default();
    let millis = match unit.trim() {
        "ms" => 1,
        "s" | "" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => 0,
    };
    let value: Option<u64> = number
        .parse()
        .ok()
        .and_then(|n: u64| n.checked_mul(millis))
        .filter(|n| *n > 0);
    value
        .map(Duration::from_millis)
        .ok_or("a time above 0 such as 500ms, 30s or 2m".into())
}

/// `4096`, `500KB` (a thousand), `1MiB` (1024 × 1024) and so on.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at_checked(digits).unwrap_or_default();
    let factor: u64 = match unit.trim() {
        "" | "B" => 1,
        "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => 0,
    };
    let value: Option<u64> = number
        .parse()
        .ok()
        .and_then(|n: u64| n.checked_mul(factor))
        .filter(|n| *n > 0);
    value.ok_or("a number of bytes above 0 such as 65536, 500KB or 1MiB".into())
}

/// `10`, `0.5`: requests a second, from one in a quarter of an hour to a hundred thousand.
pub fn parse_rate(text: &str) -> Result<f64, String> {
    let value: Option<f64> = text
        .parse()
        .ok()
        .filter(|rate| (0.001..=100_000.0).contains(rate));
    value.ok_or("requests per second from 0.001 to 100000, such as 10 or 0.5".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_numbers_within_reason() {
        for (text, rate) in [
            ("10", 10.0),
            ("0.5", 0.5),
            ("1e3", 1000.0),
            ("100000", 100_000.0),
        ] {
            assert_eq!(parse_rate(text), Ok(rate));
        }
        for text in [
            "", "0", "-0", "-1", "inf", "NaN", "100001", "1e-9", "10/s", "1,5",
        ] {
            assert!(
                parse_rate(text)
                    .unwrap_err()
                    .contains("from 0.001 to 100000"),
                "{text}"
            );
        }
    }
}
