//! The JSON forms of a click: `click`, the canonical one, and `webhook`, as Rebrandly's own webhook
//! sends it.

use std::fmt;
use std::str::FromStr;

use super::normal::{Name, Value};
use super::{Click, ClickId};
use crate::ObjectRef;
use crate::decode::Place;
use crate::json::{Kind, Member, text};

/// A form a target can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The canonical click.
    Click,
    /// One level of warehouse columns.
    Flat,
    /// The bytes as delivered.
    Raw,
    /// As delivered, with what either of Rebrandly's webhook documents names.
    Webhook,
}

impl Form {
    /// Every form.
    pub const ALL: [Form; 4] = [Form::Click, Form::Flat, Form::Raw, Form::Webhook];

    /// The form's name in variables and options.
    pub fn as_str(self) -> &'static str {
        match self {
            Form::Click => "click",
            Form::Flat => "flat",
            Form::Raw => "raw",
            Form::Webhook => "webhook",
        }
    }

    /// Describes the form for people.
    pub fn about(self) -> &'static str {
        match self {
            Form::Click => "one spelling for all that Rebrandly has, with id and source",
            Form::Flat => "one level of columns, for warehouses",
            Form::Raw => "the bytes as delivered",
            Form::Webhook => "as Rebrandly's own webhook sends it, with the id",
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Form {
    type Err = String;

    fn from_str(text: &str) -> Result<Form, String> {
        let mut forms = Form::ALL.into_iter();
        forms
            .find(|form| form.as_str() == text)
            .ok_or_else(|| "click, flat, raw or webhook".into())
    }
}

/// A JSON object being written.
pub(super) struct Object<'o>(pub &'o mut Vec<u8>);

impl Object<'_> {
    /// Writes `"name":`, for the caller to write the value.
    pub(super) fn name(&mut self, name: &[u8]) -> &mut Vec<u8> {
        match self.0.last() {
            None => self.0.push(b'{'),
            Some(b'{') => {}
            Some(_) => self.0.push(b','),
        }
        text::write_string(name, self.0);
        self.0.push(b':');
        self.0
    }

    pub(super) fn string(&mut self, name: &str, value: &str) {
        text::write_str(value, self.name(name.as_bytes()));
    }

    pub(super) fn id(&mut self, name: &str, id: ClickId) {
        self.string(name, std::str::from_utf8(&id.text()).unwrap_or_default());
    }
}

/// Writes where a record was read.
pub fn source(object: &ObjectRef, place: Place, out: &mut Vec<u8>) {
    source_head(object, out);
    source_tail(place, out);
}

/// Writes the rest of a source, from the offset on.
fn source_tail(place: Place, out: &mut Vec<u8>) {
    text::write_number(place.offset, out);
    out.extend_from_slice(b",\"index\":");
    text::write_number(place.index, out);
    out.push(b'}');
}

/// Writes the start of a source, which is the same for every record of an object, up to the offset.
pub(super) fn source_head(object: &ObjectRef, out: &mut Vec<u8>) {
    out.push(b'{');
    let mut members = Object(out);
    members.string("bucket", &object.bucket);
    members.string("key", &object.key);
    if let Some(version) = &object.version {
        members.string("version", version);
    }
    members.name(b"offset");
}

/// Writes the canonical click: `id`, `source`, `key`, then the members as delivered, normalised.
pub(super) fn click(click: &Click<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"id\":\"");
    out.extend_from_slice(&click.id.text());
    out.extend_from_slice(b"\",\"source\":");
    out.extend_from_slice(&click.head.source);
    source_tail(click.place, out);
    out.extend_from_slice(b",\"key\":");
    click.write_key(out);
    out.push(b',');
    members(click, click.normal.root, out);
    out.push(b'}');
}

