use super::*;
use crate::json::scan::plain_run;
use proptest::prelude::*;

fn parse(text: &[u8]) -> Progress {
    Parser::new(128).run(text, true)
}

/// Feeds one byte more at a time.
fn parse_slowly(text: &[u8]) -> (Progress, usize) {
    let mut parser = Parser::new(128);
    for end in 0..text.len() {
        match parser.run(&text[..end], false) {
            Progress::More => {}
            other => return (other, parser.nodes.len()),
        }
    }
    (parser.run(text, true), parser.nodes.len())
}

#[test]
fn agrees_with_serde_json_on_what_is_json() {
    let texts: &[&str] = &[
        "{}",
        "[]",
        "null",
        "true",
        "false",
        "0",
        "-0",
        "1.5e+10",
        "01",
        "1.",
        "-",
        "1e",
        "tru",
        "nul l",
        "\"a\\u00e9\"",
        "\"\\x\"",
        "\"\\u12G4\"",
        "{\"a\":1,}",
        "[1,]",
        "{\"a\" 1}",
        "{a:1}",
        "[1 2]",
        "{\"a\":[{},[],\"\"]}",
        "{]",
        "[}",
        "\"\t\"",
        "\"\u{1}\"",
        "{\"a\":{\"b\":[1,2,{\"c\":null}]}}",
        "[,1]",
        "{,}",
        "{\"a\"}",
        "\"\\ud800\"",
    ];
    for text in texts {
        let ours = parse(text.as_bytes()) == Progress::Done(text.len());
        let theirs = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
        assert_eq!(ours, theirs, "{text}");
    }
}

#[test]
fn members_and_elements_are_walked_in_order() {
    let text = br#"{"a":[1,{"x":2}],"b":"c","\u0061":3}"#;
    let mut parser = Parser::new(8);
    assert_eq!(parser.run(text, true), Progress::Done(text.len()));
    let tape = parser.tape(text);
    let names: Vec<_> = tape.members(0).map(|m| tape.inner(m.name)).collect();
    assert_eq!(names, [&b"a"[..], b"b", b"\\u0061"]);
    assert_eq!(
        tape.raw(tape.get(0, "a").unwrap()),
        b"3",
        "the last of a repeated name"
    );
    assert_eq!(
        tape.elements(2).map(|e| tape.raw(e)).collect::<Vec<_>>(),
        [&b"1"[..], br#"{"x":2}"#]
    );
}

#[test]
fn stops_at_the_depth_allowed() {
    let deep = [b'['; 200];
    assert_eq!(
        parse(&deep),
        Progress::Invalid {
            at: 128,
            error: SyntaxError::TooDeep
        }
    );
}

#[test]
fn notices_data_arrays_of_the_outermost_object_only() {
    let data = |text: &[u8]| {
        let mut parser = Parser::new(8);
        parser.run(text, true);
        parser.data()
    };
    assert_eq!(data(br#"{"key":"k","data":[{"data":[]}"#), Some(4));
    assert_eq!(data(br#"{"a":{"data":[]}}"#), None);
    assert_eq!(data(br#"[{"data":[]}]"#), None);
}

proptest! {
    #[test]
    fn a_text_in_pieces_is_the_text_in_one(text in r#"[\[\]{}:," \\a-cu0-9.eE\-ntrufalse\n\t]{0,60}"#) {
        let (slow, nodes) = parse_slowly(text.as_bytes());
        let mut parser = Parser::new(128);
        let quick = parser.run(text.as_bytes(), true);
        prop_assert_eq!(quick, slow);
        prop_assert_eq!(nodes, parser.nodes.len());
    }

    #[test]
    fn plain_run_is_the_naive_count(text in proptest::collection::vec(any::<u8>(), 0..64)) {
        let naive = text.iter().position(|&c| c == b'"' || c == b'\\' || c < 0x20).unwrap_or(text.len());
        prop_assert_eq!(plain_run(&text), naive);
    }
}
