//! Reads and changes values: by key, by index, by path. Each counts its work before it begins.

use std::cmp::Ordering;
use std::sync::Arc;

use jaq_core::ops::Math;
use jaq_json::{Map, Num, Val};

use super::bounds::{Bounds, Flow, LEVELS, Stop, VALUE, fail};

/// Longest integer, in digits, that is more than its digits: sums of longer ones would be slow.
const LONGEST_INTEGER: usize = 300;

/// Reads a number of JSON, with its digits.
pub(super) fn number(digits: &str) -> Val {
    let is_short = digits.len() <= LONGEST_INTEGER && digits != "-0";
    let integer = is_short.then(|| Num::from_str_radix(digits, 10)).flatten();
    Val::Num(integer.unwrap_or_else(|| Num::Dec(Arc::new(digits.to_owned()))))
}

/// Returns a number as a float.
pub(super) fn float(number: &Num) -> f64 {
    match number {
        Num::Int(n) => *n as f64,
        Num::Float(f) => *f,
        Num::Dec(digits) => digits.parse().unwrap_or(f64::NAN),
        big @ Num::BigInt(_) => match big.clone() + Num::Float(0.0) {
            Num::Float(f) => f,
            _ => f64::NAN,
        },
    }
}

/// Returns an index as jq takes it: rounded down.
fn whole(number: &Num) -> i64 {
    match number {
        Num::Int(n) => *n as i64,
        // A conversion to an integer saturates.
        other => float(other).floor() as i64,
    }
}

/// Returns the text of a string.
pub(super) fn text(value: &Val) -> Option<&str> {
    match value {
        Val::TStr(bytes) | Val::BStr(bytes) => std::str::from_utf8(bytes).ok(),
        _ => None,
    }
}

/// Returns the text of a string, or fails in the name of `user`.
pub(super) fn text_for<'v>(value: &'v Val, user: &str) -> Flow<&'v str> {
    text(value).map_or_else(
        || fail(format!("{user} needs a string, not {}", kind(value))),
        Ok,
    )
}

/// Returns the elements of an array, or fails in the name of `user`.
pub(super) fn array_for<'v>(value: &'v Val, user: &str) -> Flow<&'v Arc<Vec<Val>>> {
    match value {
        Val::Arr(items) => Ok(items),
        other => fail(format!("{user} needs an array, not {}", kind(other))),
    }
}

/// Returns the type of a value, as jq names it.
pub(super) fn kind(value: &Val) -> &'static str {
    match value {
        Val::Null => "null",
        Val::Bool(_) => "boolean",
        Val::Num(_) => "number",
        Val::BStr(_) | Val::TStr(_) => "string",
        Val::Arr(_) => "array",
        Val::Obj(_) => "object",
    }
}

/// Whether a value counts as true.
pub(super) fn is_true(value: &Val) -> bool {
    !matches!(value, Val::Null | Val::Bool(false))
}

/// Orders values as jq does: null, false, true, numbers, strings, arrays, objects.
///
/// Unlike the order of jaq it is total, so that a sort may rely on it, with integers of which
/// several are the same float, and with what is no number.
pub(super) fn order(a: &Val, b: &Val) -> Ordering {
    match (a, b) {
        (Val::Num(a), Val::Num(b)) => order_numbers(a, b),
        (Val::Arr(a), Val::Arr(b)) => order_all(a.iter(), b.iter()),
        (Val::Obj(a), Val::Obj(b)) => {
            let sorted = |members: &Map| {
                let mut members: Vec<_> = members
                    .iter()
                    .map(|(k, v)| (k.clone(), v.clone()))
                    .collect();
                members.sort_by(|(a, _), (b, _)| a.cmp(b));
                members
            };
            let (a, b) = (sorted(a), sorted(b));
            let names = order_all(a.iter().map(|(k, _)| k), b.iter().map(|(k, _)| k));
            names.then_with(|| order_all(a.iter().map(|(_, v)| v), b.iter().map(|(_, v)| v)))
        }
        // Of different types, or of a type whose order is total.
        (a, b) => a.cmp(b),
    }
}

fn order_all<'v>(
    a: impl Iterator<Item = &'v Val>,
    mut b: impl Iterator<Item = &'v Val>,
) -> Ordering {
    for a in a {
        match b.next().map(|b| order(a, b)) {
            None => return Ordering::Greater,
            Some(Ordering::Equal) => {}
            Some(other) => return other,
        }
    }
    match b.next() {
        Some(_) => Ordering::Less,
        None => Ordering::Equal,
    }
}

