//! Where the lake is, what its objects are called, and what they say of themselves.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use crate::config::vars::Scope;
use crate::config::{S3Prefix, aws_names};
use crate::targets::Entry;
use crate::transform::RulesId;
use clicks::Uuid8;
use clicks::click::Form;

/// Reads the variables that say where the lake is.
pub(super) fn location(scope: &Scope<'_>) -> Option<S3Prefix> {
    let bucket = scope.required_checked("BUCKET", "the name of a bucket", aws_names::bucket);
    let prefix = scope.parse("PREFIX", |text| {
        aws_names::key_prefix(text)?;
        Ok(match text.trim_start_matches('/') {
            "" => String::new(),
            text if text.ends_with('/') => text.to_owned(),
            text => format!("{text}/"),
        })
    });
    Some(S3Prefix {
        bucket: bucket?,
        prefix: prefix.unwrap_or_default(),
    })
}

/// Returns the folder of a click: its day and hour, spelled as partitions of Hive are.
pub(super) fn folder(timestamp: &str) -> String {
    let part = |from: usize, to: usize| timestamp.get(from..to).unwrap_or("00");
    format!("dt={}/hour={}", part(0, 10), part(11, 13))
}

/// Whether a key, after the prefix, is one of a file of this lake.
pub(super) fn is_ours(rest: &str) -> bool {
    const SHAPE: &str = "dt=0000-00-00/hour=00/xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx.";
    let Some((name, extension)) = rest.split_at_checked(SHAPE.len()) else {
        return false;
    };
    let fits = |(c, shape)| match shape {
        b'0' => u8::is_ascii_digit(&c),
        b'x' => u8::is_ascii_hexdigit(&c),
        shape => c == shape,
    };
    ["parquet", "jsonl.gz"].contains(&extension) && name.bytes().zip(SHAPE.bytes()).all(fits)
}

/// The member of the metadata that tells the rules.
const RULES: &str = "rules";

/// One file of a window: its clicks of one hour.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) key: String,
    /// How many clicks it has.
    pub(super) clicks: usize,
    /// A description of its clicks: their number, their form, the indexes of the first and last, a
    /// hash over their ids, and a fingerprint of the rules, if there are any.
    pub(super) metadata: HashMap<String, String>,
}

/// How a stored file differs from one that is to be stored under its name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Difference {
    /// It was stored under other rules, or under none.
    Rules,
    /// It holds other clicks, or in another form; how, for people.
    Clicks(String),
}

impl Part {
    /// Returns the file `key`, which holds `entries` in `form`, as `rules` leave them.
    pub(super) fn new(key: String, form: Form, entries: &[&Entry], rules: Option<RulesId>) -> Part {
        let mut ids = Sha256::new();
        entries.iter().for_each(|entry| ids.update(entry.id.text()));
        let index = |entry: Option<&&Entry>| entry.map_or(0, |entry| entry.place.index).to_string();
        let metadata = [
            ("clicks", entries.len().to_string()),
            ("form", form.to_string()),
            ("first-index", index(entries.first())),
            ("last-index", index(entries.last())),
            (
                "digest",
                Uuid8::from_digest(&ids.finalize().into()).to_string(),
            ),
        ];
        let rules = rules.map(|rules| (RULES, rules.to_string()));
        Part {
            key,
            clicks: entries.len(),
            metadata: metadata
                .into_iter()
                .chain(rules)
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        }
    }

    /// Says how the metadata of a stored file differs; `None` if it holds the same clicks.
    pub(super) fn difference(&self, there: &HashMap<String, String>) -> Option<Difference> {
        // Other rules explain other clicks.
        if self.metadata.get(RULES) != there.get(RULES) {
            return Some(Difference::Rules);
        }
        // The indexes are for people: in another file, the same clicks may stand elsewhere.
        ["clicks", "digest", "form"]
            .into_iter()
            .find(|name| self.metadata.get(*name) != there.get(*name))
            .map(|name| {
                let value = |metadata: &HashMap<String, String>| {
                    metadata.get(name).map_or("none", String::as_str).to_owned()
                };
                let (there, here) = (value(there), value(&self.metadata));
                Difference::Clicks(format!("{name} {there} there, {here} here"))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_click_goes_to_its_own_hour() {
        assert_eq!(folder("2026-11-21T23:54:50.123Z"), "dt=2026-11-21/hour=23");
    }

    #[test]
    fn only_names_of_this_shape_are_the_lakes_own() {
        let id = Uuid8::from_digest(&[7; 32]);
        assert!(is_ours(&format!("dt=2026-11-21/hour=23/{id}.parquet")));
        assert!(is_ours(&format!("dt=2026-11-21/hour=23/{id}.jsonl.gz")));
        for other in [
            format!("dt=2026-11-21/hour=23/{id}.json"),
            format!("dt=2026-11-21/{id}.parquet"),
            "2026/11/21/x".into(),
        ] {
            assert!(!is_ours(&other), "{other}");
        }
    }
}
