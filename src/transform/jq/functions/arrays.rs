//! Functions of arrays and objects.

use std::sync::Arc;

use jaq_json::Val;

use super::{Function, function};
use crate::transform::jq::bounds::{Bounds, Flow, VALUE, fail};
use crate::transform::jq::value::{self, array_for, kind, text};

pub(super) const FUNCTIONS: &[Function] = &[
    function("length", 0, |bounds, value, _| length(bounds, value)),
    function("keys", 0, |bounds, value, _| {
        let mut keys = keys(bounds, value)?;
        bounds.sort(&keys)?;
        keys.sort_by(value::order);
        Ok(Val::Arr(keys.into()))
    }),
    function("keys_unsorted", 0, |bounds, value, _| {
        keys(bounds, value).map(|keys| Val::Arr(keys.into()))
    }),
    function("has", 1, |_, value, arguments| match (value, arguments) {
        (Val::Obj(members), [name @ Val::TStr(_)]) => Ok(Val::Bool(members.contains_key(name))),
        (Val::Arr(items), [Val::Num(n)]) => {
            let at = value::float(n);
            Ok(Val::Bool(at >= 0.0 && at < items.len() as f64))
        }
        _ => fail(format!("has finds no such key in {}", kind(value))),
    }),
    function("contains", 1, |bounds, value, arguments| {
        let part = arguments.first().unwrap_or(&Val::Null);
        let (whole, parts) = (bounds.walk(value)?, bounds.walk(part)?);
        bounds.steps(whole.saturating_mul(parts))?;
        contains(bounds, value, part).map(Val::Bool)
    }),
    function("indices", 1, |bounds, value, arguments| {
        indices(bounds, value, arguments.first().unwrap_or(&Val::Null))
    }),
    function("reverse", 0, |bounds, value, _| match value {
        Val::Null => Ok(Val::Arr(Arc::default())),
        Val::TStr(_) => {
            let text = text(value).unwrap_or_default();
            bounds.bytes(text.len() + VALUE)?;
            Ok(Val::from(text.chars().rev().collect::<String>()))
        }
        other => {
            let mut items = copied(bounds, other, "reverse")?;
            items.reverse();
            Ok(Val::Arr(items.into()))
        }
    }),
    function("sort", 0, |bounds, value, _| {
        let mut items = copied(bounds, value, "sort")?;
        bounds.sort(&items)?;
        items.sort_by(value::order);
        Ok(Val::Arr(items.into()))
    }),
    function("flatten", 1, |bounds, value, arguments| {
        let levels = match arguments {
            [Val::Num(n)] if value::float(n) >= 0.0 => value::float(n) as usize,
            _ => return fail("flatten needs a number of levels"),
        };
        let mut out = Vec::new();
        flatten(bounds, array_for(value, "flatten")?, levels, &mut out)?;
        Ok(Val::Arr(out.into()))
    }),
    function("setpath", 2, |bounds, value, arguments| match arguments {
        [path, new] => value::set(
            bounds,
            value.clone(),
            array_for(path, "setpath")?,
            new.clone(),
        ),
        _ => fail("setpath needs a path and a value"),
    }),
    function("delpaths", 1, |bounds, value, arguments| {
        let paths = arguments.first().unwrap_or(&Val::Null);
        value::delete(bounds, value.clone(), copied(bounds, paths, "delpaths")?)
    }),
];

fn length(bounds: &Bounds, value: &Val) -> Flow<Val> {
    Ok(match value {
        Val::Null => Val::from(0_usize),
        Val::Bool(_) => return fail("boolean has no length"),
        Val::Num(n) => match value::float(n) < 0.0 {
            true => Val::Num(-n.clone()),
            false => value.clone(),
        },
        Val::TStr(_) | Val::BStr(_) => {
            let text = text(value).unwrap_or_default();
            bounds.text(text.len())?;
            Val::from(text.chars().count())
        }
        Val::Arr(items) => Val::from(items.len()),
        Val::Obj(members) => Val::from(members.len()),
    })
}

