//! After bytes that are no record: where the next record may begin.

use super::{Frame, FrameError, Framer, Mode};

/// How far a skip came in the bytes at hand.
enum Skipped {
    /// The bad record ends after so many.
    Record(usize),
    /// Its line ends after so many.
    Line(usize),
    /// So many were skipped, and no end found.
    All(usize),
}

/// Skips a bad record to where its brackets balance, or else to the end of its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BalanceSkip {
    /// Brackets that are open.
    depth: u32,
    in_string: bool,
    escaped: bool,
    /// Bytes that the parser has seen: they are good, and change nothing of the rest.
    seen: usize,
}

impl BalanceSkip {
    fn new(depth: u32, seen: usize) -> BalanceSkip {
        BalanceSkip {
            depth,
            in_string: false,
            escaped: false,
            seen,
        }
    }

    fn run(&mut self, unread: &[u8]) -> Skipped {
        let mut length = std::mem::take(&mut self.seen);
        for &c in unread.get(length..).unwrap_or_default() {
            length += 1;
            match c {
                b'\n' => return Skipped::Line(length),
                _ if self.escaped => self.escaped = false,
                b'\\' if self.in_string => self.escaped = true,
                b'"' => self.in_string = !self.in_string,
                b'{' | b'[' if !self.in_string && self.depth > 0 => self.depth += 1,
                b'}' | b']' if !self.in_string && self.depth > 0 => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Skipped::Record(length);
                    }
                }
                _ => {}
            }
        }
        Skipped::All(length)
    }
}

/// Skips lines up to one that begins with a bracket and is indented no further than the bad record:
/// what is indented further was part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LineSkip {
    holds: Holds,
    /// White space at the start of the line.
    indent: usize,
}

/// The content so far of the line that is skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    Indent,
    /// Closing braces and commas.
    Closers,
    /// Bytes after which no record begins.
    Junk,
}

impl LineSkip {
    fn new() -> LineSkip {
        LineSkip {
            holds: Holds::Indent,
            indent: 0,
        }
    }

    /// Returns where the next record may begin; `None` if it does not in `unread`. `most` is the
    /// indentation of the bad record; `nested` says that a `]` may close a container.
    fn run(&mut self, unread: &[u8], most: usize, nested: bool) -> Option<usize> {
        for (at, &c) in unread.iter().enumerate() {
            match c {
                b'\n' => *self = LineSkip::new(),
                b' ' | b'\t' if self.holds == Holds::Indent => self.indent += 1,
                b' ' | b'\t' => {}
                // The bad record's own end, before the next one on the same line: `}, {`.
                b',' | b'}' if self.holds != Holds::Junk && (c == b',' || self.indent <= most) => {
                    self.holds = Holds::Closers;
                }
                b'{' | b'[' | b']'
                    if self.holds != Holds::Junk
                        && self.indent <= most
                        && (c != b']' || nested) =>
                {
                    return Some(at);
                }
                _ => self.holds = Holds::Junk,
            }
        }
        None
    }
}

impl Framer {
    pub(super) fn broken(&mut self, mode: Mode, error: FrameError) -> Frame {
        self.mode = mode;
        self.line.end_record();
        Frame::Broken(error)
    }

    pub(super) fn fail(&mut self, text: &[u8], error: FrameError) -> Frame {
        let skip = if self.began_a_line(text) {
            BalanceSkip::new(0, 0)
        } else {
            BalanceSkip::new(self.parser.depth(), self.parser.valid_len())
        };
        self.broken(Mode::Balance(skip), error)
    }

    /// Whether the value's first line holds more of it than brackets, and good parts of it follow
    /// in other lines: then it is a line that was cut short, and what seemed to be inside it are
    /// the lines after it.
    pub(super) fn began_a_line(&self, text: &[u8]) -> bool {
        let valid = text.get(..self.parser.valid_len()).unwrap_or_default();
        let line = memchr::memchr(b'\n', valid).and_then(|end| valid.get(..end));
        line.is_some_and(|line| {
            line.iter()
                .any(|c| !matches!(c, b'{' | b'[' | b' ' | b'\t' | b'\r'))
        })
    }

    pub(super) fn balance(&mut self, mut skip: BalanceSkip, unread: &[u8], last: bool) -> Frame {
        match skip.run(unread) {
            Skipped::Record(length) => {
                self.mode = Mode::Between;
                self.containers.set_after_colon(false);
                Frame::Junk {
                    length,
                    ended: true,
                }
            }
            Skipped::Line(length) => {
                self.mode = Mode::Lines(LineSkip::new());
                self.junk(length, last && length == unread.len())
            }
            Skipped::All(length) => {
                self.mode = Mode::Balance(skip);
                self.junk(length, last)
            }
        }
    }

    pub(super) fn lines(&mut self, mut skip: LineSkip, unread: &[u8], last: bool) -> Frame {
        self.lost = true;
        let nested = !self.containers.is_empty();
        if let Some(length) = skip.run(unread, self.line.indent(), nested) {
            self.mode = Mode::Between;
            self.line.resume(skip.indent);
            return Frame::Junk {
                length,
                ended: true,
            };
        }
        self.mode = Mode::Lines(skip);
        self.junk(unread.len(), last)
    }

    /// So many bytes of a bad record, which ends only if the object does.
    fn junk(&mut self, length: usize, last: bool) -> Frame {
        if last {
            (self.mode, self.lost) = (Mode::Between, true);
        }
        if length == 0 && !last {
            Frame::More
        } else {
            Frame::Junk {
                length,
                ended: last,
            }
        }
    }
}
