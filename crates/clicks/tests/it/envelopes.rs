//! Envelopes of every size: `{"data": […], "key": …}`.

use std::io::Write;

use clicks::decode::{DecodeLimits, Decoder, ENVELOPE_KEY_BYTES, Item};
use proptest::prelude::*;

use crate::support::{Out, click, counts, decode, whole};

/// The keys of the envelopes that clicks came in, and how many came one after another in each.
fn keys(out: &[Out]) -> Vec<(String, usize)> {
    let mut keys: Vec<(String, usize)> = Vec::new();
    for out in out {
        let Out::Click { click, .. } = out else {
            panic!("{out:?}")
        };
        let click: serde_json::Value = serde_json::from_str(click).unwrap();
        let key = click["key"].as_str().unwrap().to_owned();
        match keys.last_mut().filter(|(last, _)| *last == key) {
            Some((_, count)) => *count += 1,
            None => keys.push((key, 1)),
        }
    }
    keys
}

#[test]
fn an_envelope_over_the_limit_is_streamed_and_keeps_its_key() {
    let limits = DecodeLimits {
        record_bytes: 4096,
        ..DecodeLimits::default()
    };
    let clicks: Vec<_> = (0..500).map(click).collect();
    for (text, key) in [
        (
            format!(r#"{{"data":[{}],"key":"late"}}"#, clicks.join(",")),
            "late",
        ),
        (
            format!(r#"{{"key":"early","data":[{}]}}"#, clicks.join(",\n")),
            "early",
        ),
    ] {
        let text = format!("{text}\n{}", click(500));
        let out = decode("folder/name", text.as_bytes(), limits, || 777);
        assert_eq!(keys(&out), [(key.to_owned(), 500), ("name".to_owned(), 1)]);
    }
}

/// An envelope of clicks whose `key`, behind its data or before them, ends after exactly `end`
/// bytes.
fn envelope(end: usize, behind: bool, broken: &str) -> String {
    let clicks: Vec<_> = (0..400).map(click).collect();
    let clicks = clicks.join(",");
    let (open, close) = if behind {
        (format!(r#"{{"data":[{broken}{clicks}],"pad":""#), "")
    } else {
        (r#"{"pad":""#.to_owned(), r#","data":["#)
    };
    let key = r#"","key":"K""#;
    let pad = "x".repeat(end - open.len() - key.len());
    let rest = if behind {
        String::new()
    } else {
        format!("{close}{broken}{clicks}]")
    };
    format!("{open}{pad}{key}{rest}}}")
}

#[test]
fn a_key_counts_if_it_ends_within_256_kib_of_the_envelope() {
    assert_eq!(ENVELOPE_KEY_BYTES, 262_144);
    for behind in [true, false] {
        for broken in ["", r#"{"a":x},"#] {
            for (end, expected) in [(262_144, "K"), (262_145, "name"), (300_000, "name")] {
                let one = envelope(end, behind, broken);
                for text in [
                    one.clone(),
                    format!("\n  {one}\n"),
                    format!("[{{\"data\":[{}],\"key\":\"O\"}},{one}]", click(1)),
                    // Much before it and behind it changes nothing.
                    format!("{}{one}{}", " ".repeat(200_000), " ".repeat(200_000)),
                ] {
                    for size in [usize::MAX, 50_000, 1000] {
                        let limits = DecodeLimits::default();
                        let mut out = decode("name", text.as_bytes(), limits, || size);
                        out.retain(|out| matches!(out, Out::Click { .. }));
                        assert_eq!(
                            keys(&out).last(),
                            Some(&(expected.to_owned(), 400)),
                            "{behind} {broken} {end} {size}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn an_object_that_ends_behind_a_key_has_it() {
    for more in ["", "]", "}"] {
        let text = format!(r#"{{"data":[{}],"key":"K"{more}"#, click(1));
        let mut out = whole("name", text.as_bytes());
        out.retain(|out| matches!(out, Out::Click { .. }));
        assert_eq!(keys(&out), [("K".to_owned(), 1)], "{more}");
    }
}

proptest! {
    /// The same at a size that many cases can have: whole envelopes and streamed ones, in any
    /// chunks.
    #[test]
    fn a_key_counts_by_where_it_ends_alone(
        before in 0usize..6, behind in 0usize..200, key_bytes in 40usize..700, broken: bool,
        early: bool, record_bytes in 250usize..2000, sizes in proptest::collection::vec(1usize..90, 1..9),
    ) {
        let limits = DecodeLimits { record_bytes, envelope_key_bytes: key_bytes, ..DecodeLimits::default() };
        let mut clicks: Vec<_> = (0..before + 1).map(click).collect();
        if broken {
            clicks.insert(before / 2, r#"{"timestamp":x}"#.into());
        }
        let pad = "x".repeat(behind);
        let early = if early { r#""key":"E","# } else { "" };
        let text = format!(r#"{{{early}"data":[{}],"pad":"{pad}","key":"K"}}"#, clicks.join(","));
        let ends = |key: &str| text.find(key).map(|at| at + key.len());
        let expected = [r#""key":"K""#, r#""key":"E""#]
            .into_iter()
            .find(|key| ends(key).is_some_and(|end| end <= key_bytes))
            .map_or("name", |key| if key.ends_with("K\"") { "K" } else { "E" });
        let mut at = 0;
        let mut out = decode("name", text.as_bytes(), limits, || { at += 1; sizes[at % sizes.len()] });
        out.retain(|out| matches!(out, Out::Click { .. }));
        prop_assert_eq!(keys(&out), [(expected.to_owned(), before + 1)]);
    }
}

#[test]
fn the_key_of_a_long_envelope_may_stand_behind_its_data() {
    let clicks = (0..3000).map(click).collect::<Vec<_>>().join(",");
    assert!(clicks.len() > 200_000);
    let text = format!(
        r#"{{"data":[{clicks}],"key":"late"}}
           {{"key":"early","data":[{clicks}]}}{{"key":"early","data":[{clicks}], "n":[{{"]":1}}] , "key" : "la\u0074er" }}
           {{"data":[{clicks}] }}{{"data":[{clicks}],"key":7}}{{"data":[{{"x":"\"]"}},{clicks}] ,"key":"last"}}"#
    );
    let expected = [
        ("late", 3000),
        ("early", 3000),
        ("later", 3000),
        ("name", 6000),
        ("last", 3000),
    ];
    for size in [usize::MAX, 100_000, 4096, 1] {
        let mut out = decode(
            "folder/name",
            text.as_bytes(),
            DecodeLimits::default(),
            || size,
        );
        let bad = out.remove(15_000);
        assert!(matches!(bad, Out::Bad { index: 15_000, .. }), "{bad:?}");
        assert_eq!(
            keys(&out),
            expected.map(|(key, count)| (key.to_owned(), count)),
            "chunks of {size}"
        );
    }
}

#[test]
fn a_long_envelope_gives_its_clicks_and_its_key_whatever_is_broken_in_it() {
    let clicks = (0..3000).map(click).collect::<Vec<_>>();
    let with = |broken: &str| {
        format!(
            r#"{{"data":[{},{broken},{}],"key":"late"}}"#,
            clicks[..2900].join(","),
            clicks[2900..].join(",")
        )
    };
    for broken in [
        r#"{"timestamp":tomorrow}"#,
        r#"{"timestamp":"\x"}"#,
        r#"{"a":[1 2]}"#,
    ] {
        let mut out = whole("name", with(broken).as_bytes());
        assert!(matches!(out.remove(2900), Out::Bad { index: 2900, .. }));
        assert_eq!(keys(&out), [("late".into(), 3000)], "{broken}");
    }
    // What follows cannot be told from what is in it: no key is better than a wrong one.
    let open = whole("name", with("{").as_bytes());
    assert_eq!(counts(&open).0, 2900);
    assert_eq!(keys(&open[..2900]), [("name".into(), 2900)]);
}

#[test]
fn no_click_gets_the_key_of_another_envelope() {
    let (one, many) = (click(1), (0..3000).map(click).collect::<Vec<_>>().join(","));
    let pad = "x".repeat(140_000);
    let cases = [
        // What is behind the data counts, and what is no text is no key.
        (
            format!(r#"{{"key":"A","data":[{many}],"key":null}}"#),
            vec![("name", 3000)],
        ),
        // The data begin late, and are broken.
        (
            format!(r#"{{"key":"A","data":[{one}]}}{{"key":"B","pad":"{pad}","data":[{one},x]}}"#),
            vec![("A", 1), ("B", 1)],
        ),
        // The bracket that ends the data is lost with what is broken, and the key too: the rest of
        // the line is one bad record.
        (
            format!("{{\"data\":[{many},x],\"key\":\"A\"}}\n{one}\n{one}"),
            vec![("name", 3002)],
        ),
        // Two envelopes that only together have as many brackets closed as opened.
        (
            format!(
                "{{\"data\":[{many},[[[x],\"key\":\"A\"}}\n{{\"data\":[{one}]]]],\"key\":\"B\"}}\n"
            ),
            vec![("name", 3000)],
        ),
    ];
    for (text, expected) in cases {
        let mut out = whole("name", text.as_bytes());
        out.retain(|out| matches!(out, Out::Click { .. }));
        assert_eq!(
            keys(&out),
            expected
                .iter()
                .map(|(key, count)| ((*key).to_owned(), *count))
                .collect::<Vec<_>>()
        );
    }
}

#[test]
fn a_line_after_a_long_envelope_of_many_lines_is_none_of_its() {
    let clicks = (0..3000).map(click).collect::<Vec<_>>().join(",");
    // A click that is indented further than the bad record before it would be part of that.
    let text = format!("    {{\"data\":[\n{clicks}\n]}}{{\"a\":x\n  {}\n", click(1));
    assert_eq!(counts(&whole("k", text.as_bytes())), (3001, 1, 0));
}

#[test]
fn envelopes_that_are_broken_again_and_again_are_each_looked_at_twice() {
    let text = "{\"data\":[{\"a\":[[[[}\n]}\n".repeat(40_000);
    assert_eq!(counts(&whole("k", text.as_bytes())).0, 0);
}

#[test]
fn a_live_stream_is_held_up_by_an_envelope_for_256_kib_at_most() {
    let open = format!("{{\"data\":[{},", click(1));
    let line = format!("{},\n", click(2));
    let mut decoder = Decoder::new(DecodeLimits::default());
    decoder.push(open.clone().into());
    let mut given = open.len();
    while given < ENVELOPE_KEY_BYTES {
        assert!(matches!(decoder.advance(), Item::NeedInput), "{given}");
        decoder.push(line.clone().into());
        given += line.len();
    }
    assert!(matches!(decoder.advance(), Item::Record(_)));
}

#[test]
fn a_live_stream_is_not_held_up_by_what_cannot_be_an_envelope() {
    let mut decoder = Decoder::new(DecodeLimits::default());
    let text = format!(
        "{{\"data\":[{},{{\"timestamp\":\"20\n{}\n",
        click(1),
        click(2)
    );
    decoder.push(text.into());
    assert!(matches!(decoder.advance(), Item::Record(_)));
}

#[test]
fn an_envelope_that_is_cut_off_gives_the_clicks_it_has() {
    for many in [20, 3000] {
        let text = format!(
            r#"{{"key":"early","data":[{}]}}"#,
            (0..many).map(click).collect::<Vec<_>>().join(",")
        );
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
        encoder.write_all(text.as_bytes()).unwrap();
        let gzip = encoder.finish().unwrap();
        for size in [usize::MAX, 1000] {
            let mut out = decode(
                "name",
                &gzip[..gzip.len() * 3 / 4],
                DecodeLimits::default(),
                || size,
            );
            let end = out.pop();
            assert!(
                matches!(&end, Some(Out::Unreadable { reason, .. }) if reason.contains("cut short")),
                "{end:?}"
            );
            let [(key, count)] = &keys(&out)[..] else {
                panic!()
            };
            assert_eq!(key, "early");
            assert!(*count > many / 2, "{count} of {many}");
        }
    }
}

#[test]
fn a_click_with_long_data_is_a_click() {
    // Told by what stands in its first 256 KiB.
    let (data, longer) = (vec!["{}"; 60_000].join(","), vec!["{}"; 100_000].join(","));
    assert!(data.len() < ENVELOPE_KEY_BYTES && longer.len() > ENVELOPE_KEY_BYTES);
    for text in [
        format!(r#"{{"data":[{data}],"timestamp":"2026-11-21T23:54:50Z","route":{{}}}}"#),
        format!(r#"{{"timestamp":"2026-11-21T23:54:50Z","data":[{longer}],"route":{{}}}}"#),
        format!(
            r#"{{"data":[1],"route":{{"x":"{longer}"}},"timestamp":"2026-11-21T23:54:50Z"}}"#,
            longer = longer.replace('"', "")
        ),
    ] {
        let out = decode(
            "k",
            format!("{text}\n{}", click(1)).as_bytes(),
            DecodeLimits::default(),
            || 50_000,
        );
        assert_eq!(counts(&out), (2, 0, 0));
        let Out::Click { raw, .. } = &out[0] else {
            panic!()
        };
        assert_eq!(raw.len(), text.len());
    }
}
