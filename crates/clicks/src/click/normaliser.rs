//! Turns records into clicks.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::canonical::Scratch;
use super::drift::Drift;
use super::id::Hashed;
use super::normal::{Changes, Normal, NotAClick, Value};
use super::plan::Plans;
use super::{Click, ClickId, Head, Output, QrRule};
use crate::ObjectRef;
use crate::decode::Record;
use crate::json::{Parser, Tape, compact};

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
