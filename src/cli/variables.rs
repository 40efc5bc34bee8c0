//! `clickstream variables`.

use serde_json::{Value, json};

use super::Reply;
use crate::config::GLOBALS;
use crate::targets::{KINDS, Kind, Var, common};

#[derive(clap::Args)]
pub(super) struct Args {
    /// Print one JSON object for programs
    #[arg(long)]
    json: bool,
}

/// Prints every variable with its default and its effect; those of a target without its prefix,
/// below its kind.
pub(super) fn run(args: &Args) -> Reply {
    if args.json {
        return Reply::ok(format!("{}\n", json()));
    }
    let mut text = String::from("Variables that belong to no target:\n");
    for global in GLOBALS {
        text += &entry(global.name, global.default, global.doc);
    }
    text +=
        "\nVariables of every target, which begin with its name: HOOK_KIND of the target hook\n";
    text.extend(common().map(of_target));
    for kind in KINDS {
        text += &format!("\nVariables of the kind {}: {}\n", kind.name, kind.doc);
        text.extend(kind.variables().map(of_target));
    }
    Reply::ok(text.replace('`', ""))
}

fn of_target(var: &Var) -> String {
    entry(&format!("_{}", var.name), var.default, var.doc)
}

/// Describes one variable on two lines.
fn entry(name: &str, default: &str, doc: &str) -> String {
    let default = match default {
        "" => String::new(),
        default => format!(" (default: {default})"),
    };
    format!("  {name}{default}\n      {doc}\n")
}

fn json() -> Value {
    let var = |var: &Var| json!({ "name": format!("_{}", var.name), "default": var.default, "doc": var.doc });
    let of_kind = |kind: &Kind| {
        let variables: Vec<_> = kind.variables().map(var).collect();
        json!({ "name": kind.name, "doc": kind.doc, "variables": variables })
    };
    let globals = GLOBALS
        .iter()
        .map(|global| json!({ "name": global.name, "default": global.default, "doc": global.doc }));
    json!({
        "global": globals.collect::<Vec<_>>(),
        "every_target": common().map(var).collect::<Vec<_>>(),
        "kinds": KINDS.iter().map(of_kind).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_variable_has_its_default_and_a_sentence() {
        let Reply { stdout, .. } = run(&Args { json: false });
        for part in [
            "  TARGETS\n      names of the targets",
            "  _URL\n      where to send",
            "  _TIMEOUT (default: 30s)\n      how long a request may take\n",
        ] {
            assert!(stdout.contains(part), "{part} is missing in\n{stdout}");
        }
    }

    #[test]
    fn programs_get_one_json_object() {
        let found: Value = serde_json::from_str(&run(&Args { json: true }).stdout).unwrap();
        assert_eq!(found["global"][0]["name"], "TARGETS");
        assert_eq!(found["every_target"][0]["name"], "_KIND");
        assert_eq!(found["kinds"][0]["name"], "http");
        assert_eq!(found["kinds"][0]["variables"][1]["default"], "POST");
    }
}
