//! Where one record ends and the next begins, in any mixture of lines, arrays, concatenations and
//! envelopes; and where to go on after bytes that are none of these.
//!
//! Pure: it sees the unread bytes, says what to do with the first of them, and keeps no bytes itself.

mod envelope;
mod recover;
mod value;

pub use envelope::{is_click, members_before};
use recover::Line;
pub use value::Taken;

use crate::json::{Parser, SyntaxError, Tape};

/// What to do with the first bytes of the unread ones.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame {
    /// Drop them: separators and punctuation.
    Skip(usize),
    /// They are one whole JSON value; the tape is in [`Framer::tape`] until the next call.
    Value(usize),
    /// They begin an envelope too large to be held whole. Its key may stand behind its data, which begins
    /// after so many bytes: [`Framer::take`] is to be told how to go on.
    Ahead(usize),
    /// They open an envelope; its elements follow one by one.
    Envelope(usize),
    /// A bad record begins at the first byte.
    Broken(FrameError),
    /// They belong to the bad record that began; `true` if it ends with them.
    Junk(usize, bool),
    /// The bytes end inside a value: more are needed.
    More,
    /// The object ends inside a value or a container.
    Truncated,
    /// The object ends where a record may end.
    End,
}

/// Why a record is bad, as far as its syntax goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// Not JSON.
    Syntax {
        /// Offset of the offending byte from the start of the record.
        at: usize,
        /// What is wrong with it.
        error: SyntaxError,
    },
    /// Longer than the cap.
    TooLong,
    /// Still open at the object's end, though its line ended long before.
    CutShort,
    /// A closing bracket that closes nothing.
    StrayCloser(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Between,
    Value,
    /// In a bad record, up to where its brackets balance or its line ends.
    Balance {
        depth: u32,
        string: bool,
        escape: bool,
        skip: usize,
    },
    /// In a bad record, up to a line that can begin the next one.
    Lines {
        line: Line,
        indent: usize,
    },
    /// In a bad record of one byte repeated.
    Run(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Context {
    Array,
    Data,
    /// After an envelope's data: the rest of its members.
    Tail {
        colon: bool,
    },
}

/// The state between two calls.
pub struct Framer {
    parser: Parser,
    mode: Mode,
    taken: Taken,
    stack: Vec<Context>,
    /// White space at the start of the line that the current record began on.
    indent: usize,
    in_indent: bool,
    /// The same of the envelope that is streamed, if its end was seen.
    outer_indent: Option<usize>,
    /// Whether the current record began on a line of its own.
    own_line: bool,
    /// Whether lines were skipped, so that brackets may be missing.
    lost: bool,
    max_record: usize,
}

impl Framer {
    /// With the cap on a record's bytes; `lost` says whether lines were skipped before.
    pub fn new(max_record: usize, parser: Parser, lost: bool) -> Framer {
        let (mode, taken, stack) = (Mode::Between, Taken::Undecided, Vec::new());
        Framer {
            parser,
            mode,
            taken,
            stack,
            indent: 0,
            in_indent: true,
            outer_indent: None,
            own_line: true,
            lost,
            max_record,
        }
    }

    /// The parser, for another file.
    pub fn into_parser(self) -> Parser {
        self.parser
    }

    /// The tape over `text`, the bytes that [`Frame::Value`] or [`Frame::Envelope`] spoke of.
    pub fn tape<'a>(&'a self, text: &'a [u8]) -> Tape<'a> {
        self.parser.tape(text)
    }

    /// Whether a new framer would do the same from here on: the first unread byte begins a line, and nothing is open but
    /// the value that begins there.
    pub fn is_at_line(&self) -> bool {
        let begins = match self.mode {
            Mode::Between => self.in_indent,
            Mode::Value => self.own_line,
            _ => false,
        };
        begins && self.indent == 0 && self.stack.is_empty()
    }

    /// Whether lines were skipped.
    pub fn is_lost(&self) -> bool {
        self.lost
    }

    /// Looks at `unread`, whose first byte follows what earlier frames took; `last` says that the object
    /// ends with it.
    pub fn next(&mut self, unread: &[u8], last: bool) -> Frame {
        match self.mode {
            Mode::Between => self.between(unread, last),
            Mode::Value => self.value(unread, last),
            Mode::Balance { .. } => self.balance(unread, last),
            Mode::Lines { .. } => self.lines(unread, last),
            Mode::Run(byte) => {
                let n = unread.iter().take_while(|&&c| c == byte).count();
                let ended = n < unread.len() || last;
                if ended {
                    self.mode = Mode::Between;
                }
                if n == 0 && !ended {
                    Frame::More
                } else {
                    Frame::Junk(n, ended)
                }
            }
        }
    }

    fn between(&mut self, unread: &[u8], last: bool) -> Frame {
        const BOM: &[u8] = b"\xEF\xBB\xBF";
        let skip = self.separators(unread);
        let rest = unread.get(skip..).unwrap_or_default();
        let Some(&c) = rest.first() else {
            return match (skip, last) {
                (1.., _) => Frame::Skip(skip),
                (0, false) => Frame::More,
                (0, true) if self.stack.is_empty() || self.lost => Frame::End,
                (0, true) => Frame::Truncated,
            };
        };
        if rest.starts_with(BOM) {
            return Frame::Skip(skip + BOM.len());
        }
        if BOM.starts_with(rest) && !last {
            return if skip > 0 {
                Frame::Skip(skip)
            } else {
                Frame::More
            };
        }
        if self.bracket(c) {
            return Frame::Skip(skip + 1);
        }
        if skip > 0 {
            return Frame::Skip(skip);
        }
        match c {
            b']' | b'}' => self.broken(Mode::Run(c), FrameError::StrayCloser(c)),
            0 => self.broken(
                Mode::Run(0),
                FrameError::Syntax {
                    at: 0,
                    error: SyntaxError::Unexpected(0),
                },
            ),
            _ => {
                (self.mode, self.taken) = (Mode::Value, Taken::Undecided);
                self.parser.reset();
                self.value(unread, last)
            }
        }
    }

    /// Length of the blanks and commas (and, in an envelope's tail, colons) that `unread` starts with.
    fn separators(&mut self, unread: &[u8]) -> usize {
        let tail = self.in_tail();
        let mut n = 0;
        for &c in unread {
            match c {
                b'\n' => (self.indent, self.in_indent) = (0, true),
                b' ' | b'\t' if self.in_indent => self.indent += 1,
                b' ' | b'\t' | b'\r' => {}
                b',' => (self.in_indent, self.own_line) = (false, false),
                b':' if tail => {}
                _ => break,
            }
            if tail && matches!(c, b',' | b':') {
                self.set_tail(c == b':');
            }
            n += 1;
        }
        n
    }

    /// Opens or closes a container if `c` does so here.
    fn bracket(&mut self, c: u8) -> bool {
        self.own_line |= self.in_indent;
        self.in_indent = false;
        match (c, self.stack.last()) {
            (b'{', Some(Context::Tail { colon: false })) => {
                // The envelope's own brace is missing: what follows is a record, not a member.
                self.stack.pop();
                return false;
            }
            (b'[', None) => self.stack.push(Context::Array),
            (b']', Some(Context::Array)) => drop(self.stack.pop()),
            (b'}', Some(Context::Tail { .. })) => {
                self.stack.pop();
                if let Some(indent) = self.outer_indent.take() {
                    // As if it had been held whole.
                    (self.indent, self.own_line) = (indent, false);
                }
            }
            (b']', Some(Context::Data)) => {
                self.stack.pop();
                self.stack.push(Context::Tail { colon: false });
            }
            _ => return false,
        }
        true
    }
}
