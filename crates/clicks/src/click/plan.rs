//! What is worked out once for every shape of object: the meaning of its members, and their order
//! in the canonical text.

use std::cell::OnceCell;
use std::ops::Range;

use super::fields::{FieldId, field_id};
use crate::json::text::SLACK;
use crate::json::{ShapeId, Shapes, UNKNOWN, text};

/// A member that something looks for, most of them a rule of [`super::normal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Timestamp,
    Client,
    Route,
    /// `id`, `source` or `key`: names that the forwarder itself uses.
    Reserved,
    Delivered,
    Location,
    Geo,
    Session,
    Started,
    Country,
    CreatedAt,
    Agent,
    Type,
    Other,
}

const ROLES: usize = Role::Other as usize;

impl Role {
    /// Returns the role of a member called `name`.
    pub(super) fn of(name: &[u8]) -> Role {
        match name {
            b"timestamp" => Role::Timestamp,
            b"client" => Role::Client,
            b"route" => Role::Route,
            b"id" | b"source" | b"key" => Role::Reserved,
            b"delivered" => Role::Delivered,
            b"location" => Role::Location,
            b"geo" => Role::Geo,
            b"session" => Role::Session,
            b"started" => Role::Started,
            b"country" => Role::Country,
            b"createdAt" => Role::CreatedAt,
            b"agent" => Role::Agent,
            b"type" => Role::Type,
            _ => Role::Other,
        }
    }
}

/// The members of a shape in the order of their names.
#[derive(Debug)]
pub(super) struct Order {
    slots: Box<[Slot]>,
    /// The text before each value: `{"name":` or `,"name":`.
    text: Box<[u8]>,
}

/// One member of an order.
#[derive(Clone, Copy, Debug)]
struct Slot {
    /// Its position as delivered.
    at: u16,
    /// Where in the text that ends which stands before its value.
    end: u32,
}

impl Order {
    /// `None` if a name stands twice.
    fn new(names: &[&[u8]]) -> Option<Order> {
        let mut sorted: Vec<u16> = (0..names.len() as u16).collect();
        let name = |at: u16| names.get(at as usize).copied().unwrap_or_default();
        sorted.sort_unstable_by_key(|&at| name(at));
        if sorted
            .windows(2)
            .any(|pair| matches!(pair, [a, b] if name(*a) == name(*b)))
        {
            return None;
        }
        let (mut slots, mut text) = (Vec::new(), Vec::new());
        for at in sorted {
            text.push(if text.is_empty() { b'{' } else { b',' });
            text::write_plain(name(at), &mut text);
            text.push(b':');
            slots.push(Slot {
                at,
                end: text.len() as u32,
            });
        }
        text.resize(text.len() + SLACK, 0);
        Some(Order {
            slots: slots.into(),
            text: text.into(),
        })
    }

    /// Returns for each member, in order, the range of [`text`](Self::text) that stands before its
    /// value, and its position as delivered.
    #[inline]
    pub(super) fn slots(&self) -> impl Iterator<Item = (Range<usize>, usize)> {
        let mut start = 0;
        self.slots.iter().map(move |slot| {
            let range = start..slot.end as usize;
            start = range.end;
            (range, slot.at as usize)
        })
    }

    /// Returns the text before the values, and [`SLACK`] bytes.
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }
}

/// The plan of one shape.
#[derive(Debug)]
pub(super) struct Plan {
    /// The position of the last member in each role.
    roles: [Option<u16>; ROLES],
    /// The field that each member is, for the flat row.
    pub(super) fields: Box<[FieldId]>,
    /// `None` if a name stands twice.
    pub(super) order: Option<Order>,
    /// The order once `geo` is called `location`; `None` if that makes two of them.
    pub(super) renamed: Option<Order>,
}

impl Plan {
    fn new(names: &[&[u8]]) -> Plan {
        let renamed: Vec<_> = names
            .iter()
            .map(|&name| if name == b"geo" { b"location" } else { name })
            .collect();
        let mut roles = [None; ROLES];
        for (at, name) in names.iter().enumerate() {
            if let Some(role) = roles.get_mut(Role::of(name) as usize) {
                *role = Some(at as u16);
            }
        }
        Plan {
            roles,
            fields: names.iter().map(|name| field_id(name)).collect(),
            order: Order::new(names),
            renamed: if renamed == names {
                None
            } else {
                Order::new(&renamed)
            },
        }
    }

    /// Returns the position of the last member in a role.
    #[inline]
    pub(super) fn find(&self, role: Role) -> Option<usize> {
        self.roles.get(role as usize)?.map(usize::from)
    }
}

/// The plans for the shapes that one parser has met, each made when the first object of that shape
/// is looked at.
#[derive(Debug, Default)]
pub(super) struct Plans {
    instance: Option<u64>,
    plans: Vec<OnceCell<Box<Plan>>>,
}

impl Plans {
    /// Makes place for the shapes that were met since.
    #[inline]
    pub(super) fn follow(&mut self, shapes: &Shapes) {
        if self.instance != Some(shapes.instance()) {
            self.plans.clear();
            self.instance = Some(shapes.instance());
        }
        if self.plans.len() < shapes.len() {
            self.plans.resize_with(shapes.len(), OnceCell::new);
        }
    }

    /// Returns the plan for one of `shapes`, which were [followed](Self::follow); `None` for
    /// objects whose names are not remembered.
    #[inline]
    pub(super) fn get(&self, shape: ShapeId, shapes: &Shapes) -> Option<&Plan> {
        if shape == UNKNOWN {
            return None;
        }
        self.plans
            .get(shape as usize)
            .map(|plan| &**plan.get_or_init(|| Box::new(Plan::new(&shapes.names(shape)))))
    }
}
