//! Functions of strings.

use jaq_json::{Num, Val};

use super::{Function, function};
use crate::transform::jq::bounds::{Bounds, Flow, VALUE, fail};
use crate::transform::jq::value::{self, array_for, text, text_for};

pub(super) const FUNCTIONS: &[Function] = &[
    function("ascii_downcase", 0, |bounds, value, _| {
        changed(bounds, value, "ascii_downcase", str::to_ascii_lowercase)
    }),
    function("ascii_upcase", 0, |bounds, value, _| {
        changed(bounds, value, "ascii_upcase", str::to_ascii_uppercase)
    }),
    function("trim", 0, |bounds, value, _| {
        changed(bounds, value, "trim", |text| text.trim().to_owned())
    }),
    function("ltrim", 0, |bounds, value, _| {
        changed(bounds, value, "ltrim", |text| text.trim_start().to_owned())
    }),
    function("rtrim", 0, |bounds, value, _| {
        changed(bounds, value, "rtrim", |text| text.trim_end().to_owned())
    }),
    function("startswith", 1, |bounds, value, arguments| {
        tested(bounds, value, arguments, "startswith", |text, part| {
            text.starts_with(part)
        })
    }),
    function("endswith", 1, |bounds, value, arguments| {
        tested(bounds, value, arguments, "endswith", |text, part| {
            text.ends_with(part)
        })
    }),
    function("ltrimstr", 1, |bounds, value, arguments| {
        trimmed(bounds, value, arguments, |text, part| {
            text.strip_prefix(part)
        })
    }),
    function("rtrimstr", 1, |bounds, value, arguments| {
        trimmed(bounds, value, arguments, |text, part| {
            text.strip_suffix(part)
        })
    }),
    function("utf8bytelength", 0, |_, value, _| {
        text_for(value, "utf8bytelength").map(|text| Val::from(text.len()))
    }),
    function("explode", 0, |bounds, value, _| explode(bounds, value)),
    function("implode", 0, |bounds, value, _| implode(bounds, value)),
    function("split", 1, |bounds, value, arguments| {
        let by = text_for(arguments.first().unwrap_or(&Val::Null), "split")?;
        let text = text_for(value, "split")?;
        value::split(bounds, text.as_bytes(), by.as_bytes())
    }),
    function("join", 1, |bounds, value, arguments| {
        join(bounds, value, arguments.first().unwrap_or(&Val::Null))
    }),
];

fn changed(bounds: &Bounds, value: &Val, user: &str, change: fn(&str) -> String) -> Flow<Val> {
    let text = text_for(value, user)?;
    bounds.text(text.len())?;
    bounds.bytes(text.len() + VALUE)?;
    Ok(Val::from(change(text)))
}

fn tested(
    bounds: &Bounds,
    value: &Val,
    arguments: &[Val],
    user: &str,
    test: fn(&str, &str) -> bool,
) -> Flow<Val> {
    let part = text_for(arguments.first().unwrap_or(&Val::Null), user)?;
    bounds.text(part.len())?;
    Ok(Val::Bool(test(text_for(value, user)?, part)))
}

/// Takes off a part; a value that is no string, or does not have the part, stays.
fn trimmed(
    bounds: &Bounds,
    value: &Val,
    arguments: &[Val],
    strip: for<'t> fn(&'t str, &str) -> Option<&'t str>,
) -> Flow<Val> {
    let part = arguments.first().and_then(text);
    let Some((whole, part)) = text(value).zip(part) else {
        return Ok(value.clone());
    };
    bounds.text(part.len())?;
    let Some(rest) = strip(whole, part) else {
        return Ok(value.clone());
    };
    bounds.bytes(rest.len() + VALUE)?;
    Ok(Val::from(rest.to_owned()))
}

fn explode(bounds: &Bounds, value: &Val) -> Flow<Val> {
    let text = text_for(value, "explode")?;
    bounds.bytes(text.len().saturating_mul(VALUE))?;
    let codes = text.chars().map(|c| Val::from(u32::from(c) as usize));
    Ok(codes.collect())
}

fn implode(bounds: &Bounds, value: &Val) -> Flow<Val> {
    let codes = array_for(value, "implode")?;
    bounds.steps(codes.len())?;
    bounds.bytes(codes.len() * 4 + VALUE)?;
    let character = |code: &Val| match code {
        Val::Num(Num::Int(code)) => u32::try_from(*code).ok().and_then(char::from_u32),
        _ => None,
    };
    match codes.iter().map(character).collect::<Option<String>>() {
        Some(text) => Ok(Val::from(text)),
        None => fail("implode needs the numbers of characters"),
    }
}

fn join(bounds: &Bounds, value: &Val, between: &Val) -> Flow<Val> {
    let (items, between) = (array_for(value, "join")?, text_for(between, "join")?);
    let mut out = String::new();
    for (at, item) in items.iter().enumerate() {
        let shown = match item {
            Val::Null => String::new(),
            Val::Bool(_) | Val::Num(_) => item.to_string(),
            other => text_for(other, "join")?.to_owned(),
        };
        bounds.steps(1)?;
        bounds.bytes(between.len() + shown.len())?;
        if at > 0 {
            out.push_str(between);
        }
        out.push_str(&shown);
    }
    Ok(Val::from(out))
}
