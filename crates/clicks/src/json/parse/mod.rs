//! The parser: strict JSON in one pass, resumable at any byte.
#![expect(
    clippy::indexing_slicing,
    reason = "indices come from the parser's own bookkeeping; checked access costs a tenth of its speed"
)]

mod fast_path;
mod tokens;

use super::{EMPTY, Kind, Node, ShapeId, Shapes, Tape, UNKNOWN};

/// Why a text is not JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyntaxError {
    /// A byte that cannot stand where it stands.
    Unexpected(u8),
    /// A line feed inside a string.
    LineFeedInString,
    /// Another control character inside a string.
    ControlInString(u8),
    /// A backslash followed by something that is no escape.
    BadEscape,
    /// Something that begins like a number and is none.
    BadNumber,
    /// More levels than allowed.
    TooDeep,
}

/// The outcome of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// One whole value, of this many bytes.
    Done(usize),
    /// The text ends inside the value: call again with more.
    More,
    /// The text is not JSON.
    Invalid {
        /// Offset of the offending byte.
        at: usize,
        /// The problem.
        error: SyntaxError,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Value,
    FirstElement,
    FirstKey,
    Key,
    Colon,
    AfterValue,
    Done,
}

/// Nodes that memory is kept for between objects: those of 50 clicks.
const ROOM: usize = 4096;

/// Parses one value from the start of a growing text.
#[derive(Debug)]
pub struct Parser {
    nodes: Vec<Node>,
    shapes: Shapes,
    state: State,
    /// Index of the innermost open container; `u32::MAX` for none. An open container keeps its
    /// parent's index in `next`.
    open: u32,
    depth: u32,
    max_depth: u32,
    pos: usize,
    /// Where to go on inside a string that the text ended in: a 50 MB string is scanned once.
    scanned: usize,
    string_escaped: bool,
    valid_len: usize,
    has_whitespace: bool,
    data: Option<u32>,
}

const NONE: u32 = u32::MAX;

enum Scan {
    End,
    More,
    Bad(usize, SyntaxError),
}

impl Parser {
    /// Returns a parser that refuses more than `max_depth` levels.
    pub fn new(max_depth: u32) -> Parser {
        Parser {
            nodes: Vec::with_capacity(128),
            shapes: Shapes::default(),
            state: State::Value,
            open: NONE,
            depth: 0,
            max_depth,
            pos: 0,
            scanned: 0,
            string_escaped: false,
            valid_len: 0,
            has_whitespace: false,
            data: None,
        }
    }

    /// Returns a parser with the same limit that has seen nothing.
    pub fn fork(&self) -> Parser {
        Parser::new(self.max_depth)
    }

    /// Forgets the value, for the next one; the shapes of its objects stay known.
    pub fn reset(&mut self) {
        self.nodes.clear();
        (self.state, self.open, self.depth) = (State::Value, NONE, 0);
        (self.pos, self.scanned, self.valid_len) = (0, 0, 0);
        (self.has_whitespace, self.string_escaped, self.data) = (false, false, None);
    }

    /// Forgets the value, and gives back memory that only a large one needs.
    pub fn shrink(&mut self) {
        self.reset();
        if self.nodes.capacity() > ROOM {
            self.nodes = Vec::with_capacity(ROOM / 32);
        }
    }

    /// Returns the tape over `text`, the text given to [`run`](Self::run); complete once that is
    /// done.
    pub fn tape<'a>(&'a self, text: &'a [u8]) -> Tape<'a> {
        Tape {
            text,
            nodes: &self.nodes,
            shapes: &self.shapes,
            has_whitespace: self.has_whitespace,
        }
    }

    /// Returns the offset one past the last token that was in its place.
    pub fn valid_len(&self) -> usize {
        self.valid_len
    }

    /// Returns the number of containers that are open at [`valid_len`](Self::valid_len).
    pub fn depth(&self) -> u32 {
        self.depth
    }

