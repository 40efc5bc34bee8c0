//! Functions of numbers.

use jaq_json::{Num, Val};

use super::{Function, function};
use crate::transform::jq::bounds::{Flow, fail};
use crate::transform::jq::value::{float, kind};

pub(super) const FUNCTIONS: &[Function] = &[
    function("floor", 0, |_, value, _| round(value, "floor", f64::floor)),
    function("ceil", 0, |_, value, _| round(value, "ceil", f64::ceil)),
    function("round", 0, |_, value, _| round(value, "round", f64::round)),
    function("trunc", 0, |_, value, _| round(value, "trunc", f64::trunc)),
    function("sqrt", 0, |_, value, _| of_float(value, "sqrt", f64::sqrt)),
    function("log", 0, |_, value, _| of_float(value, "log", f64::ln)),
    function("log2", 0, |_, value, _| of_float(value, "log2", f64::log2)),
    function("log10", 0, |_, value, _| {
        of_float(value, "log10", f64::log10)
    }),
    function("exp", 0, |_, value, _| of_float(value, "exp", f64::exp)),
    function("pow", 2, |_, _, arguments| match arguments {
        [Val::Num(base), Val::Num(power)] => Ok(Val::from(float(base).powf(float(power)))),
        _ => fail("pow needs two numbers"),
    }),
    function("infinite", 0, |_, _, _| Ok(Val::from(f64::INFINITY))),
    function("nan", 0, |_, _, _| Ok(Val::from(f64::NAN))),
    function("isnan", 0, |_, value, _| is(value, "isnan", f64::is_nan)),
    function("isinfinite", 0, |_, value, _| {
        is(value, "isinfinite", f64::is_infinite)
    }),
    function("isnormal", 0, |_, value, _| {
        is(value, "isnormal", f64::is_normal)
    }),
];

fn number<'v>(value: &'v Val, user: &str) -> Flow<&'v Num> {
    match value {
        Val::Num(number) => Ok(number),
        other => fail(format!("{user} needs a number, not {}", kind(other))),
    }
}

fn of_float(value: &Val, user: &str, run: fn(f64) -> f64) -> Flow<Val> {
    number(value, user).map(|number| Val::from(run(float(number))))
}

fn is(value: &Val, user: &str, test: fn(f64) -> bool) -> Flow<Val> {
    number(value, user).map(|number| Val::Bool(test(float(number))))
}

/// Rounds to an integer, where one of 64 bits holds it.
fn round(value: &Val, user: &str, run: fn(f64) -> f64) -> Flow<Val> {
    let number = number(value, user)?;
    if matches!(number, Num::Int(_) | Num::BigInt(_)) {
        return Ok(value.clone());
    }
    let rounded = run(float(number));
    Ok(if rounded.abs() < 9e18 {
        Val::from(rounded as isize)
    } else {
        Val::from(rounded)
    })
}
