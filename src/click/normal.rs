//! Rebrandly's spellings brought into one, as a thin layer of changed members over the record's tape:
//! what no rule touches is never copied.

mod place;

use std::borrow::Cow;

use super::memo::Key;
use super::plan::{Order, Plan, Plans, Role};
use super::time;
use crate::json::{Kind, Member, Tape, text};

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
    /// A rewritten string, plain ASCII: where it stands among them.
    Text(u32, u32),
    /// An object in which something changed: its number.
    Object(u32),
}

/// What the rules have changed in one record.
#[derive(Debug, Default)]
pub struct Changes {
    objects: Vec<Changed>,
    patches: Vec<Patch>,
    members: Vec<(Name, Value)>,
    texts: String,
}

/// An object in which something changed.
#[derive(Clone, Copy, Debug)]
enum Changed {
    /// The object at a node but for some members: the range of its patches.
    Patched(u32, u32, u32),
    /// An object that a rule has put together: the range of its members.
    Made(u32, u32),
}

/// A member that changed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patch {
    /// Its position in its object.
    at: usize,
    /// What it was.
    pub(super) member: Member,
    /// What it is called now, if not as before.
    pub(super) name: Option<&'static str>,
    /// What it is now.
    pub(super) value: Value,
}

/// A record in the canonical spelling.
#[derive(Debug)]
pub struct Normal<'a> {
    /// The record's tape.
    pub tape: Tape<'a>,
    /// The plans for its makes.
    pub(super) plans: &'a Plans,
    /// What the rules have changed in it.
    pub(super) changes: &'a Changes,
    /// The click, without `id`, `source` and `key`.
    pub(super) root: Value,
    /// The node of the click as delivered.
    pub(super) root_node: u32,
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

impl Changes {
    /// Applies the rules of version 1 to the object at `root` and returns the click; `plans` follow the tape's makes.
    pub(super) fn make(&mut self, tape: Tape<'_>, root: u32, plans: &Plans) -> Result<Value, NotAClick> {
        self.objects.clear();
        self.patches.clear();
        self.members.clear();
        self.texts.clear();
        Rules { tape, plans, changes: self }.top(root)
    }

    fn object(&self, index: u32) -> Changed {
        self.objects.get(index as usize).copied().unwrap_or(Changed::Made(0, 0))
    }

    /// The node and the patches of an object that is one but for these.
    #[inline]
    pub(super) fn patched(&self, object: u32) -> Option<(u32, &[Patch])> {
        match self.object(object) {
            Changed::Patched(node, start, end) => Some((node, self.patches.get(start as usize..end as usize)?)),
            Changed::Made(..) => None,
        }
    }
}

impl<'a> Normal<'a> {
    /// The members of an object; none of anything else.
    pub fn members(&self, value: Value) -> impl Iterator<Item = (Name, Value)> + use<'_, 'a> {
        members(self.tape, self.changes, value)
    }

    /// Calls `visit` with each of an object's [`members`](Self::members) and its position.
    #[inline]
    pub(super) fn each(&self, object: Value, mut visit: impl FnMut(usize, Name, Value)) {
        let (node, patches) = match object {
            Value::Node(index) => (index, &[][..]),
            Value::Object(index) => match self.changes.patched(index) {
                Some(patched) => patched,
                None => return self.members(object).enumerate().for_each(|(at, (name, value))| visit(at, name, value)),
            },
            Value::Text(..) => return,
        };
        for (at, m) in self.tape.members(node).enumerate() {
            match patches.iter().find(|patch| patch.at == at) {
                None => visit(at, Name::Node(m.name), Value::Node(m.value)),
                Some(patch) => visit(at, patch.name.map_or(Name::Node(m.name), Name::Given), patch.value),
            }
        }
    }

    /// Appends the values of an object's members to `out`.
    #[inline]
    pub(super) fn values(&self, object: Value, out: &mut Vec<Value>) {
        let (node, patches) = match object {
            Value::Node(index) => (index, &[][..]),
            Value::Object(index) => match self.changes.patched(index) {
                Some(patched) => patched,
                None => return out.extend(self.members(object).map(|(_, value)| value)),
            },
            Value::Text(..) => return,
        };
        let first = out.len();
        out.extend(self.tape.members(node).map(|m| Value::Node(m.value)));
        for patch in patches {
            if let Some(value) = out.get_mut(first + patch.at) {
                *value = patch.value;
            }
        }
    }