    /// Returns the node of the array `data` of the outermost object, if one was met on the way:
    /// then the value may be an envelope.
    pub fn data(&self) -> Option<u32> {
        self.data
    }

    /// Parses on from where the last call ended. `text` is the value from its first byte on, now
    /// longer; `last` says that no more will come.
    pub fn run(&mut self, text: &[u8], last: bool) -> Progress {
        loop {
            self.fast_path(text);
            if self.state == State::Done {
                return Progress::Done(self.valid_len);
            }
            let Some(&c) = text.get(self.pos) else {
                return Progress::More;
            };
            if matches!(c, b' ' | b'\n' | b'\r' | b'\t') {
                self.pos += 1;
                self.has_whitespace = true;
                continue;
            }
            match self.token(text, c, last) {
                Scan::End => self.valid_len = self.pos,
                Scan::More => return Progress::More,
                Scan::Bad(at, error) => return Progress::Invalid { at, error },
            }
        }
    }

    #[inline]
    fn token(&mut self, text: &[u8], c: u8, last: bool) -> Scan {
        match (self.state, c) {
            (State::Value | State::FirstElement, b'"') => self.string(text, State::AfterValue),
            (State::FirstKey | State::Key, b'"') => self.name(text),
            (State::Colon, b':') => self.punctuation(State::Value),
            (State::AfterValue, b',') => match self.nodes[self.open as usize].kind {
                Kind::Object => self.punctuation(State::Key),
                _ => self.punctuation(State::Value),
            },
            (State::AfterValue | State::FirstKey, b'}') => self.close(Kind::Object, c),
            (State::AfterValue | State::FirstElement, b']') => self.close(Kind::Array, c),
            (State::Value | State::FirstElement, b'{') => {
                self.open(text, Kind::Object, State::FirstKey)
            }
            (State::Value | State::FirstElement, b'[') => {
                self.open(text, Kind::Array, State::FirstElement)
            }
            (State::Value | State::FirstElement, _) => self.scalar(text, c, last),
            _ => Scan::Bad(self.pos, SyntaxError::Unexpected(c)),
        }
    }

    fn punctuation(&mut self, next: State) -> Scan {
        self.pos += 1;
        self.state = next;
        Scan::End
    }

    fn open(&mut self, text: &[u8], kind: Kind, next: State) -> Scan {
        if self.depth == self.max_depth {
            return Scan::Bad(self.pos, SyntaxError::TooDeep);
        }
        let index = self.nodes.len() as u32;
        if kind == Kind::Array && self.open == 0 && self.nodes[0].kind == Kind::Object {
            let name = self.nodes[index as usize - 1];
            if &text[name.start as usize..name.end as usize] == b"\"data\"" {
                self.data = Some(index);
            }
        }
        let shape = self.inner_shape();
        self.begin(self.pos, kind, shape);
        self.state = next;
        self.pos += 1;
        Scan::End
    }

    fn close(&mut self, kind: Kind, c: u8) -> Scan {
        if self.nodes[self.open as usize].kind != kind {
            return Scan::Bad(self.pos, SyntaxError::Unexpected(c));
        }
        self.pos += 1;
        self.close_container(self.pos);
        self.state = if self.open == NONE {
            State::Done
        } else {
            State::AfterValue
        };
        Scan::End
    }

    fn leaf(&mut self, end: usize, kind: Kind, escaped: bool, next: State) -> Scan {
        let index = self.nodes.len() as u32;
        self.nodes.push(Node {
            start: self.pos as u32,
            end: end as u32,
            next: index + 1,
            kind,
            escaped,
            shape: UNKNOWN,
        });
        self.pos = end;
        if self.open == NONE {
            self.state = State::Done;
            return Scan::End;
        }
        if escaped {
            self.nodes[self.open as usize].escaped = true;
        }
        self.state = next;
        Scan::End
    }
}

#[cfg(test)]
mod tests;
