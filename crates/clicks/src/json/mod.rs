//! One JSON text as a flat list of spans into it, made in one pass that can stop at any byte and go
//! on.
//!
//! A [`Tape`] owns no text and copies none: numbers keep their digits and strings their escapes,
//! because a click must come out as it went in. It knows nothing of clicks or files.

mod compact;
mod parse;
mod scan;
mod shape;
pub mod text;

pub use compact::compact;
pub use parse::{Parser, Progress, SyntaxError};
pub use scan::is_number;
pub use shape::{EMPTY, ShapeId, Shapes, UNKNOWN};

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `{…}`; its members follow as key, value, key, value.
    Object,
    /// `[…]`; its elements follow.
    Array,
    /// `"…"`, the quotes included in its span.
    String,
    /// A number, with the digits as delivered.
    Number,
    /// `true` or `false`.
    Bool,
    /// `null`.
    Null,
}

/// One value or member name: 16 bytes.
#[derive(Clone, Copy, Debug)]
pub struct Node {
    /// Offset of the first byte, relative to the text that was parsed.
    pub start: u32,
    /// Offset one past the last byte.
    pub end: u32,
    /// Index of the first node behind this one and all that is in it.
    pub next: u32,
    /// The type of the value.
    pub kind: Kind,
    /// For a string, whether it holds a backslash; for an object or array, whether it holds such a
    /// string, or members that are not in the order of their names.
    pub escaped: bool,
    /// For an object, its shape; for an array, the shape that objects in it begin with.
    pub shape: ShapeId,
}

/// A parsed text: the bytes and the nodes over them.
#[derive(Clone, Copy, Debug)]
pub struct Tape<'a> {
    /// The text the nodes point into.
    pub text: &'a [u8],
    /// The nodes, parents before children.
    pub nodes: &'a [Node],
    /// The shapes of its objects.
    pub shapes: &'a Shapes,
    /// Whether white space stands between tokens.
    pub has_whitespace: bool,
}

/// A member of an object: the indices of its name and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Index of the name's node.
    pub name: u32,
    /// Index of the value's node.
    pub value: u32,
}

const NOWHERE: Node = Node {
    start: 0,
    end: 0,
    next: u32::MAX,
    kind: Kind::Null,
    escaped: false,
    shape: UNKNOWN,
};

impl<'a> Tape<'a> {
    /// Returns the node at `index`; an empty `null` if the tape has none.
    #[inline]
    pub fn node(&self, index: u32) -> Node {
        self.nodes.get(index as usize).copied().unwrap_or(NOWHERE)
    }

    /// Returns the bytes of the node at `index` as delivered, quotes included.
    #[inline]
    pub fn raw(&self, index: u32) -> &'a [u8] {
        let node = self.node(index);
        self.text
            .get(node.start as usize..node.end as usize)
            .unwrap_or_default()
    }

    /// Returns the bytes of the text from `start` to before `end`.
    #[inline]
    pub fn part(&self, start: u32, end: u32) -> &'a [u8] {
        self.text
            .get(start as usize..end as usize)
            .unwrap_or_default()
    }

    /// Returns the bytes between the quotes of the string at `index`, escapes as delivered.
    #[inline]
    pub fn inner(&self, index: u32) -> &'a [u8] {
        match self.raw(index) {
            [b'"', inner @ .., b'"'] => inner,
            other => other,
        }
    }

    /// Returns the members of the object at `index`, repeated names included; none if it is not an
    /// object.
    pub fn members(&self, index: u32) -> impl Iterator<Item = Member> + use<'a> {
        let node = self.node(index);
        let (mut at, end) = if node.kind == Kind::Object {
            (index + 1, node.next)
        } else {
            (0, 0)
        };
        let tape = *self;
        std::iter::from_fn(move || {
            (at < end).then(|| {
                let member = Member {
                    name: at,
                    value: at + 1,
                };
                at = tape.node(at + 1).next;
                member
            })
        })
    }

    /// Returns the elements of the array at `index`; none if it is not an array.
    pub fn elements(&self, index: u32) -> impl Iterator<Item = u32> + use<'a> {
        let node = self.node(index);
        let (mut at, end) = if node.kind == Kind::Array {
            (index + 1, node.next)
        } else {
            (0, 0)
        };
        let tape = *self;
        std::iter::from_fn(move || {
            (at < end).then(|| {
                let element = at;
                at = tape.node(at).next;
                element
            })
        })
    }

    /// Whether the string at `index` spells `name`, escapes resolved.
    #[inline]
    pub fn is(&self, index: u32, name: &str) -> bool {
        let node = self.node(index);
        if node.escaped {
            return text::unescape(self.inner(index)) == name.as_bytes();
        }
        // Most differ in their length; a string has its quotes besides.
        let may = node.kind != Kind::String || (node.end - node.start) as usize == name.len() + 2;
        may && self.inner(index) == name.as_bytes()
    }

    /// Returns the value of member `name` of the object at `index`, the last one where the name
    /// repeats; `None` if there is none.
    pub fn get(&self, index: u32, name: &str) -> Option<u32> {
        self.members(index)
            .filter(|m| self.is(m.name, name))
            .last()
            .map(|m| m.value)
    }

    /// Returns the text of the string at `index` with its escapes resolved; `None` if it is no
    /// string or holds a lone surrogate.
    pub fn string(&self, index: u32) -> Option<std::borrow::Cow<'a, str>> {
        let node = self.node(index);
        match (node.kind, node.escaped) {
            (Kind::String, false) => std::str::from_utf8(self.inner(index)).ok().map(Into::into),
            (Kind::String, true) => String::from_utf8(text::unescape(self.inner(index)))
                .ok()
                .map(Into::into),
            _ => None,
        }
    }
}
