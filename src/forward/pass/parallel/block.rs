//! Blocks of whole lines, cut from what comes.

use bytes::Bytes;

use clicks::decode::Place;

/// Bytes of a block: long enough that handing it to another thread costs nothing beside it.
pub(super) const BLOCK: usize = 256 * 1024;

/// Lines of a block: what comes of lines that are no clicks may be many times as large as they are.
const LINES: u64 = 1024;

/// Whole lines.
#[derive(Clone)]
pub(super) struct Block {
    /// Its bytes, in the chunks that they came in.
    pub(super) parts: Vec<Bytes>,
    /// Where it begins, if all before it held one record a line.
    pub(super) place: Place,
    pub(super) end: u64,
    /// Lines that are not blank.
    pub(super) lines: u64,
}

impl Block {
    /// Where what comes after it begins.
    pub(super) fn next(&self) -> Place {
        Place {
            offset: self.end,
            index: self.place.index + self.lines,
        }
    }
}

/// What came and is in no block yet.
#[derive(Default)]
pub(super) struct Buffer {
    pub(super) parts: Vec<Bytes>,
    pub(super) length: usize,
}

impl Buffer {
    pub(super) fn push(&mut self, bytes: Bytes) {
        self.length += bytes.len();
        self.parts.push(bytes);
    }

    /// The whole lines that came, once they are enough; `at` is where they begin, and then where the next block does.
    pub(super) fn cut(&mut self, at: &mut Place) -> Option<Block> {
        if self.length < BLOCK {
            return None;
        }
        let (index, end, lines) = last_line(&self.parts)?;
        let mut rest = self.parts.split_off(index + 1);
        let last = self.parts.last_mut()?;
        let tail = last.split_off(end);
        if !tail.is_empty() {
            rest.insert(0, tail);
        }
        let parts = std::mem::replace(&mut self.parts, rest);
        let length: usize = parts.iter().map(Bytes::len).sum();
        self.length -= length;
        let block = Block {
            parts,
            place: *at,
            end: at.offset + length as u64,
            lines,
        };
        *at = block.next();
        Some(block)
    }
}

/// The last line that ends in `parts`, of so many as a block may have: the part it ends in, where, and how many lines up
/// to it hold more than what may stand between records.
fn last_line(parts: &[Bytes]) -> Option<(usize, usize, u64)> {
    let filled = |line: &[u8]| {
        line.iter()
            .any(|c| !matches!(c, b' ' | b'\t' | b'\r' | b','))
    };
    let (mut lines, mut open, mut last) = (0, false, None);
    for (index, part) in parts.iter().enumerate() {
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', part) {
            lines += u64::from(open || filled(part.get(start..end).unwrap_or_default()));
            (start, open) = (end + 1, false);
            last = Some((index, start, lines));
            if lines == LINES {
                return last;
            }
        }
        open |= filled(part.get(start..).unwrap_or_default());
    }
    last
}
