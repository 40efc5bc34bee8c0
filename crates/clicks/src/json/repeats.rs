//! Objects met before, byte for byte: their nodes are copied instead of being parsed anew. The clicks of one link
//! share most of their bytes.

use super::{Node, ShapeId};

/// Places for objects that are kept: each may be in one of two, where it replaces the older one.
const SLOTS: usize = 1024;
/// Bytes of the smallest and the largest object that is kept. Below, parsing is as quick.
const SIZE: std::ops::RangeInclusive<usize> = 48..=4096;
/// Bytes that are kept in all. Their nodes, and what becomes of them, take three times as much.
const MOST: usize = 1 << 20;
/// Bytes at an object's start that tell its slot.
const HEAD: usize = 48;
/// Objects that pass before the first is kept, about ten a click: a small file has nothing to gain.
const WARM_UP: u32 = 160;
/// Misses that a place in the record may cost until nothing is looked up there any more, and what a hit earns.
const CREDIT: i32 = 256;
const EARNED: i32 = 4;

/// An object of the tape that equals an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeat {
    /// Index of its node.
    pub node: u32,
    /// Where what was worked out for it may be kept.
    pub slot: u16,
    /// What tells it from others that were kept in the slot.
    pub id: u32,
}

/// Where an object stands: as what it begins, and in how many others.
type Place = (ShapeId, u32);

/// The objects that one parser keeps.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    slots: Vec<Option<Kept>>,
    /// What is left for each make that objects begin as.
    credit: Vec<i32>,
    passed: u32,
    ids: u32,
    bytes: usize,
    /// Those of the value at hand.
    pub(super) found: Vec<Repeat>,
}

#[derive(Debug)]
struct Kept {
    text: Box<[u8]>,
    /// With offsets and indices from its own start.
    nodes: Box<[Node]>,
    place: Place,
    id: u32,
}

impl Repeats {
    /// Begins the next value.
    pub(super) fn reset(&mut self) {
        self.found.clear();
    }

    /// Begins the next file: where it did not pay before, it may now.
    pub(super) fn shrink(&mut self) {
        self.credit
            .iter_mut()
            .for_each(|credit| *credit = (*credit).max(CREDIT / 8));
    }

    /// Whether an object that begins as `shape` is worth a look.
    #[inline]
    pub(super) fn wants(&mut self, shape: ShapeId) -> bool {
        if self.passed < WARM_UP {
            self.passed += 1;
            return false;
        }
        match self.credit.get(shape as usize) {
            Some(credit) => *credit > 0,
            None => {
                self.credit.resize(shape as usize + 1, CREDIT);
                true
            }
        }
    }

    /// If `text` begins with an object that is kept, appends its nodes and returns its length. `at` is its offset.
    pub(super) fn take(
        &mut self,
        text: &[u8],
        at: usize,
        place: Place,
        nodes: &mut Vec<Node>,
    ) -> Option<usize> {
        let slot = slot_of(text)?;
        let same = |kept: &Kept| kept.place == place && text.starts_with(&kept.text);
        let kept = |slot: usize| {
            Some((
                slot,
                self.slots.get(slot)?.as_ref().filter(|kept| same(kept))?,
            ))
        };
        let found = kept(slot).or_else(|| kept(slot ^ 1));
        let credit = self.credit.get_mut(place.0 as usize)?;
        let Some((slot, kept)) = found else {
            *credit -= 1;
            return None;
        };
        *credit = (*credit + EARNED).min(CREDIT);
        let (offset, index) = (at as u32, nodes.len() as u32);
        nodes.extend(kept.nodes.iter().map(|node| Node {
            start: node.start + offset,
            end: node.end + offset,
            next: node.next + index,
            ..*node
        }));
        self.found.push(Repeat {
            node: index,
            slot: slot as u16,
            id: kept.id,
        });
        Some(kept.text.len())
    }

    /// Keeps the object `text`, whose nodes are those of `nodes` from `index` on and which stood in `place`.
    pub(super) fn keep(&mut self, text: &[u8], nodes: &[Node], index: usize, place: Place) {
        let Some(slot) = slot_of(text).filter(|_| SIZE.contains(&text.len())) else {
            return;
        };
        let Some(own) = nodes.get(index..) else {
            return;
        };
        let offset = own.first().map_or(0, |node| node.start);
        let relative = |node: &Node| Node {
            start: node.start - offset,
            end: node.end - offset,
            next: node.next - index as u32,
            ..*node
        };
        if self.slots.is_empty() {
            self.slots.resize_with(SLOTS, || None);
        }
        let age = |slot: &usize| {
            self.slots
                .get(*slot)
                .and_then(Option::as_ref)
                .map_or(0, |kept| kept.id)
        };
        let slot = if age(&(slot ^ 1)) < age(&slot) {
            slot ^ 1
        } else {
            slot
        };
        let freed = self
            .slots
            .get(slot)
            .and_then(Option::as_ref)
            .map_or(0, |kept| kept.text.len());
        if self.bytes + text.len() > MOST + freed {
            return;
        }
        self.bytes = self.bytes + text.len() - freed;
        self.ids += 1;
        let kept = Kept {
            text: text.into(),
            nodes: own.iter().map(relative).collect(),
            place,
            id: self.ids,
        };
        self.slots.splice(slot..=slot, [Some(kept)]);
    }
}

fn slot_of(text: &[u8]) -> Option<usize> {
    let head = text.first_chunk::<HEAD>()?.as_chunks::<8>().0;
    let hash = head.iter().fold(0, |hash: u64, word| {
        (hash.rotate_left(5) ^ u64::from_le_bytes(*word)).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    });
    Some((hash >> 54) as usize % SLOTS)
}
