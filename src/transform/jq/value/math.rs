//! Calculates with values.

use std::sync::Arc;

use jaq_core::ops::Math;
use jaq_json::{Num, Val};

use super::numbers::float;
use super::{kind, order};
use crate::transform::jq::bounds::{Bounds, Flow, VALUE, fail};

/// Calculates.
pub(in crate::transform::jq) fn calculate(
    bounds: &Bounds,
    left: Val,
    op: Math,
    right: Val,
) -> Flow<Val> {
    bounds.read(&left)?;
    bounds.read(&right)?;
    match (&left, op, &right) {
        (Val::Num(a), _, Val::Num(b)) => {
            if matches!(op, Math::Div | Math::Rem) && float(b) == 0.0 {
                return fail("a number cannot be divided by 0");
            }
            return Ok(Val::Num(small(op.run(a.clone(), b.clone()))));
        }
        (Val::Null, Math::Add, _) | (_, Math::Add, Val::Null) => {}
        (Val::TStr(a), Math::Add, Val::TStr(b)) => bounds.bytes(a.len() + b.len() + VALUE)?,
        (Val::Arr(a), Math::Add, Val::Arr(b)) => bounds.bytes((a.len() + b.len() + 1) * VALUE)?,
        (Val::Obj(a), Math::Add, Val::Obj(b)) => {
            bounds.bytes((a.len() + b.len() + 1) * 3 * VALUE)?
        }
        (Val::Obj(_), Math::Mul, Val::Obj(_)) => {
            let nodes = bounds.walk(&left)? + bounds.walk(&right)?;
            bounds.bytes(nodes * 3 * VALUE)?;
        }
        (Val::Arr(a), Math::Sub, Val::Arr(b)) => {
            return without(bounds, a, b);
        }
        (Val::TStr(text), Math::Mul, Val::Num(n)) | (Val::Num(n), Math::Mul, Val::TStr(text)) => {
            return repeat(bounds, text, float(n));
        }
        (Val::TStr(text), Math::Div, Val::TStr(by)) => return split(bounds, text, by),
        _ => {}
    }
    let (first, second) = (kind(&left), kind(&right));
    let sign = op.as_str();
    op.run(left, right)
        .or_else(|_| fail(format!("{first} {sign} {second} cannot be calculated")))
}

/// Returns the elements of `items` that are not among `others`.
fn without(bounds: &Bounds, items: &[Val], others: &[Val]) -> Flow<Val> {
    bounds.sort(items)?;
    bounds.sort(others)?;
    bounds.bytes((items.len() + others.len()) * VALUE)?;
    let mut others = others.to_vec();
    others.sort_by(order);
    let is_kept = |item: &&Val| others.binary_search_by(|other| order(other, item)).is_err();
    Ok(items.iter().filter(is_kept).cloned().collect())
}

/// Writes `text` so often.
fn repeat(bounds: &Bounds, text: &[u8], times: f64) -> Flow<Val> {
    if times.is_nan() || times <= 0.0 {
        return Ok(Val::Null);
    }
    let times = times.ceil() as usize;
    bounds.bytes(text.len().max(1).saturating_mul(times))?;
    Ok(Val::utf8_str(text.repeat(times)))
}

/// Splits `text` by another; by an empty one into its characters.
pub(in crate::transform::jq) fn split(bounds: &Bounds, text: &[u8], by: &[u8]) -> Flow<Val> {
    bounds.text(text.len())?;
    let (text, by) = (
        std::str::from_utf8(text).unwrap_or_default(),
        std::str::from_utf8(by).unwrap_or_default(),
    );
    if text.is_empty() {
        return Ok(Val::Arr(Arc::default()));
    }
    let mut parts = Vec::new();
    let mut push = |part: &str| {
        bounds.bytes(part.len() + 2 * VALUE)?;
        parts.push(Val::from(part.to_owned()));
        Ok(())
    };
    if by.is_empty() {
        text.char_indices()
            .try_for_each(|(at, c)| push(text.get(at..at + c.len_utf8()).unwrap_or_default()))?;
    } else {
        text.split(by).try_for_each(push)?;
    }
    Ok(Val::Arr(parts.into()))
}

/// Makes a float of an integer that is larger than the largest float.
fn small(number: Num) -> Num {
    match &number {
        Num::BigInt(n) if n.bits() > 1024 => Num::Float(float(&number)),
        _ => number,
    }
}
