//! What was handed over to a decoder and not looked at.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// Bytes of a chunk that is put together with others, because it costs as much beside its bytes and thousands may wait
/// for the end of an envelope; and how many are put together.
const SMALL: usize = 128;
const GATHERED: usize = 16 * 1024;

/// Chunks that wait.
#[derive(Default)]
pub(super) struct InputQueue {
    chunks: VecDeque<Bytes>,
    /// Small ones after these.
    small: BytesMut,
    /// Whether that is all.
    ended: bool,
    /// What follows, which is of no use, and why.
    cut: Option<(Bytes, String)>,
}

impl InputQueue {
    pub(super) fn push(&mut self, chunk: Bytes) {
        if chunk.len() < SMALL {
            self.small.extend_from_slice(&chunk);
            return self.gather(GATHERED);
        }
        self.gather(1);
        self.chunks.push_back(chunk);
    }

    pub(super) fn end(&mut self) {
        self.ended = true;
    }

    pub(super) fn fail(&mut self, rest: Bytes, reason: String) {
        self.cut = Some((rest, reason));
    }

    /// Whether nothing of use will be added.
    pub(super) fn is_all(&self) -> bool {
        self.ended || self.cut.is_some()
    }

    /// The next chunk.
    pub(super) fn next(&mut self) -> Option<Bytes> {
        if self.chunks.is_empty() {
            self.gather(1);
        }
        self.chunks.pop_front()
    }

    /// What follows the last chunk, if the object is cut there.
    pub(super) fn take_cut(&mut self) -> Option<(Bytes, String)> {
        self.cut.take()
    }

    /// Whether the object goes on after the last chunk, and is cut off.
    pub(super) fn is_cut(&self) -> bool {
        self.cut.is_some()
    }

    /// The chunks, for one who looks at them again when there are more: small ones are there once they are put together,
    /// or nothing more is added.
    pub(super) fn chunks(&mut self) -> &VecDeque<Bytes> {
        if self.is_all() {
            self.gather(1);
        }
        &self.chunks
    }

    /// Puts the small chunks together if they are at least `least` bytes.
    fn gather(&mut self, least: usize) {
        if self.small.len() >= least {
            self.chunks.push_back(self.small.split().freeze());
        }
    }
}
