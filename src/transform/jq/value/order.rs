//! Orders values.

use std::cmp::Ordering;

use jaq_json::{Map, Num, Val};

use super::numbers::float;

/// Orders values as jq does: null, false, true, numbers, strings, arrays, objects.
///
/// Unlike the order of jaq it is total, so that a sort may rely on it, with integers of which
/// several are the same float, and with what is no number.
pub(in crate::transform::jq) fn order(a: &Val, b: &Val) -> Ordering {
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
