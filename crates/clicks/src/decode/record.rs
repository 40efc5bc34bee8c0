//! The decoder's results, and the limits it keeps.

use std::sync::Arc;

use bytes::Bytes;

use super::frame::FrameError;
use crate::json::{SyntaxError, Tape};

/// The limit for the key of an envelope. 256 KiB are some 200 clicks; Rebrandly's webhook sends
/// one.
pub const ENVELOPE_KEY_BYTES: usize = 256 * 1024;

/// Limits that no honest file exceeds.
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
    /// Plain bytes of an envelope, counted from its opening bracket, within which its `key` must
    /// end to count; up to so many the envelope is held whole. Always [`ENVELOPE_KEY_BYTES`]
    /// outside of tests: the key of a click must not depend on a setting.
    pub envelope_key_bytes: usize,
}

impl Default for DecodeLimits {
    fn default() -> DecodeLimits {
        DecodeLimits {
            record_bytes: 8 << 20,
            depth: 128,
            object_bytes: 32 << 30,
            ratio: 250,
            envelope_key_bytes: ENVELOPE_KEY_BYTES,
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
    /// Returns it as a bad record.
    pub fn to_bad(&self, reason: String) -> BadRecord {
        BadRecord {
            place: self.place,
            length: self.raw.len() as u64,
            raw: self.raw.clone(),
            reason,
        }
    }
}

/// The position of a record in its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Place {
    /// Plain (inflated) bytes before it.
    pub offset: u64,
    /// Records before it, bad ones included.
    pub index: u64,
}

/// A point at which a decoder can go on with an object that another began: a line begins there, and
/// no record, array or envelope is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Resume {
    /// The position of the next record.
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
    /// Those bytes, as many as the limit on a record allows.
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
    /// The object cannot be read beyond this: cut short, corrupt, or over a limit. Nothing follows.
    Unreadable(BadRecord),
    /// The next chunk is needed.
    NeedInput,
    /// The object is read.
    End,
}

impl DecodeLimits {
    /// Describes an error, for people.
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
