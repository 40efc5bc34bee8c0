//! The documents say what the code does: their tables are generated from the code, their code
//! blocks are tried, and what they name exists.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use clicks::click::columns;
use clicks::click::fields::{CLICK, walk};
use clickstream_forwarder::cli::EXIT_CODES;
use clickstream_forwarder::config::settings::Settings;
use clickstream_forwarder::config::{GLOBALS, Global, env_file};
use clickstream_forwarder::targets::{AWS, KINDS, MapUse, Var, common};
use clickstream_forwarder::transform::jq;

use crate::support::{context, root, temporary};

/// Returns the paths of the documents and their texts.
fn pages() -> Vec<(PathBuf, String)> {
    let mut paths: Vec<_> = std::fs::read_dir(root().join("docs"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.extend(
        ["README.md", "CONTRIBUTING.md", "benches/README.md"].map(|name| root().join(name)),
    );
    paths.sort();
    paths
        .into_iter()
        .map(|path| (path.clone(), std::fs::read_to_string(path).unwrap()))
        .collect()
}

/// Returns the fenced blocks of a language in all documents.
fn blocks(language: &str) -> Vec<String> {
    let opening = format!("```{language}\n");
    let of = |text: &str| -> Vec<String> {
        text.split(&opening)
            .skip(1)
            .map(|rest| rest.split("```").next().unwrap().to_owned())
            .collect()
    };
    pages().iter().flat_map(|(_, text)| of(text)).collect()
}

/// Returns the words of a text that stand in backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    let prose = text.split("```").step_by(2);
    prose.flat_map(|part| {
        part.lines()
            .flat_map(|line| line.split('`').skip(1).step_by(2))
    })
}

fn variables(out: &mut String, vars: impl IntoIterator<Item = &'static Var>) {
    out.push_str("| variable | default | what it does |\n|---|---|---|\n");
    for Var { name, default, doc } in vars {
        writeln!(out, "| `_{name}` | {default} | {doc} |").unwrap();
    }
}

/// Checks that the generated part `name` is as expected; `make golden` rewrites it.
#[expect(
    clippy::disallowed_methods,
    reason = "a switch for people, not for the program"
)]
fn generated(name: &str, expected: &str) {
    let (opening, closing) = (
        format!("<!-- generated: {name} -->\n"),
        "<!-- end generated -->",
    );
    let (page, text) = pages()
        .into_iter()
        .find(|(_, text)| text.contains(&opening))
        .unwrap_or_else(|| panic!("no {opening}"));
    let start = text.find(&opening).unwrap() + opening.len();
    let end = start + text[start..].find(closing).unwrap();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(page, [&text[..start], expected, &text[end..]].concat()).unwrap();
        return;
    }
    assert_eq!(
        &text[start..end],
        expected,
        "the part {name} of {page:?} is not what the code says; `make golden` rewrites it"
    );
}

#[test]
fn what_jq_may_do_is_what_the_code_allows() {
    let functions: Vec<_> = jq::allowed()
        .iter()
        .map(|name| format!("`{name}`"))
        .collect();
    generated("functions", &format!("\n{}\n\n", functions.join(" ")));

    let mut maps = String::from("\n| kind | what `_MAP` yields is |\n|---|---|\n");
    for kind in KINDS {
        let used = match kind.map {
            MapUse::Body => "the body".to_owned(),
            MapUse::Row => "the row: its members are the columns, with their types".to_owned(),
            MapUse::Refused(reason) => format!("refused: it {reason}"),
        };
        writeln!(maps, "| `{}` | {used} |", kind.name).unwrap();
    }
    generated("maps", &(maps + "\n"));
}

