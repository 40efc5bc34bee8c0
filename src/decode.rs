//! Bytes of an object in, records out: [`Record`] or [`BadRecord`], each with its place in the object.
//!
//! Synchronous and borrowing: a record is a tape over the buffer, and its raw bytes are a shared slice
//! of it. It does not know where the bytes come from nor what a click is.

mod compression;
mod envelope;
mod frame;
mod record;

use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};

use compression::{Inflate, Step};
use envelope::{Elements, key_of};
use frame::{Frame, Framer, Wrong};

use crate::json::Parser;

pub use record::{BadRecord, Caps, Item, Place, Record};

/// Decodes one object. Chunks go in at [`push`](Decoder::push), items come out of [`advance`](Decoder::advance).
pub struct Decoder {
    caps: Caps,
    inflate: Inflate,
    framer: Framer,
    unread: BytesMut,
    last: bool,
    place: Place,
    current: Bytes,
    elements: Option<Elements>,
    envelope_key: Option<Arc<str>>,
    bad: Option<(BadRecord, BytesMut)>,
    over: bool,
    capped: bool,
}

impl Decoder {
    /// For one object.
    pub fn new(caps: Caps) -> Decoder {
        Decoder::with(caps, Parser::new(caps.depth))
    }

    /// For one object, with the parser of another: it knows what clicks look like.
    pub fn with(caps: Caps, mut parser: Parser) -> Decoder {
        parser.renew();
        Decoder {
            caps,
            inflate: Inflate::new(),
            framer: Framer::new(caps.record_bytes, parser),
            unread: BytesMut::new(),
            last: false,
            place: Place::default(),
            current: Bytes::new(),
            elements: None,
            envelope_key: None,
            bad: None,
            over: false,
            capped: false,
        }
    }

    /// The parser, for another object.
    pub fn into_parser(self) -> Parser {
        self.framer.into_parser()
    }

    /// Hands over the next chunk, after [`Item::Starved`].
    pub fn push(&mut self, chunk: Bytes) {
        self.inflate.push(chunk);
    }

    /// Says that no chunk follows, after [`Item::Starved`].
    pub fn end(&mut self) {
        self.inflate.end();
    }

    /// Plain bytes taken so far.
    pub fn offset(&self) -> u64 {
        self.place.offset
    }

