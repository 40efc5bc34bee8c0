//! Reads and changes values: by key, by index, by path. Each counts its work before it begins.

mod changes;
mod math;
mod numbers;
mod order;
mod parts;

use std::sync::Arc;

use jaq_json::Val;

use super::bounds::{Flow, fail};

pub(super) use changes::{check_length, delete, set};
pub(super) use math::{calculate, split};
pub(super) use numbers::{float, number};
pub(super) use order::order;
pub(super) use parts::{get, index, slice};

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
