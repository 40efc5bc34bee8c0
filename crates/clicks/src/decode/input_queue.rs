//! Queues the chunks that were handed over to a decoder and not read yet.

use std::collections::VecDeque;

use bytes::Bytes;

/// Chunks that wait, and what comes after them.
#[derive(Default)]
pub(super) struct InputQueue {
    chunks: VecDeque<Bytes>,
    rest: Rest,
}

/// The end of the input, if it is known.
#[derive(Default)]
enum Rest {
    /// More of them, perhaps.
    #[default]
    Unknown,
    Nothing,
    /// Bytes that are of no use, and why.
    Unreadable(Unreadable),
}

/// The end of an object that cannot be read.
pub(super) struct Unreadable {
    /// The bytes after the last good ones.
    pub(super) rest: Bytes,
    /// Why, for people.
    pub(super) reason: String,
}

impl InputQueue {
    pub(super) fn push(&mut self, chunk: Bytes) {
        self.chunks.push_back(chunk);
    }

    /// Says that nothing follows.
    pub(super) fn end(&mut self) {
        self.rest = Rest::Nothing;
    }

    /// Says that what follows is of no use.
    pub(super) fn fail(&mut self, rest: Bytes, reason: String) {
        self.rest = Rest::Unreadable(Unreadable { rest, reason });
    }

    /// Returns the next chunk.
    pub(super) fn next(&mut self) -> Option<Bytes> {
        self.chunks.pop_front()
    }

    /// Whether nothing follows the chunks.
    pub(super) fn is_ended(&self) -> bool {
        matches!(self.rest, Rest::Nothing)
    }

    /// Whether the object goes on after the chunks and cannot be read.
    pub(super) fn is_unreadable(&self) -> bool {
        matches!(self.rest, Rest::Unreadable(_))
    }

    /// Takes what cannot be read.
    pub(super) fn take_unreadable(&mut self) -> Option<Unreadable> {
        match std::mem::replace(&mut self.rest, Rest::Nothing) {
            Rest::Unreadable(unreadable) => Some(unreadable),
            _ => None,
        }
    }
}
