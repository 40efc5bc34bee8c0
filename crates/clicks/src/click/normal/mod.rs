//! Rebrandly's spellings brought into one, as a thin layer of changed members over the record's
//! tape: what no rule touches is never copied.

mod place;
mod repeats;
mod rules;

use std::borrow::Cow;

pub use rules::NotAClick;
use rules::Rules;

use super::plan::{Order, Plan, Plans, Role};
use crate::json::{Member, Tape, text};

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
    /// A rewritten string, plain ASCII: the range of it among all of them.
    Text(u32, u32),
    /// An object in which something changed: its number.
    Object(u32),
}

/// The changes that the rules make in one record.
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
    pub(super) at: usize,
    /// The member as delivered.
    pub(super) member: Member,
    /// Its new name; `None` if it keeps its own.
    pub(super) name: Option<&'static str>,
    /// Its new value.
    pub(super) value: Value,
}

/// A record in the canonical spelling.
#[derive(Clone, Copy, Debug)]
pub struct Normal<'a> {
    /// The record's tape.
    pub tape: Tape<'a>,
    /// The plans for its shapes.
    pub(super) plans: &'a Plans,
    /// The changes that the rules have made in it.
    pub(super) changes: &'a Changes,
    /// The click, without `id`, `source` and `key`.
    pub(super) root: Value,
    /// The node of the click as delivered.
    pub(super) root_node: u32,
}

impl Changes {
    /// Applies the rules of version 1 to the object at `root` and returns the click; `plans` follow
    /// the tape's shapes. `None` if a name stands twice in an object that a rule looks into: the
    /// rule would change one of the two, and hide from later steps that they were two.
    pub(super) fn make(
        &mut self,
        tape: Tape<'_>,
        root: u32,
        plans: &Plans,
    ) -> Result<Option<Value>, NotAClick> {
        self.objects.clear();
        self.patches.clear();
        self.members.clear();
        self.texts.clear();
        let mut rules = Rules {
            tape,
            plans,
            changes: self,
            name_repeats: false,
        };
        let top = rules.top(root)?;
        Ok(Some(top).filter(|_| !rules.name_repeats))
    }

    fn object(&self, index: u32) -> Changed {
        self.objects
            .get(index as usize)
            .copied()
            .unwrap_or(Changed::Made(0, 0))
    }

    /// Returns the node that an object was, and its changes; `None` for one that a rule has put
    /// together, and for what is no object.
    #[inline]
    pub(super) fn patched(&self, object: Value) -> Option<(u32, &[Patch])> {
        match object {
            Value::Node(index) => Some((index, &[])),
            Value::Text(..) => None,
            Value::Object(index) => match self.object(index) {
                Changed::Patched(node, start, end) => {
                    Some((node, self.patches.get(start as usize..end as usize)?))
                }
                Changed::Made(..) => None,
            },
        }
    }
}

impl<'a> Normal<'a> {
    /// Returns the members of an object; none of anything else.
    pub fn members(&self, value: Value) -> impl Iterator<Item = (Name, Value)> + use<'_, 'a> {
        members(self.tape, self.changes, value)
    }

    /// Returns the member `name` of an object.
    #[inline]
    pub(super) fn member(&self, object: Value, name: &str) -> Option<Value> {
        let tape = self.tape;
        let Some((node, patches)) = self.changes.patched(object) else {
            let mut members = self.members(object);
            let found = members.find(|(known, _)| *self.name(*known) == *name.as_bytes());
            return found.map(|(_, value)| value);
        };
        let is_patched = |patch: &&Patch| match patch.name {
            Some(given) => given == name,
            None => tape.is(patch.member.name, name),
        };
        if let Some(patch) = patches.iter().find(is_patched) {
            return Some(patch.value);
        }
        let mut members = tape.members(node).filter(|m| tape.is(m.name, name));
        // What a patch has renamed is no longer found by the name that it had.
        let found = members.find(|m| patches.iter().all(|patch| patch.member != *m));
        found.map(|m| Value::Node(m.value))
    }

