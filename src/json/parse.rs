//! The parser: strict JSON in one pass, resumable at any byte.
#![expect(
    clippy::indexing_slicing,
    reason = "indices come from the parser's own bookkeeping; checked access costs a tenth of its speed"
)]

use super::{Kind, Node, Tape};

/// Why a text is not JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A byte that cannot stand where it stands.
    Unexpected(u8),
    /// A line feed inside a string.
    LineFeedInString,
    /// Another control character inside a string.
    ControlInString(u8),
    /// A backslash followed by something that is no escape.
    BadEscape,
    /// A number that is none.
    BadNumber,
    /// More levels than allowed.
    TooDeep,
}

/// How far a call came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// One whole value, of this many bytes.
    Done(usize),
    /// The text ends inside the value: call again with more.
    More,
    /// No JSON.
    Invalid {
        /// Offset of the offending byte.
        at: usize,
        /// What is wrong with it.
        fault: Fault,
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

/// Parses one value from the start of a growing text.
#[derive(Debug)]
pub struct Parser {
    nodes: Vec<Node>,
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
    good: usize,
    spaced: bool,
    data: Option<u32>,
}

const NONE: u32 = u32::MAX;

enum Scan {
    End,
    More,
    Bad(usize, Fault),
}

impl Parser {
    /// A parser that refuses more than `max_depth` levels.
    pub fn new(max_depth: u32) -> Parser {
        Parser {
            nodes: Vec::with_capacity(128),
            state: State::Value,
            open: NONE,
            depth: 0,
            max_depth,
            pos: 0,
            scanned: 0,
            string_escaped: false,
            good: 0,
            spaced: false,
            data: None,
        }
    }

    /// Forgets the value, for the next one.
    pub fn reset(&mut self) {
        self.nodes.clear();
        (self.state, self.open, self.depth) = (State::Value, NONE, 0);
        (self.pos, self.scanned, self.good) = (0, 0, 0);
        (self.spaced, self.string_escaped, self.data) = (false, false, None);
    }

    /// The tape over `text`, the text given to [`run`](Self::run); complete once that is done.
    pub fn tape<'a>(&'a self, text: &'a [u8]) -> Tape<'a> {
        Tape { text, nodes: &self.nodes, spaced: self.spaced }
    }

    /// Offset one past the last token that was in its place.
    pub fn good(&self) -> usize {
        self.good
    }

    /// Containers open at [`good`](Self::good).
    pub fn depth(&self) -> u32 {
        self.depth
    }

    /// The node of a top-level `"data": [` met on the way: what may be an envelope.
    pub fn data(&self) -> Option<u32> {
        self.data
    }

    /// Goes on from where the last call ended. `text` is the value from its first byte on, now longer;
    /// `last` says that no more will come.
    pub fn run(&mut self, text: &[u8], last: bool) -> Progress {
        loop {
            if self.state == State::Done {
                return Progress::Done(self.good);
            }
            let Some(&c) = text.get(self.pos) else { return Progress::More };
            if matches!(c, b' ' | b'\n' | b'\r' | b'\t') {
                self.pos += 1;
                self.spaced = true;
                continue;
            }
            match self.token(text, c, last) {
                Scan::End => self.good = self.pos,
                Scan::More => return Progress::More,
                Scan::Bad(at, fault) => return Progress::Invalid { at, fault },
            }
        }
    }

    #[inline]
    fn token(&mut self, text: &[u8], c: u8, last: bool) -> Scan {
        match (self.state, c) {
            (State::Value | State::FirstElement, b'"') => self.string(text, State::AfterValue),
            (State::FirstKey | State::Key, b'"') => self.string(text, State::Colon),
            (State::Colon, b':') => self.punctuation(State::Value),
            (State::AfterValue, b',') => match self.nodes[self.open as usize].kind {
                Kind::Object => self.punctuation(State::Key),
                _ => self.punctuation(State::Value),
            },
            (State::AfterValue | State::FirstKey, b'}') => self.close(Kind::Object, c),
            (State::AfterValue | State::FirstElement, b']') => self.close(Kind::Array, c),
            (State::Value | State::FirstElement, b'{') => self.open(text, Kind::Object, State::FirstKey),
            (State::Value | State::FirstElement, b'[') => self.open(text, Kind::Array, State::FirstElement),
            (State::Value | State::FirstElement, _) => self.scalar(text, c, last),
            _ => Scan::Bad(self.pos, Fault::Unexpected(c)),
        }
    }

    fn punctuation(&mut self, next: State) -> Scan {
        self.pos += 1;
        self.state = next;
        Scan::End
    }

    fn open(&mut self, text: &[u8], kind: Kind, next: State) -> Scan {
        if self.depth == self.max_depth {
            return Scan::Bad(self.pos, Fault::TooDeep);
        }
        let index = self.nodes.len() as u32;
        if kind == Kind::Array && self.open == 0 && self.nodes[0].kind == Kind::Object {
            let name = self.nodes[index as usize - 1];
            if &text[name.start as usize..name.end as usize] == b"\"data\"" {
                self.data = Some(index);
            }
        }
        self.nodes.push(Node { start: self.pos as u32, end: 0, next: self.open, kind, escaped: false });
        (self.open, self.depth, self.state) = (index, self.depth + 1, next);
        self.pos += 1;
        Scan::End
    }

    fn close(&mut self, kind: Kind, c: u8) -> Scan {
        let count = self.nodes.len() as u32;
        let node = &mut self.nodes[self.open as usize];
        if node.kind != kind {
            return Scan::Bad(self.pos, Fault::Unexpected(c));
        }
        self.pos += 1;
        node.end = self.pos as u32;
        self.open = std::mem::replace(&mut node.next, count);
        self.depth -= 1;
        self.state = if self.open == NONE { State::Done } else { State::AfterValue };
        Scan::End
    }

    fn leaf(&mut self, end: usize, kind: Kind, escaped: bool, next: State) -> Scan {
        let index = self.nodes.len() as u32;
        self.nodes.push(Node { start: self.pos as u32, end: end as u32, next: index + 1, kind, escaped });
        self.pos = end;
        self.state = if self.open == NONE { State::Done } else { next };
        Scan::End
    }

    #[inline]
    fn string(&mut self, text: &[u8], next: State) -> Scan {
        let mut at = self.scanned.max(self.pos + 1);
        loop {
            at += plain_run(&text[at..]);
            match text.get(at) {
                None => break,
                Some(b'"') => {
                    let escaped = std::mem::take(&mut self.string_escaped);
                    self.scanned = 0;
                    return self.leaf(at + 1, Kind::String, escaped, next);
                }
                Some(b'\\') => match escape_length(&text[at..]) {
                    Some(0) => return Scan::Bad(at, Fault::BadEscape),
                    Some(length) => {
                        self.string_escaped = true;
                        at += length;
                    }
                    None => break,
                },
                Some(b'\n') => return Scan::Bad(at, Fault::LineFeedInString),
                Some(&c) => return Scan::Bad(at, Fault::ControlInString(c)),
            }
        }
        self.scanned = at;
        Scan::More
    }

    fn scalar(&mut self, text: &[u8], c: u8, last: bool) -> Scan {
        let rest = &text[self.pos..];
        let word: &[u8] = match c {
            b't' => b"true",
            b'f' => b"false",
            b'n' => b"null",
            b'-' | b'0'..=b'9' => return self.number(rest, last),
            _ => return Scan::Bad(self.pos, Fault::Unexpected(c)),
        };
        let same = rest.iter().zip(word).take_while(|(a, b)| a == b).count();
        if same == word.len() {
            let kind = if c == b'n' { Kind::Null } else { Kind::Bool };
            self.leaf(self.pos + same, kind, false, State::AfterValue)
        } else if same == rest.len() && !last {
            Scan::More
        } else {
            Scan::Bad(self.pos + same, Fault::Unexpected(rest.get(same).copied().unwrap_or(c)))
        }
    }

    fn number(&mut self, rest: &[u8], last: bool) -> Scan {
        let length = rest.iter().take_while(|c| matches!(c, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')).count();
        if length == rest.len() && !last {
            return Scan::More;
        }
        if is_number(&rest[..length]) {
            self.leaf(self.pos + length, Kind::Number, false, State::AfterValue)
        } else {
            Scan::Bad(self.pos, Fault::BadNumber)
        }
    }
}

/// Bytes of `text` before the first quote, backslash or control character: eight at a time.
#[inline]
fn plain_run(text: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    let zero = |v: u64| v.wrapping_sub(ONES) & !v & HIGH;
    let (words, tail) = text.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let v = u64::from_le_bytes(*word);
        let control = v.wrapping_sub(ONES * 0x20) & !v & HIGH;
        let hit = zero(v ^ (ONES * u64::from(b'"'))) | zero(v ^ (ONES * u64::from(b'\\'))) | control;
        if hit != 0 {
            return index * 8 + (hit.trailing_zeros() / 8) as usize;
        }
    }
    let done = text.len() - tail.len();
    done + tail.iter().position(|&c| c == b'"' || c == b'\\' || c < 0x20).unwrap_or(tail.len())
}

/// Length of the escape at the start of `text`: 0 if it is none, nothing if the text ends inside it.
fn escape_length(text: &[u8]) -> Option<usize> {
    match text.get(1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
        b'u' => {
            let digits = &text[2..text.len().min(6)];
            if !digits.iter().all(u8::is_ascii_hexdigit) {
                Some(0)
            } else if digits.len() == 4 {
                Some(6)
            } else {
                None
            }
        }
        _ => Some(0),
    }
}

/// Whether `text` is a number as JSON spells it.
pub fn is_number(text: &[u8]) -> bool {
    let digits = |t: &[u8]| t.iter().take_while(|c| c.is_ascii_digit()).count();
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let whole = digits(text);
    if whole == 0 || (whole > 1 && text[0] == b'0') {
        return false;
    }
    let mut rest = &text[whole..];
    if let [b'.', fraction @ ..] = rest {
        let n = digits(fraction);
        if n == 0 {
            return false;
        }
        rest = &fraction[n..];
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = exponent.strip_prefix(b"+").or(exponent.strip_prefix(b"-")).unwrap_or(exponent);
        let n = digits(exponent);
        if n == 0 {
            return false;
        }
        rest = &exponent[n..];
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests;
