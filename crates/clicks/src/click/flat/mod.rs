//! The warehouse row: one level, `snake_case` columns, and `extra` for what has none.

mod extra;
mod url;

use std::sync::LazyLock;

pub(super) use extra::Extra;

use super::Click;
use super::fields::{ADDED, CLICK, EXTRA, Field, FieldId, IS_QR, Type, field_id, walk};
use super::form;
use super::normal::{Name, Value};
use super::time::{is_canonical, is_countable};
use crate::json::text::SLACK;
use crate::json::{Kind, is_number, text};

/// Returns the columns in their order: name, type, description.
pub fn columns() -> Vec<(&'static str, Type, &'static str)> {
    let (mut columns, mut late) = (Vec::new(), Vec::new());
    columns.extend(ADDED.first());
    walk(CLICK, "", &mut |_, field| {
        let list = if field.is_late {
            &mut late
        } else {
            &mut columns
        };
        list.extend(field.column.map(|column| (column, field.kind, field.doc)));
    });
    columns.extend(ADDED.iter().skip(1));
    columns.push((EXTRA.0, Type::Json, EXTRA.1));
    columns.append(&mut late);
    columns.push(IS_QR);
    columns
}

/// The destinations of the members of one object, by the ids of their fields.
struct Group(Vec<Option<Place>>);

/// Where one member goes.
struct Place {
    kind: Type,
    /// The text before its value, if it has a column.
    column: Option<Column>,
    /// Whether its value is in `extra` too.
    is_late: bool,
    /// Whether it is the link's destination.
    is_destination: bool,
    /// Whether it is the destination's parameters.
    is_query: bool,
    /// The destinations of its own members.
    members: Group,
}

/// `,"column":` and [`SLACK`] bytes; and its length.
struct Column(Vec<u8>, usize);

static CLICKS: LazyLock<Group> = LazyLock::new(|| Group::new(CLICK));

impl Column {
    fn new(name: &str) -> Column {
        let mut text = [b",\"", name.as_bytes(), b"\":"].concat();
        let length = text.len();
        text.resize(length + SLACK, 0);
        Column(text, length)
    }

    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        text::append(&self.0, 0, self.1, out);
    }
}

impl Group {
    fn new(fields: &[Field]) -> Group {
        let mut places = Vec::new();
        for field in fields {
            let at = usize::from(field_id(field.name.as_bytes()));
            if places.len() <= at {
                places.resize_with(at + 1, || None);
            }
            let members = Group::new(if let Type::Object(members) = field.kind {
                members
            } else {
                &[]
            });
            places.splice(
                at..=at,
                [Some(Place {
                    kind: field.kind,
                    column: field.column.map(Column::new),
                    is_late: field.is_late,
                    is_destination: field.is_destination(),
                    is_query: field.is_query(),
                    members,
                })],
            );
        }
        Group(places)
    }

    #[inline]
    fn place(&self, name: FieldId) -> Option<&Place> {
        self.0.get(usize::from(name))?.as_ref()
    }
}

/// Returns the columns that are the same for every click of an object.
pub(super) fn source(object: &crate::ObjectRef) -> Vec<u8> {
    let mut out = b",\"source_object\":".to_vec();
    text::write_str(&object.to_string(), &mut out);
    out.extend_from_slice(b",\"source_index\":");
    out
}

/// Writes the row of `click` as JSON. A column whose value is absent is absent; a value that does
/// not fit its column's type goes to `extra`.
pub(super) fn row(click: &Click<'_>, out: &mut Vec<u8>, extra: &mut Extra) {
    extra.text.clear();
    extra.has_query = false;
    out.extend_from_slice(b"{\"click_id\":\"");
    out.extend_from_slice(&click.id.text());
    out.push(b'"');
    spread(click, &CLICKS, click.normal.root, out, extra);
    out.extend_from_slice(b",\"batch_key\":");
    click.write_key(out);
    out.extend_from_slice(&click.head.flat);
    text::write_number(click.place.index, out);
    if !extra.text.is_empty() {
        out.extend_from_slice(b",\"");
        out.extend_from_slice(EXTRA.0.as_bytes());
        out.extend_from_slice(b"\":\"{");
        out.extend_from_slice(&extra.text);
        out.extend_from_slice(b"}\"");
    }
    if let Some(is_qr) = click.is_qr() {
        out.extend_from_slice(b",\"");
        out.extend_from_slice(IS_QR.0.as_bytes());
        out.extend_from_slice(if is_qr { b"\":true" } else { b"\":false" });
    }
    out.push(b'}');
}

