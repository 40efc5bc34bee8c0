//! Cuts what was read into blocks of whole lines.

use bytes::Bytes;

use super::limits::BlockLimits;
use clicks::decode::Place;

/// Whole lines.
pub(super) struct LineBlock {
    /// Its bytes, in the chunks that they were read in.
    pub(super) parts: Vec<Bytes>,
    /// Where it begins, if each line before it held one record.
    pub(super) place: Place,
    /// Plain bytes of the object up to its end.
    pub(super) end: u64,
    /// Lines that are not blank.
    pub(super) lines: u64,
}

impl LineBlock {
    /// Where the next block begins, if each line of this one holds one record.
    pub(super) fn next(&self) -> Place {
        Place {
            offset: self.end,
            index: self.place.index + self.lines,
        }
    }
}

/// Bytes that were read and are in no block yet.
pub(super) struct LineBuffer {
    limits: BlockLimits,
    parts: Vec<Bytes>,
    length: usize,
    /// Where the next block begins.
    next: Place,
}

impl LineBuffer {
    /// Starts at `next`.
    pub(super) fn new(limits: BlockLimits, next: Place) -> LineBuffer {
        LineBuffer {
            limits,
            parts: Vec::new(),
            length: 0,
            next,
        }
    }

    pub(super) fn push(&mut self, bytes: Bytes) {
        self.length += bytes.len();
        self.parts.push(bytes);
    }

    /// Whether it holds enough bytes for a block.
    pub(super) fn is_full(&self) -> bool {
        self.length >= self.limits.block_bytes
    }

    /// Takes the bytes that are in no block.
    pub(super) fn take_parts(&mut self) -> Vec<Bytes> {
        self.length = 0;
        std::mem::take(&mut self.parts)
    }

    /// Cuts a block off, once there are enough bytes for one, and a line ends in them.
    pub(super) fn cut(&mut self) -> Option<LineBlock> {
        if !self.is_full() {
            return None;
        }
        let last = last_line(&self.parts, self.limits.block_lines)?;
        let mut rest = self.parts.split_off(last.part + 1);
        let tail = self.parts.last_mut()?.split_off(last.end);
        if !tail.is_empty() {
            rest.insert(0, tail);
        }
        let parts = std::mem::replace(&mut self.parts, rest);
        let length: usize = parts.iter().map(Bytes::len).sum();
        self.length -= length;
        let block = LineBlock {
            parts,
            place: self.next,
            end: self.next.offset + length as u64,
            lines: last.lines,
        };
        self.next = block.next();
        Some(block)
    }
}

/// The end of a line.
struct LineEnd {
    /// The part that it lies in.
    part: usize,
    /// The offset there after its line feed.
    end: usize,
    /// Lines up to it that hold more than what may stand between records.
    lines: u64,
}

/// Finds the last of up to `most` lines that end in `parts`.
fn last_line(parts: &[Bytes], most: u64) -> Option<LineEnd> {
    let filled = |line: &[u8]| {
        line.iter()
            .any(|c| !matches!(c, b' ' | b'\t' | b'\r' | b','))
    };
    let (mut lines, mut open, mut last) = (0, false, None);
    for (part, bytes) in parts.iter().enumerate() {
        let mut start = 0;
        for feed in memchr::memchr_iter(b'\n', bytes) {
            lines += u64::from(open || filled(bytes.get(start..feed).unwrap_or_default()));
            (start, open) = (feed + 1, false);
            last = Some(LineEnd {
                part,
                end: start,
                lines,
            });
            if lines >= most {
                return last;
            }
        }
        open |= filled(bytes.get(start..).unwrap_or_default());
    }
    last
}
