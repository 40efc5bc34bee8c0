//! The value that was framed last.

use std::sync::Arc;

use bytes::Bytes;

use super::envelope::Elements;
use super::frame::Framer;
use super::{BadRecord, Item, Place, Record};

/// A value that was framed; the framer has its tape.
#[derive(Default)]
pub(super) struct Value {
    bytes: Bytes,
    /// Plain bytes of the object before it.
    offset: u64,
    /// Those of its elements that are still to come, if it is an envelope.
    elements: Option<Elements>,
}

impl Value {
    pub(super) fn new(bytes: Bytes, offset: u64) -> Value {
        Value {
            bytes,
            offset,
            elements: None,
        }
    }

    /// Begins to go through its elements if it is an envelope, whose key must end within
    /// `key_bytes` to count; `false` if it is none.
    pub(super) fn open_envelope(&mut self, framer: &Framer, key_bytes: usize) -> bool {
        self.elements = Elements::of(framer.tape(&self.bytes), key_bytes);
        self.elements.is_some()
    }

    /// Whether some of its elements are still to come.
    pub(super) fn has_elements(&self) -> bool {
        self.elements.is_some()
    }

    /// Returns the node of its next element.
    pub(super) fn next_element(&mut self, framer: &Framer) -> Option<u32> {
        let next = self.elements.as_mut()?.next(framer.tape(&self.bytes));
        if next.is_none() {
            self.elements = None;
        }
        next
    }

    /// Returns the key of the envelope that it is.
    pub(super) fn key(&self) -> Option<Arc<str>> {
        self.elements.as_ref()?.key()
    }

    /// Returns the number of plain bytes of the object before the node `root`.
    pub(super) fn offset_of(&self, root: u32, framer: &Framer) -> u64 {
        self.offset + u64::from(framer.tape(&self.bytes).node(root).start)
    }

    /// Returns the node `root` as a record; as a bad one if it is not UTF-8.
    pub(super) fn record<'a>(
        &'a self,
        root: u32,
        framer: &'a Framer,
        place: Place,
        batch_key: Option<Arc<str>>,
    ) -> Item<'a> {
        let tape = framer.tape(&self.bytes);
        let node = tape.node(root);
        let raw = self.bytes.slice(node.start as usize..node.end as usize);
        if simdutf8::basic::from_utf8(&raw).is_err() {
            let valid = std::str::from_utf8(&raw).map_or_else(|e| e.valid_up_to(), str::len);
            return Item::Bad(BadRecord {
                place,
                length: raw.len() as u64,
                raw,
                reason: format!("not UTF-8 at byte {valid} of the record"),
            });
        }
        Item::Record(Record {
            tape,
            root,
            raw,
            place,
            batch_key,
        })
    }
}