/// Spreads the members of `object` over columns of `out`; the others go to `extra`.
fn spread(click: &Click<'_>, group: &Group, object: Value, out: &mut Vec<u8>, extra: &mut Extra) {
    let (normal, tape) = (&click.normal, click.normal.tape);
    let (Some((node, mut patches)), Some(plan)) =
        (normal.changes.patched(object), normal.plan(object))
    else {
        let members = normal.members(object);
        return members.for_each(|(name, value)| {
            member(
                click,
                group.place(field_id(&normal.name(name))),
                (name, value),
                out,
                extra,
            )
        });
    };
    for (at, (m, number)) in tape.members(node).zip(&plan.fields).enumerate() {
        if let [patch, others @ ..] = patches
            && patch.at == at
        {
            patches = others;
            let (name, number) = patch.name.map_or((Name::Node(m.name), *number), |name| {
                (Name::Given(name), field_id(name.as_bytes()))
            });
            member(click, group.place(number), (name, patch.value), out, extra);
            continue;
        }
        let (place, node) = (group.place(*number), tape.node(m.value));
        match place {
            // What most of them are.
            Some(Place {
                kind: Type::String,
                column: Some(column),
                ..
            }) if node.kind == Kind::String => {
                column.write(out);
                text::append(tape.text, node.start as usize, node.end as usize, out);
            }
            _ => member(
                click,
                place,
                (Name::Node(m.name), Value::Node(m.value)),
                out,
                extra,
            ),
        }
    }
}

/// Writes a member to its column, or to `extra`.
fn member(
    click: &Click<'_>,
    place: Option<&Place>,
    (name, value): (Name, Value),
    out: &mut Vec<u8>,
    extra: &mut Extra,
) {
    match place {
        Some(Place {
            kind: Type::Object(_),
            members,
            is_destination,
            is_query,
            ..
        }) if has_members(click, value) => {
            extra.path.push(name);
            extra.has_query |= is_query;
            spread(click, members, value, out, extra);
            extra.end();
            if *is_destination && !extra.has_query {
                url::parameters(click, value, out);
            }
        }
        Some(Place {
            kind,
            column: Some(column),
            is_late,
            ..
        }) if set(click, *kind, column, value, out) && !is_late => {}
        _ => extra.member(click, name, value),
    }
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

/// Writes `column` with `value`; `false` if the column does not hold all of the value.
fn set(click: &Click<'_>, kind: Type, column: &Column, value: Value, out: &mut Vec<u8>) -> bool {
    let tape = click.normal.tape;
    let (index, found) = match value {
        Value::Node(index) => (index, tape.node(index).kind),
        _ => (0, Kind::String),
    };
    let is_time = || match value {
        Value::Node(index) => is_canonical(tape.inner(index)) && is_countable(tape.inner(index)),
        // What a rule writes in the place of a time is one.
        Value::Text(start, end) => is_countable(click.normal.text(start, end).as_bytes()),
        Value::Object(_) => false,
    };
    if matches!(kind, Type::Time) && !is_time() {
        return false;
    }
    match (kind, found) {
        (Type::String | Type::Time | Type::Strings, Kind::String)
        | (Type::Bool, Kind::Bool)
        | (Type::Number, Kind::Number) => {
            column.write(out);
            match value {
                Value::Node(index) => {
                    let node = tape.node(index);
                    text::append(tape.text, node.start as usize, node.end as usize, out);
                }
                _ => form::value(click, value, out),
            }
            true
        }
        (Type::Number, Kind::String) if is_number(tape.inner(index)) => {
            column.write(out);
            out.extend_from_slice(tape.inner(index));
            true
        }
        (Type::Strings, Kind::Array) => {
            let mut elements = tape.elements(index);
            let Some(first) = elements
                .next()
                .filter(|&first| tape.node(first).kind == Kind::String)
            else {
                return false;
            };
            column.write(out);
            out.extend_from_slice(tape.raw(first));
            elements.next().is_none()
        }
        (Type::Json, Kind::Object | Kind::Array) => {
            column.write(out);
            text::write_string(tape.raw(index), out);
            true
        }
        _ => false,
    }
}
