//! Clicks in their forms: lossless, normalised, with ids that never change.

use std::collections::BTreeSet;

use clicks::click::{fields, schema};
use clicks::decode::DecodeLimits;
use clicks::sample::{Framing, Sample};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::golden;
use crate::support::{DataFile, Out, data_files, decode};

fn outputs(file: &DataFile) -> Vec<Out> {
    decode(
        &format!("/2026/11/21/23/{}", file.name),
        &file.bytes(),
        DecodeLimits::default(),
        || usize::MAX,
    )
}

fn one(text: &str) -> Out {
    let mut out = decode(
        "/2026/11/21/23/name",
        text.as_bytes(),
        DecodeLimits::default(),
        || usize::MAX,
    );
    assert_eq!(out.len(), 1, "{out:?}");
    out.remove(0)
}

fn forms(text: &str) -> (Value, Value, Value) {
    let Out::Click {
        click,
        flat,
        webhook,
        ..
    } = one(text)
    else {
        panic!("no click: {text}")
    };
    let read = |text: &str| serde_json::from_str(text).unwrap();
    (read(&click), read(&flat), read(&webhook))
}

fn id(text: &str) -> String {
    let Out::Click { id, .. } = one(text) else {
        panic!("no click: {text}")
    };
    id
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
                    n,
                    ..
                } => format!("click {n}  {click}\nflat     {flat}\nwebhook  {webhook}\n"),
                Out::Bad {
                    offset,
                    index,
                    length,
                    reason,
                    ..
                } => {
                    format!("bad      index {index}, offset {offset}, {length} bytes: {reason}\n")
                }
                Out::Tail { offset, reason, .. } => format!("tail     offset {offset}: {reason}\n"),
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
            if let Out::Click { id, n, .. } = out {
                text += &format!("{id} {n} {}\n", file.name);
            }
        }
    }
    golden::check("ids.txt", &text);
}

#[test]
fn an_id_is_what_its_documentation_says() {
    // SHA-256 of {"route":{"id":"x"},"timestamp":"2026-11-21T23:54:50Z"}, 122 bits of it, version 8.
    use sha2::{Digest, Sha256};
    let mut bytes: [u8; 32] =
        Sha256::digest(br#"{"route":{"id":"x"},"timestamp":"2026-11-21T23:54:50Z"}"#).into();
    bytes[6] = bytes[6] & 0x0F | 0x80;
    bytes[8] = bytes[8] & 0x3F | 0x80;
    let hex: String = bytes[..16].iter().map(|b| format!("{b:02x}")).collect();
    let expected = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ]
    .join("-");
    assert_eq!(
        id(r#" { "timestamp" : "2026-11-21 23:54:50" , "route" : { "\u0069d" : "x" } } "#),
        expected
    );
}

#[test]
fn ids_survive_spelling_and_not_content() {
    let base = r#"{"timestamp":"2026-11-21T23:54:50Z","client":{"location":{"country":"us","city":"é"}},"route":{"id":"1"}}"#;
    for same in [
        r#"{"route":{"id":"1"},"client":{"location":{"city":"\u00e9","country":"US"}},"timestamp":"2026-11-22T00:54:50+01:00"}"#,
        r#"{"timestamp":"2026-11-21T23:54:50Z","client":{"geo":{"country":"US","city":"é"}},"route":{"id":"1"}}"#,
        r#"{"timestamp":"2026-11-21T23:54:50Z","client":{"location":{"country":"us"},"geo":{"city":"é","country":"US"}},"route":{"id":"1"}}"#,
        r#"{"timestamp":"x","timestamp":"2026-11-21T23:54:50Z","client":{"location":{"country":"us","city":"é"}},"route":{"id":"0","id":"1"}}"#,
    ] {
        assert_eq!(id(same), id(base), "{same}");
    }
    for other in [
        base.replace("50Z", "50.0Z"),
        base.replace("\"1\"", "1"),
        base.replace("é", "e"),
        base.replace("\"route\"", "\"id\":\"a\",\"route\""),
        base.replace("\"id\":\"1\"", "\"id\":\"1\",\"x\":null"),
    ] {
        assert_ne!(id(&other), id(base), "{other}");
    }
}

#[test]
fn nothing_that_came_in_is_missing_in_what_comes_out() {
    // Every string, number and name of a delivered click stands in its canonical form, but for the values
    // that a rule rewrites.
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
                    || clickstream_forwarder_time(leaf)
                    || ["geo", "null"].contains(&leaf.as_str());
                assert!(rewritten, "{}: {leaf:?} is missing in {click}", file.name);
            }
        }
    }
}

