//! Somewhere clicks go. A target knows one wire format and sends one request at a time; batching, waiting,
//! retrying and counting are `deliver`'s.

mod http;
mod http_api;
mod stdout;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;

use crate::click::{Click, ClickId};
use crate::config::vars::Scope;
use crate::decode::Place;
use crate::object::ObjectRef;
use crate::tls::Trust;

/// What one request may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Entries of a request.
    pub records: usize,
    /// Bytes of a request's body, before compression.
    pub bytes: usize,
    /// Bytes of one entry.
    pub record_bytes: usize,
    /// Bytes of a body that holds no entry.
    pub overhead: usize,
    /// Bytes that an entry needs beside its own: separators.
    pub per_record: usize,
    /// Whether the target answers for each entry of a request.
    pub verdicts: bool,
}

/// One click in a target's wire form.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What is sent.
    pub body: Bytes,
    /// The click's id.
    pub id: ClickId,
    /// Its number among identical clicks of its object.
    pub n: u32,
    /// The object it came from.
    pub object: Arc<ObjectRef>,
    /// Its place there.
    pub place: Place,
    /// Its offset in the object that is read, which is another if the click came in a row of the quarantine.
    pub at: u64,
    /// Its turn among the records that its target was offered.
    pub turn: u64,
    /// The key of its envelope, else the object's base name.
    pub batch_key: Arc<str>,
    /// Its bytes as delivered, for the quarantine.
    pub raw: Bytes,
}

impl Entry {
    /// `body` as the wire form of `click`.
    pub fn new(click: &Click<'_>, body: Bytes) -> Entry {
        Entry {
            body,
            id: click.id,
            n: click.n,
            object: click.object.clone(),
            place: click.place,
            at: click.place.offset,
            turn: 0,
            batch_key: click.batch_key.clone(),
            raw: click.raw.clone(),
        }
    }
}

/// Why a target can never carry a click.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit(pub String);

/// What became of one entry of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The target has it.
    Sent,
    /// The target did not take it now.
    Retry,
    /// The target will never take it, and says why.
    Rejected(String),
}

/// What became of a request that has no verdict per entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Halt {
    /// Too fast; wait at least so long if it says how long.
    Throttled(Option<Duration>, String),
    /// Not to be reached, or broken for now.
    Down(String),
    /// It will answer so until somebody changes something.
    Misconfigured(String),
    /// It does not take this body: too large, or an entry in it is wrong. Halving tells.
    Refused(String),
    /// Nobody reads any more; end without a word.
    Closed,
}

/// Somewhere clicks go.
#[async_trait]
pub trait Target: Send + Sync {
    /// What one request may hold.
    fn limits(&self) -> Limits;
    /// The wire form of one click, or why this target can never carry it.
    fn encode(&self, click: &Click<'_>) -> Result<Entry, Unfit>;
    /// Sends one request once. One verdict per entry, in order.
    async fn send(&self, batch: &[Entry]) -> Result<Vec<Verdict>, Halt>;
    /// How it was understood, as names and values for people; no secrets.
    fn describe(&self) -> Vec<(&'static str, String)>;
}

/// What a target may take from its surroundings.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// The clock for signatures and dates.
    pub clock: fn() -> SystemTime,
    /// Whom connections trust.
    pub trust: Trust,
}

/// A variable of a kind, below the target's prefix.
#[derive(Debug)]
pub struct Var {
    /// Its name without the prefix; `HEADER_*` stands for any that begin so.
    pub name: &'static str,
    /// Its value when it is not set; empty if there is none.
    pub default: &'static str,
    /// What it does.
    pub doc: &'static str,
}

/// Makes a target of its variables, or notes the mistakes.
pub type Build = fn(&Scope<'_>, Context) -> Option<Arc<dyn Target>>;

/// A kind of target as the registry knows it.
pub struct Kind {
    /// The value of `_KIND`.
    pub name: &'static str,
    /// What it is, for people.
    pub doc: &'static str,
    /// Its own variables.
    pub vars: &'static [Var],
    /// Its constructor.
    pub build: Build,
}

/// All kinds, in the order of the README.
pub const KINDS: &[Kind] = &[http::KIND, stdout::KIND];

/// The variables that every target has.
pub const COMMON: &[Var] = &[
    Var { name: "KIND", default: "", doc: "the kind of target; required" },
    Var { name: "MAX_RECORDS", default: "the kind's limit", doc: "most clicks in a request; may only lower the limit" },
    Var {
        name: "MAX_BYTES",
        default: "the kind's limit",
        doc: "most bytes in a request's body before compression; may only lower the limit",
    },
    Var {
        name: "CONCURRENCY",
        default: "10",
        doc: "most requests in flight at a time; fewer while the target throttles or slows down",
    },
    Var { name: "RATE", default: "", doc: "most requests a second, of all copies of the function together (`MAX_CONCURRENCY`)" },
    Var { name: "TIMEOUT", default: "30s", doc: "how long a request may take" },
];
