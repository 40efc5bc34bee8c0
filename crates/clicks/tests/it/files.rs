//! The files of `data`: what they hold, and what becomes of it.

use std::collections::BTreeSet;

use clicks::click::schema;
use serde_json::Value;

use crate::golden;
use crate::support::{Out, counts, data_files, outputs, tests, whole};

#[test]
fn every_file_holds_what_its_table_says() {
    let mut wrong = Vec::new();
    for file in data_files() {
        let out = whole(&file.name, &file.bytes());
        if counts(&out) != (file.good, file.bad, file.unreadable) {
            wrong.push(format!(
                "{}: {:?} instead of {:?}",
                file.name,
                counts(&out),
                (file.good, file.bad, file.unreadable)
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "good, bad, unreadable:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn every_file_of_the_folder_stands_in_its_table() {
    let listed: Vec<_> = data_files().into_iter().map(|file| file.name).collect();
    for entry in std::fs::read_dir(tests("data")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            ["README.md", ".gitattributes"].contains(&name.as_str()) || listed.contains(&name),
            "{name}"
        );
    }
    assert!(listed.len() > 80);
}

#[test]
fn what_is_read_is_all_there_is() {
    // Every byte of a plain file is in a click, in a bad record, in an unreadable end, or is
    // punctuation.
    for file in data_files()
        .into_iter()
        .filter(|file| !file.name.contains("envelope") && file.unreadable == 0)
    {
        let bytes = file.bytes();
        if bytes.starts_with(b"\x1F\x8B") {
            continue;
        }
        let mut kept: usize = 0;
        for out in whole(&file.name, &bytes) {
            kept += match out {
                Out::Click { raw, .. } => raw.iter().filter(|c| !c.is_ascii_whitespace()).count(),
                Out::Bad { raw, .. } | Out::Unreadable { raw, .. } => {
                    raw.iter().filter(|c| !c.is_ascii_whitespace()).count()
                }
            };
        }
        let rest = bytes.iter().filter(|c| !c.is_ascii_whitespace()).count() - kept;
        let punctuation = bytes
            .iter()
            .filter(|c| b",[]{}\"datkey:\xEF\xBB\xBF".contains(c))
            .count();
        assert!(
            rest <= punctuation.min(160),
            "{}: {rest} bytes are nowhere",
            file.name
        );
    }
}

#[test]
fn every_file_comes_out_as_its_golden() {
    for file in data_files() {
        let mut text = String::new();
        for out in outputs(&file) {
            text += &match out {
                Out::Click {
                    click,
                    flat,
                    webhook,
                    occurrence,
                    ..
                } => format!("click {occurrence}  {click}\nflat     {flat}\nwebhook  {webhook}\n"),
                Out::Bad {
                    offset,
                    index,
                    length,
                    reason,
                    ..
                } => {
                    format!("bad      index {index}, offset {offset}, {length} bytes: {reason}\n")
                }
                Out::Unreadable { offset, reason, .. } => {
                    format!("tail     offset {offset}: {reason}\n")
                }
            };
        }
        golden::check(&format!("clicks/{}.txt", file.name), &text);
    }
}

#[test]
fn ids_never_change() {
    // Vectors of version 1 of the id: a change here makes every customer's old clicks new.
    let mut text = String::new();
    for file in data_files() {
        for out in outputs(&file) {
            if let Out::Click { id, occurrence, .. } = out {
                text += &format!("{id} {occurrence} {}\n", file.name);
            }
        }
    }
    golden::check("ids.txt", &text);
}

#[test]
fn nothing_that_came_in_is_missing_in_what_comes_out() {
    // Every string, number and name of a delivered click stands in its canonical form, but for the
    // values that a rule rewrites.
    for file in data_files() {
        for out in outputs(&file) {
            let Out::Click { click, raw, .. } = out else {
                continue;
            };
            let (Ok(before), after) = (
                serde_json::from_slice::<Value>(&raw),
                serde_json::from_str::<Value>(&click),
            ) else {
                continue;
            };
            let (mut have, mut want) = (BTreeSet::new(), BTreeSet::new());
            leaves(&after.unwrap(), &mut have);
            leaves(&before, &mut want);
            for leaf in want.difference(&have) {
                let rewritten = leaf.len() <= 4
                    || is_rewritten(leaf)
                    || ["geo", "null"].contains(&leaf.as_str());
                assert!(rewritten, "{}: {leaf:?} is missing in {click}", file.name);
            }
        }
    }
}

/// Whether `text` looks like a time, which is rewritten.
fn is_rewritten(text: &str) -> bool {
    text.contains(':') || text.bytes().all(|c| c.is_ascii_digit())
}

fn leaves(value: &Value, out: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| {
            out.insert(name.clone());
            leaves(value, out);
        }),
        Value::Array(list) => list.iter().for_each(|value| leaves(value, out)),
        Value::String(text) => drop(out.insert(text.clone())),
        other => drop(out.insert(other.to_string())),
    }
}

#[test]
fn no_form_names_a_member_twice_or_breaks_its_line() {
    use clicks::json::{Parser, compact};
    for file in data_files() {
        for out in outputs(&file) {
            let Out::Click {
                click,
                flat,
                webhook,
                ..
            } = out
            else {
                continue;
            };
            for form in [click, flat, webhook] {
                let (mut parser, mut once) = (Parser::new(200), Vec::new());
                parser.run(form.as_bytes(), true);
                compact(parser.tape(form.as_bytes()), 0, &mut once);
                assert_eq!(String::from_utf8(once).unwrap(), form, "{}", file.name);
            }
        }
    }
}

#[test]
fn a_webhook_endpoint_reads_what_either_document_names() {
    // Fields that Rebrandly's published endpoint examples read.
    for file in [
        "webhook-2019-sample-shape.json",
        "webhook-2025-sample-shape.json",
    ] {
        let file = data_files().into_iter().find(|f| f.name == file).unwrap();
        let Some(Out::Click { webhook, .. }) = outputs(&file).into_iter().next() else {
            panic!("{}", file.name)
        };
        let event: Value = serde_json::from_str(&webhook).unwrap();
        for path in [
            "/id",
            "/timestamp",
            "/client/geo/country",
            "/client/location/country",
            "/client/agent/browser/name",
            "/client/agent/os/name",
            "/client/agent/device/name",
            "/route/id",
            "/route/slashtag",
            "/route/domain/raw",
            "/route/destination/raw",
        ] {
            assert!(
                event.pointer(path).is_some_and(Value::is_string),
                "{}: {path}",
                file.name
            );
        }
        assert_eq!(event["client"]["geo"], event["client"]["location"]);
    }
}

#[test]
fn schemas_are_kept_and_hold_for_every_click() {
    let pretty = |schema: &Value| serde_json::to_string_pretty(schema).unwrap() + "\n";
    golden::check("click.schema.json", &pretty(&schema::click()));
    golden::check("flat.schema.json", &pretty(&schema::flat()));
    let flat = schema::flat();
    let columns = flat["properties"].as_object().unwrap();
    for file in data_files() {
        for out in outputs(&file) {
            let Out::Click { flat: row, .. } = out else {
                continue;
            };
            let row: Value = serde_json::from_str(&row).unwrap_or_default();
            for (name, value) in row.as_object().into_iter().flatten() {
                let kind = columns
                    .get(name)
                    .unwrap_or_else(|| panic!("{}: no column {name}", file.name))["type"]
                    .as_str()
                    .unwrap();
                let fits = match kind {
                    "string" => value.is_string(),
                    "boolean" => value.is_boolean(),
                    _ => value.is_number(),
                };
                assert!(fits, "{}: {name} is {value}, not a {kind}", file.name);
            }
        }
    }
}