    /// The node that an object was, and whether a member of it has another name now.
    #[inline]
    fn origin(&self, object: Value) -> Option<(u32, bool)> {
        match object {
            Value::Node(index) => Some((index, false)),
            Value::Text(..) => None,
            Value::Object(index) => {
                let (node, patches) = self.changes.patched(index)?;
                Some((node, patches.iter().any(|patch| patch.name.is_some())))
            }
        }
    }

    /// The order of an object's members by their names, if it is known: positions among
    /// [`members`](Self::members). The error says that a name stands twice.
    #[inline]
    pub(super) fn order(&self, object: Value) -> Option<Result<&'a Order, Twice>> {
        let (node, renamed) = self.origin(object)?;
        let plan = self.plans.get(self.tape.node(node).shape, self.tape.shapes)?;
        Some(if renamed { &plan.renamed } else { &plan.order }.as_ref().ok_or(Twice))
    }

    /// The plan for an object whose members stand in the order they were delivered in, some of them perhaps with
    /// a given name.
    pub(super) fn plan(&self, object: Value) -> Option<&'a Plan> {
        self.plans.get(self.tape.node(self.origin(object)?.0).shape, self.tape.shapes)
    }

    /// What an object is known by, if it equals an earlier one.
    #[inline]
    pub(super) fn key(&self, object: Value) -> Option<Key> {
        if self.tape.repeats.is_empty() {
            return None;
        }
        let repeat = self.tape.repeat(self.origin(object)?.0)?;
        Some(Key { instance: self.tape.shapes.instance(), repeat, changed: matches!(object, Value::Object(_)) })
    }

    /// The bytes of a name with its escapes resolved.
    pub fn name(&self, name: Name) -> Cow<'a, [u8]> {
        name_of(self.tape, name)
    }

    /// A rewritten string; it needs no escapes.
    #[inline]
    pub fn text(&self, start: u32, end: u32) -> &str {
        self.changes.texts.get(start as usize..end as usize).unwrap_or_default()
    }
}

/// A name stands twice in one object.
pub(super) struct Twice;

fn members<'c, 't>(tape: Tape<'t>, changes: &'c Changes, object: Value) -> impl Iterator<Item = (Name, Value)> + use<'c, 't> {
    let (mut node, mut patches, mut made) = (u32::MAX, &[][..], 0..0);
    match object {
        Value::Node(index) => node = index,
        Value::Text(..) => {}
        Value::Object(index) => match changes.object(index) {
            Changed::Patched(origin, start, end) => {
                (node, patches) = (origin, changes.patches.get(start as usize..end as usize).unwrap_or_default());
            }
            Changed::Made(start, end) => made = start as usize..end as usize,
        },
    }
    let delivered = tape.members(node).map(move |m| match patches.iter().find(|patch| patch.member == m) {
        None => (Name::Node(m.name), Value::Node(m.value)),
        Some(patch) => (patch.name.map_or(Name::Node(m.name), Name::Given), patch.value),
    });
    delivered.chain(changes.members.get(made).unwrap_or_default().iter().copied())
}

fn name_of<'t>(tape: Tape<'t>, name: Name) -> Cow<'t, [u8]> {
    match name {
        Name::Node(index) => text::unescaped(tape.inner(index), tape.node(index).escaped),
        Name::Given(given) => Cow::Borrowed(given.as_bytes()),
    }
}

/// The rules, at work on one record.
struct Rules<'r, 't> {
    tape: Tape<'t>,
    plans: &'r Plans,
    changes: &'r mut Changes,
}

impl Rules<'_, '_> {
    /// The member of an object that has a role, the last one, and its position.
    #[inline]
    fn find(&self, object: u32, role: Role) -> Option<(usize, Member)> {
        let tape = self.tape;
        match self.plans.get(tape.node(object).shape, tape.shapes) {
            Some(plan) => plan.find(role).and_then(|at| Some((at, tape.members(object).nth(at)?))),
            None => {
                let members = tape.members(object).enumerate();
                members.filter(|(_, m)| Role::of(&name_of(tape, Name::Node(m.name))) == role).last()
            }
        }
    }

