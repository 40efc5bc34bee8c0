//! A click without what is private in it: another click, made of an edited record, so that every
//! form, and all that is sent beside it, comes from what was left.
//!
//! The record as delivered is edited and not the click as normalised: both of a place's names, and
//! what the forwarder moves, are met where they stand. Text and nodes are copied with the edits made
//! on the way; nothing is parsed anew.

mod act;
mod branch;
mod copier;
mod edit;
mod number;
mod shapes;
mod tree;
mod url;

use bytes::{Bytes, BytesMut};

pub use tree::{Change, Redaction};
pub(super) use url::decoded as decoded_parameter;

use super::normal::{Changes, Normal};
use super::plan::Plans;
use super::{BLOCK, Click, ClickId, Path};
use crate::json::{Node, Shapes, Tape};
use copier::{Copier, Output};
use edit::Edit;
use shapes::ShapeMap;

/// What a rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The field goes.
    Drop,
    /// Each text of the field is hashed. What is no text goes.
    Hash,
    /// A number keeps so many decimals.
    Round(usize),
    /// Of an object, members of other names than these go.
    KeepOnly(&'static [&'static str]),
    /// Of an object, members go whose names do not begin so.
    KeepPrefix(&'static str),
}

/// What becomes of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The field.
    pub path: Path,
    /// What becomes of it.
    pub action: Action,
}

/// Hashes texts.
pub trait Hasher {
    /// Appends the hash of `bytes`: printable ASCII without `"` and `\`.
    fn hash(&self, bytes: &[u8], out: &mut Vec<u8>);
}

/// Buffers for the clicks that one redaction makes, and what is known of the shapes of objects.
#[derive(Debug, Default)]
pub struct Scratch {
    /// What is known of the shapes of each parser.
    maps: Vec<ShapeMap>,
    /// The shapes of redacted objects.
    shapes: Shapes,
    plans: Plans,
    changes: Changes,
    nodes: Vec<Node>,
    piece: Vec<u8>,
    block: BytesMut,
    /// Whether a click was made before.
    many: bool,
    raw: Bytes,
}

/// Parsers whose shapes are remembered: a thread decodes with two.
const MOST_PARSERS: usize = 4;

/// Bytes that a record is allowed to grow by without another allocation.
const GROWTH: usize = 256;

impl Scratch {
    /// Returns the position of what is known of the shapes of the parser `instance`.
    fn map(&mut self, instance: u64, rules: usize) -> usize {
        if let Some(at) = self.maps.iter().position(|map| map.instance == instance) {
            return at;
        }
        if self.maps.len() >= MOST_PARSERS {
            self.maps.clear();
            self.shapes = Shapes::default();
        }
        self.maps.push(ShapeMap::new(instance, rules));
        self.maps.len() - 1
    }

    /// Makes room for a text of `length` bytes.
    fn reserve(&mut self, length: usize) {
        if self.block.capacity() < length + GROWTH {
            // A file of one click needs no block.
            let least = if std::mem::replace(&mut self.many, true) {
                BLOCK
            } else {
                0
            };
            self.block = BytesMut::with_capacity(least.max(length + GROWTH));
        }
    }
}

impl Click<'_> {
    /// Returns the click that `redaction` leaves, with `id` in the place of its own; without a
    /// `hasher`, what is to be hashed goes. `None` if no click is left.
    pub fn redacted<'s>(
        &'s self,
        redaction: &Redaction,
        hasher: Option<&dyn Hasher>,
        id: ClickId,
        scratch: &'s mut Scratch,
    ) -> Option<Click<'s>> {
        let (tape, root) = (self.normal.tape, self.normal.root_node);
        let node = tape.node(root);
        scratch.reserve((node.end - node.start) as usize);
        let map = scratch.map(tape.shapes.instance(), redaction.len());
        scratch.nodes.clear();
        let output = Output {
            text: &mut scratch.block,
            nodes: &mut scratch.nodes,
            shapes: &mut scratch.shapes,
        };
        let copier = Copier::begin(tape, root, scratch.maps.get_mut(map)?, output);
        Edit::new(tape, redaction, hasher, copier, &mut scratch.piece).record(root);
        scratch.raw = scratch.block.split().freeze();
        scratch.plans.follow(&scratch.shapes);
        let Scratch {
            raw,
            nodes,
            shapes,
            plans,
            changes,
            ..
        } = scratch;
        let tape = Tape {
            text: raw,
            nodes,
            shapes,
            has_whitespace: false,
        };
        let root = changes.make(tape, 0, plans).ok()??;
        Some(Click {
            id,
            raw,
            normal: Normal {
                tape,
                plans,
                changes,
                root,
                root_node: 0,
            },
            qr: self.qr.filter(|rule| rule.survives(redaction)),
            forms: Default::default(),
            ..*self
        })
    }
}
