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
mod occurrences;
mod path;
mod plan;
mod qr;
mod query;
pub mod redact;
pub mod schema;
mod time;

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

pub use drift::MOST as MOST_UNKNOWN;
pub use flat::columns;
pub use form::{Form, source as write_source};
pub use id::ClickId;
pub use members::Tag;
pub use normal::NotAClick;
pub use occurrences::OccurrenceCounter;
pub use path::{Path, UnknownPath};
pub use qr::QrRule;
pub use time::{from_epoch, millis, to_utc};

use crate::ObjectRef;
use crate::decode::{Place, Record};
use crate::json::{Parser, Tape, compact, text};
use canonical::Scratch;
use drift::Drift;
use id::Hashed;
use normal::{Changes, Normal, Value};
use plan::Plans;

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

/// Tells a click from every other.
struct Identity {
    id: ClickId,
    fingerprint: u64,
    occurrence: u32,
}

/// Turns records into clicks; keeps the buffers between them.
#[derive(Debug)]
pub struct Normaliser {
    parser: Parser,
    rewritten: Vec<u8>,
    working: Working,
    /// The same for rewritten records, whose shapes are another parser's.
    reworking: Working,
    head: Option<Head>,
    output: RefCell<Output>,
    drift: Drift,
    qr: Option<Arc<QrRule>>,
}

/// The buffers a click is worked out in.
#[derive(Debug, Default)]
struct Working {
    plans: Plans,
    changes: Changes,
    scratch: Scratch,
}

impl Working {
    /// Applies the rules to the record at `root` and writes its canonical text; `None` if a name
    /// stands twice in one object.
    fn write(&mut self, tape: Tape<'_>, root: u32) -> Result<Option<Value>, NotAClick> {
        self.plans.follow(tape.shapes);
        let Some(top) = self.changes.make(tape, root, &self.plans)? else {
            return Ok(None);
        };
        let normal = Normal {
            tape,
            root_node: root,
            root: top,
            plans: &self.plans,
            changes: &self.changes,
        };
        let written = self.scratch.write(&normal, top);
        Ok(written.is_ok().then_some(top))
    }
}

impl Default for Normaliser {
    fn default() -> Normaliser {
        Normaliser {
            parser: Parser::new(u32::MAX),
            rewritten: Vec::new(),
            working: Working::default(),
            reworking: Working::default(),
            head: None,
            output: RefCell::default(),
            drift: Drift::default(),
            qr: None,
        }
    }
}

impl Normaliser {
    /// Makes clicks whose flat rows say by `qr` whether they came from a QR code; they do not say it
    /// where it is `None`.
    pub fn new(qr: Option<Arc<QrRule>>) -> Normaliser {
        Normaliser {
            qr,
            ..Normaliser::default()
        }
    }

    /// Returns the click in `record` of `object`. `number` takes the click's fingerprint and
    /// returns how many such clicks the object has held, this one included.
    pub fn click<'a>(
        &'a mut self,
        record: &'a Record<'_>,
        object: &Arc<ObjectRef>,
        number: impl FnOnce(u64) -> u32,
    ) -> Result<Click<'a>, NotAClick> {
        self.identified(record, object, |scratch| {
            let hashed = Hashed::new(scratch);
            let fingerprint = hashed.fingerprint();
            let occurrence = number(fingerprint);
            Identity {
                id: hashed.id(occurrence, scratch),
                fingerprint,
                occurrence,
            }
        })
    }

    /// Returns the click in `record` of `object`, whose id and number among identical clicks are
    /// known: what the record holds may not be what they were computed from. It has no fingerprint.
    pub fn known_click<'a>(
        &'a mut self,
        record: &'a Record<'_>,
        object: &Arc<ObjectRef>,
        id: ClickId,
        occurrence: u32,
    ) -> Result<Click<'a>, NotAClick> {
        self.identified(record, object, |_| Identity {
            id,
            fingerprint: 0,
            occurrence,
        })
    }

    /// Returns the click in `record` of `object`, with the identity that `identify` finds for its
    /// canonical text.
    fn identified<'a>(
        &'a mut self,
        record: &'a Record<'_>,
        object: &Arc<ObjectRef>,
        identify: impl FnOnce(&Scratch) -> Identity,
    ) -> Result<Click<'a>, NotAClick> {
        let (mut tape, mut root) = (record.tape, record.root);
        let mut working = &mut self.working;
        let mut written = if tape.has_whitespace {
            None
        } else {
            working.write(tape, root)?
        };
        if written.is_none() {
            self.rewritten.clear();
            compact(tape, root, &mut self.rewritten);
            self.parser.reset();
            self.parser.run(&self.rewritten, true);
            (tape, root) = (self.parser.tape(&self.rewritten), 0);
            working = &mut self.reworking;
            written = working.write(tape, root)?;
        }
        let top = written.ok_or(NotAClick::NotAnObject)?;
        self.drift.look(record.tape, record.root);
        let identity = identify(&working.scratch);
        let normal = Normal {
            tape,
            root_node: root,
            root: top,
            plans: &working.plans,
            changes: &working.changes,
        };
        if self
            .head
            .as_ref()
            .is_none_or(|head| !Arc::ptr_eq(&head.object, object))
        {
            self.head = None;
        }
        let qr = self.qr.as_ref();
        let head = self.head.get_or_insert_with(|| Head::new(object, qr));
        let batch_key = record.batch_key.as_ref().unwrap_or(&head.base_name);
        Ok(Click {
            id: identity.id,
            fingerprint: identity.fingerprint,
            occurrence: identity.occurrence,
            object: &head.object,
            place: record.place,
            batch_key,
            raw: &record.raw,
            normal,
            qr: head.qr.as_deref(),
            head,
            output: &self.output,
            forms: Default::default(),
        })
    }

    /// Returns the paths of unknown members in the clicks made since the last call. A path may be
    /// missing that an earlier call returned.
    pub fn unknown(&mut self) -> BTreeSet<String> {
        self.drift.take()
    }
}
