//! The bytes that are in no record yet: those of a chunk as they came, or what two chunks have of one record, joined.

use std::ops::Deref;

use bytes::{Buf, Bytes, BytesMut};

/// Bytes that may be copied to complete what is unread, if no line ends before.
const JOIN: usize = 16 * 1024;

/// Bytes that are in no record yet.
#[derive(Debug)]
pub(super) enum Unread {
    Chunk(Bytes),
    Joined(BytesMut),
}

impl Default for Unread {
    fn default() -> Unread {
        Unread::Chunk(Bytes::new())
    }
}

impl Deref for Unread {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Unread::Chunk(bytes) => bytes,
            Unread::Joined(bytes) => bytes,
        }
    }
}

impl Unread {
    /// Takes more from the start of `chunk`: all of it, without a copy, if nothing is unread; else what completes a line.
    pub(super) fn adopt(&mut self, chunk: &mut Bytes) {
        if self.is_empty() {
            *self = Unread::Chunk(std::mem::take(chunk));
            return;
        }
        let joined = memchr::memchr(b'\n', chunk.get(..JOIN).unwrap_or(chunk)).map_or(JOIN, |end| end + 1);
        let part = chunk.split_to(joined.min(chunk.len()));
        self.join(&part);
    }

    /// Appends a copy of `part`.
    pub(super) fn join(&mut self, part: &[u8]) {
        if let Unread::Chunk(bytes) = self {
            let mut joined = BytesMut::with_capacity(bytes.len() + part.len());
            joined.extend_from_slice(bytes);
            *self = Unread::Joined(joined);
        }
        if let Unread::Joined(bytes) = self {
            bytes.extend_from_slice(part);
        }
    }

    /// Takes the first `n` bytes, or all there are.
    pub(super) fn split_to(&mut self, n: usize) -> Bytes {
        let n = n.min(self.len());
        match self {
            Unread::Chunk(bytes) => bytes.split_to(n),
            Unread::Joined(bytes) => bytes.split_to(n).freeze(),
        }
    }

    /// Drops the first `n` bytes, or all there are.
    pub(super) fn advance(&mut self, n: usize) {
        let n = n.min(self.len());
        match self {
            Unread::Chunk(bytes) => bytes.advance(n),
            Unread::Joined(bytes) => bytes.advance(n),
        }
    }
}
