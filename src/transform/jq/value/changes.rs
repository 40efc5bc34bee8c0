//! Changes parts of values.

use std::sync::Arc;

use jaq_json::{Map, Val};

use super::numbers::whole;
use super::parts::{Span, index, position};
use super::{array_for, kind, order, text};
use crate::transform::jq::bounds::{Bound, Bounds, Flow, LEVELS, Stop, VALUE, fail};

/// Puts `new` at `path`, and makes what is missing on the way.
pub(in crate::transform::jq) fn set(
    bounds: &Bounds,
    value: Val,
    path: &[Val],
    new: Val,
) -> Flow<Val> {
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
            let span = Span::read(items.len(), bound("start"), bound("end"))?;
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
pub(in crate::transform::jq) fn check_length(path: &[Val]) -> Flow {
    match path.len() > LEVELS {
        true => Err(Stop::Over(Bound::Levels)),
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
pub(in crate::transform::jq) fn delete(
    bounds: &Bounds,
    value: Val,
    mut paths: Vec<Val>,
) -> Flow<Val> {
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
