//! Where one record ends and the next begins, in any mixture of lines, arrays, concatenations and
//! envelopes; and where to go on after bytes that are none of these.
//!
//! Pure: it sees the unread bytes, says what to do with the first of them, and keeps no bytes
//! itself.

mod containers;
mod error;
mod line;
mod recover;

use containers::Containers;
use line::LineStart;
use recover::{BalanceSkip, LineSkip};

use super::DecodeLimits;
use crate::json::{Parser, Progress, SyntaxError, Tape};

pub use containers::is_click;
pub use error::FrameError;

/// The instruction for the first of the unread bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame {
    /// Drop so many: separators and punctuation.
    Skip(usize),
    /// So many are one whole JSON value; the tape is in [`Framer::tape`] until the next call.
    Value(usize),
    /// They begin an envelope that cannot be held whole: too large, cut short, or broken inside.
    /// Its elements follow one by one after [`Framer::enter_envelope`].
    Envelope,
    /// A bad record begins at the first of them.
    Broken(FrameError),
    /// They belong to the bad record that began.
    Junk {
        /// How many.
        length: usize,
        /// Whether the bad record ends with them.
        ended: bool,
    },
    /// The bytes end inside a value: more are needed.
    More,
    /// The object ends inside a value or a container.
    Truncated,
    /// The object ends where a record may end.
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Between two records.
    Between,
    /// In a value. `decided` says that it is longer than `envelope_key_bytes` and was no envelope
    /// so far.
    Value { decided: bool },
    /// In a bad record, up to where its brackets balance or its line ends.
    Balance(BalanceSkip),
    /// In a bad record, up to a line that can begin the next one.
    Lines(LineSkip),
    /// In a bad record of one byte repeated.
    Run(u8),
}

/// The state between two calls.
pub struct Framer {
    parser: Parser,
    mode: Mode,
    containers: Containers,
    line: LineStart,
    /// Whether lines were skipped, so that brackets may be missing.
    lost: bool,
    limits: DecodeLimits,
}

impl Framer {
    /// For an object, or for what comes after a point in it; `lost` says whether lines were skipped
    /// before.
    pub fn new(limits: DecodeLimits, parser: Parser, lost: bool) -> Framer {
        Framer {
            parser,
            mode: Mode::Between,
            containers: Containers::default(),
            line: LineStart::default(),
            lost,
            limits,
        }
    }

    /// Returns the parser, for another object.
    pub fn into_parser(self) -> Parser {
        self.parser
    }

    /// Returns the tape over `text`, the bytes of the last [`Frame::Value`].
    pub fn tape<'a>(&'a self, text: &'a [u8]) -> Tape<'a> {
        self.parser.tape(text)
    }

    /// Whether a new framer would do the same from here on: the first unread byte begins a line,
    /// and nothing is open but the value that begins there.
    pub fn is_at_line(&self) -> bool {
        let begins = match self.mode {
            Mode::Between => self.line.in_indent(),
            Mode::Value { .. } => self.line.is_own(),
            _ => false,
        };
        begins && self.line.indent() == 0 && self.containers.is_empty()
    }

    /// Whether lines were skipped.
    pub fn is_lost(&self) -> bool {
        self.lost
    }

    /// The containers that are open round the next record.
    pub fn containers(&self) -> &Containers {
        &self.containers
    }

