//! Copies a record, its text and its nodes with other places in that, but for what
//! is put in the place of a value, and what is left out.

use bytes::BytesMut;

use super::act::BranchId;
use super::shapes::{Plan, ShapeMap, Step};
use super::tree::Redaction;
use crate::json::{Kind, Node, ShapeId, Shapes, Tape, UNKNOWN};

/// Where a record is copied to.
pub(super) struct Output<'o> {
    pub(super) text: &'o mut BytesMut,
    pub(super) nodes: &'o mut Vec<Node>,
    pub(super) shapes: &'o mut Shapes,
}

/// A record on its way from a tape to the output.
pub(super) struct Copier<'e, 't> {
    tape: Tape<'t>,
    map: &'e mut ShapeMap,
    output: Output<'e>,
    /// The first byte, and the first node, that is neither copied nor left out. What stands between
    /// two edits is copied in one go.
    byte: u32,
    node: u32,
}

impl<'e, 't> Copier<'e, 't> {
    /// Begins with the record at `root`.
    pub(super) fn begin(
        tape: Tape<'t>,
        root: u32,
        map: &'e mut ShapeMap,
        output: Output<'e>,
    ) -> Copier<'e, 't> {
        Copier {
            tape,
            map,
            output,
            byte: tape.node(root).start,
            node: root,
        }
    }

    /// Copies the rest of the record at `root`.
    pub(super) fn finish(mut self, root: u32) {
        let node = self.tape.node(root);
        self.copy_nodes(node.next);
        self.copy_text(node.end);
    }

    /// Returns the plan for an object of `shape`, which is not unknown, with the rules of `branch`.
    pub(super) fn plan(&mut self, branch: BranchId, shape: ShapeId, redaction: &Redaction) -> Plan {
        let shapes = (self.tape.shapes, &mut *self.output.shapes);
        self.map.plan(branch, shape, redaction, shapes)
    }

    /// Returns a step of a plan.
    pub(super) fn step(&self, at: usize) -> Option<Step> {
        self.map.step(at)
    }

    /// Puts `piece` in the place of the value at `index`.
    pub(super) fn replace(&mut self, index: u32, piece: &[u8]) {
        let node = self.tape.node(index);
        self.copy_nodes(index);
        self.copy_text(node.start);
        let Output { text, nodes, .. } = &mut self.output;
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
    }

    /// Leaves out a member or an element, from its first node to its value, with one comma;
    /// `is_led` says that another one stays before it.
    pub(super) fn leave_out(&mut self, first: u32, value: u32, is_led: bool) {
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
    pub(super) fn place(&self, index: u32) -> usize {
        self.output.nodes.len() + (index - self.node) as usize
    }

    /// Ends the container at `index`, which stands at `here`.
    pub(super) fn end(&mut self, index: u32, here: usize, shape: ShapeId) {
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

    /// Returns the shape that the copy of an object of `shape` has if nothing is left out.
    pub(super) fn same(&mut self, shape: ShapeId) -> ShapeId {
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
