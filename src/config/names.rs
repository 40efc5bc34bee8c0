//! The names of targets, and which variables are theirs.

use super::vars::Scope;
use super::{GLOBALS, MOST_TARGETS};

/// The longest name, in bytes: it is stored with the progress of each object.
const LONGEST: usize = 64;

/// Prefixes that no target may take: AWS's, the system's, and those of global variables to come.
const RESERVED: &[&str] = &[
    "AWS", "LAMBDA", "PROGRESS", "DEADLINE", "CONTINUE", "SETTINGS", "RUST", "PATH", "HOME",
];

/// Returns how the variables of the target `name` begin: `HOOK_EU_` for `hook-eu`.
pub(crate) fn prefix_of(name: &str) -> String {
    format!("{}_", name.to_ascii_uppercase().replace('-', "_"))
}

/// Returns the names in `list`, the value of `TARGETS`, whether they are valid or not.
pub(crate) fn listed(list: &str) -> impl Iterator<Item = &str> {
    list.split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
}

/// Returns the valid names in `list`, and notes what is wrong with the others.
pub(super) fn target_names(globals: &Scope<'_>, list: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in listed(list) {
        if names.len() == MOST_TARGETS {
            globals.mistake(
                "TARGETS",
                format!(
                    "names more than {MOST_TARGETS} targets; deploy a second function for the \
                     others"
                ),
            );
            return names;
        }
        match problem(name, &names) {
            Some(expected) => globals.wrong_value("TARGETS", format!("{name:?}"), expected),
            None => names.push(name.to_owned()),
        }
    }
    if names.is_empty() && !globals.has_mistakes() {
        globals.mistake("TARGETS", "names no target");
    }
    names
}

/// Returns what is expected in the place of a name that comes after `names`; `None` if it is fit.
fn problem(name: &str, names: &[String]) -> Option<String> {
    let prefix = prefix_of(name);
    let is_letter = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-');
    let begins_with_letter = name.starts_with(|c: char| c.is_ascii_alphabetic());
    if name.len() > LONGEST {
        Some(format!("a name of at most {LONGEST} letters"))
    } else if !name.bytes().all(is_letter) || !begins_with_letter {
        Some("a target's name: letters, digits, _ and -, a letter first".into())
    } else if let Some(clash) = clash(&prefix) {
        Some(format!(
            "another name for a target: the variables of this one would mix with {clash}"
        ))
    } else if names.iter().any(|other| prefix_of(other) == prefix) {
        Some("each name once; upper and lower case, - and _ are the same in a name".into())
    } else {
        None
    }
}

/// Returns the global variable or reserved prefix that a target's prefix would mix with.
fn clash(prefix: &str) -> Option<&'static str> {
    let globals = GLOBALS.iter().map(|global| global.name);
    globals.chain(RESERVED.iter().copied()).find(|other| {
        let other = format!("{other}_");
        other.starts_with(prefix) || prefix.starts_with(&other)
    })
}
