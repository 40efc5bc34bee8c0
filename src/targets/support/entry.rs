//! A click as a target sees it, and as a target sends it.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use clicks::Uuid8;
use clicks::click::{Click, ClickId, Form, Path};
use clicks::decode::Place;

use crate::object::ObjectRef;
use crate::transform::{Applied, RulesId};

/// A click as one target may see it: all that a target learns of a click, it learns here.
#[derive(Clone, Copy, Debug)]
pub struct View<'v> {
    click: &'v Click<'v>,
    mapped: Option<&'v Bytes>,
}

impl<'v> View<'v> {
    /// Shows `click` as it is.
    pub fn of(click: &'v Click<'v>) -> View<'v> {
        View {
            click,
            mapped: None,
        }
    }

    /// Shows `mapped`, what a map made of the click, in the place of its forms.
    pub fn with_map(self, mapped: &'v Bytes) -> View<'v> {
        View {
            mapped: Some(mapped),
            ..self
        }
    }

    /// The click's id.
    pub fn id(self) -> ClickId {
        self.click.id
    }

    /// What a map made of the click; the click in `form` if there is no map.
    pub fn form(self, form: Form) -> Bytes {
        match self.mapped {
            Some(mapped) => mapped.clone(),
            None => self.click.form(form),
        }
    }

    /// What a map made of the click, if there is a map.
    pub fn mapped(self) -> Option<&'v Bytes> {
        self.mapped
    }

    /// The click's columns, which no map changes: keys are taken from them.
    pub fn columns(self) -> Bytes {
        self.click.form(Form::Flat)
    }

    /// The text at `path`, for example `["route", "id"]`; `None` if there is none.
    pub fn text(self, path: &[&str]) -> Option<Cow<'v, str>> {
        self.click.text(path)
    }

    /// The text of the field at `path`, as [`Path::text`] has it.
    pub fn field(self, path: &Path) -> Option<Cow<'v, str>> {
        path.text(self.click)
    }

    /// The click's time in UTC as RFC 3339.
    pub fn timestamp(self) -> Cow<'v, str> {
        self.click.timestamp()
    }
}

/// The id of a window: a hash over the ids of its clicks.
pub type WindowId = Uuid8;

/// The clicks of an object that go together.
#[derive(Debug, Default)]
pub struct Window {
    /// A hash over the ids of all its clicks, sent or not; set once the window is complete.
    pub digest: OnceLock<WindowId>,
    /// The terms on which it is stored.
    pub terms: StoreTerms,
}

/// The terms on which the windows of an object are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreTerms {
    /// A fingerprint of the target's rules; `None` if it has none.
    pub rules: Option<RulesId>,
    /// Whether the object was asked for again, so that what was stored under other rules is
    /// replaced.
    pub replaces: bool,
}

/// The values of a click that its request is made with, each with the path of its field: two clicks
/// with the same values can go into one request.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group(Vec<(Arc<str>, Box<str>)>);

impl Group {
    /// Takes the values of a click, each with the path of its field.
    pub fn new(values: Vec<(Arc<str>, Box<str>)>) -> Group {
        Group(values)
    }

    /// Returns the value of the field at `path`.
    pub fn value(&self, path: &str) -> Option<&str> {
        let mut values = self.0.iter();
        values
            .find(|(known, _)| **known == *path)
            .map(|(_, value)| &**value)
    }

    /// Returns the bytes that it takes of memory.
    pub fn size(&self) -> usize {
        let of_one =
            |(_, value): &(Arc<str>, Box<str>)| size_of::<(Arc<str>, Box<str>)>() + value.len();
        self.0.iter().map(of_one).sum()
    }
}

/// One click in a target's wire form.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The bytes that are sent.
    pub body: Bytes,
    /// Values that are sent beside the body, by name: a key, attributes.
    pub attributes: Vec<(&'static str, Box<str>)>,
    /// Entries with one ordering key arrive in their order.
    pub ordering_key: Option<Arc<str>>,
    /// A request holds entries of one group alone.
    pub group: Option<Arc<Group>>,
    /// The window it belongs to, if its target's requests are windows.
    pub window: Option<Arc<Window>>,
    /// Whether its click is left out of its window, by a filter, and is there only because what was
    /// stored of it is replaced.
    pub is_left_out: bool,
    /// The click's id.
    pub id: ClickId,
    /// The click's number among the identical clicks of its object, from 1.
    pub occurrence: u32,
    /// The object that the click came from.
    pub object: Arc<ObjectRef>,
    /// Where the click stands in that object.
    pub place: Place,
    /// Byte offset of the record in the object that is read: another one than the click's where
    /// that is a row of the quarantine.
    pub record_offset: u64,
    /// Its number among the clicks that its lane was offered, but for those that were filtered.
    pub sequence: u64,
    /// How many clicks before it its lane has filtered in this run.
    pub filtered: u64,
    /// The key of the click's envelope, else the object's base name.
    pub batch_key: Arc<str>,
    /// The click as `applied` left it, for the quarantine.
    pub raw: Bytes,
    /// The rules of its target, up to the map, that were applied to it.
    pub applied: Applied,
}

impl Entry {
    /// Wraps `body`, the wire form of what `view` shows.
    pub fn new(view: &View<'_>, body: Bytes) -> Entry {
        let click = view.click;
        Entry {
            body,
            attributes: Vec::new(),
            ordering_key: None,
            group: None,
            window: None,
            is_left_out: false,
            id: click.id,
            occurrence: click.occurrence,
            object: click.object.clone(),
            place: click.place,
            record_offset: click.place.offset,
            sequence: 0,
            filtered: 0,
            batch_key: click.batch_key.clone(),
            raw: click.raw.clone(),
            applied: Applied::default(),
        }
    }

    /// Bytes that it takes of a request.
    pub fn size(&self) -> usize {
        self.body.len()
            + self
                .attributes
                .iter()
                .map(|(name, value)| name.len() + value.len())
                .sum::<usize>()
    }

    /// Copies what it shares with the buffer that its object was read into, which it would keep
    /// whole.
    pub fn detach(&mut self) {
        let raw = Bytes::copy_from_slice(&self.raw);
        let start = self.raw.as_ptr() as usize;
        let shared = (self.body.as_ptr() as usize)
            .checked_sub(start)
            .and_then(|from| raw.get(from..from + self.body.len()));
        if let Some(shared) = shared {
            self.body = raw.slice_ref(shared);
        }
        self.raw = raw;
    }

    /// The attribute `name`.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| &**value)
    }
}