/// Whether `text` looks like a time, which is rewritten.
fn clickstream_forwarder_time(text: &str) -> bool {
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
fn geo_and_location_become_one_place() {
    let place = |client: &str| {
        forms(&format!(
            r#"{{"timestamp":"2026-11-21T00:00:00Z","route":{{}},"client":{client}}}"#
        ))
        .0["client"]
            .clone()
    };
    assert_eq!(
        place(r#"{"geo":{"country":"us"}}"#),
        json!({"location":{"country":"US"}})
    );
    assert_eq!(
        place(r#"{"location":{"country":"us"},"geo":{"country":"US","city":"x"}}"#),
        json!({"location":{"country":"US","city":"x"}})
    );
    let differs = place(r#"{"location":{"country":"us"},"geo":{"country":"ca","city":"x"}}"#);
    assert_eq!(
        differs,
        json!({"location":{"country":"US","city":"x"},"geo":{"country":"ca","city":"x"}}),
        "geo stays as it was"
    );
    assert_eq!(
        place(r#"{"location":null,"geo":{"country":"us"}}"#),
        json!({"location":{"country":"US"}})
    );
    assert_eq!(
        place(r#"{"location":"here","geo":{"country":"us"}}"#),
        json!({"location":"here","geo":{"country":"us"}})
    );
    assert_eq!(
        place(r#"{"location":{"country":"usa"}}"#),
        json!({"location":{"country":"usa"}}),
        "no two letters"
    );
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

#[test]
fn a_row_keeps_what_has_no_column() {
    let (_, flat, _) = forms(
        r#"{"timestamp":"2026-11-21T00:00:00Z","weather":{"sky":"blue"},"client":{"location":{"latitude":"48.85","longitude":2.35,"city":7}},
        "route":{"tags":{"t1":{"value":"vip"}},"destination":{"params":{"query":{"utm_source":["mail"],"utm_medium":["a","b"],"q":["x"]}}}}}"#,
    );
    assert_eq!(
        (&flat["latitude"], &flat["longitude"]),
        (&json!(48.85), &json!(2.35))
    );
    assert_eq!(
        (&flat["utm_source"], &flat["utm_medium"]),
        (&json!("mail"), &json!("a"))
    );
    assert_eq!(flat["tags"], json!(r#"{"t1":{"value":"vip"}}"#));
    let extra: Value = serde_json::from_str(flat["extra"].as_str().unwrap()).unwrap();
    let expected = json!({
        "weather": {"sky": "blue"},
        "client": {"location": {"city": 7}},
        "route": {"destination": {"params": {"query": {"utm_medium": ["a", "b"], "q": ["x"]}}}},
    });
    assert_eq!(extra, expected);
}

#[test]
fn columns_and_paths_are_named_once() {
    let mut seen = BTreeSet::new();
    fields::walk(fields::CLICK, "", &mut |path, field| {
        assert!(seen.insert(path.to_owned()), "{path} stands twice");
        assert!(
            field
                .column
                .is_none_or(|column| seen.insert(format!("column {column}"))),
            "{:?} stands twice",
            field.column
        );
        assert!(!field.doc.is_empty());
    });
}

/// A click of a sample file, spelled in one of many ways: of the same make as others, or nearly.
fn spelled(click: &str, how: usize) -> String {
    let last = click.strip_suffix('}').unwrap_or(click);
    match how {
        0..12 => click.to_owned(),
        12 => click.replacen(
            "\"client\":{",
            "\"client\":{\"geo\":{\"country\":\"de\",\"city\":\"K\\u00f6ln\"},",
            1,
        ),
        13 => click.replacen("\"timestamp\":", "\"id\":7,\"timestamp\":", 1),
        14 => click.replacen("\"route\":{", "\"route\":{\"id\":\"twice\",", 1),
        15 => click.replacen("\"route\":{", "\"ro\\u0075te\":{", 1),
        16 => click.replacen("\"route\":{", "\"route\" : {", 1),
        17 => {
            format!(
                "{last},\"route2\":{}}}",
                click
                    .split_once("\"route\":")
                    .map_or("null", |(_, route)| &route[..route.len() - 1])
            )
        }
        18 => click.replacen("\"slashtag\":", "\"slashtag_\":", 1),
        19 => click.replacen(
            "\"destination\":{",
            "\"destination\":{\"raw\":[{\"b\":1,\"a\":2},{\"b\":[],\"a\":{}}],",
            1,
        ),
        20 => format!(
            "{last},\"data\":[{{\"key\":1}},{{\"a\":-0.10e+2,\"key\":null}}],\"empty\":{{}}}}"
        ),
        21 => click.replace("\"createdAt\":\"20", "\"createdAt\":\"19"),
        22 => click.replacen("}}}", "}},\"x\":true}", 1),
        23 => format!("{{\"route\":{{}},{}", &click[1..]),
        24 => click.replace(['u', 'U'], "v"),
        _ => format!(
            "{last},\"{}\":\"{}\"}}",
            "n".repeat(how - 20),
            "ü".repeat(how)
        ),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// The parser remembers the makes of objects and whole objects, and so does what comes after it. What a record
    /// becomes must not depend on it.
    #[test]
    fn what_came_before_a_record_changes_nothing_in_it(
        seed in 0u64..4, picks in proptest::collection::vec((0usize..24, 0usize..40), 1..160), chunk in 1usize..5000,
    ) {
        let mut file = Vec::new();
        Sample { framing: Framing::Lines, records: Some(24), seed, ..Sample::default() }.write(&mut file).unwrap();
        let clicks: Vec<_> = std::str::from_utf8(&file).unwrap().lines().collect();
        let lines: Vec<_> = picks.iter().map(|(click, how)| spelled(clicks[*click], *how)).collect();
        let together = decode("/f/name", lines.join("\n").as_bytes(), DecodeLimits::default(), || chunk);
        prop_assert_eq!(together.len(), lines.len());
        for (line, out) in lines.iter().zip(together) {
            let alone = decode("/f/name", line.as_bytes(), DecodeLimits::default(), || usize::MAX).remove(0);
            let (Out::Click { id, n, click, flat, webhook, raw }, Out::Click { id: own, click: c, flat: f, webhook: w, raw: r, .. }) =
                (&out, &alone)
            else {
                prop_assert_eq!(std::mem::discriminant(&out), std::mem::discriminant(&alone), "{}", line);
                continue;
            };
            prop_assert_eq!(*n == 1, id == own, "{}", line);
            // What follows the id and the place.
            let rest = |text: &str| text.split_once(",\"key\":\"name\",").map(|(_, rest)| rest.to_owned());
            prop_assert!(rest(click).is_some());
            prop_assert_eq!(rest(click), rest(c), "{}", line);
            let row = |text: &str| { let mut row: Value = serde_json::from_str(text).unwrap(); row["click_id"].take(); row["source_index"].take(); row };
            prop_assert_eq!(row(flat), row(f), "{}", line);
            prop_assert_eq!(webhook.get(45..), w.get(45..));
            prop_assert_eq!(raw, r);
        }
    }
}

/// Each line as a file of its own must give what the file gives: the id, but for its number, and the row.
fn same_alone_and_together(lines: &[String]) {
    let together = decode(
        "/f/name",
        lines.join("\n").as_bytes(),
        DecodeLimits::default(),
        || usize::MAX,
    );
    let alone: Vec<_> = lines
        .iter()
        .flat_map(|line| {
            decode("/f/name", line.as_bytes(), DecodeLimits::default(), || {
                usize::MAX
            })
        })
        .collect();
    assert_eq!(together.len(), alone.len());
    let row = |flat: &str| {
        let mut row: serde_json::Map<_, _> = serde_json::from_str(flat).unwrap();
        row.remove("click_id");
        row.remove("source_index");
        row
    };
    for (at, pair) in together.iter().zip(&alone).enumerate() {
        let (
            Out::Click { id, n, flat, .. },
            Out::Click {
                id: own,
                flat: own_flat,
                ..
            },
        ) = pair
        else {
            panic!("{pair:?}")
        };
        assert!(*n > 1 || id == own, "record {at}: {id} instead of {own}");
        assert_eq!(row(flat), row(own_flat), "record {at}");
        assert_eq!(
            flat.matches("\"link_id\"").count(),
            own_flat.matches("\"link_id\"").count(),
            "record {at}"
        );
    }
}

const TIME: &str = r#""timestamp":"2026-11-21T23:54:50Z""#;

#[test]
fn an_object_that_a_rule_changes_here_and_keeps_there_is_two() {
    let geo = r#""geo":{"country":"us","region":"CA","city":"San Francisco","latitude":37.7749,"longitude":-122.4194,"zip":"94103"}"#;
    let lines: Vec<_> = (0..900)
        .map(|n| {
            let other = if n % 2 == 0 {
                r#","location":{"country":"DE"}"#
            } else {
                ""
            };
            let session =
                format!(r#""session":{{"started":"2026-11-21T23:54:50.{n:06}Z","first":true}}"#);
            format!(r#"{{{TIME},"client":{{{session},{geo}{other}}},"route":{{"id":"1"}}}}"#)
        })
        .collect();
    same_alone_and_together(&lines);
    // A click in an envelope, and the same text as data of another click.
    let click = r#"{"timestamp":"2026-11-21 23:54:00","client":{"location":{"country":"us"}},"route":{"id":"1"},"n":"0123456789"}"#;
    let envelope = format!(
        r#"{{"data":[{}],"key":"name"}}"#,
        vec![click; 400].join(",")
    );
    same_alone_and_together(&[
        envelope,
        format!(r#"{{{TIME},"route":{{}},"data":[{click}]}}"#),
    ]);
}

#[test]
fn the_same_text_under_two_names_is_not_mixed_up_when_there_are_too_many_names() {
    let thing = format!(
        r#"{{"id":"i1","createdAt":"2020-01-01 00:00:00","location":{{"country":"us"}},"p":"{}"}}"#,
        "x".repeat(60)
    );
    let lines: Vec<_> = (0..400)
        .map(|n| match n {
            0..40 => format!(
                r#"{{{TIME},"x{n}":1,"route":{{"x":[{}]}}}}"#,
                [r#"{"a":1}"#; 9].join(",")
            ),
            _ if n % 2 == 0 => {
                format!(r#"{{"\u0061":{n},{TIME},"client":{thing},"route":{thing}}}"#)
            }
            _ => format!(r#"{{{TIME},"zz":{n},"client":{thing},"copy":{thing},"route":{{}}}}"#),
        })
        .collect();
    same_alone_and_together(&lines);
}

#[test]
fn records_of_many_or_long_names_are_clicks_like_others() {
    let names = |count: usize, length: usize| -> String {
        (0..count)
            .map(|n| format!(",\"{n:0length$}\":{n}"))
            .collect()
    };
    let lines: Vec<_> = [(70, 3), (3000, 8), (4, 63), (4, 64), (4, 3000)]
        .iter()
        .flat_map(|&(count, length)| (0..3).map(move |n| (count, length, n)))
        .map(|(count, length, n)| {
            format!(
                r#"{{{TIME},"n":{n},"route":{{"id":"{n}"{}}}}}"#,
                names(count, length)
            )
        })
        .collect();
    same_alone_and_together(&lines);
}

#[test]
fn a_text_that_is_no_time_is_in_no_column_of_times() {
    let text =
        br#"{"timestamp":"2026-11-21T23:54:50Z","client":{"session":{"started":"yesterday"}},"route":{"createdAt":"2026-11-21"}}"#;
    let mut outs = decode("k", text, DecodeLimits::default(), || 4096);
    let Out::Click { flat, .. } = outs.remove(0) else {
        panic!()
    };
    let flat: Value = serde_json::from_str(&flat).unwrap();
    assert_eq!(
        (&flat["session_started_at"], &flat["link_created_at"]),
        (&Value::Null, &Value::Null)
    );
    let expected =
        r#"{"client":{"session":{"started":"yesterday"}},"route":{"createdAt":"2026-11-21"}}"#;
    assert_eq!(flat["extra"], expected);
}
