//! The warehouse row: one level, `snake_case` columns, and `extra` for what has none.

use super::Click;
use super::fields::{ADDED, CLICK, EXTRA, Field, Type, walk};
use super::form::{self, Object};
use super::normal::Value;
use crate::json::{Kind, is_number, text};

/// The columns in their order: name, type, what they say.
pub fn columns() -> Vec<(&'static str, Type, &'static str)> {
    let mut columns: Vec<_> = ADDED.iter().take(1).copied().collect();
    walk(CLICK, "", &mut |_, field| columns.extend(field.column.map(|column| (column, field.kind, field.doc))));
    columns.extend(ADDED.iter().skip(1).copied());
    columns.push((EXTRA.0, Type::Json, EXTRA.1));
    columns
}

/// The row of `click` as JSON. A column whose value is absent is absent; a value that does not fit its
/// column's type goes to `extra`.
pub(super) fn row(click: &Click<'_>) -> Vec<u8> {
    let (mut out, mut extra) = (Vec::with_capacity(click.raw.len() + 384), Vec::new());
    Object(&mut out).id("click_id", click.id);
    spread(click, CLICK, click.normal.root(), &mut out, &mut extra);
    let mut object = Object(&mut out);
    object.string("batch_key", &click.batch_key);
    object.string("source_object", &click.object.to_string());
    object.number("source_index", click.place.index);
    if !extra.is_empty() {
        extra.push(b'}');
        text::write_string(&extra, object.name(EXTRA.0.as_bytes()));
    }
    out.push(b'}');
    out
}

/// Spreads the members of `object` over columns of `out`; the others are appended to `extra`, an object
/// that is not yet closed, or is empty.
fn spread(click: &Click<'_>, fields: &[Field], object: Value, out: &mut Vec<u8>, extra: &mut Vec<u8>) {
    for (name, value) in click.normal.members(object) {
        let name = click.normal.name(name);
        let field = fields.iter().find(|field| field.name.as_bytes() == &*name);
        match field {
            Some(Field { kind: Type::Object(members), .. }) if has_members(click, value) => {
                let mut inner = Vec::new();
                spread(click, members, value, out, &mut inner);
                if !inner.is_empty() {
                    inner.push(b'}');
                    Object(extra).name(&name).extend_from_slice(&inner);
                }
            }
            Some(Field { kind, column: Some(column), .. }) if set(click, *kind, column, value, out) => {}
            _ => form::value(click, value, Object(extra).name(&name)),
        }
    }
}

fn has_members(click: &Click<'_>, value: Value) -> bool {
    click.normal.is_object(value) && click.normal.members(value).next().is_some()
}

/// Sets `column` to `value`; `false` if all of the value is not in it.
fn set(click: &Click<'_>, kind: Type, column: &str, value: Value, out: &mut Vec<u8>) -> bool {
    let tape = click.normal.tape;
    let (index, found) = match value {
        Value::Node(index) => (index, tape.node(index).kind),
        _ => (0, Kind::String),
    };
    match (kind, found) {
        (Type::String | Type::Time | Type::Strings, Kind::String) | (Type::Bool, Kind::Bool) | (Type::Number, Kind::Number) => {
            form::value(click, value, Object(out).name(column.as_bytes()));
            true
        }
        (Type::Number, Kind::String) if is_number(tape.inner(index)) => {
            Object(out).name(column.as_bytes()).extend_from_slice(tape.inner(index));
            true
        }
        (Type::Strings, Kind::Array) => {
            let mut elements = tape.elements(index);
            let Some(first) = elements.next().filter(|&first| tape.node(first).kind == Kind::String) else { return false };
            Object(out).name(column.as_bytes()).extend_from_slice(tape.raw(first));
            elements.next().is_none()
        }
        (Type::Json, Kind::Object | Kind::Array) => {
            text::write_string(tape.raw(index), Object(out).name(column.as_bytes()));
            true
        }
        _ => false,
    }
}
