//! Envelopes that are held whole: `{"data": […], "key": …}`.

use std::sync::Arc;

use super::frame::is_click;
use crate::json::{Kind, Member, Tape};

/// The elements of an envelope that are still to come, and its key.
pub(super) struct Elements {
    next: u32,
    end: u32,
    key: Option<Arc<str>>,
}

impl Elements {
    /// Returns those of the envelope that the tape holds, whose key must end within `key_bytes` to
    /// count; `None` if it holds none.
    pub(super) fn of(tape: Tape<'_>, key_bytes: usize) -> Option<Elements> {
        // Few clicks hold an array there, and that is quickly seen.
        if !tape
            .members(0)
            .any(|m| tape.node(m.value).kind == Kind::Array)
        {
            return None;
        }
        let data = tape
            .get(0, "data")
            .filter(|&data| tape.node(data).kind == Kind::Array && !is_click(tape))?;
        Some(Elements {
            next: data + 1,
            end: tape.node(data).next,
            key: key_of(tape, tape.members(0), key_bytes),
        })
    }

    /// Returns the envelope's key.
    pub(super) fn key(&self) -> Option<Arc<str>> {
        self.key.clone()
    }

    /// Returns the node of the next one.
    pub(super) fn next(&mut self, tape: Tape<'_>) -> Option<u32> {
        let element = self.next;
        if element >= self.end {
            return None;
        }
        self.next = tape.node(element).next;
        Some(element)
    }
}

/// Returns the envelope's `key`: the last one among `members` that ends within `key_bytes`; `None`
/// if there is none, or it is no string.
pub(super) fn key_of(
    tape: Tape<'_>,
    members: impl Iterator<Item = Member>,
    key_bytes: usize,
) -> Option<Arc<str>> {
    members
        .filter(|m| tape.is(m.name, "key") && tape.node(m.value).end as usize <= key_bytes)
        .last()
        .and_then(|m| tape.string(m.value))
        .map(|key| Arc::from(&*key))
}
