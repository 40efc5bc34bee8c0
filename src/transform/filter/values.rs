//! Values and patterns compiled so that ten thousand cost no more to look through than ten.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::fold::fold;
use super::glob::{Glob, is_glob};

/// Values and patterns, one of which a text must be or match.
#[derive(Debug, Default)]
pub(super) struct Values {
    exact: HashSet<Box<[u8]>>,
    globs: Globs,
}

/// Patterns. The literal parts of all are looked for in one pass over a text, and those patterns
/// alone are tried whose part is in it.
#[derive(Debug, Default)]
struct Globs {
    /// Finds the literal parts; the number of each is that of its patterns in `by_literal`.
    literals: Option<AhoCorasick>,
    by_literal: Vec<Vec<Glob>>,
    /// The patterns without a literal part.
    bare: Vec<Glob>,
}

impl Values {
    /// Compiles `texts`: values, and patterns.
    pub(super) fn new<'t>(texts: impl Iterator<Item = &'t str>) -> Values {
        let (globs, exact): (Vec<_>, Vec<_>) = texts.map(fold).partition(|text| is_glob(text));
        Values {
            exact: exact
                .into_iter()
                .map(|text| text.into_bytes().into())
                .collect(),
            globs: Globs::new(globs),
        }
    }

    /// Returns the values and patterns, folded.
    pub(super) fn texts(&self) -> impl Iterator<Item = &[u8]> {
        let exact = self.exact.iter().map(|text| &**text);
        exact.chain(self.globs.texts())
    }

    /// Whether a folded text is one of the values or matches one of the patterns.
    #[inline]
    pub(super) fn contains(&self, folded: &[u8]) -> bool {
        (!self.exact.is_empty() && self.exact.contains(folded)) || self.globs.matches(folded)
    }
}

impl Globs {
    fn new(mut folded: Vec<String>) -> Globs {
        folded.sort_unstable();
        folded.dedup();
        let mut by_literal: BTreeMap<String, Vec<Glob>> = BTreeMap::new();
        for text in &folded {
            let glob = Glob::new(text);
            by_literal
                .entry(glob.literal().to_owned())
                .or_default()
                .push(glob);
        }
        let mut bare = by_literal.remove("").unwrap_or_default();
        // A table of all transitions is the fastest, and too large for many patterns.
        let mut builder = AhoCorasick::builder();
        if by_literal.len() > 100 {
            builder.kind(Some(AhoCorasickKind::ContiguousNFA));
        }
        let literals = match by_literal.len() {
            0 => None,
            _ => builder.build(by_literal.keys()).ok(),
        };
        let mut by_literal: Vec<_> = by_literal.into_values().collect();
        if literals.is_none() {
            bare.extend(by_literal.drain(..).flatten());
        }
        Globs {
            literals,
            by_literal,
            bare,
        }
    }

    fn texts(&self) -> impl Iterator<Item = &[u8]> {
        let globs = self.by_literal.iter().flatten().chain(&self.bare);
        globs.map(|glob| glob.text().as_bytes())
    }

    #[inline]
    fn matches(&self, folded: &[u8]) -> bool {
        if self.bare.iter().any(|glob| glob.matches(folded)) {
            return true;
        }
        let Some(literals) = &self.literals else {
            return false;
        };
        // A text may hold the same part many times, and says no more the second time.
        let mut tried = BTreeSet::new();
        let mut found = literals.find_overlapping_iter(folded);
        found.any(|literal| {
            let number = literal.pattern().as_usize();
            let globs = self.by_literal.get(number);
            tried.insert(number)
                && globs.is_some_and(|globs| globs.iter().any(|glob| glob.matches(folded)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(values: &Values, text: &str) -> bool {
        values.contains(fold(text).as_bytes())
    }

    #[test]
    fn values_and_patterns_are_found_among_many() {
        let texts: Vec<String> = (0..3000)
            .flat_map(|n| {
                [
                    format!("Tag-{n}"),
                    format!("pre{n}-*"),
                    format!("*-mid{n}-*"),
                    format!("*-{n}end"),
                ]
            })
            .collect();
        let values = Values::new(texts.iter().map(String::as_str));
        for text in [
            "tag-0",
            "TAG-2999",
            "pre77-x",
            "a-mid5-b",
            "x-12END",
            "pre1-mid2-3end",
        ] {
            assert!(contains(&values, text), "{text}");
        }
        for text in [
            "", "tag-3000", "tag-", "xpre77-", "mid5-", "a-mid5", "-12end-",
        ] {
            assert!(!contains(&values, text), "{text}");
        }
    }

    #[test]
    fn compiled_patterns_match_what_each_of_them_matches() {
        let patterns = [
            "a*", "*b", "*ab*", "a?b", "??", "ab*ba", "*a*a*", "ü*", "b?*",
        ];
        let values = Values::new(patterns.into_iter());
        let letters = ["", "a", "b", "ü"];
        for n in 0..4usize.pow(5) {
            let text: String = (0..5)
                .map(|place| letters[n / 4usize.pow(place) % 4])
                .collect();
            let one_by_one = patterns
                .iter()
                .any(|glob| Glob::new(glob).matches(text.as_bytes()));
            assert_eq!(contains(&values, &text), one_by_one, "{text}");
        }
    }
}
