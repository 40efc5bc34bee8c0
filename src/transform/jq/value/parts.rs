//! Reads parts of values: by key, by index, by path.

use jaq_json::{Num, Val};

use super::numbers::{float, whole};
use super::{kind, text};
use crate::transform::jq::bounds::{Bounds, Flow, VALUE, fail};
use crate::transform::jq::functions;

/// Returns the part of `value` that `key` names; `null` if it has none.
pub(in crate::transform::jq) fn index(bounds: &Bounds, value: &Val, key: &Val) -> Flow<Val> {
    match (value, key) {
        (Val::Null, Val::Null | Val::TStr(_) | Val::Num(_)) => Ok(Val::Null),
        (Val::Obj(members), Val::TStr(name)) => {
            bounds.text(name.len())?;
            Ok(members.get(key).cloned().unwrap_or_default())
        }
        (Val::Arr(items), Val::Num(n)) => {
            let at = position(items.len(), whole(n));
            Ok(at.and_then(|at| items.get(at)).cloned().unwrap_or_default())
        }
        (_, Val::Obj(range)) => {
            let bound = |name: &str| range.get(&Val::from(name.to_owned())).cloned();
            let (from, to) = (bound("start"), bound("end"));
            slice(bounds, value, from.as_ref(), to.as_ref())
        }
        (Val::Arr(_), Val::Arr(_)) => functions::indices(bounds, value, key),
        _ => {
            let (value, key) = (kind(value), kind(key));
            fail(format!("{value} cannot be indexed with {key}"))
        }
    }
}

/// Returns an index from the start; `None` if it lies before it.
pub(super) fn position(length: usize, at: i64) -> Option<usize> {
    if at >= 0 {
        usize::try_from(at).ok()
    } else {
        length.checked_sub(usize::try_from(at.unsigned_abs()).ok()?)
    }
}

/// Where a part of an array or a text begins, and where it ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub from: usize,
    pub to: usize,
}

impl Span {
    /// Reads the bounds of a part of `length` elements or characters.
    pub fn read(length: usize, from: Option<&Val>, to: Option<&Val>) -> Flow<Span> {
        let at = |bound: Option<&Val>, default: usize, round: fn(&Num) -> i64| match bound {
            None | Some(Val::Null) => Ok(default),
            Some(Val::Num(n)) => Ok(position(length, round(n)).unwrap_or(0).min(length)),
            Some(other) => fail(format!(
                "a slice begins and ends at numbers, not {}",
                kind(other)
            )),
        };
        let from = at(from, 0, whole)?;
        let to = at(to, length, |n| float(n).ceil() as i64)?;
        Ok(Span {
            from,
            to: to.max(from),
        })
    }

    fn length(self) -> usize {
        self.to - self.from
    }
}

/// Returns a part of an array or a text.
pub(in crate::transform::jq) fn slice(
    bounds: &Bounds,
    value: &Val,
    from: Option<&Val>,
    to: Option<&Val>,
) -> Flow<Val> {
    match value {
        Val::Null => Ok(Val::Null),
        Val::Arr(items) => {
            let span = Span::read(items.len(), from, to)?;
            bounds.bytes((span.length() + 1) * VALUE)?;
            let part = items.get(span.from..span.to).unwrap_or_default();
            Ok(Val::Arr(part.to_vec().into()))
        }
        Val::TStr(_) => {
            let text = text(value).unwrap_or_default();
            bounds.text(text.len())?;
            let span = Span::read(text.chars().count(), from, to)?;
            let part: String = text.chars().skip(span.from).take(span.length()).collect();
            bounds.bytes(part.len() + VALUE)?;
            Ok(Val::from(part))
        }
        other => fail(format!("{} has no slices", kind(other))),
    }
}

/// Returns what stands at `path`; `null` if nothing does.
pub(in crate::transform::jq) fn get(bounds: &Bounds, value: &Val, path: &[Val]) -> Flow<Val> {
    let mut value = value.clone();
    for key in path {
        bounds.steps(1)?;
        value = index(bounds, &value, key)?;
    }
    Ok(value)
}
