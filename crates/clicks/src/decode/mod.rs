//! Bytes of an object in, records out: [`Decompressor`] undoes compression, [`Decoder`] gives
//! [`Record`] or [`BadRecord`], each with its place in the object.
//!
//! Synchronous and borrowing: a record is a tape over the buffer, and its raw bytes are a shared
//! slice of it. It does not know where the bytes come from nor what a click is.

mod bad;
mod decompressor;
mod envelope;
mod envelope_key;
mod format;
mod frame;
mod frame_buffer;
mod gzip;
mod input;
mod input_queue;
mod record;
mod table;
mod value;

use std::sync::Arc;

use bytes::Bytes;

use bad::OpenBadRecord;
use envelope_key::KeySearch;
use frame::{Frame, FrameError, Framer};
use input::{Fill, Input};
use value::Value;

use crate::json::Parser;

pub use decompressor::{Decompressed, Decompressor};
pub use record::{BadRecord, DecodeLimits, ENVELOPE_KEY_BYTES, Item, Place, Record, Resume};

/// Decodes one object. Plain bytes go in at [`push`](Decoder::push), items come out of
/// [`advance`](Decoder::advance). What comes out does not depend on how the bytes were cut into
/// chunks.
pub struct Decoder {
    limits: DecodeLimits,
    input: Input,
    framer: Framer,
    /// Records before the next one.
    index: u64,
    value: Value,
    key_search: Option<KeySearch>,
    /// The key of the envelope that is taken element by element.
    envelope_key: Option<Arc<str>>,
    bad: Option<OpenBadRecord>,
    over: bool,
}

impl Decoder {
    /// Returns a decoder for one object.
    pub fn new(limits: DecodeLimits) -> Decoder {
        Decoder::at(Resume::default(), limits, Parser::new(limits.depth))
    }

    /// Returns a decoder for what comes after `from`. The parser may be that of another object: it
    /// knows what clicks look like.
    pub fn at(from: Resume, limits: DecodeLimits, parser: Parser) -> Decoder {
        Decoder {
            limits,
            input: Input::at(from.place.offset),
            framer: Framer::new(limits, parser, from.lost),
            index: from.place.index,
            value: Value::default(),
            key_search: None,
            envelope_key: None,
            bad: None,
            over: false,
        }
    }

    /// Returns the parser, for another object.
    pub fn into_parser(self) -> Parser {
        self.framer.into_parser()
    }

    /// Hands over the next plain bytes, after [`Item::NeedInput`].
    pub fn push(&mut self, plain: Bytes) {
        self.input.queue().push(plain);
    }

    /// Says that nothing follows, after [`Item::NeedInput`].
    pub fn end(&mut self) {
        self.input.queue().end();
    }

    /// Says that `rest` and all that follows is of no use, after [`Item::NeedInput`].
    pub fn fail(&mut self, rest: Bytes, reason: String) {
        self.input.queue().fail(rest, reason);
    }

    /// Gives up what was handed over and is in no record yet, for another decoder to go on with
    /// [`at`](Self::at) its place; `None` if that is not possible here.
    pub fn hand_over(&mut self) -> Option<(Resume, Bytes)> {
        let between = self.framer.is_at_line()
            && !self.value.has_elements()
            && self.bad.is_none()
            && self.key_search.is_none();
        let rest = between.then(|| self.input.give_up())?;
        self.over = true;
        let place = Place {
            offset: self.input.offset(),
            index: self.index,
        };
        let lost = self.framer.is_lost();
        Some((Resume { place, lost }, rest))
    }

    /// Returns the number of plain bytes taken so far.
    pub fn offset(&self) -> u64 {
        self.input.offset()
    }

