//! The tokens that are more than one byte long.
#![expect(
    clippy::indexing_slicing,
    reason = "indices come from the parser's own bookkeeping; checked access costs a tenth of its speed"
)]

use super::super::scan::{escape_length, is_number, plain_run};
use super::{Kind, Parser, Scan, State, SyntaxError, UNKNOWN};

impl Parser {
    /// Takes a member's name, with its colon if it is known to come here.
    #[inline]
    pub(super) fn name(&mut self, text: &[u8]) -> Scan {
        let shape = self.nodes[self.open as usize].shape;
        if self.scanned == 0
            && let Some((length, to)) = self.shapes.predict(shape, &text[self.pos..])
        {
            self.nodes[self.open as usize].shape = to;
            let end = self.pos + length;
            self.leaf(end - 1, Kind::String, false, State::Value);
            self.pos = end;
            return Scan::End;
        }
        let start = self.pos;
        let scan = self.string(text, State::Colon);
        if let (Scan::End, Some(name)) = (&scan, self.nodes.last()) {
            let plain = if name.escaped { UNKNOWN } else { shape };
            self.nodes[self.open as usize].shape = self.shapes.step(plain, &text[start..self.pos]);
        }
        scan
    }

    #[inline]
    pub(super) fn string(&mut self, text: &[u8], next: State) -> Scan {
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
                    Some(0) => return Scan::Bad(at, SyntaxError::BadEscape),
                    Some(length) => {
                        self.string_escaped = true;
                        at += length;
                    }
                    None => break,
                },
                Some(b'\n') => return Scan::Bad(at, SyntaxError::LineFeedInString),
                Some(&c) => return Scan::Bad(at, SyntaxError::ControlInString(c)),
            }
        }
        self.scanned = at;
        Scan::More
    }

    pub(super) fn scalar(&mut self, text: &[u8], c: u8, last: bool) -> Scan {
        let rest = &text[self.pos..];
        let word: &[u8] = match c {
            b't' => b"true",
            b'f' => b"false",
            b'n' => b"null",
            b'-' | b'0'..=b'9' => return self.number(rest, last),
            _ => return Scan::Bad(self.pos, SyntaxError::Unexpected(c)),
        };
        let same = rest.iter().zip(word).take_while(|(a, b)| a == b).count();
        if same == word.len() {
            let kind = if c == b'n' { Kind::Null } else { Kind::Bool };
            self.leaf(self.pos + same, kind, false, State::AfterValue)
        } else if same == rest.len() && !last {
            Scan::More
        } else {
            Scan::Bad(
                self.pos + same,
                SyntaxError::Unexpected(rest.get(same).copied().unwrap_or(c)),
            )
        }
    }

    fn number(&mut self, rest: &[u8], last: bool) -> Scan {
        let length = rest
            .iter()
            .take_while(|c| matches!(c, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'))
            .count();
        if length == rest.len() && !last {
            return Scan::More;
        }
        if is_number(&rest[..length]) {
            self.leaf(self.pos + length, Kind::Number, false, State::AfterValue)
        } else {
            Scan::Bad(self.pos, SyntaxError::BadNumber)
        }
    }
}
