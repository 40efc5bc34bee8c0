//! Copies a record with edits: its text, and its nodes with other places in that.

use bytes::BytesMut;

use super::Hasher;
use super::number;
use super::shapes::ShapeMap;
use super::tree::{Act, BranchId, ROOT, Redaction, Texts};
use super::url::{self, Fate, Parameters};
use crate::json::{Kind, Node, ShapeId, Shapes, Tape, UNKNOWN, text};

/// Where a record is copied to.
pub(super) struct Output<'o> {
    pub(super) text: &'o mut BytesMut,
    pub(super) nodes: &'o mut Vec<Node>,
    pub(super) shapes: &'o mut Shapes,
    /// For a text that is put in the place of another.
    pub(super) piece: &'o mut Vec<u8>,
}

/// One record on its way.
pub(super) struct Edit<'e, 't> {
    tape: Tape<'t>,
    redaction: &'e Redaction,
    hasher: Option<&'e dyn Hasher>,
    map: &'e mut ShapeMap,
    output: Output<'e>,
    /// The first byte, and the first node, that is neither copied nor left out. What stands between
    /// two edits is copied in one go.
    byte: u32,
    node: u32,
}

/// The rules for the members of an object.
#[derive(Clone, Copy)]
enum Inside {
    /// Those of a branch.
    Branch(BranchId),
    /// All texts are hashed.
    Hashed,
}

/// Whether a value is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    Stays,
    /// The caller leaves it out.
    Goes,
}

impl<'e, 't> Edit<'e, 't> {
    pub(super) fn new(
        tape: Tape<'t>,
        redaction: &'e Redaction,
        hasher: Option<&'e dyn Hasher>,
        map: &'e mut ShapeMap,
        output: Output<'e>,
    ) -> Edit<'e, 't> {
        Edit {
            tape,
            redaction,
            hasher,
            map,
            output,
            byte: 0,
            node: 0,
        }
    }

    /// Copies the record at `root`.
    pub(super) fn record(mut self, root: u32) {
        let node = self.tape.node(root);
        (self.byte, self.node) = (node.start, root);
        self.object(root, ROOT);
        self.copy_nodes(node.next);
        self.copy_text(node.end);
    }

    fn value(&mut self, index: u32, act: Act) -> Left {
        let kind = self.tape.node(index).kind;
        match (act, kind) {
            (Act::Drop, _) => Left::Goes,
            (Act::Keep, _) | (_, Kind::Null) => Left::Stays,
            (Act::Descend(branch), Kind::Object) => self.object(index, branch),
            (Act::Descend(branch), Kind::String) if self.redaction.is_hashed(branch) => {
                self.hash(index)
            }
            (Act::Descend(_) | Act::Hash(Texts::Anywhere), Kind::Array) => self.array(index, act),
            (Act::Hash(_), Kind::String) => self.hash(index),
            (Act::Hash(Texts::Several), Kind::Array) => self.array(index, Act::Hash(Texts::One)),
            (Act::Hash(Texts::Anywhere), Kind::Object) => self.unplanned(index, Inside::Hashed),
            (Act::Round(decimals), Kind::Number | Kind::String) => self.round(index, decimals),
            (Act::Url, Kind::String) => self.url(index),
            // Nobody can tell what is in a value of another type than was expected.
            _ => Left::Goes,
        }
    }

    /// Copies an object, with the rules of `branch` for its members.
    fn object(&mut self, index: u32, branch: BranchId) -> Left {
        let shape = self.tape.node(index).shape;
        if shape == UNKNOWN {
            return self.unplanned(index, Inside::Branch(branch));
        }
        let shapes = (self.tape.shapes, &mut *self.output.shapes);
        let plan = self.map.plan(branch, shape, self.redaction, shapes);
        if plan.is_emptied && !self.redaction.is_needed(branch) {
            return Left::Goes;
        }
        let here = self.place(index);
        let (mut at, mut position, mut gone) = (index + 1, 0, 0);
        for step in plan.start..plan.end {
            let Some(step) = self.map.step(step) else {
                break;
            };
            while position < step.at {
                at = self.tape.node(at + 1).next;
                position += 1;
            }
            let next = self.tape.node(at + 1).next;
            if self.value(at + 1, step.act) == Left::Goes {
                self.leave_out(at, at + 1, position > gone);
                gone += 1;
            }
            at = next;
            position += 1;
        }
        let left = if gone == plan.dropped {
            plan.left
        } else {
            UNKNOWN
        };
        self.end(index, here, left);
        Left::Stays
    }

