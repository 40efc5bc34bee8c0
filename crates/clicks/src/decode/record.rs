//! What the decoder yields, and the limits it keeps to.

use std::sync::Arc;

use bytes::Bytes;

use super::frame::FrameError;
use crate::json::{SyntaxError, Tape};

/// What no honest file exceeds, and a hostile one must not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Bytes of one record. Firehose, which writes the files, takes at most 1,000 KiB.
    pub record_bytes: usize,
    /// Levels of nesting; clicks have seven.
    pub depth: u32,
    /// Plain bytes of an object. Firehose buffers at most 128 MiB.
    pub object_bytes: u64,
    /// Plain bytes per compressed one, looked at after the first MiB; clicks give 8.
    pub ratio: u64,
}

impl Default for DecodeLimits {
    fn default() -> DecodeLimits {
        DecodeLimits {
            record_bytes: 8 << 20,
            depth: 128,
            object_bytes: 32 << 30,
            ratio: 250,
        }
    }
}

/// One JSON value that may be a click.
#[derive(Debug)]
pub struct Record<'a> {
    /// The tape that holds it.
    pub tape: Tape<'a>,
    /// Its node.
    pub root: u32,
    /// Its bytes as delivered.
    pub raw: Bytes,
    /// Where it stands.
    pub place: Place,
    /// The key of the envelope it came in.
    pub batch_key: Option<Arc<str>>,
}

impl Record<'_> {
    /// The same as a bad record.
    pub fn to_bad(&self, reason: String) -> BadRecord {
        BadRecord {
            place: self.place,
            length: self.raw.len() as u64,
            raw: self.raw.clone(),
            reason,
        }
    }
}

/// Where a record stands in its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Place {
    /// Plain (inflated) bytes before it.
    pub offset: u64,
    /// Records before it, bad ones included.
    pub index: u64,
}

/// Where a decoder can go on with an object that another began: a line begins there, and no record, array or envelope
/// is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Resume {
    /// What is before it.
    pub place: Place,
    /// Whether lines were skipped, so that brackets may be missing.
    pub lost: bool,
}

/// A stretch of the object that is no click, kept so that it can be looked at and replayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRecord {
    /// Where it stands.
    pub place: Place,
    /// Bytes skipped.
    pub length: u64,
    /// Those bytes, as many as the cap on a record allows.
    pub raw: Bytes,
    /// Why, for people.
    pub reason: String,
}

/// One step of decoding.
#[derive(Debug)]
pub enum Item<'a> {
    /// A record.
    Record(Record<'a>),
    /// A bad record; the object goes on after it.
    Bad(BadRecord),
    /// The object cannot be read beyond this: cut short, corrupt, or over a cap. Nothing follows.
    Unreadable(BadRecord),
    /// The next chunk is needed.
    NeedInput,
    /// The object is read.
    End,
}

impl DecodeLimits {
    /// Why a record is bad, for people.
    pub(super) fn explain(&self, error: FrameError) -> String {
        match error {
            FrameError::TooLong => {
                format!("longer than {} bytes (MAX_RECORD_BYTES)", self.record_bytes)
            }
            FrameError::CutShort => "its line is cut short".into(),
            FrameError::StrayCloser(c) => format!("'{}' closes nothing", c as char),
            FrameError::Syntax { at, error } => format!(
                "not JSON at byte {at} of the record: {}",
                self.describe(error)
            ),
        }
    }

    fn describe(&self, error: SyntaxError) -> String {
        match error {
            SyntaxError::Unexpected(c) if c.is_ascii_graphic() => {
                format!("unexpected '{}'", c as char)
            }
            SyntaxError::Unexpected(c) => format!("unexpected byte 0x{c:02x}"),
            SyntaxError::LineFeedInString => "a line ends inside a string".into(),
            SyntaxError::ControlInString(c) => {
                format!("control character 0x{c:02x} inside a string")
            }
            SyntaxError::BadEscape => "an unknown escape in a string".into(),
            SyntaxError::BadNumber => "a malformed number".into(),
            SyntaxError::TooDeep => format!("more than {} levels deep (MAX_DEPTH)", self.depth),
        }
    }
}
