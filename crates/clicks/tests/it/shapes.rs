//! The parser remembers the shapes of objects, and so does what comes after it; what a record
//! becomes must not depend on it.

use clicks::decode::DecodeLimits;
use clicks::sample::Sample;
use proptest::prelude::*;
use serde_json::Value;

use crate::support::{Out, decode};

const TIME: &str = r#""timestamp":"2026-11-21T23:54:50Z""#;

/// A click of a sample file, spelled in one of many ways: of the same make as others, or nearly.
pub fn spelled(click: &str, how: usize) -> String {
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

    /// The parser remembers the makes of objects and whole objects, and so does what comes after
    /// it. What a record becomes must not depend on it.
    #[test]
    fn what_came_before_a_record_changes_nothing_in_it(
        seed in 0u64..4, picks in proptest::collection::vec((0usize..24, 0usize..40), 1..160), chunk in 1usize..5000,
    ) {
        let mut file = Vec::new();
        Sample { records: Some(24), seed, ..Sample::default() }.write(&mut file).unwrap();
        let clicks: Vec<_> = std::str::from_utf8(&file).unwrap().lines().collect();
        let lines: Vec<_> = picks.iter().map(|(click, how)| spelled(clicks[*click], *how)).collect();
        let together = decode("/f/name", lines.join("\n").as_bytes(), DecodeLimits::default(), || chunk);
        prop_assert_eq!(together.len(), lines.len());
        for (line, out) in lines.iter().zip(together) {
            let alone = decode("/f/name", line.as_bytes(), DecodeLimits::default(), || usize::MAX).remove(0);
            let (Out::Click { id, occurrence, click, flat, webhook, raw }, Out::Click { id: own, click: c, flat: f, webhook: w, raw: r, .. }) =
                (&out, &alone)
            else {
                prop_assert_eq!(std::mem::discriminant(&out), std::mem::discriminant(&alone), "{}", line);
                continue;
            };
            prop_assert_eq!(*occurrence == 1, id == own, "{}", line);
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

/// Each line as a file of its own must give what the file gives: the id, but for its number, and
/// the row.
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
            Out::Click {
                id,
                occurrence,
                flat,
                ..
            },
            Out::Click {
                id: own,
                flat: own_flat,
                ..
            },
        ) = pair
        else {
            panic!("{pair:?}")
        };
        assert!(
            *occurrence > 1 || id == own,
            "record {at}: {id} instead of {own}"
        );
        assert_eq!(row(flat), row(own_flat), "record {at}");
        assert_eq!(
            flat.matches("\"link_id\"").count(),
            own_flat.matches("\"link_id\"").count(),
            "record {at}"
        );
    }
}

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