    /// Looks at `unread`, whose first byte follows what earlier frames took; `last` says that the
    /// object ends with it.
    pub fn next(&mut self, unread: &[u8], last: bool) -> Frame {
        match self.mode {
            Mode::Between => self.between(unread, last),
            Mode::Value { decided } => self.value(unread, last, decided),
            Mode::Balance(skip) => self.balance(skip, unread, last),
            Mode::Lines(skip) => self.lines(skip, unread, last),
            Mode::Run(byte) => {
                let length = unread.iter().take_while(|&&c| c == byte).count();
                let ended = length < unread.len() || last;
                if ended {
                    self.mode = Mode::Between;
                }
                if length == 0 && !ended {
                    Frame::More
                } else {
                    Frame::Junk { length, ended }
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
                (0, true) if self.containers.is_empty() || self.lost => Frame::End,
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
        self.line.begin_token();
        if self.containers.take_bracket(c) {
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
                self.parser.reset();
                self.value(unread, last, false)
            }
        }
    }

    /// Returns the length of the blanks and commas (and, behind the data of an envelope, colons)
    /// that `unread` starts with.
    fn separators(&mut self, unread: &[u8]) -> usize {
        let behind_data = self.containers.is_behind_data();
        let mut length = 0;
        for &c in unread {
            match c {
                b'\n' => self.line.begin(),
                b' ' | b'\t' => self.line.blank(),
                b'\r' => {}
                b',' => self.line.comma(),
                b':' if behind_data => {}
                _ => break,
            }
            if behind_data && matches!(c, b',' | b':') {
                self.containers.set_after_colon(c == b':');
            }
            length += 1;
        }
        length
    }

    /// Parses the value that begins with `unread`, as far as it goes.
    fn value(&mut self, unread: &[u8], last: bool, mut decided: bool) -> Frame {
        let within = unread.get(..self.limits.record_bytes).unwrap_or(unread);
        let whole = within.len() == unread.len();
        if !decided && let Some(first) = within.get(..self.limits.envelope_key_bytes) {
            match self.parser.run(first, last && first.len() == unread.len()) {
                Progress::More if self.is_envelope(first) => return Frame::Envelope,
                Progress::More => decided = true,
                ended => return self.ended(ended, within),
            }
        }
        self.mode = Mode::Value { decided };
        match self.parser.run(within, last && whole) {
            Progress::More if whole && !last => Frame::More,
            Progress::More if self.is_envelope(within) => Frame::Envelope,
            Progress::More if whole && !self.began_a_line(within) => Frame::Truncated,
            Progress::More if whole => self.fail(within, FrameError::CutShort),
            Progress::More => self.fail(within, FrameError::TooLong),
            ended => self.ended(ended, within),
        }
    }

    /// Takes the value that the parser has come to the end of, good or bad.
    fn ended(&mut self, progress: Progress, within: &[u8]) -> Frame {
        match progress {
            Progress::Done(length) => {
                self.mode = Mode::Between;
                self.line.end_record();
                self.containers.set_after_colon(false);
                Frame::Value(length)
            }
            Progress::Invalid { .. } if self.is_envelope(within) => Frame::Envelope,
            Progress::Invalid { at, error } => self.fail(within, FrameError::Syntax { at, error }),
            Progress::More => Frame::More,
        }
    }

    /// Whether the value that cannot be had whole is an envelope, whose elements can.
    fn is_envelope(&self, text: &[u8]) -> bool {
        self.parser.data().is_some()
            && self.containers.may_hold_envelope()
            && !is_click(self.parser.tape(text))
    }

    /// Whether the object, which is cut off after `unread`, ends inside an envelope, as
    /// [`Frame::Envelope`] says of one that ends otherwise.
    pub fn is_cut_envelope(&self, unread: &[u8]) -> bool {
        matches!(self.mode, Mode::Value { .. }) && self.is_envelope(unread)
    }

    /// Returns the tape's node of the data of the envelope of [`Frame::Envelope`].
    pub fn envelope_data(&self) -> u32 {
        self.parser.data().unwrap_or(0)
    }

    /// Goes on behind the bracket that opens the data of the envelope of [`Frame::Envelope`];
    /// returns how many bytes that is from its start.
    pub fn enter_envelope(&mut self) -> usize {
        self.mode = Mode::Between;
        self.containers.open_data();
        let data = self.parser.tape(&[]).node(self.envelope_data());
        data.start as usize + 1
    }

    /// Returns a framer that goes on as this one will after
    /// [`enter_envelope`](Self::enter_envelope), and has skipped no lines yet.
    pub fn fork_in_envelope(&self) -> Framer {
        let mut containers = self.containers.clone();
        containers.open_data();
        Framer {
            parser: self.parser.fork(),
            mode: Mode::Between,
            containers,
            lost: false,
            ..*self
        }
    }
}
