//! What an object of the lake is called, and what it says of itself. Pure.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use crate::targets::Entry;
use clicks::Uuid8;
use clicks::click::Form;

/// The folder of a click: its own day and hour, in the spelling of Hive's partitions.
pub(super) fn folder(timestamp: &str) -> String {
    let part = |from: usize, to: usize| timestamp.get(from..to).unwrap_or("00");
    format!("dt={}/hour={}", part(0, 10), part(11, 13))
}

/// Whether a key, after the prefix, is one of those given here.
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

/// One object of a window.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) key: String,
    /// Which clicks it holds, and in which form: their number, the first and last record of their file, a hash over
    /// their ids.
    pub(super) metadata: HashMap<String, String>,
}

impl Part {
    /// The object `key` with `entries` in `form`.
    pub(super) fn new(key: String, form: Form, entries: &[&Entry]) -> Part {
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
        Part {
            key,
            metadata: metadata
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        }
    }

    /// What the metadata of an object says otherwise, if the clicks are not the same.
    pub(super) fn difference(&self, there: &HashMap<String, String>) -> Option<String> {
        // The indexes are for people: in another file, the same clicks may stand elsewhere.
        ["clicks", "digest", "form"]
            .into_iter()
            .find(|name| self.metadata.get(*name) != there.get(*name))
            .map(|name| {
                let value = |metadata: &HashMap<String, String>| {
                    metadata.get(name).map_or("none", String::as_str).to_owned()
                };
                format!(
                    "{name} {} there, {} here",
                    value(there),
                    value(&self.metadata)
                )
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
