//! Ids, and the members of a click in its forms.

use std::collections::BTreeSet;

use clicks::click::fields;
use clicks::decode::DecodeLimits;
use serde_json::{Value, json};

use crate::support::{Out, decode};

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
fn an_id_is_what_its_documentation_says() {
    // SHA-256 of {"route":{"id":"x"},"timestamp":"2026-11-21T23:54:50Z"}, 122 bits of it, version
    // 8.
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

#[test]
fn a_time_that_not_every_reader_can_count_stays_in_extra_with_its_click() {
    let row = |time: &str| {
        let text = format!(
            r#"{{"timestamp":"{time}","client":{{"session":{{"started":"{time}"}}}},"route":{{"createdAt":"{time}"}}}}"#
        );
        forms(&text).1
    };
    let columns = ["clicked_at", "session_started_at", "link_created_at"];
    // Canonical, with another offset, without a zone: as delivered, and rewritten by a rule.
    for (far, utc) in [
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("1677-12-31T23:59:59Z", "1677-12-31T23:59:59Z"),
        ("2262-01-01T01:00:00+01:00", "2262-01-01T00:00:00Z"),
        ("9999-12-31 23:59:59", "9999-12-31T23:59:59Z"),
    ] {
        let row = row(far);
        for column in columns {
            assert_eq!(row[column], Value::Null, "{column} of {far}");
        }
        let extra: Value = serde_json::from_str(row["extra"].as_str().unwrap()).unwrap();
        assert_eq!(extra["timestamp"], utc);
        assert_eq!(extra["client"]["session"]["started"], utc);
        assert_eq!(extra["route"]["createdAt"], utc);
        assert_eq!(row["click_id"].as_str().map(str::len), Some(36));
    }
    for near in ["1678-01-01T00:00:00Z", "2261-12-31T23:59:59.999Z"] {
        let row = row(near);
        for column in columns {
            assert_eq!(row[column], near, "{column}");
        }
        assert_eq!(row["extra"], Value::Null);
    }
}