    /// Returns the order of the members of the object at `node` by their names, some of which
    /// `patches` have changed, as positions among [`members`](Self::members); `None` if it is not
    /// known. The error says that a name stands twice.
    #[inline]
    pub(super) fn order(
        &self,
        node: u32,
        patches: &[Patch],
    ) -> Option<Result<&'a Order, DuplicateKey>> {
        let plan = self
            .plans
            .get(self.tape.node(node).shape, self.tape.shapes)?;
        let renamed = patches.iter().any(|patch| patch.name.is_some());
        Some(
            if renamed { &plan.renamed } else { &plan.order }
                .as_ref()
                .ok_or(DuplicateKey),
        )
    }

    /// Returns the plan for an object whose members stand in the order they were delivered in, some
    /// of them perhaps with a given name.
    pub(super) fn plan(&self, object: Value) -> Option<&'a Plan> {
        self.plans.get(
            self.tape.node(self.changes.patched(object)?.0).shape,
            self.tape.shapes,
        )
    }

    /// Returns the member in a role of an object as delivered.
    pub(super) fn delivered(&self, object: u32, role: Role) -> Option<u32> {
        let [found] = find(self.tape, self.plans, object, [role]);
        found.map(|(_, member)| member.value)
    }

    /// Returns the bytes of a name; `None` if they need escapes.
    pub(super) fn plain_name(&self, name: Name) -> Option<&'a [u8]> {
        match name {
            Name::Node(index) if self.tape.node(index).escaped => None,
            Name::Node(index) => Some(self.tape.inner(index)),
            Name::Given(given) => Some(given.as_bytes()),
        }
    }

    /// Returns the bytes of a name with its escapes resolved.
    pub fn name(&self, name: Name) -> Cow<'a, [u8]> {
        name_of(self.tape, name)
    }

    /// Returns a rewritten string; it needs no escapes.
    #[inline]
    pub fn text(&self, start: u32, end: u32) -> &str {
        self.changes
            .texts
            .get(start as usize..end as usize)
            .unwrap_or_default()
    }
}

/// A name stands twice in one object.
pub(super) struct DuplicateKey;

/// Returns a member as it is after the changes.
#[inline]
fn patched(m: Member, patches: &[Patch]) -> (Name, Value) {
    match patches.iter().find(|patch| patch.member == m) {
        None => (Name::Node(m.name), Value::Node(m.value)),
        Some(patch) => (
            patch.name.map_or(Name::Node(m.name), Name::Given),
            patch.value,
        ),
    }
}

fn members<'c, 't>(
    tape: Tape<'t>,
    changes: &'c Changes,
    object: Value,
) -> impl Iterator<Item = (Name, Value)> + use<'c, 't> {
    let (node, patches) = changes.patched(object).unwrap_or((u32::MAX, &[]));
    let made = if let Value::Object(index) = object {
        changes.object(index)
    } else {
        Changed::Made(0, 0)
    };
    let made = if let Changed::Made(start, end) = made {
        start as usize..end as usize
    } else {
        0..0
    };
    let delivered = tape.members(node).map(move |m| patched(m, patches));
    delivered.chain(
        changes
            .members
            .get(made)
            .unwrap_or_default()
            .iter()
            .copied(),
    )
}

/// Returns the members of an object that have these roles, the last one each, and their positions.
#[inline]
fn find<const N: usize>(
    tape: Tape<'_>,
    plans: &Plans,
    object: u32,
    roles: [Role; N],
) -> [Option<(usize, Member)>; N] {
    match plans.get(tape.node(object).shape, tape.shapes) {
        Some(plan) => roles.map(|role| {
            plan.find(role)
                .and_then(|at| Some((at, tape.members(object).nth(at)?)))
        }),
        None => roles.map(|role| {
            let members = tape.members(object).enumerate();
            members
                .filter(|(_, m)| Role::of(&name_of(tape, Name::Node(m.name))) == role)
                .last()
        }),
    }
}

fn name_of<'t>(tape: Tape<'t>, name: Name) -> Cow<'t, [u8]> {
    match name {
        Name::Node(index) => text::unescaped(tape.inner(index), tape.node(index).escaped),
        Name::Given(given) => Cow::Borrowed(given.as_bytes()),
    }
}
