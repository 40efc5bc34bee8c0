//! What files hold, however they are framed, compressed, broken or cut into chunks.

use std::io::Write;

use clicks::decode::{DecodeLimits, Decoder, Item};
use clicks::sample::{Content, Framing, Sample};
use proptest::prelude::*;

use crate::support::{Out, click, data_files, decode};

fn whole(name: &str, bytes: &[u8]) -> Vec<Out> {
    decode(name, bytes, DecodeLimits::default(), || usize::MAX)
}

fn counts(out: &[Out]) -> (usize, usize, usize) {
    let count = |wanted: fn(&Out) -> bool| out.iter().filter(|o| wanted(o)).count();
    (
        count(|o| matches!(o, Out::Click { .. })),
        count(|o| matches!(o, Out::Bad { .. })),
        count(|o| matches!(o, Out::Tail { .. })),
    )
}

#[test]
fn every_file_holds_what_its_table_says() {
    let mut wrong = Vec::new();
    for file in data_files() {
        let out = whole(&file.name, &file.bytes());
        if counts(&out) != (file.good, file.bad, file.tail) {
            wrong.push(format!(
                "{}: {:?} instead of {:?}",
                file.name,
                counts(&out),
                (file.good, file.bad, file.tail)
            ));
        }
    }
    assert!(wrong.is_empty(), "good, bad, tail:\n{}", wrong.join("\n"));
}

#[test]
fn every_file_of_the_folder_stands_in_its_table() {
    let listed: Vec<_> = data_files().into_iter().map(|file| file.name).collect();
    for entry in std::fs::read_dir(crate::support::root().join("tests/data")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            ["README.md", ".gitattributes", "demo", "formats"].contains(&name.as_str())
                || listed.contains(&name),
            "{name}"
        );
    }
    assert!(listed.len() > 80);
}

#[test]
fn chunk_boundaries_change_nothing() {
    for file in data_files() {
        let (bytes, expected) = (file.bytes(), whole(&file.name, &file.bytes()));
        for size in [1, 2, 3, 7, 64, 1000] {
            assert_eq!(
                decode(&file.name, &bytes, DecodeLimits::default(), || size),
                expected,
                "{} in chunks of {size}",
                file.name
            );
        }
    }
}

#[test]
fn what_is_read_is_all_there_is() {
    // Every byte of a plain file is in a click, in a bad record, in a tail, or is punctuation.
    for file in data_files()
        .into_iter()
        .filter(|file| !file.name.contains("envelope") && file.tail == 0)
    {
        let bytes = file.bytes();
        if bytes.starts_with(b"\x1F\x8B") {
            continue;
        }
        let mut kept: usize = 0;
        for out in whole(&file.name, &bytes) {
            kept += match out {
                Out::Click { raw, .. } => raw.iter().filter(|c| !c.is_ascii_whitespace()).count(),
                Out::Bad { raw, .. } | Out::Tail { raw, .. } => {
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_bytes_in_any_chunks_decode_alike(
        pieces in proptest::collection::vec(piece(), 0..14),
        sizes in proptest::collection::vec(1usize..90, 1..20),
        gzip: bool,
    ) {
        let mut bytes = pieces.concat();
        if gzip {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(&bytes).unwrap();
            bytes = encoder.finish().unwrap();
        }
        let limits = DecodeLimits { record_bytes: 300, depth: 8, ..DecodeLimits::default() };
        let expected = decode("k", &bytes, limits, || usize::MAX);
        let mut at = 0;
        let chunked = decode("k", &bytes, limits, || { at += 1; sizes[at % sizes.len()] });
        prop_assert_eq!(chunked, expected);
    }

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

/// Pieces of files, good and bad.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        (0usize..1000).prop_map(|n| click(n).into_bytes()),
        (0usize..1000).prop_map(|n| format!(" {}\n", click(n)).into_bytes()),
        (0usize..9, 0usize..9).prop_map(|(a, b)| format!(
            "{{\"data\":[{},{}],\"key\":\"k\"}}",
            click(a),
            click(b)
        )
        .into_bytes()),
        (0usize..9).prop_map(|n| format!(
            "{{\"data\":[{},{{\"a\":tru}}],\"key\":\"k\"}}\n",
            click(n)
        )
        .into_bytes()),
        junk(),
        Just(b"}]}".to_vec()),
        "[\\[\\]{},:\n \"]{0,6}".prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 0..12),
    ]
}

/// One line that holds no good record and is no prefix of one that the next line could complete.
fn junk() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(b"not json".to_vec()),
        Just(b"{\"timestamp\":bad}".to_vec()),
        Just(b"<html><body>{}</body>".to_vec()),
        Just(b"null".to_vec()),
        Just(b"12 \"x\" true".to_vec()),
        Just(b"\0\0\0".to_vec()),
        Just(b"{\"a\":\"\xFF\"}".to_vec()),
        (2usize..70).prop_map(|end| {
            let line = click(7).into_bytes();
            line[..end.min(line.len() - 1)].to_vec()
        }),
    ]
}

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

