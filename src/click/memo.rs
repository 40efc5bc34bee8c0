//! What was worked out for an object that comes again, byte for byte.

use crate::json::Repeat;

/// What was worked out for each object that the parser keeps.
#[derive(Debug)]
pub(super) struct Memo<T> {
    instance: Option<u64>,
    slots: Vec<Option<(u32, T)>>,
}

impl<T> Default for Memo<T> {
    fn default() -> Memo<T> {
        Memo { instance: None, slots: Vec::new() }
    }
}

impl<T> Memo<T> {
    /// Of the parser with these makes; what was of another is forgotten.
    #[inline]
    pub(super) fn follow(&mut self, instance: u64) {
        if self.instance != Some(instance) {
            self.instance = Some(instance);
            self.slots.clear();
        }
    }

    /// What was worked out for an object equal to this one.
    pub(super) fn get(&self, repeat: Repeat) -> Option<&T> {
        self.slots.get(usize::from(repeat.slot))?.as_ref().filter(|(id, _)| *id == repeat.id).map(|(_, known)| known)
    }

    /// Keeps what was worked out.
    pub(super) fn put(&mut self, repeat: Repeat, known: T) {
        let slot = usize::from(repeat.slot);
        if self.slots.len() <= slot {
            self.slots.resize_with(slot + 1, || None);
        }
        self.slots.splice(slot..=slot, [Some((repeat.id, known))]);
    }
}
