//! The body of a request: clicks put together, compressed, or as a text.

use std::borrow::Cow;
use std::io::Write;
use std::str::FromStr;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::targets::Entry;
use clicks::json::text;

/// Most bytes of a body beside its entries: `{"data":[],"key":""}` and an S3 key of 1,024 bytes,
/// escaped.
pub const OVERHEAD: usize = 20 + 6 * 1024;

/// How the clicks of a request are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// `{"data":[…],"key":…}`, as Rebrandly's webhook sends.
    Envelope,
    /// `[…]`.
    Array,
    /// One a line.
    Lines,
    /// One a request.
    Single,
}

impl FromStr for Body {
    type Err = String;

    fn from_str(text: &str) -> Result<Body, String> {
        match text {
            "envelope" => Ok(Body::Envelope),
            "array" => Ok(Body::Array),
            "lines" => Ok(Body::Lines),
            "single" => Ok(Body::Single),
            _ => Err("envelope, array, lines or single".into()),
        }
    }
}

impl Body {
    /// Returns the media type.
    pub fn content_type(self) -> &'static str {
        match self {
            Body::Lines => "application/x-ndjson",
            _ => "application/json",
        }
    }

    /// Puts the entries of `batch` together.
    pub fn write(self, batch: &[Entry]) -> Vec<u8> {
        let mut out = Vec::with_capacity(
            OVERHEAD
                + batch
                    .iter()
                    .map(|entry| entry.body.len() + 1)
                    .sum::<usize>(),
        );
        let (open, between, close) = match self {
            Body::Envelope => ("{\"data\":[", ",", "]"),
            Body::Array => ("[", ",", "]"),
            Body::Lines => ("", "\n", "\n"),
            Body::Single => ("", "", ""),
        };
        out.extend_from_slice(open.as_bytes());
        for (at, entry) in batch.iter().enumerate() {
            if at > 0 {
                out.extend_from_slice(between.as_bytes());
            }
            out.extend_from_slice(&entry.body);
        }
        out.extend_from_slice(close.as_bytes());
        if self == Body::Envelope {
            out.extend_from_slice(b",\"key\":");
            text::write_str(
                batch.first().map_or("", |entry| entry.object.base_name()),
                &mut out,
            );
            out.push(b'}');
        }
        out
    }
}

/// Compresses `body` at level 1: four times smaller at a third of the default's time.
pub fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    // Writing to a vector cannot fail.
    let _ = encoder.write_all(body);
    encoder.finish().unwrap_or_default()
}

/// Returns a body as the text that it is.
pub fn text(body: &[u8]) -> Cow<'_, str> {
    simdutf8::basic::from_utf8(body).map_or_else(|_| String::from_utf8_lossy(body), Cow::Borrowed)
}

/// Returns a body as a text for services that take the characters of XML 1.0 only. What they
/// refuse, U+FFFE and U+FFFF, stands in JSON strings alone, where an escape says the same.
pub fn xml_text(body: &[u8]) -> String {
    let text = text(body);
    // Both begin with this byte, which few texts have.
    if memchr::memchr(0xEF, body).is_some() && text.contains(['\u{fffe}', '\u{ffff}']) {
        text.replace('\u{fffe}', "\\ufffe")
            .replace('\u{ffff}', "\\uffff")
    } else {
        text.into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_are_refused_are_escaped() {
        assert_eq!(
            xml_text("{\"a\":\"x\u{ffff}\u{fffe}é\"}".as_bytes()),
            "{\"a\":\"x\\uffff\\ufffeé\"}"
        );
    }
}
