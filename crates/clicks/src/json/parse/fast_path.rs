//! The usual case: complete tokens with nothing between them, and names in an order that was met
//! before.
#![expect(
    clippy::indexing_slicing,
    reason = "indices come from the parser's own bookkeeping; checked access costs a tenth of its speed"
)]

use super::super::scan::plain_run;
use super::{EMPTY, Kind, NONE, Node, Parser, ShapeId, State, UNKNOWN};

impl Parser {
    /// Takes tokens as long as they are of the usual kind; the next one is left to
    /// [`token`](Parser::token).
    pub(super) fn fast_path(&mut self, text: &[u8]) {
        if self.open == NONE || self.scanned > 0 || self.state == State::Colon {
            return;
        }
        let (mut at, mut state) = (self.pos, self.state);
        loop {
            if matches!(state, State::Key | State::FirstKey) {
                let shape = &mut self.nodes[self.open as usize].shape;
                let Some((length, to)) = self.shapes.predict(*shape, &text[at..]) else {
                    break;
                };
                *shape = to;
                self.push(at, at + length - 1, Kind::String);
                at += length;
                state = State::Value;
            }
            if state != State::AfterValue {
                let Some((end, next)) = self.fast_value(text, at) else {
                    break;
                };
                (at, state) = (end, next);
                if next != State::AfterValue {
                    continue;
                }
            }
            (at, state) = self.fast_ends(text, at);
            if matches!(state, State::AfterValue | State::Done) {
                break;
            }
        }
        if at > self.pos {
            (self.pos, self.valid_len, self.state) = (at, at, state);
        }
    }

    /// Takes a string without escapes, a bool, or the start of an object or array; returns where it
    /// ends and what comes next, or `None` if it is something else.
    #[inline(always)]
    fn fast_value(&mut self, text: &[u8], at: usize) -> Option<(usize, State)> {
        let end = match text.get(at)? {
            b'"' => {
                let end = at + 1 + plain_run(&text[at + 1..]);
                if text.get(end) != Some(&b'"') {
                    return None;
                }
                self.push(at, end + 1, Kind::String);
                end + 1
            }
            b'{' if self.depth < self.max_depth => {
                let shape = self.inner_shape();
                self.begin(at, Kind::Object, shape);
                return Some((at + 1, State::FirstKey));
            }
            // An array in the outermost object may be an envelope's.
            b'[' if self.depth < self.max_depth && self.open != 0 => {
                let shape = self.inner_shape();
                self.begin(at, Kind::Array, shape);
                return Some((at + 1, State::FirstElement));
            }
            b't' if text[at..].starts_with(b"true") => {
                self.push(at, at + 4, Kind::Bool);
                at + 4
            }
            b'f' if text[at..].starts_with(b"false") => {
                self.push(at, at + 5, Kind::Bool);
                at + 5
            }
            _ => return None,
        };
        Some((end, State::AfterValue))
    }

    /// Takes the ends of containers, and the comma after them; returns where that ends and what
    /// comes next.
    #[inline(always)]
    fn fast_ends(&mut self, text: &[u8], mut at: usize) -> (usize, State) {
        loop {
            let object = self.nodes[self.open as usize].kind == Kind::Object;
            match text.get(at) {
                Some(b',') => return (at + 1, if object { State::Key } else { State::Value }),
                Some(c @ (b'}' | b']')) if object == (*c == b'}') => {
                    at += 1;
                    self.close_container(at);
                    if self.open == NONE {
                        return (at, State::Done);
                    }
                }
                _ => return (at, State::AfterValue),
            }
        }
    }

    #[inline(always)]
    fn push(&mut self, start: usize, end: usize, kind: Kind) {
        let next = self.nodes.len() as u32 + 1;
        self.nodes.push(Node {
            start: start as u32,
            end: end as u32,
            next,
            kind,
            escaped: false,
            shape: UNKNOWN,
        });
    }

    /// Returns the shape that a container begins with here.
    #[inline(always)]
    pub(super) fn inner_shape(&mut self) -> ShapeId {
        match self.nodes.get(self.open as usize) {
            None => EMPTY,
            Some(Node {
                kind: Kind::Object,
                shape,
                ..
            }) => self.shapes.inside(*shape),
            Some(array) => array.shape,
        }
    }

    /// Opens a container at `start`.
    #[inline(always)]
    pub(super) fn begin(&mut self, start: usize, kind: Kind, shape: ShapeId) {
        let index = self.nodes.len() as u32;
        self.nodes.push(Node {
            start: start as u32,
            end: 0,
            next: self.open,
            kind,
            escaped: false,
            shape,
        });
        self.open = index;
        self.depth += 1;
    }

    /// Closes the innermost container, which ends before `end`.
    #[inline(always)]
    pub(super) fn close_container(&mut self, end: usize) {
        let count = self.nodes.len() as u32;
        let node = &mut self.nodes[self.open as usize];
        node.end = end as u32;
        node.escaped |= node.kind == Kind::Object && !self.shapes.is_sorted(node.shape);
        let (escaped, parent) = (node.escaped, node.next);
        node.next = count;
        self.open = parent;
        self.depth -= 1;
        if escaped && self.open != NONE {
            self.nodes[self.open as usize].escaped = true;
        }
    }
}
