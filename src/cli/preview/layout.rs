//! Lays bodies of requests out for people: unpacked, and JSON with a line for each member.

use std::borrow::Cow;
use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use clicks::json::{Kind, Parser, Progress, Tape, text};
use flate2::read::MultiGzDecoder;

/// A body without what it was packed in.
pub(super) struct Unpacked {
    /// The name of the packing, if there was one.
    pub(super) packing: Option<&'static str>,
    /// The text in it; of a Parquet file, a line of JSON for each row.
    pub(super) text: String,
}

/// Unpacks a body.
pub(super) fn unpack(body: &Bytes) -> Unpacked {
    #[cfg(feature = "aws")]
    if body.starts_with(b"PAR1") {
        return Unpacked {
            packing: Some("parquet"),
            text: super::parquet::rows(body),
        };
    }
    let mut plain = Vec::new();
    let is_gzip = body.starts_with(&[0x1f, 0x8b])
        && MultiGzDecoder::new(&**body).read_to_end(&mut plain).is_ok();
    let bytes = if is_gzip { &plain } else { &**body };
    Unpacked {
        packing: is_gzip.then_some("gzip"),
        text: String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// The media type of forms.
const FORM: &str = "application/x-www-form-urlencoded";

/// Lays `body` out, whose media type is `media`, as lines without the last line feed.
pub(super) fn lay_out(body: &str, media: &str) -> String {
    if media.starts_with(FORM) {
        let pairs = form_urlencoded::parse(body.as_bytes());
        let lines = pairs.map(|(name, value)| format!("{name}={}", pretty_or_same(&value)));
        return lines.collect::<Vec<_>>().join("\n");
    }
    if let Some(whole) = pretty(body.as_bytes()) {
        return whole;
    }
    let lines = body.lines().filter(|line| !line.trim().is_empty());
    lines.map(pretty_or_same).collect::<Vec<_>>().join("\n")
}

fn pretty_or_same(text: &str) -> String {
    pretty(text.as_bytes()).unwrap_or_else(|| text.to_owned())
}

/// Writes a JSON object or array with a line for each member, in their order and with their digits;
/// `None` if `json` is neither.
fn pretty(json: &[u8]) -> Option<String> {
    let json = json.trim_ascii();
    if !matches!(json.first(), Some(b'{' | b'[')) {
        return None;
    }
    let mut parser = Parser::new(u32::MAX);
    if parser.run(json, true) != Progress::Done(json.len()) {
        return None;
    }
    let mut out = String::new();
    write(parser.tape(json), 0, 0, &mut out);
    Some(out)
}

fn write(tape: Tape<'_>, node: u32, depth: usize, out: &mut String) {
    match tape.node(node).kind {
        Kind::Object => {
            let members = tape
                .members(node)
                .map(|member| (Some(member.name), member.value));
            write_all(tape, ['{', '}'], members, depth, out);
        }
        Kind::Array => {
            let elements = tape.elements(node).map(|element| (None, element));
            write_all(tape, ['[', ']'], elements, depth, out);
        }
        Kind::String => write_string(tape, node, depth, out),
        _ => out.push_str(&String::from_utf8_lossy(tape.raw(node))),
    }
}

fn write_all(
    tape: Tape<'_>,
    brackets: [char; 2],
    parts: impl Iterator<Item = (Option<u32>, u32)>,
    depth: usize,
    out: &mut String,
) {
    let [open, close] = brackets;
    out.push(open);
    let mut is_first = true;
    for (name, value) in parts {
        if !std::mem::take(&mut is_first) {
            out.push(',');
        }
        line(depth + 1, out);
        if let Some(name) = name {
            out.push_str(&String::from_utf8_lossy(tape.raw(name)));
            out.push_str(": ");
        }
        write(tape, value, depth + 1, out);
    }
    if !is_first {
        line(depth, out);
    }
    out.push(close);
}

fn line(depth: usize, out: &mut String) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

/// Writes a string; one that holds a JSON object, perhaps in base64, as what it holds.
fn write_string(tape: Tape<'_>, node: u32, depth: usize, out: &mut String) {
    let raw = tape.raw(node);
    let text = text::unescaped(tape.inner(node), tape.node(node).escaped);
    let holds = |bytes: &[u8]| bytes.trim_ascii().starts_with(b"{");
    let (word, held): (_, Cow<'_, [u8]>) = if holds(&text) {
        ("a string of ", text)
    } else {
        match STANDARD.decode(&*text) {
            Ok(bytes) if holds(&bytes) => ("base64 of ", bytes.into()),
            _ => return out.push_str(&String::from_utf8_lossy(raw)),
        }
    };
    match pretty(&held) {
        Some(held) => {
            out.push_str(word);
            let indent = format!("\n{}", "  ".repeat(depth));
            out.push_str(&held.replace('\n', &indent));
        }
        None => out.push_str(&String::from_utf8_lossy(raw)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_its_order_and_its_digits() {
        let body = r#"{"z":1.50,"a":{},"l":[1,"x"],"é":"\u00e9"}"#;
        let laid = "{\n  \"z\": 1.50,\n  \"a\": {},\n  \"l\": [\n    1,\n    \"x\"\n  ],\n  \
                    \"é\": \"\\u00e9\"\n}";
        assert_eq!(lay_out(body, "application/json"), laid);
        assert_eq!(
            lay_out("{\"a\":1}\n{\"a\":2}\n", ""),
            "{\n  \"a\": 1\n}\n{\n  \"a\": 2\n}"
        );
        assert_eq!(lay_out("a text", ""), "a text");
    }

    #[test]
    fn clicks_in_strings_and_base64_and_forms_are_shown() {
        let data = STANDARD.encode("{\"a\":1}\n");
        let body = format!(r#"{{"Data":"{data}","Detail":"{{\"b\":2}}"}}"#);
        let laid = "{\n  \"Data\": base64 of {\n    \"a\": 1\n  },\n  \
                    \"Detail\": a string of {\n    \"b\": 2\n  }\n}";
        assert_eq!(lay_out(&body, ""), laid);
        assert_eq!(
            lay_out("a=b+c&d=%7B%22e%22%3A1%7D", FORM),
            "a=b c\nd={\n  \"e\": 1\n}"
        );
    }

    #[test]
    fn what_is_compressed_is_unpacked() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut gzip, b"[1]").unwrap();
        let Unpacked { packing, text } = unpack(&gzip.finish().unwrap().into());
        assert_eq!((packing, &*text), (Some("gzip"), "[1]"));
    }
}
