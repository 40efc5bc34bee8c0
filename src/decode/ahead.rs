//! The key of a long envelope, looked for behind its data before the first of its elements is given.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use super::Decoder;
use super::envelope::key_of;
use super::frame::{Taken, is_click, members_before};
use super::unread::Unread;
use crate::json::{Parser, Progress, Skip, Tape};

/// A look at what follows an envelope's `data`.
pub(super) struct Ahead {
    data: Skip,
    /// Parts looked at of what is coming; nothing before what is unread is.
    parts: Option<usize>,
    /// Bytes of the envelope that were looked at, and may be.
    looked: usize,
    most: usize,
    /// The members behind its data, as an object of their own.
    members: Option<Vec<u8>>,
    parser: Parser,
}

/// What was found: how the envelope is to be taken, and its key if it stands behind its data.
pub(super) type Found = (Taken, Option<Arc<str>>);

impl Ahead {
    /// In an envelope whose data begins after `start` bytes, within `most` of them.
    pub(super) fn new(start: usize, most: usize, depth: u32) -> Ahead {
        Ahead { data: Skip::default(), parts: None, looked: start, most, members: None, parser: Parser::new(depth) }
    }

    /// Goes on over what there is of the envelope: `unread`, from its first byte, and what is `coming` after it, to which
    /// only more is added from call to call. Nothing if more is needed.
    pub(super) fn look(&mut self, unread: &Unread, coming: &VecDeque<Bytes>) -> Option<Found> {
        let first = self.parts.is_none().then(|| [unread.get(self.looked..).unwrap_or_default(), unread.hidden()]);
        let new = coming.range(self.parts.unwrap_or(0)..).map(|part| &**part);
        self.parts = Some(coming.len());
        for part in first.into_iter().flatten().chain(new) {
            let within = part.get(..self.most - self.looked).unwrap_or(part);
            self.looked += within.len();
            if let Some(found) = self.part(within) {
                return Some(found);
            }
            if within.len() < part.len() {
                return Some(NOTHING);
            }
        }
        None
    }

    fn part(&mut self, mut part: &[u8]) -> Option<Found> {
        if self.members.is_none() {
            part = part.get(self.data.run(part)?..)?;
        }
        let members = self.members.get_or_insert_default();
        if members.is_empty() {
            part = part.trim_ascii_start();
            let (first, rest) = part.split_first()?;
            match first {
                b',' => members.push(b'{'),
                b'}' => members.extend_from_slice(b"{}"),
                _ => return Some(NOTHING),
            }
            part = if first == &b'}' { b" " } else { rest };
        }
        // Far more than they are may follow.
        for piece in part.chunks(STEP) {
            members.extend_from_slice(piece);
            match self.parser.run(members, false) {
                Progress::Done(_) => return Some(found(self.parser.tape(members))),
                Progress::More => {}
                Progress::Invalid { .. } => return Some(NOTHING),
            }
        }
        None
    }
}

/// Bytes behind the data that are looked at at a time.
const STEP: usize = 1024;

/// Nothing that could be read.
const NOTHING: Found = (Taken::ByElements, None);

/// What an envelope is with these members behind its data.
fn found(members: Tape<'_>) -> Found {
    // A click with a member `data`; or data that stand twice, of which the last count.
    if is_click(members, members.members(0)) || members.get(0, "data").is_some() {
        return (Taken::Whole, None);
    }
    (Taken::ByElements, key_of(members, members.members(0)))
}

impl Decoder {
    /// Begins to look for the key of the envelope that begins here, whose data begins after `start` bytes.
    pub(super) fn begin_ahead(&mut self, start: usize) {
        self.envelope_key = self.key_before();
        self.ahead = Some(Ahead::new(start, self.caps.record_bytes, self.caps.depth));
    }

    /// Looks for it; `false` if more bytes are needed.
    pub(super) fn look_ahead(&mut self) -> bool {
        let found = self.ahead.as_mut().and_then(|ahead| ahead.look(&self.unread, &self.coming));
        let all = self.ended || self.cut.is_some();
        let Some((taken, key)) = found.or(all.then_some(NOTHING)) else { return false };
        self.framer.take(taken);
        self.envelope_key = key.or(self.envelope_key.take());
        self.ahead = None;
        true
    }

    /// If what is cut off is an envelope, begins to give the elements it has.
    pub(super) fn begin_cut(&mut self) -> bool {
        let envelope = self.framer.cut(&self.unread);
        if envelope {
            self.envelope_key = self.key_before();
        }
        envelope
    }

    fn key_before(&self) -> Option<Arc<str>> {
        let tape = self.framer.tape(&self.unread);
        key_of(tape, members_before(tape, self.framer.data()))
    }
}