    /// The next item. After [`Item::Tail`] and [`Item::End`] there is none.
    pub fn advance(&mut self) -> Item<'_> {
        loop {
            if let Some((root, place, key)) = self.next_element() {
                return self.record(root, place, key);
            }
            if self.over {
                return Item::End;
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
                        let key = self.envelope_key.clone().filter(|_| self.framer.in_envelope());
                        return self.record(0, place, key);
                    }
                }
                Frame::Envelope(n) => {
                    let tape = self.framer.tape(&self.unread);
                    self.envelope_key = key_of(tape, frame::members_before(tape, self.framer.data()));
                    self.take(n);
                }
                Frame::Broken(wrong) => self.begin_bad(wrong),
                Frame::Junk(n, ended) => {
                    if let Some(bad) = self.junk(n, ended) {
                        return Item::Bad(bad);
                    }
                }
                Frame::More => match self.fill() {
                    Ok(true) => {}
                    Ok(false) => return Item::Starved,
                    Err(reason) => return self.tail(reason),
                },
                Frame::Truncated => return self.tail("the object ends inside a record, an array or an envelope".into()),
                Frame::End => return self.finish(),
            }
        }
    }

    fn skip(&mut self, n: usize) {
        self.place.offset += n as u64;
        self.unread.advance(n.min(self.unread.len()));
    }

    fn take(&mut self, n: usize) -> Bytes {
        self.place.offset += n as u64;
        self.unread.split_to(n.min(self.unread.len())).freeze()
    }

    /// Gives the next record its number.
    fn number(&mut self, offset: u64) -> Place {
        let place = Place { offset, index: self.place.index };
        self.place.index += 1;
        place
    }

    /// Inflates one more step; `false` if that needs the next chunk.
    fn fill(&mut self) -> Result<bool, String> {
        if self.last {
            return Ok(false);
        }
        if self.capped {
            return Err(format!("the object holds more than {} bytes (MAX_OBJECT_BYTES)", self.caps.object_bytes));
        }
        let plain = self.place.offset + self.unread.len() as u64;
        match self.inflate.step(&mut self.unread) {
            Ok(Step::Starved) => Ok(false),
            Ok(Step::End) => {
                self.last = true;
                Ok(true)
            }
            Ok(Step::Gave(_)) => self.check_caps().map(|()| true),
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
                Err(format!("the gzip stream is cut short after {} bytes", self.inflate.eaten()))
            }
            Err(e) => Err(format!("the gzip stream is corrupt after {plain} plain bytes: {e}")),
        }
    }

    fn check_caps(&mut self) -> Result<(), String> {
        let plain = self.place.offset + self.unread.len() as u64;
        if plain > self.caps.object_bytes {
            // What lies within the cap is still decoded, however much this step gave.
            self.unread.truncate((self.caps.object_bytes - self.place.offset) as usize);
            self.capped = true;
        }
        if self.inflate.is_gzip() && plain > 1 << 20 && plain / self.inflate.eaten().max(1) > self.caps.ratio {
            return Err(format!("the gzip stream inflates more than {} : 1 (MAX_INFLATE_RATIO)", self.caps.ratio));
        }
        if self.inflate.is_gzip() && self.place.offset == 0 && self.unread.starts_with(b"\x1F\x8B") {
            return Err("the contents were compressed twice: gunzip the object once and store it again".into());
        }
        Ok(())
    }

    /// The value at `root`, unless it is not UTF-8.
    fn record(&mut self, root: u32, place: Place, batch_key: Option<Arc<str>>) -> Item<'_> {
        let node = self.framer.tape(&self.current).node(root);
        let raw = self.current.slice(node.start as usize..node.end as usize);
        if simdutf8::basic::from_utf8(&raw).is_err() {
            let valid = std::str::from_utf8(&raw).map_or_else(|e| e.valid_up_to(), str::len);
            let reason = format!("not UTF-8 at byte {valid} of the record");
            return Item::Bad(BadRecord { place, length: raw.len() as u64, raw, reason });
        }
        Item::Record(Record { tape: self.framer.tape(&self.current), root, raw, place, batch_key })
    }

    fn begin_bad(&mut self, wrong: Wrong) {
        let place = self.number(self.place.offset);
        let reason = self.caps.explain(wrong);
        self.bad = Some((BadRecord { place, length: 0, raw: Bytes::new(), reason }, BytesMut::new()));
    }

    fn junk(&mut self, n: usize, ended: bool) -> Option<BadRecord> {
        let part = self.take(n);
        let (bad, raw) = self.bad.as_mut()?;
        bad.length += n as u64;
        let room = self.caps.record_bytes.saturating_sub(raw.len());
        raw.extend_from_slice(part.get(..room).unwrap_or(&part));
        if !ended {
            return None;
        }
        let (bad, raw) = self.bad.take()?;
        Some(BadRecord { raw: trim_line_end(raw.freeze()), ..bad })
    }

    fn tail(&mut self, reason: String) -> Item<'_> {
        self.over = true;
        let (place, head) = match self.bad.take() {
            Some((bad, head)) => (bad.place, head),
            None => (Place { offset: self.place.offset, index: self.place.index }, BytesMut::new()),
        };
        let mut raw = head;
        raw.extend_from_slice(&self.unread);
        raw.truncate(self.caps.record_bytes);
        let length = self.place.offset + self.unread.len() as u64 - place.offset;
        Item::Tail(BadRecord { place, length, raw: raw.freeze(), reason })
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
