//! Reads numbers as jq takes them.

use std::sync::Arc;

use jaq_json::{Num, Val};

/// Longest integer, in digits, that is more than its digits: sums of longer ones would be slow.
const LONGEST_INTEGER: usize = 300;

/// Reads a number of JSON, with its digits.
pub(in crate::transform::jq) fn number(digits: &str) -> Val {
    let is_short = digits.len() <= LONGEST_INTEGER && digits != "-0";
    let integer = is_short.then(|| Num::from_str_radix(digits, 10)).flatten();
    Val::Num(integer.unwrap_or_else(|| Num::Dec(Arc::new(digits.to_owned()))))
}

/// Returns a number as a float.
pub(in crate::transform::jq) fn float(number: &Num) -> f64 {
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
pub(super) fn whole(number: &Num) -> i64 {
    match number {
        Num::Int(n) => *n as i64,
        // A conversion to an integer saturates.
        other => float(other).floor() as i64,
    }
}
