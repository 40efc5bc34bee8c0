//! Somewhere clicks go. A target knows one wire format and sends one request at a time; batching, waiting,
//! retrying and counting are `deliver`'s.

mod aws;
mod body;
mod dynamodb;
mod eventbridge;
mod firehose;
mod http;
mod http_api;
mod kinds;
mod kinesis;
mod lambda;
pub mod s3;
mod sns;
mod sqs;
mod stdout;

use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;

use crate::object::ObjectRef;
use crate::platform::aws::Aws;
use crate::platform::tls::Trust;
use clicks::Uuid8;
use clicks::click::{Click, ClickId};
use clicks::decode::Place;
pub use kinds::{AWS, Build, COMMON, KINDS, Kind, Var};

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
    /// Requests in flight at a time, if its owner wants no other number.
    pub in_flight: usize,
    /// Whether the target answers for each entry of a request.
    pub verdicts: bool,
    /// Whether its entries have groups, of which a request may hold one entry each.
    pub grouped: bool,
    /// Where an object is cut into what goes together, if the records and bytes of a request do not say.
    pub cut: Option<WindowBounds>,
}

impl Limits {
    /// One entry a request, of up to 1 MiB, without anything special.
    pub const PLAIN: Limits = Limits {
        records: 1,
        bytes: 1 << 20,
        record_bytes: 1 << 20,
        overhead: 0,
        per_record: 0,
        in_flight: 10,
        verdicts: false,
        grouped: false,
        cut: None,
    };
}

/// Where an object is cut into windows, by its own bytes alone: whatever was sent before, whatever is filtered, and
/// however often it is read, the same clicks go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowBounds {
    /// Plain bytes from the first click of a window to the first of the next, at least.
    pub bytes: u64,
    /// Clicks of one window, at most.
    pub clicks: usize,
    /// Hours of the clicks of one window, at most.
    pub hours: usize,
}

/// The id of a window: a hash over the ids of its clicks.
pub type WindowId = Uuid8;

/// What goes together.
#[derive(Debug, Default)]
pub struct Window {
    /// A hash over the ids of all clicks in it, sent or not; known once the window is whole.
    pub digest: OnceLock<WindowId>,
}

/// One click in a target's wire form.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What is sent.
    pub body: Bytes,
    /// What is sent beside it: a key, attributes.
    pub attributes: Vec<(&'static str, Box<str>)>,
    /// Entries of one group arrive in their order.
    pub ordering_key: Option<Arc<str>>,
    /// The window it belongs to, if its target's requests are windows.
    pub window: Option<Arc<Window>>,
    /// The click's id.
    pub id: ClickId,
    /// Its number among identical clicks of its object.
    pub occurrence: u32,
    /// The object it came from.
    pub object: Arc<ObjectRef>,
    /// Its place there.
    pub place: Place,
    /// Its offset in the object that is read, which is another if the click came in a row of the quarantine.
    pub record_offset: u64,
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
            attributes: Vec::new(),
            ordering_key: None,
            window: None,
            id: click.id,
            occurrence: click.occurrence,
            object: click.object.clone(),
            place: click.place,
            record_offset: click.place.offset,
            turn: 0,
            batch_key: click.batch_key.clone(),
            raw: click.raw.clone(),
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

    /// What is sent beside the body under `name`.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| &**value)
    }
}

/// Why a target can never carry a click.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodeError(pub String);

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
pub enum SendError {
    /// Too fast; wait at least so long if it says how long.
    Throttled(Option<Duration>, String),
    /// Not to be reached, or broken for now.
    Unavailable(String),
    /// It will answer so until somebody changes something.
    Misconfigured(String),
    /// It does not take this body: too large, or an entry in it is wrong. Halving tells.
    PayloadRejected(String),
    /// Nobody reads any more; end without a word.
    ReaderClosed,
}

/// Somewhere clicks go.
#[async_trait]
pub trait Target: Send + Sync {
    /// What one request may hold.
    fn limits(&self) -> Limits;
    /// The wire form of one click, or why this target can never carry it.
    fn encode(&self, click: &Click<'_>) -> Result<Entry, EncodeError>;
    /// Sends one request once. One verdict per entry, in order.
    async fn send(&self, batch: &[Entry]) -> Result<Vec<Verdict>, SendError>;
    /// How it was understood, as names and values for people; no secrets.
    fn describe(&self) -> Vec<(&'static str, String)>;
    /// What it must be allowed inside AWS.
    fn permissions(&self) -> Vec<Permission> {
        Vec::new()
    }
    /// Asks the target for something that changes nothing but needs the same permissions as sending. The error is what
    /// sending would end with.
    async fn probe(&self) -> Result<(), SendError> {
        Ok(())
    }
    /// Whether it wrote `object`, which then is no click file.
    fn wrote(&self, _object: &ObjectRef) -> bool {
        false
    }
}

/// What somebody must be allowed inside AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// The actions, `sqs:SendMessage` say.
    pub actions: &'static [&'static str],
    /// The resource's ARN; `${Region}` and `${Account}` stand for what is not known here.
    pub resource: String,
}

/// What a target may take from its surroundings.
#[derive(Clone, Debug)]
pub struct Context {
    /// The clock for signatures and dates.
    pub clock: fn() -> SystemTime,
    /// Whom connections trust.
    pub trust: Trust,
    /// What clients of AWS share.
    pub aws: Aws,
}
