//! Rebrandly's spellings brought into one, as a thin layer of changed members over the record's tape:
//! what no rule touches is never copied.

mod place;

use std::borrow::Cow;

use super::time;
use crate::json::{Kind, Tape, text};

/// A member's name.
#[derive(Clone, Copy, Debug)]
pub enum Name {
    /// As delivered.
    Node(u32),
    /// Given by a rule.
    Given(&'static str),
}

/// A value.
#[derive(Clone, Copy, Debug)]
pub enum Value {
    /// As delivered, with all that is in it.
    Node(u32),
    /// A rewritten string: its index.
    Text(u32),
    /// An object in which something changed: the range of its members.
    Object(u32, u32),
}

/// A record in the canonical spelling.
#[derive(Debug)]
pub struct Normal<'a> {
    /// The record's tape.
    pub tape: Tape<'a>,
    members: Vec<(Name, Value)>,
    texts: Vec<String>,
    root: (u32, u32),
    root_node: u32,
}

/// Why a JSON value is no click.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAClick {
    /// Not an object.
    NotAnObject,
    /// No `timestamp`.
    NoTimestamp,
    /// A `timestamp` that cannot be read.
    BadTimestamp,
    /// No `route`, or one that is no object.
    NoRoute,
}

impl std::fmt::Display for NotAClick {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            NotAClick::NotAnObject => "not a click: not a JSON object",
            NotAClick::NoTimestamp => "not a click: it has no timestamp",
            NotAClick::BadTimestamp => "not a click: its timestamp cannot be read as a time",
            NotAClick::NoRoute => "not a click: it has no route object",
        })
    }
}

impl<'a> Normal<'a> {
    /// Applies the rules of version 1 to the object at `root`.
    pub fn new(tape: Tape<'a>, root: u32) -> Result<Normal<'a>, NotAClick> {
        if tape.node(root).kind != Kind::Object {
            return Err(NotAClick::NotAnObject);
        }
        let timestamp = tape.get(root, "timestamp").ok_or(NotAClick::NoTimestamp)?;
        tape.get(root, "route").filter(|&route| tape.node(route).kind == Kind::Object).ok_or(NotAClick::NoRoute)?;
        let mut normal = Normal { tape, members: Vec::with_capacity(32), texts: Vec::new(), root: (0, 0), root_node: root };
        let time = normal.time(timestamp).ok_or(NotAClick::BadTimestamp)?;
        normal.root = normal.top(root, (timestamp, time));
        Ok(normal)
    }

    /// The members of the click, without `id`, `source` and `key`.
    pub fn root(&self) -> Value {
        Value::Object(self.root.0, self.root.1)
    }

    /// The node of the click as delivered.
    pub fn root_node(&self) -> u32 {
        self.root_node
    }

    /// The members of an object; none of anything else.
    pub fn members(&self, value: Value) -> impl Iterator<Item = (Name, Value)> + use<'_, 'a> {
        let (delivered, changed) = match value {
            Value::Node(index) => (index, (0, 0)),
            Value::Object(start, end) => (u32::MAX, (start, end)),
            Value::Text(_) => (u32::MAX, (0, 0)),
        };
        let changed = self.members.get(changed.0 as usize..changed.1 as usize).unwrap_or_default();
        let delivered = self.tape.members(delivered).map(|m| (Name::Node(m.name), Value::Node(m.value)));
        delivered.chain(changed.iter().copied())
    }

    /// Whether `value` is an object.
    pub fn is_object(&self, value: Value) -> bool {
        match value {
            Value::Node(index) => self.tape.node(index).kind == Kind::Object,
            Value::Text(_) => false,
            Value::Object(..) => true,
        }
    }

    /// The bytes of a name with its escapes resolved.
    pub fn name(&self, name: Name) -> Cow<'a, [u8]> {
        match name {
            Name::Node(index) => text::unescaped(self.tape.inner(index), self.tape.node(index).escaped),
            Name::Given(given) => Cow::Borrowed(given.as_bytes()),
        }
    }

    /// A rewritten string.
    pub fn text(&self, index: u32) -> &str {
        self.texts.get(index as usize).map_or("", String::as_str)
    }

    /// The members of the click; `timestamp` is the node of that name and what becomes of it.
    fn top(&mut self, root: u32, timestamp: (u32, Value)) -> (u32, u32) {
        let tape = self.tape;
        let moves = |name: u32| ["id", "source", "key"].iter().any(|moved| tape.is(name, moved));
        let moving = tape.members(root).any(|m| moves(m.name));
        let (mut kept, mut delivered) = (Vec::with_capacity(8), Vec::new());
        for m in tape.members(root) {
            if moving && (moves(m.name) || tape.is(m.name, "delivered")) {
                delivered.push((Name::Node(m.name), Value::Node(m.value)));
                continue;
            }
            let value = match &*self.name(Name::Node(m.name)) {
                b"timestamp" if m.value == timestamp.0 => Some(timestamp.1),
                b"client" => self.client(m.value),
                b"route" => self.object(m.value, |this, name, value| if name == b"createdAt" { this.time(value) } else { None }),
                _ => None,
            };
            kept.push((Name::Node(m.name), value.unwrap_or(Value::Node(m.value))));
        }
        if moving {
            let (start, end) = self.store(&delivered);
            kept.push((Name::Given("delivered"), Value::Object(start, end)));
        }
        self.store(&kept)
    }

    fn store(&mut self, members: &[(Name, Value)]) -> (u32, u32) {
        let start = self.members.len() as u32;
        self.members.extend_from_slice(members);
        (start, self.members.len() as u32)
    }

    /// The object at `index` with `rule` applied to its members; nothing if no member changes.
    fn object(&mut self, index: u32, mut rule: impl FnMut(&mut Self, &[u8], u32) -> Option<Value>) -> Option<Value> {
        let tape = self.tape;
        let mut changed: Vec<(u32, Value)> = Vec::new();
        for m in tape.members(index) {
            match rule(self, &self.name(Name::Node(m.name)), m.value) {
                Some(Value::Node(_)) | None => {}
                Some(value) => changed.push((m.value, value)),
            }
        }
        if changed.is_empty() {
            return None;
        }
        let start = self.members.len() as u32;
        for m in tape.members(index) {
            let value = changed.iter().find(|(node, _)| *node == m.value).map_or(Value::Node(m.value), |(_, value)| *value);
            self.members.push((Name::Node(m.name), value));
        }
        Some(Value::Object(start, self.members.len() as u32))
    }

    /// A time in canonical spelling; the node itself where it is so already; nothing if it cannot be read.
    fn time(&mut self, index: u32) -> Option<Value> {
        let node = self.tape.node(index);
        let text = match node.kind {
            Kind::Number => time::from_epoch(std::str::from_utf8(self.tape.raw(index)).ok()?)?,
            _ => match self.tape.string(index)? {
                Cow::Borrowed(text) => match time::to_utc(text)? {
                    Cow::Borrowed(_) => return Some(Value::Node(index)),
                    Cow::Owned(text) => text,
                },
                Cow::Owned(text) => time::to_utc(&text)?.into_owned(),
            },
        };
        self.texts.push(text);
        Some(Value::Text(self.texts.len() as u32 - 1))
    }
}
