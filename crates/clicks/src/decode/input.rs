//! The bytes of an object on their way into records.

use bytes::Bytes;

use super::frame_buffer::FrameBuffer;
use super::input_queue::{InputQueue, Unreadable};

/// The bytes that were handed over and are in no record yet.
#[derive(Default)]
pub(super) struct Input {
    queue: InputQueue,
    unread: FrameBuffer,
    /// Whether the object ends with what is unread.
    last: bool,
    /// Plain bytes of the object before what is unread.
    offset: u64,
}

/// The result of reading on.
pub(super) enum Fill {
    /// More is unread now, or known to be the last.
    More,
    /// The next chunk is needed.
    NeedInput,
    /// The rest of the object is of no use.
    Unreadable,
}

impl Input {
    /// For what comes after the first `offset` bytes of an object.
    pub(super) fn at(offset: u64) -> Input {
        Input {
            offset,
            ..Input::default()
        }
    }

    /// Returns where chunks are handed over.
    pub(super) fn queue(&mut self) -> &mut InputQueue {
        &mut self.queue
    }

    /// Returns the bytes that are in no record yet, as many as are revealed.
    #[inline]
    pub(super) fn unread(&self) -> &[u8] {
        &self.unread
    }

    /// Whether the object ends with them.
    pub(super) fn is_last(&self) -> bool {
        self.last
    }

    /// Returns the number of plain bytes of the object before them.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Drops the first `length` of them.
    pub(super) fn skip(&mut self, length: usize) {
        self.offset += length as u64;
        self.unread.advance(length);
    }

    /// Takes the first `length` of them.
    pub(super) fn take(&mut self, length: usize) -> Bytes {
        self.offset += length as u64;
        self.unread.split_to(length)
    }

    /// Gives all of them up.
    pub(super) fn give_up(&mut self) -> Bytes {
        self.unread.split_to(usize::MAX)
    }

    /// Reveals more of what was handed over.
    pub(super) fn fill(&mut self) -> Fill {
        if self.unread.reveal() {
            return Fill::More;
        }
        if let Some(chunk) = self.queue.next() {
            self.unread.append(chunk);
            return Fill::More;
        }
        if self.queue.is_unreadable() {
            return Fill::Unreadable;
        }
        if self.queue.is_ended() && !self.last {
            self.last = true;
            return Fill::More;
        }
        Fill::NeedInput
    }

    /// Reveals what cannot be read, too, and returns why it cannot.
    pub(super) fn reveal_unreadable(&mut self) -> String {
        let Some(Unreadable { rest, reason }) = self.queue.take_unreadable() else {
            return String::new();
        };
        self.unread.append(rest);
        while self.unread.reveal() {}
        reason
    }
}
