//! The bytes that are in no record yet: those of a chunk as they came, or those that two chunks
//! have of one record, joined.

use std::ops::Deref;

use bytes::{Buf, Bytes, BytesMut};

/// Most bytes that are copied at a time to complete a record, if no line ends before.
const JOIN: usize = 16 * 1024;

/// Bytes that are in no record yet.
#[derive(Debug)]
pub(super) enum FrameBuffer {
    Chunk(Bytes),
    /// What is left of earlier chunks, followed by a copy of the first bytes of the next chunk; and
    /// how many were copied.
    Joined(BytesMut, Bytes, usize),
}

impl Default for FrameBuffer {
    fn default() -> FrameBuffer {
        FrameBuffer::Chunk(Bytes::new())
    }
}

impl Deref for FrameBuffer {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            FrameBuffer::Chunk(bytes) => bytes,
            FrameBuffer::Joined(bytes, ..) => bytes,
        }
    }
}

impl FrameBuffer {
    /// Returns the bytes that were appended and are not revealed yet.
    #[cfg(test)]
    fn hidden(&self) -> &[u8] {
        match self {
            FrameBuffer::Chunk(_) => &[],
            FrameBuffer::Joined(_, next, copied) => next.get(*copied..).unwrap_or_default(),
        }
    }

    /// Appends `chunk`, once nothing is hidden. Reveals all of it, without a copy, if the buffer is
    /// empty; else what completes a line.
    pub(super) fn append(&mut self, chunk: Bytes) {
        if self.is_empty() {
            *self = FrameBuffer::Chunk(chunk);
            return;
        }
        match self {
            FrameBuffer::Chunk(bytes) => {
                let mut joined = BytesMut::with_capacity(bytes.len() + JOIN.min(chunk.len()));
                joined.extend_from_slice(bytes);
                *self = FrameBuffer::Joined(joined, chunk, 0);
            }
            FrameBuffer::Joined(_, next, copied) => (*next, *copied) = (chunk, 0),
        }
        self.reveal();
    }

    /// Reveals more of what is hidden; `false` if nothing is.
    pub(super) fn reveal(&mut self) -> bool {
        let FrameBuffer::Joined(bytes, next, copied) = self else {
            return false;
        };
        let hidden = next.get(*copied..).unwrap_or_default();
        let most = hidden.get(..JOIN).unwrap_or(hidden);
        let part = memchr::memchr(b'\n', most)
            .and_then(|end| most.get(..=end))
            .unwrap_or(most);
        bytes.extend_from_slice(part);
        *copied += part.len();
        !part.is_empty()
    }

    /// Takes the first `n` bytes, or all that are revealed.
    pub(super) fn split_to(&mut self, n: usize) -> Bytes {
        let n = n.min(self.len());
        match self {
            FrameBuffer::Chunk(bytes) => bytes.split_to(n),
            FrameBuffer::Joined(bytes, ..) => {
                let taken = bytes.split_to(n).freeze();
                self.part();
                taken
            }
        }
    }

    /// Drops the first `n` bytes, or all that are revealed.
    pub(super) fn advance(&mut self, n: usize) {
        let n = n.min(self.len());
        match self {
            FrameBuffer::Chunk(bytes) => bytes.advance(n),
            FrameBuffer::Joined(bytes, ..) => {
                bytes.advance(n);
                self.part();
            }
        }
    }

    /// Goes back to a chunk as it came once nothing of an earlier one is left.
    fn part(&mut self) {
        if let FrameBuffer::Joined(bytes, next, copied) = self
            && bytes.len() <= *copied
        {
            next.advance(*copied - bytes.len());
            *self = FrameBuffer::Chunk(std::mem::take(next));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_comes_out_is_what_came(
            chunks in proptest::collection::vec(proptest::collection::vec(0u8..40, 1..60_000), 1..6),
            steps in proptest::collection::vec(0usize..70_000, 0..40),
        ) {
            let (mut unread, mut coming, mut out) = (FrameBuffer::default(), chunks.iter(), Vec::new());
            let mut steps = steps.into_iter();
            loop {
                let n = steps.next().unwrap_or(usize::MAX);
                let before = out.len();
                if n % 2 == 0 {
                    out.extend_from_slice(unread.get(..n).unwrap_or(&unread));
                    unread.advance(n);
                } else {
                    out.extend_from_slice(&unread.split_to(n));
                }
                if out.len() - before < n && !unread.reveal() {
                    prop_assert_eq!(unread.hidden(), b"");
                    let Some(chunk) = coming.next() else { break };
                    unread.append(Bytes::from(chunk.clone()));
                }
            }
            prop_assert_eq!(out, chunks.concat());
        }
    }
}
