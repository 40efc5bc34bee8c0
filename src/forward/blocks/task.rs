//! For which object and lanes blocks are decoded, and how repeated clicks are counted.

use std::sync::Arc;

use crate::deliver::Encoder;
use crate::object::ObjectRef;
use clicks::click::OccurrenceCounter;
use clicks::decode::DecodeLimits;

/// An object, and the lanes that its blocks are decoded for.
#[derive(Clone)]
pub(super) struct DecodeTask {
    pub(super) object: Arc<ObjectRef>,
    pub(super) limits: DecodeLimits,
    /// The names of the configured targets.
    pub(super) targets: Arc<[Arc<str>]>,
    /// Those of the lanes that take the clicks.
    pub(super) encoders: Arc<[Encoder]>,
}

/// Records of an object that are decoded at a time.
pub(super) struct DecodeJob<'j> {
    pub(super) task: &'j DecodeTask,
    pub(super) numbering: Numbering<'j>,
    /// Most records of a block.
    pub(super) most: usize,
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