#[test]
fn a_record_over_the_cap_is_one_bad_record_and_its_neighbours_live() {
    let limits = DecodeLimits {
        record_bytes: 4096,
        ..DecodeLimits::default()
    };
    let long = format!(
        "{{\"timestamp\":\"2026-11-21T00:00:00Z\",\"route\":{{\"x\":\"{}\"}}}}",
        "y".repeat(100_000)
    );
    let text = format!("{}\n{long}\n{}{long}{}\n", click(1), click(2), click(3));
    let out = decode("k", text.as_bytes(), limits, || 1000);
    assert_eq!(counts(&out), (3, 2, 0));
    let Out::Bad {
        length,
        raw,
        reason,
        ..
    } = &out[1]
    else {
        panic!("{out:?}")
    };
    assert_eq!((*length, raw.len()), (long.len() as u64, 4096));
    assert_eq!(reason, "longer than 4096 bytes (MAX_RECORD_BYTES)");
}

#[test]
fn an_envelope_over_the_cap_is_streamed() {
    let limits = DecodeLimits {
        record_bytes: 4096,
        ..DecodeLimits::default()
    };
    let clicks: Vec<_> = (0..500).map(click).collect();
    for text in [
        format!(
            "{{\"data\":[{}],\"key\":\"late\"}}\n{}",
            clicks.join(","),
            click(500)
        ),
        format!(
            "{{\"key\":\"early\",\"data\":[{}]}}{}",
            clicks.join(",\n"),
            click(500)
        ),
    ] {
        let early = text.starts_with("{\"key\"");
        let out = decode("folder/name", text.as_bytes(), limits, || 777);
        assert_eq!(counts(&out), (501, 0, 0));
        let key = |at: usize| {
            if let Out::Click { click, .. } = &out[at] {
                click.contains("\"key\":\"early\"")
            } else {
                false
            }
        };
        assert_eq!((key(0), key(499), key(500)), (early, early, false));
    }
}

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
        // The bracket that ends the data is lost with what is broken.
        (
            format!("{{\"data\":[{many},x],\"key\":\"A\"}}\n{one}\n{one}"),
            vec![("A", 3000), ("name", 2)],
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
fn envelopes_that_are_broken_again_and_again_are_each_looked_at_once() {
    let text = "{\"data\":[{\"a\":[[[[}\n]}\n".repeat(40_000);
    assert_eq!(counts(&whole("k", text.as_bytes())).0, 0);
    // A live stream is not held up by what cannot be an envelope.
    let mut decoder = Decoder::new(DecodeLimits::default());
    decoder.push(
        format!(
            "{{\"data\":[{},{{\"timestamp\":\"20\n{}\n",
            click(1),
            click(2)
        )
        .into(),
    );
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
            let tail = out.pop();
            assert!(
                matches!(&tail, Some(Out::Tail { reason, .. }) if reason.contains("cut short")),
                "{tail:?}"
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
    let data = vec!["{}"; 100_000].join(",");
    for text in [
        format!(r#"{{"data":[{data}],"timestamp":"2026-11-21T23:54:50Z","route":{{}}}}"#),
        format!(r#"{{"timestamp":"2026-11-21T23:54:50Z","data":[{data}],"route":{{}}}}"#),
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

#[test]
fn a_50_mb_line_of_an_array_streams_and_one_of_a_string_is_bad() {
    let array = format!("[{}]", vec![click(1); 750_000].join(","));
    assert!(array.len() > 50_000_000);
    assert_eq!(
        counts(&decode(
            "k",
            array.as_bytes(),
            DecodeLimits::default(),
            || 1 << 16
        )),
        (750_000, 0, 0)
    );
    let string = format!(
        "{{\"timestamp\":\"{}\"}}\n{}\n",
        "x".repeat(50_000_000),
        click(2)
    );
    assert_eq!(
        counts(&decode(
            "k",
            string.as_bytes(),
            DecodeLimits::default(),
            || 1 << 16
        )),
        (1, 1, 0)
    );
}

#[test]
fn ten_thousand_levels_are_a_bad_record() {
    let deep = "{\"a\":".repeat(10_000) + "1" + &"}".repeat(10_000);
    let text = format!("{deep}{}\n{}[{}]", click(1), "[".repeat(10_000), click(2));
    let out = whole("k", text.as_bytes());
    assert_eq!(counts(&out).0, 1, "the click after the balanced one");
    let Out::Bad { reason, length, .. } = &out[0] else {
        panic!("{out:?}")
    };
    assert_eq!(*length, deep.len() as u64);
    assert!(
        reason.ends_with("more than 128 levels deep (MAX_DEPTH)"),
        "{reason}"
    );
}

#[test]
fn a_bomb_and_an_object_over_the_cap_end_in_a_tail() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder
        .write_all(format!("{}\n", click(1)).as_bytes())
        .unwrap();
    for _ in 0..40 {
        encoder.write_all(&[b' '; 1 << 20]).unwrap();
    }
    let out = whole("k", &encoder.finish().unwrap());
    assert_eq!(counts(&out), (1, 0, 1));
    let Some(Out::Tail { reason, .. }) = out.last() else {
        panic!()
    };
    assert!(reason.contains("MAX_INFLATE_RATIO"), "{reason}");

    let text = crate::support::lines(0..1000);
    let limits = DecodeLimits {
        object_bytes: 10_000,
        ..DecodeLimits::default()
    };
    let one = decode("k", text.as_bytes(), limits, || 1 << 20);
    assert_eq!(
        one,
        decode("k", text.as_bytes(), limits, || 13),
        "however it comes in"
    );
    assert_eq!(counts(&one).2, 1);
}
