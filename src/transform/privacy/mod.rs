//! Privacy: which parts of a click leave for a target, and in which form.
//!
//! What a target gets is another click, made of what is left of the record: no form, key, folder,
//! attribute or row of the quarantine can tell what is gone, since none is made of anything else.

mod read;
mod vars;

use std::sync::{Mutex, PoisonError};

use clicks::click::redact::{Change, Hasher, Redaction, Rule, Scratch};
use clicks::click::{Click, ClickId};

use super::countries::CountrySet;
use super::fingerprint::Meaning;
use super::key::{HASH_KEY, HashKey};
use crate::config::vars::Scope;
use crate::targets::Need;
use read::{Settings, Source};
pub use vars::VARS;
use vars::{COUNTRIES, ID};

/// The privacy rules of one target.
#[derive(Debug)]
pub struct Privacy {
    redaction: Redaction,
    settings: Settings,
    /// Buffers, one for each thread that is at it.
    scratches: Mutex<Vec<Scratch>>,
}

impl Privacy {
    /// Reads the rules; `None` if there are none, or if mistakes were noted.
    pub fn read(scope: &Scope<'_>, key: Option<&HashKey>) -> Option<Privacy> {
        let settings = Settings::read(scope, key);
        if settings.is_empty() {
            return None;
        }
        let rules: Vec<Rule> = settings
            .sources
            .iter()
            .flat_map(|it| it.rules.clone())
            .collect();
        Some(Privacy {
            redaction: Redaction::new(&rules),
            settings,
            scratches: Mutex::default(),
        })
    }

    /// Calls `then` with what the rules leave of `click`; `None` if they leave no click.
    pub fn apply<R>(&self, click: &Click<'_>, then: impl FnOnce(&Click<'_>) -> R) -> Option<R> {
        if !self.holds_for(click) {
            return Some(then(click));
        }
        let mut scratch = self.lock().pop().unwrap_or_default();
        let hasher = self.settings.key.as_ref().map(|key| key as &dyn Hasher);
        let redacted = click.redacted(&self.redaction, hasher, self.keyed(click.id), &mut scratch);
        let result = redacted.map(|click| then(&click));
        self.lock().push(scratch);
        result
    }

    /// Returns the id that leaves for `click`.
    pub fn id(&self, click: &Click<'_>) -> ClickId {
        if self.settings.has_keyed_id && self.holds_for(click) {
            self.keyed(click.id)
        } else {
            click.id
        }
    }

    fn keyed(&self, id: ClickId) -> ClickId {
        match &self.settings.key {
            Some(key) if self.settings.has_keyed_id => {
                ClickId::from_digest(&key.digest(&id.text()))
            }
            _ => id,
        }
    }

    /// Whether the rules hold for `click`: also if nobody can read its country.
    fn holds_for(&self, click: &Click<'_>) -> bool {
        let Some(countries) = &self.settings.countries else {
            return true;
        };
        let is_outside = |code: &str| is_known(code) && !countries.contains(code);
        let place = |name| click.text(&["client", name, "country"]);
        let is_outside = |name| place(name).is_some_and(|code| is_outside(&code));
        // Where two places were delivered that differ, both stand in the click.
        let is_outside =
            is_outside("location") && (!click.has(&["client", "geo"]) || is_outside("geo"));
        !is_outside
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Scratch>> {
        self.scratches
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the fields that a target cannot do without, and that a rule drops or hashes.
    pub fn check_needs(&self, scope: &Scope<'_>, needs: &[Need]) {
        for Need { path, variable } in needs {
            let verb = |source: &Source| match Redaction::new(&source.rules).change(path)? {
                Change::Dropped => Some("drops"),
                Change::Hashed => Some("hashes"),
                Change::Coarsened => None,
            };
            let mut sources = self.settings.sources.iter();
            if let Some((source, verb)) = sources.find_map(|it| Some((it, verb(it)?))) {
                let variable = scope.name(variable);
                let problem =
                    format!("{verb} {path}, which {variable} needs; change one of the two");
                scope.conflict(source.variable, problem);
            }
        }
    }

    /// Adds the meaning of the rules to that of a target's.
    pub fn mean(&self, meaning: &mut Meaning) {
        let Settings {
            sources,
            key,
            countries,
            has_keyed_id,
        } = &self.settings;
        for source in sources {
            meaning.add_set(source.variable, &source.means);
        }
        if *has_keyed_id {
            meaning.add(ID, "keyed");
        }
        if let Some(key) = key {
            // Another key makes other hashes.
            meaning.add(HASH_KEY, key.digest(b"rules"));
        }
        if let Some(countries) = countries {
            meaning.add_set(COUNTRIES, countries.codes());
        }
    }

    /// Describes the rules as they were understood, as names and values for people, without secrets.
    pub fn describe(&self) -> impl Iterator<Item = (&'static str, String)> {
        let rows = self.settings.sources.iter();
        let rows = rows.map(|source| (source.shown, source.value.clone()));
        let keyed = self.settings.has_keyed_id;
        let id = keyed.then(|| ("id", "keyed: an HMAC of the click's id".to_owned()));
        let countries = self.settings.countries.as_ref().map(|countries| {
            let codes: Vec<_> = countries.codes().collect();
            let codes = codes.join(", ");
            (
                "privacy for",
                format!("clicks from {codes}, or from nobody knows where"),
            )
        });
        rows.chain(id).chain(countries)
    }
}

/// Whether a country has this code.
fn is_known(code: &str) -> bool {
    CountrySet::all().contains(code)
}

#[cfg(test)]
mod tests;
