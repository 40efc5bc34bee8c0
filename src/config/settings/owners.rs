//! Which target a variable belongs to, and the path of the settings.

use super::{PATH, TARGETS};
use crate::config::vars::Vars;
use crate::config::{listed, prefix_of};
use crate::transform::{self, TextInFile};

/// How the variables of each target begin.
pub(super) fn prefixes(vars: &Vars) -> impl Iterator<Item = String> {
    listed(vars.get(TARGETS).map(String::as_str).unwrap_or_default()).map(prefix_of)
}

/// Returns how the variables of the target begin that owns `variable`: the one with the longest
/// name.
pub(super) fn owner(vars: &Vars, variable: &str) -> Option<String> {
    prefixes(vars)
        .filter(|prefix| variable.starts_with(prefix))
        .max_by_key(String::len)
}

/// Returns how the value of a variable stands in a file; `None` if it may not.
pub(super) fn text_in_file(vars: &Vars, variable: &str) -> Option<TextInFile> {
    let prefix = owner(vars, variable)?;
    transform::text_in_file(variable.strip_prefix(&prefix)?)
}

/// Returns the path that `vars` name.
pub(super) fn path(vars: &Vars) -> Option<&str> {
    vars.get(PATH)
        .map(|path| path.trim())
        .filter(|path| !path.is_empty())
}
