//! Bytes of an object in, records out: [`Decompressor`] undoes compression, [`Decoder`] gives [`Record`] or [`BadRecord`], each
//! with its place in the object.
//!
//! Synchronous and borrowing: a record is a tape over the buffer, and its raw bytes are a shared slice
//! of it. It does not know where the bytes come from nor what a click is.

mod ahead;
mod decompressor;
mod envelope;
mod frame;
mod frame_buffer;
mod gzip;
mod input_queue;
mod record;

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use ahead::{Ahead, Keys};
use envelope::Elements;
use frame::{Frame, FrameError, Framer};
use frame_buffer::FrameBuffer;
use input_queue::InputQueue;

use crate::json::Parser;

pub use decompressor::{Decompressed, Decompressor};
pub use record::{BadRecord, DecodeLimits, Item, Place, Record, Resume};

/// Decodes one object. Plain bytes go in at [`push`](Decoder::push), items come out of [`advance`](Decoder::advance).
pub struct Decoder {
    limits: DecodeLimits,
    /// What was handed over and not looked at.
    input: InputQueue,
    framer: Framer,
    ahead: Option<Ahead>,
    unread: FrameBuffer,
    last: bool,
    place: Place,
    current: Bytes,
    elements: Option<Elements>,
    keys: Keys,
    bad: Option<(BadRecord, BytesMut)>,
    over: bool,
}

impl Decoder {
    /// For one object.
    pub fn new(limits: DecodeLimits) -> Decoder {
        Decoder::at(Resume::default(), limits, Parser::new(limits.depth))
    }

    /// For what comes after `from`. The parser may be that of another object: it knows what clicks look like.
    pub fn at(from: Resume, limits: DecodeLimits, parser: Parser) -> Decoder {
        Decoder {
            limits,
            input: InputQueue::default(),
            framer: Framer::new(limits.record_bytes, parser, from.lost),
            ahead: None,
            unread: FrameBuffer::default(),
            last: false,
            place: from.place,
            current: Bytes::new(),
            elements: None,
            keys: Keys::default(),
            bad: None,
            over: false,
        }
    }

    /// The parser, for another object.
    pub fn into_parser(self) -> Parser {
        self.framer.into_parser()
    }

    /// Hands over the next plain bytes, after [`Item::NeedInput`].
    pub fn push(&mut self, plain: Bytes) {
        self.input.push(plain);
    }

    /// Says that nothing follows, after [`Item::NeedInput`].
    pub fn end(&mut self) {
        self.input.end();
    }

    /// Says that `plain` and all that follows is of no use, after [`Item::NeedInput`].
    pub fn fail(&mut self, rest: Bytes, reason: String) {
        self.input.fail(rest, reason);
    }

    /// Gives up what was handed over and is in no record yet, for another decoder to go on with [`at`](Self::at) its
    /// place; nothing if that is not possible here.
    pub fn hand_over(&mut self) -> Option<(Resume, Bytes)> {
        let between = self.framer.is_at_line()
            && self.elements.is_none()
            && self.bad.is_none()
            && self.ahead.is_none();
        let rest = between.then(|| self.unread.split_to(usize::MAX))?;
        self.over = true;
        Some((
            Resume {
                place: self.place,
                lost: self.framer.is_lost(),
            },
            rest,
        ))
    }

    /// Plain bytes taken so far.
    pub fn offset(&self) -> u64 {
        self.place.offset
    }

