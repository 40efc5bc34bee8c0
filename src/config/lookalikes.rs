//! Variables that nothing reads, but whose names are nearly those of known ones: most likely typing
//! errors, by which a setting would be lost silently.

use strsim::osa_distance;

use super::mistakes::{Mistake, Problem};
use super::names::{listed, prefix_of};
use super::vars::{Scope, Vars};
use super::{GLOBALS, target_variables};

/// The beginnings of names that belong to AWS and to Lambda.
const FOREIGN: &[&str] = &["AWS_", "LAMBDA_", "_"];

/// The end of the variable that every target has.
const KIND: &str = "_KIND";

/// Letters from which on the first words of a known name stand for it.
const LONG: usize = 8;

/// Reports each variable that is nobody's and looks like one of this program.
pub(super) fn lookalikes(vars: &Vars) -> Vec<Mistake> {
    let list = vars.get("TARGETS").map(String::as_str).unwrap_or_default();
    let targets: Vec<Target> = listed(list).map(|name| Target::new(vars, name)).collect();
    let is_own = |name: &str| {
        GLOBALS.iter().any(|global| global.name == name)
            || targets
                .iter()
                .any(|target| name.starts_with(&target.prefix))
            || FOREIGN.iter().any(|start| name.starts_with(start))
    };
    let foreign: Vec<&str> = vars.keys().map(String::as_str).collect();
    let foreign = || foreign.iter().copied().filter(|name| !is_own(name));
    let undeclared: Vec<&str> = foreign()
        .filter(|name| undeclared_target(name).is_some())
        .collect();
    let describe = |name: &str| {
        if undeclared.contains(&name) {
            return Some(describe_undeclared(name, list));
        }
        // The other variables of a target that is not named need no word each.
        let mut prefixes = undeclared.iter().map(|kind| kind.trim_end_matches("KIND"));
        if prefixes.any(|prefix| name.starts_with(prefix)) {
            return None;
        }
        let near = near_global(name).or_else(|| targets.iter().find_map(|it| it.near(name)))?;
        Some(format!(
            "is not a variable of the forwarder, but nearly {near}; rename it, or remove it"
        ))
    };
    let mistake = |name: &str| {
        let problem = Problem::Unknown(describe(name)?);
        let variable = name.to_owned();
        Some(Mistake { variable, problem })
    };
    foreign().filter_map(mistake).collect()
}

/// Returns the name of the target whose kind `variable` would be.
pub(super) fn undeclared_target(variable: &str) -> Option<String> {
    let name = variable.strip_suffix(KIND)?;
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic());
    is_name.then(|| name.to_ascii_lowercase())
}

fn describe_undeclared(variable: &str, list: &str) -> String {
    let name = undeclared_target(variable).unwrap_or_default();
    let found = match list.trim() {
        "" => "which is not set".to_owned(),
        list => format!("found {list:?} there"),
    };
    format!("is the kind of a target that is not in TARGETS ({found}); add {name}, or remove it")
}

/// Returns the variable of a target's scope that `variable`, which is in it, is nearly.
pub(super) fn near_variable(scope: &Scope<'_>, variable: &str) -> Option<String> {
    let key = variable.strip_prefix(&scope.name(""))?;
    let keys = target_variables(scope.peek("KIND"));
    keys.iter()
        .find_map(|known| near_key(key, known))
        .map(|key| scope.name(&key))
}

/// A target, as far as its variables are concerned.
struct Target {
    prefix: String,
    keys: Vec<&'static str>,
}

impl Target {
    fn new(vars: &Vars, name: &str) -> Target {
        let prefix = prefix_of(name);
        let kind = vars.get(&format!("{prefix}KIND")).map(|kind| kind.trim());
        Target {
            keys: target_variables(kind),
            prefix,
        }
    }

    /// Returns the variable of this target that `name` is nearly.
    fn near(&self, name: &str) -> Option<String> {
        let own = self.prefix.trim_end_matches('_');
        let upper = name.to_ascii_uppercase().replace('-', "_");
        let squashed = squash(&upper);
        let whole = |key: &&&str| squash(&format!("{own}{key}")) == squashed;
        if let Some(key) = self.keys.iter().find(whole) {
            return Some(format!("{}{key}", self.prefix));
        }
        let splits = upper.match_indices('_');
        let mut splits =
            splits.filter_map(|(at, _)| Some((upper.get(..at)?, upper.get(at + 1..)?)));
        splits.find_map(|(start, key)| {
            let start_fits = start == own || is_near(start, own);
            let near = |known: &&'static str| match known.strip_suffix('*') {
                Some(begin) if key.starts_with(begin) => Some(key.to_owned()),
                _ if key == *known => Some(key.to_owned()),
                _ => near_key(key, known).filter(|_| start == own),
            };
            let key = start_fits.then(|| self.keys.iter().find_map(near))??;
            Some(format!("{}{key}", self.prefix))
        })
    }
}

