//! Edits a record on its way: decides of each value what becomes of it.

use super::Hasher;
use super::act::{Act, BranchId, ROOT, Texts};
use super::copier::Copier;
use super::number;
use super::tree::Redaction;
use super::url::{self, Fate, Parameters};
use crate::json::{Kind, Tape, UNKNOWN, text};

/// One record on its way.
pub(super) struct Edit<'e, 't> {
    tape: Tape<'t>,
    redaction: &'e Redaction,
    hasher: Option<&'e dyn Hasher>,
    copier: Copier<'e, 't>,
    /// For a text that is put in the place of another.
    piece: &'e mut Vec<u8>,
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
        copier: Copier<'e, 't>,
        piece: &'e mut Vec<u8>,
    ) -> Edit<'e, 't> {
        Edit {
            tape,
            redaction,
            hasher,
            copier,
            piece,
        }
    }

    /// Copies the record at `root`, which the copier has begun with.
    pub(super) fn record(mut self, root: u32) {
        self.object(root, ROOT);
        self.copier.finish(root);
    }

    fn value(&mut self, index: u32, act: Act) -> Left {
        let kind = self.tape.node(index).kind;
        match (act, kind) {
            (Act::Drop, _) => Left::Goes,
            (Act::Keep, _)
            | (Act::Scalar, Kind::String | Kind::Number | Kind::Bool)
            | (_, Kind::Null) => Left::Stays,
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
        let plan = self.copier.plan(branch, shape, self.redaction);
        if plan.is_emptied && !self.redaction.is_needed(branch) {
            return Left::Goes;
        }
        let here = self.copier.place(index);
        let (mut at, mut position, mut gone) = (index + 1, 0, 0);
        for step in plan.start..plan.end {
            let Some(step) = self.copier.step(step) else {
                break;
            };
            while position < step.at {
                at = self.tape.node(at + 1).next;
                position += 1;
            }
            let next = self.tape.node(at + 1).next;
            if self.value(at + 1, step.act) == Left::Goes {
                self.copier.leave_out(at, at + 1, position > gone);
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
        self.copier.end(index, here, left);
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
        let here = self.copier.place(index);
        let mut gone = 0;
        for (position, member) in tape.members(index).enumerate() {
            let act = self.act(inside, member.name);
            if self.value(member.value, act) == Left::Goes {
                self.copier
                    .leave_out(member.name, member.value, position > gone);
                gone += 1;
            }
        }
        let left = if gone == 0 {
            self.copier.same(tape.node(index).shape)
        } else {
            UNKNOWN
        };
        self.copier.end(index, here, left);
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
        let here = self.copier.place(index);
        let mut gone = 0;
        for (position, element) in self.tape.elements(index).enumerate() {
            if self.value(element, act) == Left::Goes {
                self.copier.leave_out(element, element, position > gone);
                gone += 1;
            }
        }
        self.copier.end(index, here, UNKNOWN);
        Left::Stays
    }

    fn hash(&mut self, index: u32) -> Left {
        let Some(hasher) = self.hasher else {
            return Left::Goes;
        };
        let node = self.tape.node(index);
        let value = text::unescaped(self.tape.inner(index), node.escaped);
        self.piece.clear();
        self.piece.push(b'"');
        hasher.hash(&value, self.piece);
        self.piece.push(b'"');
        self.replace(index)
    }

    fn round(&mut self, index: u32, decimals: usize) -> Left {
        let (node, piece) = (self.tape.node(index), &mut *self.piece);
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

    /// Puts the piece in the place of the value at `index`.
    fn replace(&mut self, index: u32) -> Left {
        self.copier.replace(index, self.piece);
        Left::Stays
    }

    fn url(&mut self, index: u32) -> Left {
        let (node, inner) = (self.tape.node(index), self.tape.inner(index));
        let parameters = Destination {
            redaction: self.redaction,
            hasher: self.hasher,
        };
        let piece = &mut *self.piece;
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