fn keys(bounds: &Bounds, value: &Val) -> Flow<Vec<Val>> {
    match value {
        Val::Obj(members) => {
            bounds.bytes(members.len() * VALUE)?;
            Ok(members.keys().cloned().collect())
        }
        Val::Arr(items) => {
            bounds.bytes(items.len() * VALUE)?;
            Ok((0..items.len()).map(Val::from).collect())
        }
        other => fail(format!("{} has no keys", kind(other))),
    }
}

/// Copies the elements of an array.
fn copied(bounds: &Bounds, value: &Val, user: &str) -> Flow<Vec<Val>> {
    let items = array_for(value, user)?;
    bounds.bytes((items.len() + 1) * VALUE)?;
    Ok(items.to_vec())
}

/// Whether every part of `part` is in `whole`; the caller has counted the work.
fn contains(bounds: &Bounds, whole: &Val, part: &Val) -> Flow<bool> {
    match (whole, part) {
        (Val::Obj(whole), Val::Obj(part)) => {
            for (name, part) in part.iter() {
                match whole.get(name) {
                    Some(whole) if contains(bounds, whole, part)? => {}
                    _ => return Ok(false),
                }
            }
            Ok(true)
        }
        (Val::Arr(whole), Val::Arr(part)) => {
            'parts: for part in part.iter() {
                for whole in whole.iter() {
                    bounds.steps(1)?;
                    if kind(whole) == kind(part) && contains(bounds, whole, part)? {
                        continue 'parts;
                    }
                }
                return Ok(false);
            }
            Ok(true)
        }
        (Val::TStr(whole), Val::TStr(part)) => {
            bounds.text(whole.len() + part.len())?;
            Ok(memchr::memmem::find(whole, part).is_some())
        }
        (whole, part) if kind(whole) == kind(part) => Ok(whole == part),
        (whole, part) => {
            let (whole, part) = (kind(whole), kind(part));
            fail(format!("{whole} cannot contain {part}"))
        }
    }
}

/// Returns where `part` stands in `whole`, in characters or elements.
pub(in crate::transform::jq) fn indices(bounds: &Bounds, whole: &Val, part: &Val) -> Flow<Val> {
    let mut found = Vec::new();
    match (whole, part) {
        (Val::Null, _) => return Ok(Val::Null),
        (Val::TStr(_), Val::TStr(_)) => {
            let (whole, part) = (
                text(whole).unwrap_or_default(),
                text(part).unwrap_or_default(),
            );
            bounds.text(whole.len().saturating_mul(part.len().max(1)))?;
            let mut at = whole.char_indices().enumerate();
            while let Some((index, (start, _))) = at.next().filter(|_| !part.is_empty()) {
                if whole
                    .get(start..)
                    .is_some_and(|rest| rest.starts_with(part))
                {
                    bounds.bytes(VALUE)?;
                    found.push(Val::from(index));
                }
            }
        }
        (Val::Arr(whole), Val::Arr(part)) => {
            let work = bounds.walk(&Val::Arr(whole.clone()))?;
            bounds.walk(&Val::Arr(part.clone()))?;
            bounds.steps(work.saturating_mul(part.len()))?;
            let windows = whole.windows(part.len().max(1)).enumerate();
            for (index, _) in windows.filter(|(_, window)| *window == &***part) {
                bounds.bytes(VALUE)?;
                found.push(Val::from(index));
            }
        }
        (Val::Arr(items), part) => {
            for (index, item) in items.iter().enumerate() {
                bounds.compare(item, part)?;
                bounds.steps(1)?;
                if item == part {
                    bounds.bytes(VALUE)?;
                    found.push(Val::from(index));
                }
            }
        }
        _ => {
            let (whole, part) = (kind(whole), kind(part));
            return fail(format!("{part} cannot be searched in {whole}"));
        }
    }
    Ok(Val::Arr(found.into()))
}

fn flatten(bounds: &Bounds, items: &[Val], levels: usize, out: &mut Vec<Val>) -> Flow {
    for item in items {
        bounds.steps(1)?;
        match item {
            Val::Arr(inner) if levels > 0 => flatten(bounds, inner, levels - 1, out)?,
            other => {
                bounds.bytes(VALUE)?;
                out.push(other.clone());
            }
        }
    }
    Ok(())
}
