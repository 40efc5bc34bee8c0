//! Records laid out in every way, good and bad.

use clicks::decode::DecodeLimits;
use clicks::sample::{Content, Framing, Sample};
use proptest::prelude::*;

use crate::support::{Out, click, counts, decode, junk, whole};

#[test]
fn samples_of_every_framing_come_out_whole() {
    use Framing::*;
    for framing in [
        Lines,
        Crlf,
        Array,
        Pretty,
        Concatenated,
        Commas,
        Envelope,
        Envelopes,
    ] {
        for (content, gzip, bad_every, bad) in [
            (Content::Campaign, false, None, 0),
            (Content::Campaign, true, None, 0),
            (Content::Campaign, false, Some(4), 25),
            (Content::Unlike, false, None, 0),
            (Content::Unlike, false, Some(4), 25),
        ] {
            let mut bytes = Vec::new();
            Sample {
                framing,
                content,
                records: Some(100),
                seed: 3,
                gzip,
                bad_every,
                ..Sample::default()
            }
            .write(&mut bytes)
            .unwrap();
            let out = whole("k", &bytes);
            assert_eq!(
                counts(&out),
                (100 - bad, bad, 0),
                "{framing:?} of {content:?}, gzip {gzip}"
            );
        }
    }
}

#[test]
fn the_same_clicks_have_the_same_ids_in_every_framing() {
    let ids = |framing| {
        let mut bytes = Vec::new();
        Sample {
            framing,
            records: Some(40),
            seed: 9,
            ..Sample::default()
        }
        .write(&mut bytes)
        .unwrap();
        let out = whole("k", &bytes);
        out.into_iter()
            .map(|out| {
                if let Out::Click { id, .. } = out {
                    id
                } else {
                    panic!("{out:?}")
                }
            })
            .collect::<Vec<_>>()
    };
    let expected = ids(Framing::Lines);
    for framing in [
        Framing::Crlf,
        Framing::Array,
        Framing::Pretty,
        Framing::Concatenated,
        Framing::Commas,
    ] {
        assert_eq!(ids(framing), expected, "{framing:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn good_lines_survive_whatever_stands_between_them(junk in proptest::collection::vec(junk(), 1..6)) {
        // One line of junk before each good line; all good lines come out.
        let mut text = Vec::new();
        for (number, junk) in junk.iter().enumerate() {
            text.extend_from_slice(junk);
            text.push(b'\n');
            text.extend_from_slice(click(number).as_bytes());
            text.push(b'\n');
        }
        let out = whole("k", &text);
        prop_assert_eq!(counts(&out).0, junk.len(), "{}", String::from_utf8_lossy(&text));
    }
}

#[test]
fn a_broken_record_leaves_those_that_begin_on_the_line_of_its_end() {
    let element = |n: usize, value: &str| {
        format!(
            "{{\n    \"timestamp\": \"2026-11-21T00:00:0{n}Z\",\n    \"route\": {{\n      \"id\": {value}\n    }}\n  }}"
        )
    };
    let elements: Vec<_> = (0..6)
        .map(|n| element(n, if n == 1 { "oops" } else { "1" }))
        .collect();
    let text = format!("[\n  {}\n]\n", elements.join(", "));
    let out = decode("k", text.as_bytes(), DecodeLimits::default(), || usize::MAX);
    let clicks = out
        .iter()
        .filter(|out| matches!(out, Out::Click { .. }))
        .count();
    assert_eq!((clicks, out.len()), (5, 6), "{out:?}");
}
