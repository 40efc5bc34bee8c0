//! Formats: strings for URLs, pages and tables.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use jaq_json::Val;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::convert::{to_json, to_string};
use super::{Function, function};
use crate::transform::jq::bounds::{Bounds, Flow, VALUE, fail};
use crate::transform::jq::value::{array_for, kind, text};

/// All but the characters that RFC 3986 does not reserve.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

pub(super) const FUNCTIONS: &[Function] = &[
    function("@text", 0, |bounds, value, _| to_string(bounds, value)),
    function("@json", 0, |bounds, value, _| to_json(bounds, value)),
    function("@uri", 0, |bounds, value, _| {
        written(bounds, value, 3, |text| {
            utf8_percent_encode(text, RESERVED).to_string()
        })
    }),
    function("@urid", 0, |bounds, value, _| {
        written(bounds, value, 3, |text| {
            percent_decode_str(text).decode_utf8_lossy().into_owned()
        })
    }),
    function("@base64", 0, |bounds, value, _| {
        written(bounds, value, 2, |text| STANDARD.encode(text))
    }),
    function("@base64d", 0, |bounds, value, _| {
        let text = to_string(bounds, value)?;
        let text = self::text(&text).unwrap_or_default().trim_end_matches('=');
        bounds.text(text.len())?;
        bounds.bytes(3 * text.len() + VALUE)?;
        match STANDARD_NO_PAD.decode(text) {
            Ok(bytes) => Ok(Val::from(String::from_utf8_lossy(&bytes).into_owned())),
            Err(_) => fail("@base64d needs base64"),
        }
    }),
    function("@html", 0, |bounds, value, _| {
        written(bounds, value, 6, |text| {
            text.replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;")
                .replace('\'', "&#39;")
                .replace('"', "&quot;")
        })
    }),
    function("@csv", 0, |bounds, value, _| {
        row(bounds, value, ",", |text| {
            format!("\"{}\"", text.replace('"', "\"\""))
        })
    }),
    function("@tsv", 0, |bounds, value, _| {
        row(bounds, value, "\t", |text| {
            text.replace('\\', "\\\\")
                .replace('\t', "\\t")
                .replace('\n', "\\n")
                .replace('\r', "\\r")
        })
    }),
];

/// Writes a value as text, of which each byte becomes at most `times` bytes.
fn written(bounds: &Bounds, value: &Val, times: usize, write: fn(&str) -> String) -> Flow<Val> {
    let text = to_string(bounds, value)?;
    let text = self::text(&text).unwrap_or_default();
    bounds.text(text.len())?;
    bounds.bytes(times * text.len() + VALUE)?;
    Ok(Val::from(write(text)))
}

/// Writes an array of scalars as a line of a table.
fn row(bounds: &Bounds, value: &Val, between: &str, write: fn(&str) -> String) -> Flow<Val> {
    let mut fields = Vec::new();
    for item in array_for(value, "a row of a table")?.iter() {
        bounds.steps(1)?;
        fields.push(match item {
            Val::Null => String::new(),
            Val::Bool(_) | Val::Num(_) => item.to_string(),
            Val::TStr(_) => {
                let text = text(item).unwrap_or_default();
                bounds.text(text.len())?;
                bounds.bytes(2 * text.len() + VALUE)?;
                write(text)
            }
            other => return fail(format!("{} is no field of a table", kind(other))),
        });
    }
    bounds.bytes(fields.iter().map(|field| field.len() + 1).sum())?;
    Ok(Val::from(fields.join(between)))
}