/// Writes the members of an object with commas between them.
fn members(click: &Click<'_>, object: Value, out: &mut Vec<u8>) {
    let tape = click.normal.tape;
    let Some((node, patches)) = click.normal.changes.patched(object) else {
        return made(click, object, out);
    };
    let node = tape.node(node);
    // What stands between two changes is copied in one go.
    let mut done = node.start + 1;
    for patch in patches {
        match patch.name {
            None => out.extend_from_slice(tape.part(done, tape.node(patch.member.value).start)),
            Some(name) => {
                out.extend_from_slice(tape.part(done, tape.node(patch.member.name).start));
                text::write_plain(name.as_bytes(), out);
                out.push(b':');
            }
        }
        value(click, patch.value, out);
        done = tape.node(patch.member.value).end;
    }
    out.extend_from_slice(tape.part(done, node.end - 1));
}

/// Writes the members of an object that a rule has put together, with commas between them.
fn made(click: &Click<'_>, object: Value, out: &mut Vec<u8>) {
    for (at, (name, value)) in click.normal.members(object).enumerate() {
        if at > 0 {
            out.push(b',');
        }
        match name {
            Name::Node(index) => out.extend_from_slice(click.normal.tape.raw(index)),
            Name::Given(given) => text::write_plain(given.as_bytes(), out),
        }
        out.push(b':');
        self::value(click, value, out);
    }
}

/// Writes a value as it is after normalisation.
pub(super) fn value(click: &Click<'_>, value: Value, out: &mut Vec<u8>) {
    match value {
        Value::Node(index) => out.extend_from_slice(click.normal.tape.raw(index)),
        Value::Text(start, end) => text::write_plain(click.normal.text(start, end).as_bytes(), out),
        Value::Object(..) => {
            out.push(b'{');
            members(click, value, out);
            out.push(b'}');
        }
    }
}

/// Writes the click as delivered, with `id` added and the missing one of `client.geo` and
/// `client.location` put beside the other: an endpoint reads whichever its document names. An `id`
/// that was delivered stands in `delivered.id`.
pub(super) fn webhook(click: &Click<'_>, out: &mut Vec<u8>) {
    let tape = click.normal.tape;
    let mut object = Object(out);
    object.id("id", click.id);
    let root = click.normal.root_node;
    let (moved, before) = (tape.get(root, "id"), tape.get(root, "delivered"));
    for m in tape.members(root) {
        if moved.is_some() && [moved, before].contains(&Some(m.value)) {
            continue;
        }
        let value = object.name_raw(tape.raw(m.name));
        if tape.is(m.name, "client") && tape.node(m.value).kind == Kind::Object {
            client(click, m, value);
        } else {
            value.extend_from_slice(tape.raw(m.value));
        }
    }
    if let Some(id) = moved {
        let value = object.name(b"delivered");
        value.extend_from_slice(b"{\"id\":");
        value.extend_from_slice(tape.raw(id));
        if let Some(before) = before {
            value.extend_from_slice(b",\"delivered\":");
            value.extend_from_slice(tape.raw(before));
        }
        value.push(b'}');
    }
    out.push(b'}');
}

impl Object<'_> {
    fn name_raw(&mut self, quoted: &[u8]) -> &mut Vec<u8> {
        self.0.push(b',');
        self.0.extend_from_slice(quoted);
        self.0.push(b':');
        self.0
    }
}

/// Writes `client` with the twin of `geo` or `location` that it lacks.
fn client(click: &Click<'_>, client: Member, out: &mut Vec<u8>) {
    let tape = click.normal.tape;
    out.extend_from_slice(tape.raw(client.value));
    let twin = match (
        tape.get(client.value, "location"),
        tape.get(client.value, "geo"),
    ) {
        (Some(location), None) => ("geo", location),
        (None, Some(geo)) => ("location", geo),
        _ => return,
    };
    out.pop();
    let mut object = Object(out);
    object
        .name(twin.0.as_bytes())
        .extend_from_slice(tape.raw(twin.1));
    out.push(b'}');
}