    /// Copies an object whose members' rules were not worked out before.
    fn unplanned(&mut self, index: u32, inside: Inside) -> Left {
        let tape = self.tape;
        if let Inside::Branch(branch) = inside
            && !self.redaction.is_needed(branch)
        {
            let mut acts = tape
                .members(index)
                .map(|member| self.act(inside, member.name));
            let first = acts.next();
            if first == Some(Act::Drop) && acts.all(|act| act == Act::Drop) {
                return Left::Goes;
            }
        }
        let here = self.place(index);
        let mut gone = 0;
        for (position, member) in tape.members(index).enumerate() {
            let act = self.act(inside, member.name);
            if self.value(member.value, act) == Left::Goes {
                self.leave_out(member.name, member.value, position > gone);
                gone += 1;
            }
        }
        let left = if gone == 0 {
            self.same(tape.node(index).shape)
        } else {
            UNKNOWN
        };
        self.end(index, here, left);
        Left::Stays
    }

    /// Returns what is done to the member whose name is at `name`.
    fn act(&self, inside: Inside, name: u32) -> Act {
        match inside {
            Inside::Hashed => Act::Hash(Texts::Anywhere),
            Inside::Branch(branch) => {
                let name = text::unescaped(self.tape.inner(name), self.tape.node(name).escaped);
                self.redaction.member(branch, &name)
            }
        }
    }

    /// Copies an array, with `act` for each of its elements.
    fn array(&mut self, index: u32, act: Act) -> Left {
        let here = self.place(index);
        let mut gone = 0;
        for (position, element) in self.tape.elements(index).enumerate() {
            if self.value(element, act) == Left::Goes {
                self.leave_out(element, element, position > gone);
                gone += 1;
            }
        }
        self.end(index, here, UNKNOWN);
        Left::Stays
    }

    fn hash(&mut self, index: u32) -> Left {
        let Some(hasher) = self.hasher else {
            return Left::Goes;
        };
        let node = self.tape.node(index);
        let value = text::unescaped(self.tape.inner(index), node.escaped);
        self.output.piece.clear();
        self.output.piece.push(b'"');
        hasher.hash(&value, self.output.piece);
        self.output.piece.push(b'"');
        self.replace(index)
    }

    fn round(&mut self, index: u32, decimals: usize) -> Left {
        let (node, piece) = (self.tape.node(index), &mut *self.output.piece);
        piece.clear();
        let is_number = if node.kind == Kind::String {
            piece.push(b'"');
            let is_number = number::round(self.tape.inner(index), decimals, piece);
            piece.push(b'"');
            is_number
        } else {
            number::round(self.tape.raw(index), decimals, piece)
        };
        if is_number {
            self.replace(index)
        } else {
            Left::Goes
        }
    }

    fn url(&mut self, index: u32) -> Left {
        let (node, inner) = (self.tape.node(index), self.tape.inner(index));
        let parameters = Destination {
            redaction: self.redaction,
            hasher: self.hasher,
        };
        let piece = &mut *self.output.piece;
        piece.clear();
        if node.escaped {
            let mut edited = Vec::new();
            url::edit(&text::unescape(inner), &parameters, &mut edited);
            text::write_string(&edited, piece);
        } else {
            if memchr::memchr2(b'?', b'#', inner).is_none() {
                return Left::Stays;
            }
            piece.push(b'"');
            url::edit(inner, &parameters, piece);
            piece.push(b'"');
        }
        self.replace(index)
    }

