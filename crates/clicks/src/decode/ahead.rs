//! The key of a long envelope, looked for behind its data before the first of its elements is given.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use super::Decoder;
use super::envelope::key_of;
use super::frame::{Taken, is_click, members_before};
use super::frame_buffer::FrameBuffer;
use crate::json::{Parser, Progress, Skip, Tape};

/// A look at what follows an envelope's `data`.
pub(super) struct Ahead {
    data: Skip,
    /// Parts looked at of what is coming; nothing before what is unread is.
    parts: Option<usize>,
    /// Bytes of the envelope that were looked at, and may be.
    looked: usize,
    most: usize,
    /// Where its data ends, and the members behind, as an object of their own.
    end: Option<usize>,
    members: Vec<u8>,
    parser: Parser,
}

/// What was found.
pub(super) enum Found {
    /// Nothing that could be read.
    Nothing,
    /// A click with a member `data`, or data that stand twice, of which the last count.
    Whole,
    /// Members behind the data, which end after so many bytes; and the key if it is among them, nothing in place of one that
    /// is no text.
    Members(usize, Option<Option<Arc<str>>>),
}

/// Bytes behind the data that are looked at at a time.
const STEP: usize = 1024;

impl Ahead {
    /// In an envelope whose data begins after `start` bytes, within `most` of them.
    fn new(start: usize, most: usize, depth: u32) -> Ahead {
        let (data, members, parser) = (Skip::default(), Vec::new(), Parser::new(depth));
        Ahead {
            data,
            parts: None,
            looked: start,
            most,
            end: None,
            members,
            parser,
        }
    }

    /// Goes on over what there is of the envelope: `unread`, from its first byte, and what is `coming` after it, to which
    /// only more is added from call to call. Nothing if more is needed.
    fn look(&mut self, unread: &FrameBuffer, coming: &VecDeque<Bytes>) -> Option<Found> {
        let first = self.parts.is_none().then(|| {
            [
                unread.get(self.looked..).unwrap_or_default(),
                unread.hidden(),
            ]
        });
        let new = coming.range(self.parts.unwrap_or(0)..).map(|part| &**part);
        self.parts = Some(coming.len());
        for part in first.into_iter().flatten().chain(new) {
            let within = part.get(..self.most - self.looked).unwrap_or(part);
            let found = self.part(within);
            self.looked += within.len();
            if found.is_some() {
                return found;
            }
            if within.len() < part.len() {
                return Some(Found::Nothing);
            }
        }
        None
    }

    fn part(&mut self, mut part: &[u8]) -> Option<Found> {
        if self.end.is_none() {
            let Ok(end) = self.data.run(part) else {
                return Some(Found::Nothing);
            };
            part = part.get(end?..)?;
            self.end = end.map(|end| self.looked + end);
        }
        if self.members.is_empty() {
            part = part.trim_ascii_start();
            let (first, rest) = part.split_first()?;
            match first {
                b',' => self.members.push(b'{'),
                b'}' => self.members.extend_from_slice(b"{}"),
                _ => return Some(Found::Nothing),
            }
            part = if first == &b'}' { b" " } else { rest };
        }
        // Far more than they are may follow.
        for piece in part.chunks(STEP) {
            self.members.extend_from_slice(piece);
            match self.parser.run(&self.members, false) {
                Progress::Done(_) => return Some(self.found(self.parser.tape(&self.members))),
                Progress::More => {}
                Progress::Invalid { .. } => return Some(Found::Nothing),
            }
        }
        None
    }

    fn found(&self, members: Tape<'_>) -> Found {
        if is_click(members, members.members(0)) || members.get(0, "data").is_some() {
            return Found::Whole;
        }
        let key = members
            .get(0, "key")
            .map(|_| key_of(members, members.members(0)));
        Found::Members(self.end.unwrap_or(0), key)
    }
}

/// The keys of the envelope that is taken by elements.
#[derive(Default)]
pub(super) struct Keys {
    /// The one before its data.
    early: Option<Arc<str>>,
    /// The one behind, nothing in place of one that is no text; and where the data ends, from the object's start.
    late: Option<(u64, Option<Arc<str>>)>,
    /// Bytes that were looked at, and nothing found.
    in_vain: u64,
}

impl Decoder {
    /// Begins to look for the key of the envelope that begins here, whose data begins after `start` bytes.
    pub(super) fn begin_ahead(&mut self, start: usize) {
        // What is broken again and again is looked at twice at most.
        if self.keys.in_vain > self.place.offset + self.limits.record_bytes as u64 {
            return self.framer.take(Taken::ByElements(false));
        }
        self.ahead = Some(Ahead::new(
            start,
            self.limits.record_bytes,
            self.limits.depth,
        ));
    }

    /// Looks for it; `false` if more bytes are needed.
    pub(super) fn look_ahead(&mut self) -> bool {
        let Some(ahead) = &mut self.ahead else {
            return true;
        };
        let found = ahead.look(&self.unread, self.input.chunks());
        let Some(found) = found.or(self.input.is_all().then_some(Found::Nothing)) else {
            return false;
        };
        let looked = ahead.looked as u64;
        self.ahead = None;
        self.keys.late = None;
        let taken = match found {
            Found::Whole => Taken::Whole,
            Found::Nothing => {
                self.keys.in_vain += looked;
                Taken::ByElements(false)
            }
            Found::Members(end, key) => {
                self.keys.late = key.map(|key| (self.place.offset + end as u64, key));
                Taken::ByElements(true)
            }
        };
        self.framer.take(taken);
        true
    }

    /// Begins to give the elements of an envelope.
    pub(super) fn begin_envelope(&mut self, n: usize) {
        let tape = self.framer.tape(&self.unread);
        self.keys.early = key_of(tape, members_before(tape, self.framer.data()));
        self.skip(n);
    }

    /// The key of the envelope that the record at `offset` is in.
    pub(super) fn key_at(&self, offset: u64) -> Option<Arc<str>> {
        let late = self.keys.late.as_ref().filter(|(end, _)| offset < *end);
        late.map_or(&self.keys.early, |(_, key)| key)
            .clone()
            .filter(|_| self.framer.in_envelope())
    }
}
