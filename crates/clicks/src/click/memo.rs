//! What was worked out for an object that comes again, byte for byte.

use crate::json::Repeat;

/// What an object is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// Its parser, by the number of its makes.
    pub(super) instance: u64,
    /// Its place among what that parser keeps.
    pub(super) repeat: Repeat,
    /// Whether a rule has changed something in it: in another place the same object may stay as it was.
    pub(super) changed: bool,
}

impl Key {
    fn is(&self, other: &Key) -> bool {
        (self.instance, self.repeat.id, self.changed)
            == (other.instance, other.repeat.id, other.changed)
    }
}

/// What was worked out for each object that a parser keeps.
#[derive(Debug)]
pub(super) struct Memo<T> {
    slots: Vec<Option<(Key, T)>>,
}

impl<T> Default for Memo<T> {
    fn default() -> Memo<T> {
        Memo { slots: Vec::new() }
    }
}

impl<T> Memo<T> {
    /// What was worked out for an object equal to this one.
    pub(super) fn get(&self, key: Key) -> Option<&T> {
        self.slots
            .get(usize::from(key.repeat.slot))?
            .as_ref()
            .filter(|(known, _)| known.is(&key))
            .map(|(_, worked)| worked)
    }

    /// Keeps what was worked out.
    pub(super) fn put(&mut self, key: Key, worked: T) {
        let slot = usize::from(key.repeat.slot);
        if self.slots.len() <= slot {
            self.slots.resize_with(slot + 1, || None);
        }
        self.slots.splice(slot..=slot, [Some((key, worked))]);
    }
}
