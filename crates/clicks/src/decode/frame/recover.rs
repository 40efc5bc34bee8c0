//! After bytes that are no record: where the next record may begin.

use super::{Frame, FrameError, Framer, Mode};

/// What the line that is skipped has held so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    Indent,
    /// Closing braces and commas.
    Closed,
    /// What no record begins after.
    Junk,
}

impl Framer {
    pub(super) fn broken(&mut self, mode: Mode, error: FrameError) -> Frame {
        (self.mode, self.own_line) = (mode, false);
        Frame::Broken(error)
    }

    pub(super) fn fail(&mut self, text: &[u8], error: FrameError) -> Frame {
        let (mut depth, mut skip) = (self.parser.depth(), self.parser.valid_len());
        if self.began_a_line(text) {
            (depth, skip) = (0, 0);
        }
        self.broken(
            Mode::Balance {
                depth,
                string: false,
                escape: false,
                skip,
            },
            error,
        )
    }

    /// Whether the value's first line holds more of it than brackets, and good parts of it follow in other
    /// lines: then it is a line that was cut short, and what seemed to be inside it are the lines after it.
    pub(super) fn began_a_line(&self, text: &[u8]) -> bool {
        let good = text.get(..self.parser.valid_len()).unwrap_or_default();
        let line = memchr::memchr(b'\n', good).and_then(|end| good.get(..end));
        line.is_some_and(|line| {
            line.iter()
                .any(|c| !matches!(c, b'{' | b'[' | b' ' | b'\t' | b'\r'))
        })
    }

    pub(super) fn balance(&mut self, unread: &[u8], last: bool) -> Frame {
        let Mode::Balance {
            mut depth,
            mut string,
            mut escape,
            skip,
        } = self.mode
        else {
            return Frame::More;
        };
        let mut n = skip;
        for &c in unread.get(skip..).unwrap_or_default() {
            n += 1;
            match c {
                b'\n' => {
                    self.mode = Mode::Lines {
                        line: Line::Indent,
                        indent: 0,
                    };
                    return self.junk_or_more(n, last && n == unread.len());
                }
                _ if escape => escape = false,
                b'\\' if string => escape = true,
                b'"' => string = !string,
                b'{' | b'[' if !string && depth > 0 => depth += 1,
                b'}' | b']' if !string && depth > 0 => {
                    depth -= 1;
                    if depth == 0 {
                        self.mode = Mode::Between;
                        self.set_tail(false);
                        return Frame::Junk(n, true);
                    }
                }
                _ => {}
            }
        }
        self.mode = Mode::Balance {
            depth,
            string,
            escape,
            skip: 0,
        };
        self.junk_or_more(n, last)
    }

    pub(super) fn junk_or_more(&mut self, n: usize, last: bool) -> Frame {
        if last {
            (self.mode, self.lost) = (Mode::Between, true);
        }
        if n == 0 && !last {
            Frame::More
        } else {
            Frame::Junk(n, last)
        }
    }

    /// Skips lines up to one that begins with a bracket and is indented no further than the bad record:
    /// what is indented further was part of it.
    pub(super) fn lines(&mut self, unread: &[u8], last: bool) -> Frame {
        let Mode::Lines {
            mut line,
            mut indent,
        } = self.mode
        else {
            return Frame::More;
        };
        self.lost = true;
        for (n, &c) in unread.iter().enumerate() {
            match c {
                b'\n' => (line, indent) = (Line::Indent, 0),
                b' ' | b'\t' if line == Line::Indent => indent += 1,
                b' ' | b'\t' => {}
                // The bad record's own end, before the next one on the same line: `}, {`.
                b',' | b'}' if line != Line::Junk && (c == b',' || indent <= self.indent) => {
                    line = Line::Closed
                }
                b'{' | b'[' | b']'
                    if line != Line::Junk
                        && indent <= self.indent
                        && (c != b']' || !self.stack.is_empty()) =>
                {
                    (self.mode, self.indent) = (Mode::Between, indent);
                    return Frame::Junk(n, true);
                }
                _ => line = Line::Junk,
            }
        }
        self.mode = Mode::Lines { line, indent };
        self.junk_or_more(unread.len(), last)
    }
}