/// Returns the global variable that `name` is nearly.
fn near_global(name: &str) -> Option<String> {
    let upper = name.to_ascii_uppercase().replace('-', "_");
    let squashed = squash(&upper);
    let begins_with = |known: &str| {
        let rest = upper.strip_prefix(known);
        rest.is_some_and(|rest| rest.starts_with('_'))
    };
    let is_cut = |known: &str| {
        let rest = known.strip_prefix(upper.as_str());
        upper.len() >= LONG && rest.is_some_and(|rest| rest.starts_with('_'))
    };
    let is_like = |known: &&str| {
        squash(known) == squashed || is_near(&upper, known) || begins_with(known) || is_cut(known)
    };
    let known = GLOBALS.iter().map(|global| global.name).find(is_like);
    known.map(str::to_owned)
}

/// Returns the key `known`, perhaps with the rest of a header's name, that `key` is nearly.
fn near_key(key: &str, known: &str) -> Option<String> {
    let Some(begin) = known.strip_suffix("_*") else {
        return is_near(key, known).then(|| known.to_owned());
    };
    let mut splits = key.match_indices('_');
    splits.find_map(|(at, _)| {
        let fits = is_near(key.get(..at)?, begin);
        fits.then(|| Some(format!("{begin}{}", key.get(at..)?)))?
    })
}

/// Leaves out what separates words.
fn squash(name: &str) -> String {
    name.replace('_', "")
}

/// Returns whether `name` differs from `known` by a typing error or two: letters that are missing,
/// too many, others, or in each other's place.
pub(super) fn is_near(name: &str, known: &str) -> bool {
    let most = match known.len() {
        0..=2 => return false,
        3..=5 => 1,
        6..=11 => 2,
        _ => 3,
    };
    name.len().abs_diff(known.len()) <= most && osa_distance(name, known) <= most
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(names: &[&str]) -> Vec<String> {
        let mut vars = Vars::from([
            ("TARGETS".into(), "hook,db".into()),
            ("HOOK_KIND".into(), "http".into()),
            ("DB_KIND".into(), "dynamodb".into()),
        ]);
        vars.extend(
            names
                .iter()
                .map(|name| ((*name).to_owned(), "x".to_owned())),
        );
        let text = |mistake: Mistake| mistake.to_string();
        lookalikes(&vars).into_iter().map(text).collect()
    }

    #[test]
    fn a_typing_error_is_told_with_the_name_that_was_meant() {
        for (name, meant) in [
            ("QUARANTIN", "QUARANTINE"),
            ("PROGRES_TABLE", "PROGRESS_TABLE"),
            ("PROGRESSTABLE", "PROGRESS_TABLE"),
            ("PROGRESS_TABLE_NAME", "PROGRESS_TABLE"),
            ("TARGET", "TARGETS"),
            ("SOURCE", "SOURCES"),
            ("SUORCES", "SOURCES"),
            ("quarantine", "QUARANTINE"),
            ("QUARANTINE_BUCKET", "QUARANTINE"),
            ("CONTINUE_QUEUE", "CONTINUE_QUEUE_URL"),
            ("HOK_URL", "HOOK_URL"),
            ("HOOKS_BEARER", "HOOK_BEARER"),
            ("HOOKURL", "HOOK_URL"),
            ("hook_url", "HOOK_URL"),
            ("hook_ulr", "HOOK_URL"),
            ("HOK_HEADER_X_API_KEY", "HOOK_HEADER_X_API_KEY"),
            ("HOOK-TIMEOUT", "HOOK_TIMEOUT"),
        ] {
            let told = found(&[name]);
            let expected =
                format!("{name}: is not a variable of the forwarder, but nearly {meant};");
            assert_eq!(told.len(), 1, "{name}: {told:?}");
            assert!(told[0].starts_with(&expected), "{told:?}");
        }
    }

    #[test]
    fn the_kind_of_a_target_that_is_not_named_is_told_once_for_all_its_variables() {
        let told = found(&["LAKE_KIND", "LAKE_BUCKET", "HOOKS_KIND", "HOOKS_URL"]);
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[1].contains("\"hook,db\" there); add lake, or remove it"));
    }

    #[test]
    fn other_programs_variables_are_left_alone() {
        let told = found(&[
            "PATH",
            "HOME",
            "LANG",
            "TZ",
            "AWS_REGION",
            "AWS_LAMBDA_LOG_LEVEL",
            "_HANDLER",
            "LD_LIBRARY_PATH",
            "RUST_LOG",
            "DX_TABLE",
            "MY_URL",
            "TERM",
            "SHELL",
            "USER",
            "HTTPS_PROXY",
            "SSL_CERT_FILE",
            "LAMBDA_TASK_ROOT",
            "EDITOR",
            "COLORTERM",
        ]);
        assert_eq!(told, Vec::<String>::new());
    }

    #[test]
    fn two_letters_are_too_few_to_be_nearly_others() {
        assert!(!is_near("AB", "DB") && is_near("HOK", "HOOK") && !is_near("BOOT", "HOOK"));
    }
}
