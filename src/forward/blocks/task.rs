//! What the blocks of an object are decoded for.

use std::sync::Arc;

use crate::deliver::Encoder;
use crate::object::ObjectRef;
use clicks::click::OccurrenceCounter;
use clicks::decode::DecodeLimits;

/// What every block of an object is decoded with.
#[derive(Clone)]
pub(super) struct DecodeTask {
    pub(super) object: Arc<ObjectRef>,
    pub(super) limits: DecodeLimits,
    /// The names of the configured targets.
    pub(super) targets: Arc<[Arc<str>]>,
    /// Those of the lanes that take the clicks.
    pub(super) encoders: Arc<[Encoder]>,
}

/// How the n-th of several identical clicks learns its n.
pub(super) enum Numbering<'n> {
    /// Records are decoded in the order of the object.
    InOrder(&'n mut OccurrenceCounter),
    /// Every click counts as the first of its kind until the block is counted.
    Later,
}

impl Numbering<'_> {
    pub(super) fn next(&mut self, fingerprint: u64) -> u32 {
        match self {
            Numbering::InOrder(occurrences) => occurrences.next(fingerprint),
            Numbering::Later => 1,
        }
    }

    pub(super) fn is_later(&self) -> bool {
        matches!(self, Numbering::Later)
    }
}