    /// Returns the next item. After [`Item::Unreadable`] and [`Item::End`] there is none.
    pub fn advance(&mut self) -> Item<'_> {
        loop {
            if let Some(root) = self.value.next_element(&self.framer) {
                let key = self.value.key();
                return self.record(root, key);
            }
            if self.over {
                return Item::End;
            }
            if self.key_search.is_some() {
                if !self.search_key() {
                    return Item::NeedInput;
                }
                continue;
            }
            match self.framer.next(self.input.unread(), self.input.is_last()) {
                Frame::Skip(length) => self.input.skip(length),
                Frame::Value(length) => {
                    if self.take_value(length) {
                        let in_envelope = self.framer.containers().in_envelope();
                        let key = self.envelope_key.clone().filter(|_| in_envelope);
                        return self.record(0, key);
                    }
                }
                Frame::Envelope => self.begin_key_search(),
                Frame::Broken(error) => self.begin_bad(error),
                Frame::Junk { length, ended } => {
                    if let Some(bad) = self.junk(length, ended) {
                        return Item::Bad(bad);
                    }
                }
                Frame::More => match self.input.fill() {
                    Fill::More => {}
                    Fill::NeedInput => return Item::NeedInput,
                    Fill::Unreadable if self.framer.is_cut_envelope(self.input.unread()) => {
                        self.begin_key_search();
                    }
                    Fill::Unreadable => {
                        let reason = self.input.reveal_unreadable();
                        return self.unreadable(reason);
                    }
                },
                Frame::Truncated => {
                    let reason = "the object ends inside a record, an array or an envelope";
                    return self.unreadable(reason.into());
                }
                Frame::End => {
                    self.over = true;
                    return Item::End;
                }
            }
        }
    }

    /// Returns the place of the record at `offset`, which is the next one.
    fn number(&mut self, offset: u64) -> Place {
        let index = self.index;
        self.index += 1;
        Place { offset, index }
    }

    /// Takes the value that was framed; `true` if it is a record.
    fn take_value(&mut self, length: usize) -> bool {
        let offset = self.input.offset();
        self.value = Value::new(self.input.take(length), offset);
        let containers = self.framer.containers();
        let key_bytes = self.limits.envelope_key_bytes;
        !containers.is_behind_data()
            && (containers.in_envelope() || !self.value.open_envelope(&self.framer, key_bytes))
    }

    /// Returns the node `root` of the value as a record.
    fn record(&mut self, root: u32, key: Option<Arc<str>>) -> Item<'_> {
        let offset = self.value.offset_of(root, &self.framer);
        let place = self.number(offset);
        self.value.record(root, &self.framer, place, key)
    }

    fn begin_key_search(&mut self) {
        let key_bytes = self.limits.envelope_key_bytes;
        let search = KeySearch::new(&self.framer, self.input.unread(), key_bytes);
        self.key_search = Some(search);
    }

    /// Searches on for the key of the envelope that begins here, and enters the envelope once it is
    /// found or cannot be; `false` if more input is needed.
    fn search_key(&mut self) -> bool {
        while let Some(search) = &mut self.key_search {
            let known = search.look(self.input.unread(), self.input.is_last())
                || match self.input.fill() {
                    Fill::More => false,
                    Fill::NeedInput => return false,
                    Fill::Unreadable => true,
                };
            if known {
                self.envelope_key = self.key_search.take().and_then(KeySearch::into_key);
                self.input.skip(self.framer.enter_envelope());
            }
        }
        true
    }

    fn begin_bad(&mut self, error: FrameError) {
        let place = self.number(self.input.offset());
        let reason = self.limits.explain(error);
        self.bad = Some(OpenBadRecord::new(place, reason, self.limits.record_bytes));
    }

    fn junk(&mut self, length: usize, ended: bool) -> Option<BadRecord> {
        let part = self.input.take(length);
        self.bad.as_mut()?.extend(&part);
        if ended {
            self.bad.take().map(OpenBadRecord::finish)
        } else {
            None
        }
    }

    /// Ends where the object cannot be read any further.
    fn unreadable(&mut self, reason: String) -> Item<'_> {
        self.over = true;
        let place = Place {
            offset: self.input.offset(),
            index: self.index,
        };
        let open = self
            .bad
            .take()
            .unwrap_or_else(|| OpenBadRecord::new(place, String::new(), self.limits.record_bytes));
        Item::Unreadable(open.unreadable(self.input.unread(), reason))
    }
}
