//! The click: one record for all of Rebrandly's spellings, with its id, in the forms a target may
//! ask for.
//!
//! Pure: no I/O, no clock. Each form is written once per click and shared between the targets.

mod canonical;
mod drift;
pub mod fields;
mod flat;
mod form;
mod id;
mod members;
mod normal;
mod normaliser;
mod occurrences;
mod path;
mod plan;
mod qr;
mod query;
pub mod redact;
pub mod schema;
mod time;

use std::cell::{OnceCell, RefCell};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

pub use drift::MOST as MOST_UNKNOWN;
pub use flat::columns;
pub use form::{Form, source as write_source};
pub use id::ClickId;
pub use members::Tag;
pub use normal::NotAClick;
pub use normaliser::Normaliser;
pub use occurrences::OccurrenceCounter;
pub use path::{Path, UnknownPath};
pub use qr::QrRule;
pub use time::{from_epoch, millis, to_utc};

use crate::ObjectRef;
use crate::decode::Place;
use crate::json::text;
use normal::Normal;

/// One click, borrowed from the decoder's buffer.
#[derive(Debug)]
pub struct Click<'a> {
    /// Its id: the same for the same click, however often it comes.
    pub id: ClickId,
    /// 64 bits by which identical clicks are recognised; 0 where the id was known before.
    pub fingerprint: u64,
    /// Its number among the identical clicks of its object, from 1.
    pub occurrence: u32,
    /// The object it was read from.
    pub object: &'a Arc<ObjectRef>,
    /// Where it stands in that object.
    pub place: Place,
    /// The key of its envelope, else the object's base name.
    pub batch_key: &'a Arc<str>,
    /// Its bytes as delivered.
    pub raw: &'a Bytes,
    normal: Normal<'a>,
    /// Tells whether it came from a QR code.
    qr: Option<&'a QrRule>,
    head: &'a Head,
    output: &'a RefCell<Output>,
    forms: [OnceCell<Bytes>; 4],
}

impl Click<'_> {
    /// Returns the click in `form`, which is written at the first call.
    pub fn form(&self, form: Form) -> Bytes {
        match self.forms.get(form as usize) {
            Some(cell) => cell.get_or_init(|| self.write(form)).clone(),
            None => self.write(form),
        }
    }

    /// Writes the batch key.
    #[inline]
    fn write_key(&self, out: &mut Vec<u8>) {
        if Arc::ptr_eq(self.batch_key, &self.head.base_name) {
            out.extend_from_slice(&self.head.key);
        } else {
            text::write_str(self.batch_key, out);
        }
    }

    fn write(&self, form: Form) -> Bytes {
        let mut output = self.output.borrow_mut();
        let Output { text, extra, .. } = &mut *output;
        text.clear();
        match form {
            Form::Click => form::click(self, text),
            Form::Webhook => form::webhook(self, text),
            Form::Flat => flat::row(self, text, extra),
            Form::Raw if memchr::memchr(b'\n', self.raw).is_none() => return self.raw.clone(),
            // One line a record: what it is framed by downstream.
            Form::Raw => text.extend_from_slice(self.normal.tape.text),
        }
        output.take()
    }
}

/// A buffer that forms are written to: one allocation for many.
#[derive(Debug, Default)]
struct Output {
    text: Vec<u8>,
    /// The members of a flat row that have no column.
    extra: flat::Extra,
    block: BytesMut,
    /// Whether a form was written before.
    many: bool,
}

/// Bytes allocated at a time: enough that allocating costs nothing, and so few that an entry which
/// waits for its target keeps little else in memory.
const BLOCK: usize = 32 * 1024;

impl Output {
    /// Returns the text that was written.
    fn take(&mut self) -> Bytes {
        if self.block.capacity() < self.text.len() {
            // A file of one click needs no block.
            let size = if std::mem::replace(&mut self.many, true) {
                BLOCK
            } else {
                0
            };
            self.block = BytesMut::with_capacity(size.max(self.text.len()));
        }
        self.block.extend_from_slice(&self.text);
        self.block.split().freeze()
    }
}

/// The parts that every click of one object shares.
#[derive(Debug)]
struct Head {
    object: Arc<ObjectRef>,
    base_name: Arc<str>,
    /// The base name in quotes.
    key: Vec<u8>,
    /// The source up to the offset.
    source: Vec<u8>,
    /// The columns of the flat row for the source, up to the index.
    flat: Vec<u8>,
    /// Tells which clicks came from QR codes.
    qr: Option<Arc<QrRule>>,
}

impl Head {
    fn new(object: &Arc<ObjectRef>, qr: Option<&Arc<QrRule>>) -> Head {
        let (mut key, mut source) = (Vec::new(), Vec::new());
        text::write_str(object.base_name(), &mut key);
        form::source_head(object, &mut source);
        Head {
            object: object.clone(),
            base_name: object.base_name().into(),
            key,
            source,
            flat: flat::source(object),
            qr: qr.cloned(),
        }
    }
}