    /// The click at `root`.
    fn top(&mut self, root: u32) -> Result<Value, NotAClick> {
        let tape = self.tape;
        if tape.node(root).kind != Kind::Object {
            return Err(NotAClick::NotAnObject);
        }
        let (timestamp_at, timestamp) = self.find(root, Role::Timestamp).ok_or(NotAClick::NoTimestamp)?;
        let route = self.find(root, Role::Route).filter(|(_, route)| tape.node(route.value).kind == Kind::Object);
        let (route_at, route) = route.ok_or(NotAClick::NoRoute)?;
        let time = self.time(timestamp.value).ok_or(NotAClick::BadTimestamp)?;
        let client = self.find(root, Role::Client);
        let client = client.and_then(|(at, m)| Some(Patch { at, member: m, name: None, value: self.client(m.value)? }));
        let new_route = self.object(route.value, Role::CreatedAt, Self::changed_time);
        let route = new_route.map(|value| Patch { at: route_at, member: route, name: None, value });
        let time = Some(Patch { at: timestamp_at, member: timestamp, name: None, value: time });
        let patches = [time.filter(|patch| !matches!(patch.value, Value::Node(_))), client, route];
        if self.find(root, Role::Taken).is_some() {
            return Ok(self.moved(root, patches));
        }
        Ok(self.patch(root, patches).unwrap_or(Value::Node(root)))
    }

    /// The click at `root` with what was delivered under the names that the forwarder uses put into `delivered`.
    fn moved(&mut self, root: u32, patches: [Option<Patch>; 3]) -> Value {
        let tape = self.tape;
        let moves = |m: &Member| matches!(Role::of(&name_of(tape, Name::Node(m.name))), Role::Taken | Role::Delivered);
        let members: Vec<_> = tape.members(root).filter(moves).map(|m| (Name::Node(m.name), Value::Node(m.value))).collect();
        let delivered = self.made(members);
        let stays = tape.members(root).filter(|m| !moves(m)).map(|m| {
            let patch = patches.iter().flatten().find(|patch| patch.member == m);
            (Name::Node(m.name), patch.map_or(Value::Node(m.value), |patch| patch.value))
        });
        let members = stays.chain([(Name::Given("delivered"), delivered)]).collect();
        self.made(members)
    }

    /// An object of these members.
    fn made(&mut self, members: Vec<(Name, Value)>) -> Value {
        let start = self.changes.members.len() as u32;
        self.changes.members.extend(members);
        self.changes.objects.push(Changed::Made(start, self.changes.members.len() as u32));
        Value::Object(self.changes.objects.len() as u32 - 1)
    }

    /// The object at `node` with some members changed; nothing if none is.
    fn patch<const N: usize>(&mut self, node: u32, mut patches: [Option<Patch>; N]) -> Option<Value> {
        let start = self.changes.patches.len();
        patches.sort_unstable_by_key(|patch| patch.map(|patch| patch.at));
        self.changes.patches.extend(patches.into_iter().flatten());
        let end = self.changes.patches.len();
        (end > start).then(|| {
            self.changes.objects.push(Changed::Patched(node, start as u32, end as u32));
            Value::Object(self.changes.objects.len() as u32 - 1)
        })
    }

    /// A rewritten string.
    fn text(&mut self, text: &str) -> Value {
        let start = self.changes.texts.len() as u32;
        self.changes.texts.push_str(text);
        Value::Text(start, self.changes.texts.len() as u32)
    }

    /// The object at `index` with `rule` applied to the member in `role`; nothing if that changes nothing.
    fn object(&mut self, index: u32, role: Role, rule: impl Fn(&mut Self, u32) -> Option<Value>) -> Option<Value> {
        let (at, member) = self.find(index, role)?;
        let value = rule(self, member.value)?;
        self.patch(index, [Some(Patch { at, member, name: None, value })])
    }

    /// A time in canonical spelling; nothing if it is so already, or cannot be read.
    fn changed_time(&mut self, index: u32) -> Option<Value> {
        self.time(index).filter(|time| !matches!(time, Value::Node(_)))
    }

    /// A time in canonical spelling; the node itself where it is so already; nothing if it cannot be read.
    fn time(&mut self, index: u32) -> Option<Value> {
        let (node, inner) = (self.tape.node(index), self.tape.inner(index));
        let text = match node.kind {
            Kind::Number => time::from_epoch(std::str::from_utf8(self.tape.raw(index)).ok()?)?,
            Kind::String if !node.escaped && time::is_canonical(inner) => return Some(Value::Node(index)),
            Kind::String if !node.escaped && time::is_local(inner) => {
                let Value::Text(start, end) = self.text(std::str::from_utf8(inner).ok()?) else { return None };
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
