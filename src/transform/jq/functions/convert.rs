//! Functions between types, and between values and JSON.

use jaq_json::Val;

use super::{Function, function};
use crate::transform::jq::bounds::{Bounds, Flow, VALUE, fail};
use crate::transform::jq::json;
use crate::transform::jq::value::{self, kind, text, text_for};

pub(super) const FUNCTIONS: &[Function] = &[
    function("type", 0, |_, value, _| {
        Ok(Val::from(kind(value).to_owned()))
    }),
    function("true", 0, |_, _, _| Ok(Val::Bool(true))),
    function("false", 0, |_, _, _| Ok(Val::Bool(false))),
    function("null", 0, |_, _, _| Ok(Val::Null)),
    function("tostring", 0, |bounds, value, _| to_string(bounds, value)),
    function("tojson", 0, |bounds, value, _| to_json(bounds, value)),
    function("fromjson", 0, |bounds, value, _| {
        let text = text_for(value, "fromjson")?;
        bounds.text(text.len())?;
        json::read_counted(bounds, text.as_bytes())
    }),
    function("tonumber", 0, |bounds, value, _| match value {
        Val::Num(_) => Ok(value.clone()),
        other => {
            let digits = text_for(other, "tonumber")?;
            bounds.text(digits.len())?;
            bounds.bytes(digits.len() + VALUE)?;
            match clicks::json::is_number(digits.trim().as_bytes()) {
                true => Ok(value::number(digits.trim())),
                false => fail("tonumber needs a number in digits"),
            }
        }
    }),
    function("toboolean", 0, |_, value, _| match (value, text(value)) {
        (Val::Bool(_), _) => Ok(value.clone()),
        (_, Some("true")) => Ok(Val::Bool(true)),
        (_, Some("false")) => Ok(Val::Bool(false)),
        _ => fail("toboolean needs true or false"),
    }),
    function("toarray", 0, |bounds, value, _| match value {
        Val::Arr(_) => Ok(value.clone()),
        other => {
            bounds.bytes(2 * VALUE)?;
            Ok([other.clone()].into_iter().collect())
        }
    }),
];

/// Returns a string as it is, anything else as JSON.
pub(super) fn to_string(bounds: &Bounds, value: &Val) -> Flow<Val> {
    match value {
        Val::TStr(_) => Ok(value.clone()),
        other => to_json(bounds, other),
    }
}

pub(super) fn to_json(bounds: &Bounds, value: &Val) -> Flow<Val> {
    let mut out = Vec::new();
    json::write(bounds, value, &mut out)?;
    Ok(Val::utf8_str(out))
}
