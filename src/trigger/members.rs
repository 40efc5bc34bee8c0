//! Members of events, read tolerantly: what is absent, or of another type than expected, is absent.

use serde_json::Value;

/// Returns the text at `path`; `None` if there is none, or an empty one.
pub(super) fn text<'v>(value: &'v Value, path: &str) -> Option<&'v str> {
    let found = value.pointer(path).and_then(Value::as_str);
    found.filter(|text| !text.is_empty())
}

/// Returns the whole number at `path`, which some senders write as a text.
pub(super) fn number(value: &Value, path: &str) -> Option<u64> {
    match value.pointer(path)? {
        Value::String(digits) => digits.parse().ok(),
        number => number.as_u64(),
    }
}
