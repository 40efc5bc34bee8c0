//! The warehouse row: one level, `snake_case` columns, and `extra` for what has none.

use std::sync::LazyLock;

use super::Click;
use super::fields::{ADDED, CLICK, EXTRA, Field, Known, Type, known, walk};
use super::form::{self, Object};
use super::memo::Memo;
use super::normal::{Name, Value};
use crate::json::{Kind, is_number, text};

/// The columns in their order: name, type, what they say.
pub fn columns() -> Vec<(&'static str, Type, &'static str)> {
    let mut columns: Vec<_> = ADDED.iter().take(1).copied().collect();
    walk(CLICK, "", &mut |_, field| columns.extend(field.column.map(|column| (column, field.kind, field.doc))));
    columns.extend(ADDED.iter().skip(1).copied());
    columns.push((EXTRA.0, Type::Json, EXTRA.1));
    columns
}

/// What becomes of the members of one object, by the numbers of their names.
struct Group(Vec<Option<Place>>);

/// Where one member goes.
struct Place {
    kind: Type,
    /// `,"column":`, if it has one.
    column: Option<Vec<u8>>,
    /// What becomes of its own members.
    members: Group,
}

static CLICKS: LazyLock<Group> = LazyLock::new(|| Group::new(CLICK));

impl Group {
    fn new(fields: &[Field]) -> Group {
        let mut places = Vec::new();
        for field in fields {
            let at = usize::from(known(field.name.as_bytes()));
            if places.len() <= at {
                places.resize_with(at + 1, || None);
            }
            let members = Group::new(if let Type::Object(members) = field.kind { members } else { &[] });
            let column = field.column.map(|column| [b",\"", column.as_bytes(), b"\":"].concat());
            places.splice(at..=at, [Some(Place { kind: field.kind, column, members })]);
        }
        Group(places)
    }

    fn place(&self, name: Known) -> Option<&Place> {
        self.0.get(usize::from(name))?.as_ref()
    }
}

/// What of the row is the same for every click of an object.
pub(super) fn source(object: &crate::object::ObjectRef) -> Vec<u8> {
    let mut out = b",\"source_object\":".to_vec();
    text::write_str(&object.to_string(), &mut out);
    out.extend_from_slice(b",\"source_index\":");
    out
}

/// The row of `click` as JSON. A column whose value is absent is absent; a value that does not fit its
/// column's type goes to `extra`.
pub(super) fn row(click: &Click<'_>, out: &mut Vec<u8>, extra: &mut Vec<u8>, memo: &mut Spreads) {
    extra.clear();
    memo.follow(click.normal.tape.shapes.instance());
    out.extend_from_slice(b"{\"click_id\":\"");
    out.extend_from_slice(&click.id.text());
    out.push(b'"');
    spread(click, &CLICKS, click.normal.root, out, extra, memo);
    out.extend_from_slice(b",\"batch_key\":");
    text::write_str(&click.batch_key, out);
    out.extend_from_slice(&click.head.flat);
    text::write_number(click.place.index, out);
    if !extra.is_empty() {
        extra.push(b'}');
        text::write_string(extra, Object(out).name(EXTRA.0.as_bytes()));
    }
    out.push(b'}');
}

/// Spreads the members of `object` over columns of `out`; the others are appended to `extra`, an object
/// that is not yet closed, or is empty.
fn spread(click: &Click<'_>, group: &Group, object: Value, out: &mut Vec<u8>, extra: &mut Vec<u8>, memo: &mut Spreads) {
    let names = click.normal.plan(object).map(|plan| &plan.known);
    for (at, (name, value)) in click.normal.members(object).enumerate() {
        let number = match (names.and_then(|names| names.get(at)), name) {
            (Some(number), Name::Node(_)) => *number,
            _ => known(&click.normal.name(name)),
        };
        match group.place(number) {
            Some(Place { kind: Type::Object(_), members, .. }) if has_members(click, value) => {
                let before = extra.len();
                Object(extra).name(&click.normal.name(name)).push(b'{');
                let empty = extra.len();
                again(click, members, value, out, extra, memo);
                if extra.len() > empty {
                    extra.push(b'}');
                } else {
                    extra.truncate(before);
                }
            }
            Some(Place { kind, column: Some(column), .. }) if set(click, *kind, column, value, out) => {}
            _ => form::value(click, value, Object(extra).name(&click.normal.name(name))),
        }
    }
}

/// What objects that come again were spread to: the columns, and what has none.
pub(super) type Spreads = Memo<(Box<[u8]>, Box<[u8]>)>;

/// As [`spread`], from memory if the object has come before.
fn again(click: &Click<'_>, group: &Group, object: Value, out: &mut Vec<u8>, extra: &mut Vec<u8>, memo: &mut Spreads) {
    let Some(repeat) = click.normal.repeat(object) else { return spread(click, group, object, out, extra, memo) };
    if let Some((columns, rest)) = memo.get(repeat) {
        out.extend_from_slice(columns);
        return extra.extend_from_slice(rest);
    }
    let (before, before_rest) = (out.len(), extra.len());
    spread(click, group, object, out, extra, memo);
    let known = |text: &[u8], start: usize| text.get(start..).unwrap_or_default().into();
    memo.put(repeat, (known(out, before), known(extra, before_rest)));
}

fn has_members(click: &Click<'_>, value: Value) -> bool {
    match value {
        Value::Node(index) => {
            let node = click.normal.tape.node(index);
            node.kind == Kind::Object && node.next > index + 1
        }
        Value::Text(..) => false,
        Value::Object(_) => click.normal.members(value).next().is_some(),
    }
}

/// Sets `column` to `value`; `false` if all of the value is not in it.
fn set(click: &Click<'_>, kind: Type, column: &[u8], value: Value, out: &mut Vec<u8>) -> bool {
    let tape = click.normal.tape;
    let (index, found) = match value {
        Value::Node(index) => (index, tape.node(index).kind),
        _ => (0, Kind::String),
    };
    match (kind, found) {
        (Type::String | Type::Time | Type::Strings, Kind::String) | (Type::Bool, Kind::Bool) | (Type::Number, Kind::Number) => {
            out.extend_from_slice(column);
            form::value(click, value, out);
            true
        }
        (Type::Number, Kind::String) if is_number(tape.inner(index)) => {
            out.extend_from_slice(column);
            out.extend_from_slice(tape.inner(index));
            true
        }
        (Type::Strings, Kind::Array) => {
            let mut elements = tape.elements(index);
            let Some(first) = elements.next().filter(|&first| tape.node(first).kind == Kind::String) else { return false };
            out.extend_from_slice(column);
            out.extend_from_slice(tape.raw(first));
            elements.next().is_none()
        }
        (Type::Json, Kind::Object | Kind::Array) => {
            out.extend_from_slice(column);
            text::write_string(tape.raw(index), out);
            true
        }
        _ => false,
    }
}
