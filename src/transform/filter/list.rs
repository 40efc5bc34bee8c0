//! Lists of values: `spring,summer-*,!summer-test`.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::fold::{fold, with_folded};
use super::glob::is_glob;
use super::values::Values;
use crate::config::vars::Scope;
use crate::transform::Meaning;

/// The most mistakes that are told of one list.
const MOST_TOLD: usize = 3;
/// The most values that are shown of a list.
const MOST_SHOWN: usize = 5;

/// Checks one value of a list, without its `!`. The error says what is expected.
pub(super) type Check = fn(&str) -> Result<(), String>;

/// A list of values to keep and values to leave out.
#[derive(Debug)]
pub(super) struct List {
    /// The values one of which a click must have; any will do if there is none.
    include: Option<Values>,
    /// The values that a click must not have.
    exclude: Option<Values>,
    shown: String,
}

/// One entry of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Item<'t> {
    /// Its text without the `!`.
    pub(super) text: &'t str,
    /// Whether it stood behind a `!`.
    pub(super) excludes: bool,
}

impl<'t> Item<'t> {
    fn new(text: &'t str) -> Item<'t> {
        let text = text.trim();
        let (text, excludes) = match text.strip_prefix('!') {
            Some(rest) => (rest.trim_start(), true),
            None => (text, false),
        };
        Item { text, excludes }
    }
}

impl Item<'_> {
    /// Returns why no click can have it; `None` if one can.
    fn unfit(&self, check: Check) -> Option<Unfit> {
        let expected = match self.text {
            "" if self.excludes => "a value after the !".to_owned(),
            "" => "a value between the commas".to_owned(),
            text => check(text).err()?,
        };
        let sign = if self.excludes { "!" } else { "" };
        Some(Unfit {
            found: format!("{sign}{}", self.text),
            expected,
        })
    }
}

/// Divides a list at its commas; or at its lines, where it has several, as the contents of a file
/// have: blank lines and those that begin with `#` are left out.
pub(super) fn items(list: &str) -> Vec<Item<'_>> {
    if !list.contains('\n') {
        return list.split(',').map(Item::new).collect();
    }
    let lines = list.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(Item::new).collect()
}

/// A value that no click can have.
pub(super) struct Unfit {
    /// The value.
    pub(super) found: String,
    /// What is expected in its place.
    pub(super) expected: String,
}

/// Notes the first mistakes of a list, and how many more there are.
pub(super) fn note_mistakes(scope: &Scope<'_>, key: &str, mistakes: Vec<Unfit>) {
    let more = mistakes.len().saturating_sub(MOST_TOLD);
    for Unfit { found, expected } in mistakes.into_iter().take(MOST_TOLD) {
        scope.wrong_value(key, format!("{found:?}"), expected);
    }
    if more > 0 {
        scope.mistake(
            key,
            format!("has {more} more values of which none can match"),
        );
    }
}

impl List {
    /// Reads the list of the variable `key`, or notes the mistakes.
    pub(super) fn read(scope: &Scope<'_>, key: &str, check: Check) -> Option<List> {
        let items = items(scope.text(key)?);
        if items.is_empty() {
            scope.mistake(
                key,
                "has no values, only comments; remove it, or add a value",
            );
            return None;
        }
        let mistakes: Vec<_> = items.iter().filter_map(|item| item.unfit(check)).collect();
        if !mistakes.is_empty() {
            note_mistakes(scope, key, mistakes);
            return None;
        }
        let list = List::new(&items);
        let contradictions = list.contradictions(&items);
        if contradictions.is_empty() {
            Some(list)
        } else {
            note_mistakes(scope, key, contradictions);
            None
        }
    }

    fn new(items: &[Item<'_>]) -> List {
        let of = |excludes: bool| {
            let wanted = items.iter().filter(move |item| item.excludes == excludes);
            let texts: Vec<&str> = wanted.map(|item| item.text).collect();
            (!texts.is_empty()).then(|| Values::new(texts.into_iter()))
        };
        List {
            include: of(false),
            exclude: of(true),
            shown: show(items),
        }
    }

    /// Returns the values that are both kept and left out, each with the way out.
    fn contradictions(&self, items: &[Item<'_>]) -> Vec<Unfit> {
        let Some(exclude) = &self.exclude else {
            return Vec::new();
        };
        let globs = items
            .iter()
            .filter(|item| item.excludes && is_glob(item.text));
        let globs: BTreeSet<String> = globs.map(|item| fold(item.text)).collect();
        let is_excluded = |text: &str| {
            if is_glob(text) {
                globs.contains(&fold(text)) || globs.contains("*")
            } else {
                with_folded(text, |folded| exclude.contains(folded))
            }
        };
        let kept = items.iter().filter(|item| !item.excludes);
        let both = kept.filter(|item| is_excluded(item.text));
        both.map(|item| Unfit {
            found: item.text.to_owned(),
            expected: "it either with ! or without: this list leaves out what it keeps".into(),
        })
        .collect()
    }

    /// Whether a click with these values is kept. An empty text is no value.
    #[inline]
    pub(super) fn keeps<'c>(&self, values: impl Iterator<Item = Cow<'c, str>>) -> bool {
        let mut included = self.include.is_none();
        for value in values.filter(|value| !value.is_empty()) {
            let excluded = with_folded(&value, |folded| {
                included = included || self.include.as_ref().is_some_and(|it| it.contains(folded));
                self.exclude.as_ref().is_some_and(|it| it.contains(folded))
            });
            if excluded {
                return false;
            }
        }
        included
    }

    /// Adds what the filter of `variable` means.
    pub(super) fn mean(&self, variable: &str, meaning: &mut Meaning) {
        if let Some(include) = &self.include {
            meaning.add_set(variable, include.texts());
        }
        if let Some(exclude) = &self.exclude {
            meaning.add_set(&format!("!{variable}"), exclude.texts());
        }
    }

    /// Describes it for people.
    pub(super) fn describe(&self) -> &str {
        &self.shown
    }
}

/// Describes the values of a list, a long one by its number and its first values.
fn show(items: &[Item<'_>]) -> String {
    let of = |excludes: bool| {
        let wanted = items.iter().filter(|item| item.excludes == excludes);
        let texts: Vec<&str> = wanted.map(|item| item.text).collect();
        let first = texts.iter().take(MOST_SHOWN).copied();
        let first = first.collect::<Vec<_>>().join(", ");
        match texts.len() {
            0..=MOST_SHOWN => first,
            count => format!("{} values, {first}, …", with_commas(count)),
        }
    };
    match (of(false), of(true)) {
        (kept, left_out) if left_out.is_empty() => kept,
        (kept, left_out) if kept.is_empty() => format!("all but {left_out}"),
        (kept, left_out) => format!("{kept}; but not {left_out}"),
    }
}

/// Writes a number with commas between its thousands.
fn with_commas(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