    /// The next item. After [`Item::Unreadable`] and [`Item::End`] there is none.
    pub fn advance(&mut self) -> Item<'_> {
        loop {
            if let Some((root, place, key)) = self.next_element() {
                return self.record(root, place, key);
            }
            if self.over {
                return Item::End;
            }
            if self.ahead.is_some() && !self.look_ahead() {
                return Item::NeedInput;
            }
            match self.framer.next(&self.unread, self.last) {
                Frame::Skip(n) => self.skip(n),
                Frame::Value(n) => {
                    let offset = self.place.offset;
                    self.current = self.take(n);
                    if self.framer.in_tail() {
                        continue;
                    }
                    if !self.open_envelope(offset) {
                        let place = self.number(offset);
                        let key = self.key_at(offset);
                        return self.record(0, place, key);
                    }
                }
                Frame::Ahead(start) => self.begin_ahead(start),
                Frame::Envelope(n) => self.begin_envelope(n),
                Frame::Broken(error) => self.begin_bad(error),
                Frame::Junk(n, ended) => {
                    if let Some(bad) = self.junk(n, ended) {
                        return Item::Bad(bad);
                    }
                }
                Frame::More => match self.fill() {
                    Ok(true) => {}
                    Ok(false) => return Item::NeedInput,
                    Err(reason) => return self.unreadable(reason),
                },
                Frame::Truncated => {
                    return self.unreadable(
                        "the object ends inside a record, an array or an envelope".into(),
                    );
                }
                Frame::End => return self.finish(),
            }
        }
    }

    fn skip(&mut self, n: usize) {
        self.place.offset += n as u64;
        self.unread.advance(n);
    }

    fn take(&mut self, n: usize) -> Bytes {
        self.place.offset += n as u64;
        self.unread.split_to(n)
    }

    /// Gives the next record its number.
    fn number(&mut self, offset: u64) -> Place {
        let place = Place {
            offset,
            index: self.place.index,
        };
        self.place.index += 1;
        place
    }

    /// Looks at more of what was handed over; `false` if nothing is left of it.
    fn fill(&mut self) -> Result<bool, String> {
        if self.unread.reveal() {
            return Ok(true);
        }
        if let Some(chunk) = self.input.next() {
            self.unread.append(chunk);
            return Ok(true);
        }
        if self.input.is_cut() && self.framer.cut(&self.unread) {
            return Ok(true);
        }
        if let Some((rest, reason)) = self.input.take_cut() {
            self.unread.append(rest);
            while self.unread.reveal() {}
            return Err(reason);
        }
        let more = self.input.is_all() && !self.last;
        self.last |= more;
        Ok(more)
    }

    /// The value at `root`, unless it is not UTF-8.
    fn record(&mut self, root: u32, place: Place, batch_key: Option<Arc<str>>) -> Item<'_> {
        let node = self.framer.tape(&self.current).node(root);
        let raw = self.current.slice(node.start as usize..node.end as usize);
        if simdutf8::basic::from_utf8(&raw).is_err() {
            let valid = std::str::from_utf8(&raw).map_or_else(|e| e.valid_up_to(), str::len);
            let reason = format!("not UTF-8 at byte {valid} of the record");
            return Item::Bad(BadRecord {
                place,
                length: raw.len() as u64,
                raw,
                reason,
            });
        }
        Item::Record(Record {
            tape: self.framer.tape(&self.current),
            root,
            raw,
            place,
            batch_key,
        })
    }

    fn begin_bad(&mut self, error: FrameError) {
        let place = self.number(self.place.offset);
        let reason = self.limits.explain(error);
        self.bad = Some((
            BadRecord {
                place,
                length: 0,
                raw: Bytes::new(),
                reason,
            },
            BytesMut::new(),
        ));
    }

    fn junk(&mut self, n: usize, ended: bool) -> Option<BadRecord> {
        let part = self.take(n);
        let (bad, raw) = self.bad.as_mut()?;
        bad.length += n as u64;
        let room = self.limits.record_bytes.saturating_sub(raw.len());
        raw.extend_from_slice(part.get(..room).unwrap_or(&part));
        if !ended {
            return None;
        }
        let (bad, raw) = self.bad.take()?;
        Some(BadRecord {
            raw: trim_line_end(raw.freeze()),
            ..bad
        })
    }

    fn unreadable(&mut self, reason: String) -> Item<'_> {
        self.over = true;
        let (place, head) = match self.bad.take() {
            Some((bad, head)) => (bad.place, head),
            None => (
                Place {
                    offset: self.place.offset,
                    index: self.place.index,
                },
                BytesMut::new(),
            ),
        };
        let mut raw = head;
        raw.extend_from_slice(&self.unread);
        raw.truncate(self.limits.record_bytes);
        let length = self.place.offset + self.unread.len() as u64 - place.offset;
        Item::Unreadable(BadRecord {
            place,
            length,
            raw: raw.freeze(),
            reason,
        })
    }

    fn finish(&mut self) -> Item<'_> {
        self.over = true;
        Item::End
    }
}

fn trim_line_end(mut raw: Bytes) -> Bytes {
    let end = raw.trim_ascii_end().len();
    raw.split_to(end)
}