#[test]
fn the_tables_are_those_of_the_code() {
    let mut targets = String::from("\n");
    for kind in KINDS {
        let mut example: Vec<_> = kind.example("HOOK_").into_iter().collect();
        example.sort_by_key(|(name, _)| name != "HOOK_KIND");
        let example: Vec<_> = example.iter().map(|(k, v)| format!("{k}={v}")).collect();
        write!(targets, "**`{}`**: {}.\n\n", kind.name, kind.doc).unwrap();
        write!(targets, "For example `{}`.\n\n", example.join(" ")).unwrap();
        variables(&mut targets, kind.vars);
        targets.push('\n');
    }
    let inside: Vec<_> = KINDS
        .iter()
        .filter(|kind| !kind.shared.is_empty())
        .map(|kind| format!("`{}`", kind.name))
        .collect();
    write!(
        targets,
        "Targets inside AWS ({}) also have:\n\n",
        inside.join(", ")
    )
    .unwrap();
    variables(&mut targets, AWS);
    targets.push('\n');
    targets.push_str("Every target also has:\n\n");
    variables(&mut targets, common());
    generated("targets", &(targets + "\n"));

    let mut globals = String::from("\n| variable | default | what it does |\n|---|---|---|\n");
    for Global { name, default, doc } in GLOBALS {
        writeln!(globals, "| `{name}` | {default} | {doc} |").unwrap();
    }
    generated("variables", &(globals + "\n"));

    let mut codes = String::from("\n| code | meaning |\n|---:|---|\n");
    for (code, meaning) in EXIT_CODES {
        writeln!(codes, "| {code} | {meaning} |").unwrap();
    }
    generated("exit codes", &(codes + "\n"));

    let mut fields =
        String::from("\n| member | column of `flat` | what it says |\n|---|---|---|\n");
    walk(CLICK, "", &mut |path, field| {
        writeln!(
            fields,
            "| `{path}` | {} | {} |",
            field.column.map_or(String::new(), |c| format!("`{c}`")),
            field.doc
        )
        .unwrap();
    });
    for (name, _, doc) in columns()
        .into_iter()
        .filter(|(name, ..)| !fields.contains(&format!("| `{name}` |")))
        .collect::<Vec<_>>()
    {
        writeln!(fields, "| | `{name}` | {doc} |").unwrap();
    }
    generated("fields", &(fields + "\n"));
}

#[tokio::test]
async fn every_environment_block_is_a_valid_configuration() {
    let blocks = blocks("env");
    assert!(!blocks.is_empty());
    let (_keep, directory) = temporary();
    for block in blocks {
        let file = directory.join("block.env");
        std::fs::write(&file, &block).unwrap();
        let vars = env_file::read(&file).unwrap_or_else(|e| panic!("{e}\nin\n{block}"));
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
    let mut commands: Vec<String> = blocks("sh")
        .iter()
        .flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    for (_, text) in pages() {
        commands.extend(quoted(&text).map(str::to_owned));
        for path in quoted(&text).filter(|word| {
            ["src/", "tests/", "events/", "crates/", "docs/", "benches/"]
                .iter()
                .any(|folder| word.starts_with(folder))
                && !word.contains(['*', '<', '…', ' '])
        }) {
            assert!(
                root().join(path).exists() || path.contains("/x."),
                "{path} does not exist"
            );
        }
    }
    for target in commands
        .iter()
        .filter_map(|command| command.strip_prefix("make ")?.split_whitespace().next())
    {
        assert!(makefile.contains(&format!("\n{target}:")), "make {target}");
    }
}

#[test]
fn every_link_within_the_repository_leads_somewhere() {
    for (page, text) in pages() {
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            if link.contains("://") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let to = if path.is_empty() {
                page.clone()
            } else {
                page.parent().unwrap().join(path)
            };
            assert!(to.exists(), "{link} in {page:?}");
            assert!(
                anchor.is_empty() || anchors(&to).contains(anchor),
                "no heading for {link} in {page:?}"
            );
        }
    }
}

/// Returns the anchors of a page's headings, as GitHub forms them.
fn anchors(page: &Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(page).unwrap();
    let slug = |heading: &str| -> String {
        let kept = heading
            .trim_start_matches('#')
            .trim()
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| {
            if c == ' ' {
                '-'
            } else {
                c.to_ascii_lowercase()
            }
        })
        .collect()
    };
    text.lines()
        .filter(|line| line.starts_with('#'))
        .map(slug)
        .collect()
}

#[test]
fn every_variable_of_a_target_that_is_named_exists() {
    let own: BTreeSet<&str> = KINDS
        .iter()
        .flat_map(|kind| kind.vars)
        .chain(AWS)
        .chain(common())
        .map(|var| var.name)
        .collect();
    let exists = |name: &str| {
        own.iter().any(|var| {
            *var == name
                || var
                    .strip_suffix('*')
                    .is_some_and(|start| name.starts_with(start))
        })
    };
    for (page, text) in pages() {
        for name in quoted(&text)
            .filter_map(|word| word.strip_prefix('_'))
            .filter_map(|word| word.split('=').next())
        {
            let all = !name.is_empty()
                && name
                    .bytes()
                    .all(|c| c.is_ascii_uppercase() || c == b'_' || c == b'*');
            assert!(!all || exists(name), "_{name} in {page:?} is no variable");
        }
    }
}
