//! The rules that make a record spelled as others are. Version 1 of the id depends on them.

use std::borrow::Cow;

use super::repeats::name_repeats;
use super::{Changed, Changes, Name, Patch, Value, find, name_of, patched};
use crate::click::plan::{Plans, Role};
use crate::click::time;
use crate::json::{Kind, Member, Tape};

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

/// The rules, at work on one record.
pub(super) struct Rules<'r, 't> {
    pub(super) tape: Tape<'t>,
    pub(super) plans: &'r Plans,
    pub(super) changes: &'r mut Changes,
    /// Whether a name stands twice in an object that was looked into.
    pub(super) name_repeats: bool,
}

impl Rules<'_, '_> {
    /// Returns the members of an object that have these roles, the last one each, and their
    /// positions. Notes whether a name stands twice in it.
    #[inline]
    pub(super) fn find<const N: usize>(
        &mut self,
        object: u32,
        roles: [Role; N],
    ) -> [Option<(usize, Member)>; N] {
        self.name_repeats |= name_repeats(self.tape, self.plans, object);
        find(self.tape, self.plans, object, roles)
    }

    /// Returns the click at `root`.
    pub(super) fn top(&mut self, root: u32) -> Result<Value, NotAClick> {
        let tape = self.tape;
        if tape.node(root).kind != Kind::Object {
            return Err(NotAClick::NotAnObject);
        }
        let found = self.find(
            root,
            [Role::Timestamp, Role::Route, Role::Client, Role::Reserved],
        );
        let [timestamp, route, client, taken] = found;
        let (timestamp_at, timestamp) = timestamp.ok_or(NotAClick::NoTimestamp)?;
        let route = route.filter(|(_, route)| tape.node(route.value).kind == Kind::Object);
        let (route_at, route) = route.ok_or(NotAClick::NoRoute)?;
        let time = self.time(timestamp.value).ok_or(NotAClick::BadTimestamp)?;
        let client = client.and_then(|(at, m)| {
            Some(Patch {
                at,
                member: m,
                name: None,
                value: self.client(m.value)?,
            })
        });
        let new_route = self.object(route.value, Role::CreatedAt, Self::changed_time);
        let route = new_route.map(|value| Patch {
            at: route_at,
            member: route,
            name: None,
            value,
        });
        let time = Some(Patch {
            at: timestamp_at,
            member: timestamp,
            name: None,
            value: time,
        });
        let patches = [
            time.filter(|patch| !matches!(patch.value, Value::Node(_))),
            client,
            route,
        ];
        if taken.is_some() {
            return Ok(self.moved(root, patches));
        }
        Ok(self.patch(root, patches).unwrap_or(Value::Node(root)))
    }

    /// Returns the click at `root` with what was delivered under the names that the forwarder uses
    /// put into `delivered`.
    fn moved(&mut self, root: u32, patches: [Option<Patch>; 3]) -> Value {
        let tape = self.tape;
        let moves = |m: &Member| {
            matches!(
                Role::of(&name_of(tape, Name::Node(m.name))),
                Role::Reserved | Role::Delivered
            )
        };
        let members: Vec<_> = tape
            .members(root)
            .filter(moves)
            .map(|m| (Name::Node(m.name), Value::Node(m.value)))
            .collect();
        let delivered = self.made(members);
        let patches: Vec<_> = patches.into_iter().flatten().collect();
        let stays = tape
            .members(root)
            .filter(|m| !moves(m))
            .map(|m| patched(m, &patches));
        let members = stays
            .chain([(Name::Given("delivered"), delivered)])
            .collect();
        self.made(members)
    }

    /// Returns an object of these members.
    pub(super) fn made(&mut self, members: Vec<(Name, Value)>) -> Value {
        let start = self.changes.members.len() as u32;
        self.changes.members.extend(members);
        self.changes
            .objects
            .push(Changed::Made(start, self.changes.members.len() as u32));
        Value::Object(self.changes.objects.len() as u32 - 1)
    }

    /// Returns the object at `node` with some members changed; `None` if none is.
    pub(super) fn patch<const N: usize>(
        &mut self,
        node: u32,
        mut patches: [Option<Patch>; N],
    ) -> Option<Value> {
        let start = self.changes.patches.len();
        patches.sort_unstable_by_key(|patch| patch.map(|patch| patch.at));
        self.changes.patches.extend(patches.into_iter().flatten());
        let end = self.changes.patches.len();
        (end > start).then(|| {
            self.changes
                .objects
                .push(Changed::Patched(node, start as u32, end as u32));
            Value::Object(self.changes.objects.len() as u32 - 1)
        })
    }

    /// Returns a rewritten string.
    pub(super) fn text(&mut self, text: &str) -> Value {
        let start = self.changes.texts.len() as u32;
        self.changes.texts.push_str(text);
        Value::Text(start, self.changes.texts.len() as u32)
    }

    /// Returns the object at `index` with `rule` applied to the member in `role`; `None` if that
    /// changes nothing.
    pub(super) fn object(
        &mut self,
        index: u32,
        role: Role,
        rule: impl Fn(&mut Self, u32) -> Option<Value>,
    ) -> Option<Value> {
        let [found] = self.find(index, [role]);
        let (at, member) = found?;
        let value = rule(self, member.value)?;
        self.patch(
            index,
            [Some(Patch {
                at,
                member,
                name: None,
                value,
            })],
        )
    }

    /// Returns a time in canonical spelling; `None` if it is so already, or cannot be read.
    pub(super) fn changed_time(&mut self, index: u32) -> Option<Value> {
        self.time(index)
            .filter(|time| !matches!(time, Value::Node(_)))
    }

    /// Returns a time in canonical spelling, the node itself where it is so already; `None` if it
    /// cannot be read.
    fn time(&mut self, index: u32) -> Option<Value> {
        let (node, inner) = (self.tape.node(index), self.tape.inner(index));
        let text = match node.kind {
            Kind::Number => time::from_epoch(std::str::from_utf8(self.tape.raw(index)).ok()?)?,
            Kind::String if !node.escaped && time::is_canonical(inner) => {
                return Some(Value::Node(index));
            }
            Kind::String if !node.escaped && time::is_local(inner) => {
                let Value::Text(start, end) = self.text(std::str::from_utf8(inner).ok()?) else {
                    return None;
                };
                self.changes.texts.push('Z');
                return Some(Value::Text(start, end + 1));
            }
            _ => match self.tape.string(index)? {
                Cow::Borrowed(text) => match time::to_utc(text)? {
                    Cow::Borrowed(_) => return Some(Value::Node(index)),
                    Cow::Owned(text) => text,
                },
                Cow::Owned(text) => time::to_utc(&text)?.into_owned(),
            },
        };
        Some(self.text(&text))
    }
}
