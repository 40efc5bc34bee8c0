//! Keeps values that stand elsewhere out of what is said of mistakes: those may be secrets.

use std::collections::{BTreeMap, BTreeSet};

use super::{Reference, TARGETS};
use crate::config::vars::Vars;
use crate::config::{ConfigErrors, Mistake, Problem};

/// Put in the place of a value.
const STARS: &str = "***";

/// Bytes of the shortest value that is looked for in texts: a shorter one would be found in any.
const SHORTEST: usize = 4;

/// The values that must not be shown.
pub(super) struct Hidden<'s> {
    /// The variables that refer to a value elsewhere.
    pub(super) references: &'s BTreeMap<String, Reference>,
    /// The variables whose values are kept as secrets below the path of settings.
    pub(super) secret: &'s BTreeSet<String>,
    /// All variables, with their values as far as they are known.
    pub(super) vars: &'s Vars,
}

impl Hidden<'_> {
    /// Returns the mistakes without any of the values.
    pub(super) fn redact(&self, ConfigErrors(mistakes): ConfigErrors) -> ConfigErrors {
        ConfigErrors(
            mistakes
                .into_iter()
                .map(|one| self.redact_one(one))
                .collect(),
        )
    }

    fn redact_one(&self, Mistake { variable, problem }: Mistake) -> Mistake {
        let unfit = |place: String| format!("{place} does not hold what this variable takes");
        let unfit = self.place(&variable).map(unfit);
        let problem = match (problem, unfit) {
            (Problem::Value { expected, .. }, Some(unfit)) => {
                Problem::Other(format!("{unfit}; expected {}", self.conceal(expected)))
            }
            (Problem::Other(text), Some(unfit)) => {
                Problem::Other(format!("{unfit}: {}", self.conceal(text)))
            }
            (Problem::Value { found, expected }, None) => Problem::Value {
                found: self.conceal(found),
                expected: self.conceal(expected),
            },
            (Problem::Other(text), None) => Problem::Other(self.conceal(text)),
            (Problem::Conflict(text), _) => Problem::Conflict(self.conceal(text)),
            (problem @ (Problem::NotSet { .. } | Problem::Unknown(_)), _) => problem,
        };
        Mistake { variable, problem }
    }

    /// Returns where the value of `variable` stands, if it must not be shown. A reference that has
    /// not been followed is its own value.
    fn place(&self, variable: &str) -> Option<String> {
        let text = self.vars.get(variable)?;
        match self.references.get(variable) {
            Some(reference) if !reference.is_secret() => None,
            Some(reference) => {
                (text.trim() != reference.to_string()).then(|| reference.to_string())
            }
            None if self.secret.contains(variable) => Some("its SecureString".into()),
            None => None,
        }
    }

    /// Returns `text` without the values in it.
    fn conceal(&self, text: String) -> String {
        let names = self.references.keys().chain(self.secret);
        // The names of targets and kinds are part of what is said of any mistake.
        let names = names.filter(|name| *name != TARGETS && !name.ends_with("_KIND"));
        let hidden = names.filter(|name| self.place(name).is_some());
        let mut values: Vec<&str> = hidden
            .filter_map(|name| Some(self.vars.get(name)?.trim()))
            .filter(|value| value.len() >= SHORTEST)
            .collect();
        // One value may be part of another.
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        let escaped = |value: &str| value.escape_debug().to_string();
        values.into_iter().fold(text, |text, value| {
            let text = text.replace(value, STARS);
            text.replace(&escaped(value), STARS)
        })
    }
}
