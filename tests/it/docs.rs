//! The README says what the code does: its tables are made from the code, its blocks are tried.

use std::fmt::Write;

use clickstream_forwarder::click::columns;
use clickstream_forwarder::click::fields::{CLICK, walk};
use clickstream_forwarder::config::{GLOBALS, vars::Vars};
use clickstream_forwarder::settings::Settings;
use clickstream_forwarder::target::{AWS, COMMON, KINDS, Var};

use crate::support::{context, root};

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).unwrap()
}

/// The fenced blocks of a language.
fn blocks(language: &str) -> Vec<String> {
    let text = readme();
    let opening = format!("```{language}\n");
    text.split(&opening).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

fn variables(out: &mut String, vars: &[Var]) {
    out.push_str("| variable | default | what it does |\n|---|---|---|\n");
    for Var { name, default, doc } in vars {
        writeln!(out, "| `_{name}` | {default} | {doc} |").unwrap();
    }
}

/// The generated part `name`, rewritten by `make golden`.
#[expect(clippy::disallowed_methods, reason = "a switch for people, not for the program")]
fn generated(name: &str, expected: &str) {
    let (opening, closing) = (format!("<!-- generated: {name} -->\n"), "<!-- end generated -->");
    let text = readme();
    let start = text.find(&opening).unwrap_or_else(|| panic!("the README lacks {opening}")) + opening.len();
    let end = start + text[start..].find(closing).unwrap();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(root().join("README.md"), [&text[..start], expected, &text[end..]].concat()).unwrap();
        return;
    }
    assert_eq!(&text[start..end], expected, "the README's part {name} is not what the code says; `make golden` rewrites it");
}

#[test]
fn the_tables_are_those_of_the_code() {
    let mut targets = String::from("\n");
    for kind in KINDS {
        write!(targets, "**`{}`**: {}.\n\n", kind.name, kind.doc).unwrap();
        variables(&mut targets, kind.vars);
        targets.push('\n');
    }
    let inside: Vec<_> = KINDS.iter().filter(|kind| !kind.shared.is_empty()).map(|kind| format!("`{}`", kind.name)).collect();
    write!(targets, "Targets inside AWS ({}) also have:\n\n", inside.join(", ")).unwrap();
    variables(&mut targets, AWS);
    targets.push('\n');
    targets.push_str("Every target also has:\n\n");
    variables(&mut targets, COMMON);
    generated("targets", &(targets + "\n"));

    let mut globals = String::from("\n| variable | default | what it does |\n|---|---|---|\n");
    for (name, default, doc) in GLOBALS {
        writeln!(globals, "| `{name}` | {default} | {doc} |").unwrap();
    }
    generated("variables", &(globals + "\n"));

    let mut fields = String::from("\n| member | column of `flat` | what it says |\n|---|---|---|\n");
    walk(CLICK, "", &mut |path, field| {
        writeln!(fields, "| `{path}` | {} | {} |", field.column.map_or(String::new(), |c| format!("`{c}`")), field.doc).unwrap();
    });
    for (name, _, doc) in columns().into_iter().filter(|(name, ..)| !fields.contains(&format!("| `{name}` |"))).collect::<Vec<_>>()
    {
        writeln!(fields, "| | `{name}` | {doc} |").unwrap();
    }
    generated("fields", &(fields + "\n"));
}

#[tokio::test]
async fn every_environment_block_is_a_valid_configuration() {
    let blocks = blocks("env");
    assert!(!blocks.is_empty());
    for block in blocks {
        let pairs = block.lines().filter(|line| !line.trim_start().starts_with('#')).filter_map(|line| line.split_once('='));
        let vars: Vars = pairs.map(|(name, value)| (name.trim().to_owned(), value.trim().trim_matches('\'').to_owned())).collect();
        if let Err(errors) = Settings::read(vars, context()).await {
            panic!("{errors}\nin\n{block}");
        }
    }
}

#[test]
fn every_json_block_is_json() {
    for block in blocks("json") {
        for value in serde_json::Deserializer::from_str(&block).into_iter::<serde_json::Value>() {
            value.unwrap_or_else(|e| panic!("{e} in\n{block}"));
        }
    }
}

#[test]
fn every_make_target_and_path_that_is_named_exists() {
    let makefile = std::fs::read_to_string(root().join("Makefile")).unwrap();
    let text = readme();
    for target in text.split("make ").skip(1).filter_map(|rest| rest.split(|c: char| !c.is_ascii_lowercase() && c != '-').next()) {
        let code =
            text.contains(&format!("`make {target}")) || blocks("sh").iter().any(|block| block.contains(&format!("make {target}")));
        assert!(!code || makefile.contains(&format!("\n{target}:")), "make {target}");
    }
    for path in text.split('`').filter(|word| {
        ["src/", "tests/", "events/"].iter().any(|folder| word.starts_with(folder)) && !word.contains(['*', '<', '…', ' '])
    }) {
        assert!(root().join(path).exists() || path.ends_with("/x.rs"), "{path} does not exist");
    }
}