    /// Puts the piece in the place of the value at `index`.
    fn replace(&mut self, index: u32) -> Left {
        let node = self.tape.node(index);
        self.copy_nodes(index);
        self.copy_text(node.start);
        let Output {
            text, nodes, piece, ..
        } = &mut self.output;
        let start = text.len() as u32;
        text.extend_from_slice(piece);
        nodes.push(Node {
            start,
            end: text.len() as u32,
            next: nodes.len() as u32 + 1,
            escaped: memchr::memchr(b'\\', piece).is_some(),
            ..node
        });
        (self.byte, self.node) = (node.end, node.next);
        Left::Stays
    }

    /// Leaves out a member or an element, from its first node to its value, with one comma;
    /// `is_led` says that another one stays before it.
    fn leave_out(&mut self, first: u32, value: u32, is_led: bool) {
        let (mut start, last) = (self.tape.node(first).start, self.tape.node(value));
        let mut end = last.end;
        if is_led {
            start -= 1;
        } else if self.tape.part(end, end + 1) == b"," {
            end += 1;
        }
        self.copy_nodes(first);
        self.copy_text(start);
        (self.byte, self.node) = (end, last.next);
    }

    /// Returns where the container at `index` will stand, in which nothing was edited yet.
    fn place(&self, index: u32) -> usize {
        self.output.nodes.len() + (index - self.node) as usize
    }

    /// Ends the container at `index`, which stands at `here`.
    fn end(&mut self, index: u32, here: usize, shape: ShapeId) {
        if self.node <= index {
            // Nothing in it was edited.
            return;
        }
        let node = self.tape.node(index);
        let end = self.output.text.len() as u32 + (node.end - self.byte);
        let next = self.output.nodes.len() as u32 + (node.next - self.node);
        if let Some(copy) = self.output.nodes.get_mut(here) {
            (copy.end, copy.next, copy.shape) = (end, next, shape);
        }
    }

    fn same(&mut self, shape: ShapeId) -> ShapeId {
        self.map.same(shape, self.tape.shapes, self.output.shapes)
    }

    /// Copies the nodes up to before `end`.
    fn copy_nodes(&mut self, end: u32) {
        // The distances that all of them move by.
        let bytes = (self.output.text.len() as u32).wrapping_sub(self.byte);
        let places = (self.output.nodes.len() as u32).wrapping_sub(self.node);
        let from = self.tape.nodes.get(self.node as usize..end as usize);
        for node in from.unwrap_or_default() {
            let shape = match node.kind {
                Kind::Object => self
                    .map
                    .same(node.shape, self.tape.shapes, self.output.shapes),
                _ => UNKNOWN,
            };
            self.output.nodes.push(Node {
                start: node.start.wrapping_add(bytes),
                end: node.end.wrapping_add(bytes),
                next: node.next.wrapping_add(places),
                shape,
                ..*node
            });
        }
        self.node = end;
    }

    /// Copies the text up to before `end`.
    fn copy_text(&mut self, end: u32) {
        let part = self.tape.part(self.byte, end);
        self.output.text.extend_from_slice(part);
        self.byte = end;
    }
}

/// The parameters of the destination.
struct Destination<'e> {
    redaction: &'e Redaction,
    hasher: Option<&'e dyn Hasher>,
}

impl Parameters for Destination<'_> {
    fn fate(&self, name: &[u8]) -> Fate {
        match self.redaction.parameter(name) {
            Act::Keep => Fate::Kept,
            Act::Hash(_) if self.hasher.is_some() => Fate::Hashed,
            _ => Fate::Dropped,
        }
    }

    fn is_closed(&self) -> bool {
        self.redaction.has_closed_query()
    }

    fn hash(&self, value: &[u8], out: &mut Vec<u8>) {
        if let Some(hasher) = self.hasher {
            hasher.hash(value, out);
        }
    }
}
