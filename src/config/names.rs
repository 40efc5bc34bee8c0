//! The names of targets, and the variables that are theirs.

use super::vars::Scope;
use super::{GLOBALS, MOST_TARGETS};

/// Bytes of a name: it is a part of what is kept of each object.
const LONGEST: usize = 64;

/// Prefixes that no target may take: AWS's, and those of variables to come.
const RESERVED: &[&str] = &[
    "AWS", "LAMBDA", "PROGRESS", "DEADLINE", "CONTINUE", "SETTINGS", "RUST", "PATH", "HOME",
];

/// How the variables of the target `name` begin.
pub(crate) fn prefix_of(name: &str) -> String {
    format!("{}_", name.to_ascii_uppercase().replace('-', "_"))
}

/// What stands in `list`, the value of `TARGETS`.
pub(crate) fn listed(list: &str) -> impl Iterator<Item = &str> {
    list.split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
}

/// The names in `list`.
pub(super) fn target_names(globals: &Scope<'_>, list: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in listed(list) {
        let upper = prefix_of(name);
        let clashes = GLOBALS
            .iter()
            .map(|(global, ..)| *global)
            .chain(RESERVED.iter().copied());
        let clash = clashes.into_iter().find(|global| {
            format!("{global}_").starts_with(&upper) || upper.starts_with(&format!("{global}_"))
        });
        let letters = name
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-'));
        if names.len() == MOST_TARGETS {
            globals.mistake("TARGETS", format!("names more than {MOST_TARGETS} targets; deploy a second function for the others"));
            return names;
        } else if name.len() > LONGEST {
            globals.mistake(
                "TARGETS",
                format!("{name:?} is longer than {LONGEST} letters"),
            );
        } else if !letters || !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            globals.mistake(
                "TARGETS",
                format!(
                    "{name:?} is not a name for a target: letters, digits, _ and -, a letter first"
                ),
            );
        } else if let Some(clash) = clash {
            globals.mistake(
                "TARGETS",
                format!("{name:?} cannot be a target's name: its variables would mix with {clash}"),
            );
        } else if names.iter().any(|other| prefix_of(other) == upper) {
            globals.mistake("TARGETS", format!("{name:?} stands twice"));
        } else {
            names.push(name.to_owned());
        }
    }
    if names.is_empty() && !globals.has_mistakes() {
        globals.mistake("TARGETS", "names no target");
    }
    names
}