fn order_numbers(a: &Num, b: &Num) -> Ordering {
    let rank = |n: &Num| match float(n) {
        f if f.is_nan() => f64::NEG_INFINITY,
        // One zero.
        f => f + 0.0,
    };
    let is_integer = |n: &Num| matches!(n, Num::Int(_) | Num::BigInt(_));
    let no_number = |n: &Num| !float(n).is_nan();
    rank(a)
        .total_cmp(&rank(b))
        .then_with(|| no_number(a).cmp(&no_number(b)))
        .then_with(|| match (is_integer(a), is_integer(b)) {
            (true, true) => a.cmp(b),
            (a, b) => a.cmp(&b),
        })
}

/// Calculates.
pub(super) fn calculate(bounds: &Bounds, left: Val, op: Math, right: Val) -> Flow<Val> {
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
pub(super) fn split(bounds: &Bounds, text: &[u8], by: &[u8]) -> Flow<Val> {
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

/// Returns the part of `value` that `key` names; `null` if it has none.
pub(super) fn index(bounds: &Bounds, value: &Val, key: &Val) -> Flow<Val> {
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
        (Val::Arr(_), Val::Arr(_)) => super::functions::indices(bounds, value, key),
        _ => {
            let (value, key) = (kind(value), kind(key));
            fail(format!("{value} cannot be indexed with {key}"))
        }
    }
}

/// Returns an index from the start; `None` if it lies before it.
fn position(length: usize, at: i64) -> Option<usize> {
    if at >= 0 {
        usize::try_from(at).ok()
    } else {
        length.checked_sub(usize::try_from(at.unsigned_abs()).ok()?)
    }
}

/// The first and the last but one index of a part of an array or a text.
#[derive(Clone, Copy, Debug)]
struct Span {
    from: usize,
    to: usize,
}

fn span(length: usize, from: Option<&Val>, to: Option<&Val>) -> Flow<Span> {
    let at = |bound: Option<&Val>, default: usize, round_up: bool| match bound {
        None | Some(Val::Null) => Ok(default),
        Some(Val::Num(n)) => {
            let n = if round_up {
                float(n).ceil() as i64
            } else {
                whole(n)
            };
            Ok(position(length, n).unwrap_or(0).min(length))
        }
        Some(other) => fail(format!(
            "a slice begins and ends at numbers, not {}",
            kind(other)
        )),
    };
    let (from, to) = (at(from, 0, false)?, at(to, length, true)?);
    Ok(Span {
        from,
        to: to.max(from),
    })
}

/// Returns a part of an array or a text.
pub(super) fn slice(
    bounds: &Bounds,
    value: &Val,
    from: Option<&Val>,
    to: Option<&Val>,
) -> Flow<Val> {
    match value {
        Val::Null => Ok(Val::Null),
        Val::Arr(items) => {
            let span = span(items.len(), from, to)?;
            bounds.bytes((span.to - span.from + 1) * VALUE)?;
            let part = items.get(span.from..span.to).unwrap_or_default();
            Ok(Val::Arr(part.to_vec().into()))
        }
        Val::TStr(_) => {
            let text = text(value).unwrap_or_default();
            bounds.text(text.len())?;
            let span = span(text.chars().count(), from, to)?;
            let part: String = text
                .chars()
                .skip(span.from)
                .take(span.to - span.from)
                .collect();
            bounds.bytes(part.len() + VALUE)?;
            Ok(Val::from(part))
        }
        other => fail(format!("{} has no slices", kind(other))),
    }
}

/// Returns what stands at `path`; `null` if nothing does.
pub(super) fn get(bounds: &Bounds, value: &Val, path: &[Val]) -> Flow<Val> {
    let mut value = value.clone();
    for key in path {
        bounds.steps(1)?;
        value = index(bounds, &value, key)?;
    }
    Ok(value)
}

/// Puts `new` at `path`, and makes what is missing on the way.
pub(super) fn set(bounds: &Bounds, value: Val, path: &[Val], new: Val) -> Flow<Val> {
    let Some((key, rest)) = path.split_first() else {
        return Ok(new);
    };
    check_length(path)?;
    bounds.steps(1)?;
    match (value, key) {
        (Val::Null, Val::TStr(_)) => {
            let mut members = Arc::new(Map::default());
            set_member(bounds, &mut members, key, rest, new)?;
            Ok(Val::Obj(members))
        }
        (Val::Obj(mut members), Val::TStr(_)) => {
            set_member(bounds, &mut members, key, rest, new)?;
            Ok(Val::Obj(members))
        }
        (Val::Null, Val::Num(n)) => set_item(bounds, Arc::default(), whole(n), rest, new),
        (Val::Arr(items), Val::Num(n)) => set_item(bounds, items, whole(n), rest, new),
        (Val::Arr(items), Val::Obj(range)) => {
            let bound = |name: &str| range.get(&Val::from(name.to_owned()));
            let span = span(items.len(), bound("start"), bound("end"))?;
            bounds.bytes((items.len() + 1) * 2 * VALUE)?;
            let part = items.get(span.from..span.to).unwrap_or_default();
            let new = set(bounds, Val::Arr(part.to_vec().into()), rest, new)?;
            let new = array_for(&new, "a slice")?;
            bounds.bytes(new.len() * VALUE)?;
            let mut items = items.to_vec();
            items.splice(span.from..span.to, new.iter().cloned());
            Ok(Val::Arr(items.into()))
        }
        (value, key) => {
            let (value, key) = (kind(&value), kind(key));
            fail(format!("{value} cannot be indexed with {key}"))
        }
    }
}

/// Fails if a path is longer than values are deep.
pub(super) fn check_length(path: &[Val]) -> Flow {
    match path.len() > LEVELS {
        true => Err(Stop::Over(super::bounds::Bound::Levels)),
        false => Ok(()),
    }
}

fn set_member(bounds: &Bounds, members: &mut Arc<Map>, name: &Val, rest: &[Val], new: Val) -> Flow {
    unshare_members(bounds, members)?;
    let members = Arc::make_mut(members);
    let old = members.get_mut(name).map(std::mem::take);
    if old.is_none() {
        bounds.bytes(3 * VALUE + text(name).map_or(0, str::len))?;
    }
    let new = set(bounds, old.unwrap_or_default(), rest, new)?;
    members.insert(name.clone(), new);
    Ok(())
}

fn set_item(
    bounds: &Bounds,
    mut items: Arc<Vec<Val>>,
    at: i64,
    rest: &[Val],
    new: Val,
) -> Flow<Val> {
    let Some(at) = position(items.len(), at) else {
        return fail("an index lies before the first element");
    };
    unshare_items(bounds, &items)?;
    if at >= items.len() {
        bounds.bytes((at - items.len()).saturating_add(1).saturating_mul(VALUE))?;
        Arc::make_mut(&mut items).resize(at + 1, Val::Null);
    }
    if let Some(slot) = Arc::make_mut(&mut items).get_mut(at) {
        let old = std::mem::take(slot);
        *slot = set(bounds, old, rest, new)?;
    }
    Ok(Val::Arr(items))
}

/// Counts the copy of an object that others use too.
fn unshare_members(bounds: &Bounds, members: &Arc<Map>) -> Flow {
    match Arc::strong_count(members) {
        1 => Ok(()),
        _ => bounds.bytes((members.len() + 1) * 3 * VALUE),
    }
}

/// Counts the copy of an array that others use too.
fn unshare_items(bounds: &Bounds, items: &Arc<Vec<Val>>) -> Flow {
    match Arc::strong_count(items) {
        1 => Ok(()),
        _ => bounds.bytes((items.len() + 1) * VALUE),
    }
}

/// Removes what stands at `paths`.
pub(super) fn delete(bounds: &Bounds, value: Val, mut paths: Vec<Val>) -> Flow<Val> {
    bounds.sort(&paths)?;
    // From behind, so that indices stay.
    paths.sort_by(|a, b| order(b, a));
    paths.dedup();
    paths.iter().try_fold(value, |value, path| {
        let path = array_for(path, "a path")?;
        delete_one(bounds, value, path)
    })
}

fn delete_one(bounds: &Bounds, value: Val, path: &[Val]) -> Flow<Val> {
    bounds.steps(1)?;
    check_length(path)?;
    let Some((key, rest)) = path.split_first() else {
        return Ok(Val::Null);
    };
    if !rest.is_empty() {
        return match index(bounds, &value, key)? {
            Val::Null => Ok(value),
            part => {
                let part = delete_one(bounds, part, rest)?;
                set(bounds, value, std::slice::from_ref(key), part)
            }
        };
    }
    match (value, key) {
        (Val::Null, _) => Ok(Val::Null),
        (Val::Obj(mut members), Val::TStr(_)) => {
            unshare_members(bounds, &members)?;
            bounds.steps(members.len())?;
            Arc::make_mut(&mut members).shift_remove(key);
            Ok(Val::Obj(members))
        }
        (Val::Arr(mut items), Val::Num(n)) => {
            unshare_items(bounds, &items)?;
            bounds.steps(items.len())?;
            if let Some(at) = position(items.len(), whole(n)).filter(|at| *at < items.len()) {
                Arc::make_mut(&mut items).remove(at);
            }
            Ok(Val::Arr(items))
        }
        (value @ Val::Arr(_), Val::Obj(_)) => set(
            bounds,
            value,
            std::slice::from_ref(key),
            Val::Arr(Arc::default()),
        ),
        (value, key) => {
            let (value, key) = (kind(&value), kind(key));
            fail(format!("{value} has nothing to delete by {key}"))
        }
    }
}
