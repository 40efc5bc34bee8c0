//! `clickstream variables`.

use super::Reply;
use crate::config::GLOBALS;
use crate::targets::{COMMON, KINDS};

/// Prints the names of all variables; those of a target without its prefix, after its kind.
pub(super) fn run() -> Reply {
    let globals = GLOBALS.iter().map(|global| format!("{}\n", global.name));
    let of_kinds = KINDS.iter().flat_map(|kind| {
        let vars = COMMON.iter().chain(kind.variables());
        vars.map(|var| format!("{} _{}\n", kind.name, var.name))
    });
    Reply::ok(globals.chain(of_kinds).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_variable_is_a_line() {
        let Reply { stdout, .. } = run();
        for line in ["TARGETS", "http _URL", "stdout _KIND"] {
            assert!(stdout.lines().any(|found| found == line), "{line}");
        }
    }
}
