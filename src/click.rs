//! The click: one record for all of Rebrandly's spellings, with its id, in the forms a target may ask for.
//!
//! Pure: no I/O, no clock. Each form is written once per click and shared between the targets.

pub mod fields;
mod flat;
mod form;
mod id;
mod normal;
pub mod schema;
mod seen;
mod time;

use std::cell::OnceCell;
use std::sync::Arc;

use bytes::Bytes;

pub use flat::columns;
pub use form::{Form, source as write_source};
pub use id::ClickId;
pub use normal::NotAClick;
pub use seen::Seen;

use crate::decode::{Place, Record};
use crate::json::{Parser, compact};
use crate::object::ObjectRef;
use id::Hashed;
use normal::Normal;

/// One click, borrowed from the decoder's buffer.
#[derive(Debug)]
pub struct Click<'a> {
    /// The same for the same click, however often it comes.
    pub id: ClickId,
    /// Its number among the identical clicks of its object, from 1.
    pub n: u32,
    /// The object it was read from.
    pub object: Arc<ObjectRef>,
    /// Where it stands in that object.
    pub place: Place,
    /// The key of its envelope, else the object's base name.
    pub batch_key: Arc<str>,
    /// Its bytes as delivered.
    pub raw: Bytes,
    normal: Normal<'a>,
    forms: [OnceCell<Bytes>; 4],
}

impl Click<'_> {
    /// The click in `form`, written at the first call.
    pub fn form(&self, form: Form) -> Bytes {
        match self.forms.get(form as usize) {
            Some(cell) => cell.get_or_init(|| self.write(form)).clone(),
            None => self.write(form),
        }
    }

    fn write(&self, form: Form) -> Bytes {
        match form {
            Form::Click => form::click(self).into(),
            Form::Webhook => form::webhook(self).into(),
            Form::Flat => flat::row(self).into(),
            Form::Raw if memchr::memchr(b'\n', &self.raw).is_none() => self.raw.clone(),
            // One line a record: what it is framed by downstream.
            Form::Raw => self.normal.tape.text.to_vec().into(),
        }
    }
}

/// Makes clicks of records; keeps the buffers between them.
#[derive(Debug)]
pub struct Normaliser {
    parser: Parser,
    rewritten: Vec<u8>,
    canonical: Vec<u8>,
}

impl Default for Normaliser {
    fn default() -> Normaliser {
        Normaliser { parser: Parser::new(u32::MAX), rewritten: Vec::new(), canonical: Vec::new() }
    }
}

impl Normaliser {
    /// The click in `record` of `object`. `number` is given the click's fingerprint and says how many such clicks
    /// the object has held, this one included.
    pub fn click<'a>(
        &'a mut self,
        record: &'a Record<'_>,
        object: &Arc<ObjectRef>,
        number: impl FnOnce(u64) -> u32,
    ) -> Result<Click<'a>, NotAClick> {
        let (mut tape, mut root) = (record.tape, record.root);
        let mut normal = Normal::new(tape, root)?;
        let mut hashed = if tape.spaced { None } else { Hashed::new(&normal, &mut self.canonical) };
        if hashed.is_none() {
            self.rewritten.clear();
            compact(tape, root, &mut self.rewritten);
            self.parser.reset();
            self.parser.run(&self.rewritten, true);
            (tape, root) = (self.parser.tape(&self.rewritten), 0);
            normal = Normal::new(tape, root)?;
            hashed = Hashed::new(&normal, &mut self.canonical);
        }
        let hashed = hashed.ok_or(NotAClick::NotAnObject)?;
        let n = number(hashed.fingerprint());
        let batch_key = record.batch_key.clone().unwrap_or_else(|| Arc::from(object.base_name()));
        Ok(Click {
            id: hashed.id(n),
            n,
            object: object.clone(),
            place: record.place,
            batch_key,
            raw: record.raw.clone(),
            normal,
            forms: Default::default(),
        })
    }
}
