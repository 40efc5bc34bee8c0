//! Envelopes that are held whole: `{"data": […], "key": …}`.

use std::sync::Arc;

use super::frame::is_click;
use super::{Decoder, Place};
use crate::json::{Kind, Member, Tape};

/// The rest of an envelope that is held whole.
pub(super) struct Elements {
    next: u32,
    end: u32,
    offset: u64,
    key: Option<Arc<str>>,
}

impl Decoder {
    /// Begins to walk the envelope in `current`, if it is one.
    pub(super) fn open_envelope(&mut self, offset: u64) -> bool {
        let tape = self.framer.tape(&self.current);
        // Few clicks hold an array there, and that is quickly seen.
        if !tape
            .members(0)
            .any(|m| tape.node(m.value).kind == Kind::Array)
        {
            return false;
        }
        let Some(data) = tape
            .get(0, "data")
            .filter(|&data| tape.node(data).kind == Kind::Array)
        else {
            return false;
        };
        if is_click(tape, tape.members(0)) || self.framer.in_envelope() {
            return false;
        }
        let key = key_of(tape, tape.members(0));
        self.elements = Some(Elements {
            next: data + 1,
            end: tape.node(data).next,
            offset,
            key,
        });
        true
    }

    /// The next element of the envelope that is walked.
    pub(super) fn next_element(&mut self) -> Option<(u32, Place, Option<Arc<str>>)> {
        let elements = self.elements.as_mut()?;
        if elements.next >= elements.end {
            self.elements = None;
            return None;
        }
        let root = elements.next;
        let node = self.framer.tape(&self.current).node(root);
        elements.next = node.next;
        let (offset, key) = (
            elements.offset + u64::from(node.start),
            elements.key.clone(),
        );
        Some((root, self.number(offset), key))
    }
}

/// The envelope's `key`, the last one among `members` that is a string.
pub(super) fn key_of(tape: Tape<'_>, members: impl Iterator<Item = Member>) -> Option<Arc<str>> {
    members
        .filter(|m| tape.is(m.name, "key"))
        .last()
        .and_then(|m| tape.string(m.value))
        .map(|key| Arc::from(&*key))
}
