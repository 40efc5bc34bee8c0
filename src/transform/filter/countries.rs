//! Clicks from some countries only.

use clicks::click::Click;

use super::list::{Unfit, items, note_mistakes};
use crate::config::vars::Scope;
use crate::transform::Meaning;
use crate::transform::countries::CountrySet;

/// The most countries that are shown.
const MOST_SHOWN: usize = 30;

/// The countries whose clicks are kept.
#[derive(Debug)]
pub(super) enum Countries {
    /// These alone; not a click without a readable country.
    Only(CountrySet),
    /// All but these, and clicks without a readable country.
    AllBut(CountrySet),
}

impl Countries {
    /// Reads the countries of the variable `key`, or notes the mistakes.
    pub(super) fn read(scope: &Scope<'_>, key: &str) -> Option<Countries> {
        let items = items(scope.text(key)?);
        let (mut kept, mut left_out) = (None, CountrySet::default());
        let mut mistakes = Vec::new();
        for item in &items {
            match CountrySet::parse_one(item.text) {
                Ok(countries) if item.excludes => left_out = left_out.union(countries),
                Ok(countries) => {
                    kept = Some(kept.unwrap_or_else(CountrySet::default).union(countries));
                }
                Err(expected) => mistakes.push(Unfit {
                    found: item.text.to_owned(),
                    expected,
                }),
            }
        }
        if items.is_empty() {
            scope.mistake(
                key,
                "has no values, only comments; remove it, or add a value",
            );
            return None;
        }
        if !mistakes.is_empty() {
            note_mistakes(scope, key, mistakes);
            return None;
        }
        let Some(kept) = kept else {
            return Some(Countries::AllBut(left_out));
        };
        let only = kept.without(left_out);
        if only.is_empty() {
            scope.mistake(
                key,
                "leaves out every country that it keeps, so that no click can match; remove one of \
                 the two",
            );
            return None;
        }
        Some(Countries::Only(only))
    }

    /// Whether a click is kept.
    #[inline]
    pub(super) fn keeps(&self, click: &Click<'_>) -> bool {
        let country = click.text(&["client", "location", "country"]);
        let is_in = |set: &CountrySet| country.is_some_and(|country| set.contains(&country));
        match self {
            Countries::Only(set) => is_in(set),
            Countries::AllBut(set) => !is_in(set),
        }
    }

    /// Adds what the filter of `variable` means.
    pub(super) fn mean(&self, variable: &str, meaning: &mut Meaning) {
        match self {
            Countries::Only(set) => meaning.add_set(variable, set.codes()),
            Countries::AllBut(set) => meaning.add_set(&format!("!{variable}"), set.codes()),
        }
    }

    /// Describes them for people.
    pub(super) fn describe(&self) -> String {
        let codes = |set: &CountrySet| {
            let count = set.codes().count();
            let codes = set.codes().take(MOST_SHOWN).collect::<Vec<_>>().join(", ");
            match count {
                0..=MOST_SHOWN => codes,
                _ => format!("{count} countries, {codes}, …"),
            }
        };
        match self {
            Countries::Only(set) => codes(set),
            Countries::AllBut(set) => format!("all but {}", codes(set)),
        }
    }
}
