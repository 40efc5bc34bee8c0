//! One row of the quarantine, as it is written and as it is read back.

use std::io::Write;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::object::ObjectRef;
use crate::platform::words;
use crate::targets::Entry;
use clicks::Uuid8;
use clicks::click::{ClickId, write_source};
use clicks::decode::{BadRecord, Place};
use clicks::json::{Kind, Tape, text};

/// The member that marks a row, and its version: what is fed back is known by it.
const MARK: &str = "clickstream_quarantine";
const VERSION: u64 = 1;

/// The id of a row.
pub type RowId = Uuid8;

/// The subject of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowKind {
    /// A record that is not a click.
    Record,
    /// A click that one target does not take.
    Rejected,
    /// An object, or its tail, that cannot be read.
    Object,
}

impl RowKind {
    fn name(self) -> &'static str {
        match self {
            RowKind::Record => "record",
            RowKind::Rejected => "rejected",
            RowKind::Object => "object",
        }
    }
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its subject.
    pub kind: RowKind,
    /// The object that it was read from.
    pub object: Arc<ObjectRef>,
    /// Its place there.
    pub place: Place,
    /// How many bytes it has; `raw` may hold fewer.
    pub length: u64,
    /// The click's number among identical ones, and its id.
    pub click: Option<(u32, ClickId)>,
    /// The key of the click's envelope.
    pub batch_key: Option<Arc<str>>,
    /// The target that it is for; `None` for every target.
    pub target: Option<Arc<str>>,
    /// Why it is here.
    pub reason: String,
    /// Its bytes as delivered.
    pub raw: Bytes,
}

impl Row {
    /// Returns the row of a bad record of `object`.
    pub fn bad(object: Arc<ObjectRef>, bad: BadRecord, kind: RowKind) -> Row {
        let BadRecord {
            place,
            length,
            raw,
            reason,
        } = bad;
        Row {
            kind,
            object,
            place,
            length,
            click: None,
            batch_key: None,
            target: None,
            reason,
            raw,
        }
    }

    /// Returns the row of a click that `target` does not take.
    pub fn rejected(entry: Entry, target: Arc<str>, reason: String) -> Row {
        Row {
            kind: RowKind::Rejected,
            object: entry.object,
            place: entry.place,
            length: entry.raw.len() as u64,
            click: Some((entry.occurrence, entry.id)),
            batch_key: Some(entry.batch_key),
            target: Some(target),
            reason,
            raw: entry.raw,
        }
    }

    /// Returns its id: the same for the same bytes at the same place for the same target.
    pub fn id(&self) -> RowId {
        let mut hash = Sha256::new();
        let target = self.target.as_deref().unwrap_or_default();
        for part in [
            self.object.bucket.as_str(),
            &self.object.key,
            target,
            &self.place.offset.to_string(),
            self.kind.name(),
        ] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        hash.update(&self.raw);
        RowId::from_digest(&hash.finalize().into())
    }

    /// Appends the row as a line. `raw` is text where it is UTF-8, else `raw_base64`.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        // Writing to a vector cannot fail.
        let _ = write!(out, "{{\"{MARK}\":{VERSION},");
        let mut member = |name: &str, value: &str| {
            let _ = write!(out, "\"{name}\":");
            text::write_str(value, out);
            out.push(b',');
        };
        member("id", &self.id().to_string());
        member("kind", self.kind.name());
        member("reason", &self.reason);
        if let Some(target) = &self.target {
            member("target", target);
        }
        if let Some((_, id)) = self.click {
            member("click_id", &id.to_string());
        }
        if let Some(key) = &self.batch_key {
            member("batch_key", key);
        }
        match std::str::from_utf8(&self.raw) {
            Ok(raw) => member("raw", raw),
            Err(_) => member("raw_base64", &STANDARD.encode(&self.raw)),
        }
        if let Some((n, _)) = self.click {
            let _ = write!(out, "\"n\":{n},");
        }
        let _ = write!(out, "\"length\":{},\"source\":", self.length);
        write_source(&self.object, self.place, out);
        out.extend_from_slice(b"}\n");
    }

    /// Reads a row back; `None` if the object at `root` is not a row.
    pub fn read(tape: Tape<'_>, root: u32) -> Option<Row> {
        // Clicks have no number among their members: this is soon seen.
        tape.members(root)
            .find(|m| tape.node(m.value).kind == Kind::Number)?;
        let mark = tape.get(root, MARK)?;
        (tape.raw(mark) == VERSION.to_string().as_bytes()).then_some(())?;
        let string = |object: u32, name: &str| {
            tape.get(object, name)
                .and_then(|value| tape.string(value))
                .map(|s| s.into_owned())
        };
        let number = |object: u32, name: &str| -> Option<u64> {
            std::str::from_utf8(tape.raw(tape.get(object, name)?))
                .ok()?
                .parse()
                .ok()
        };
        let source = tape.get(root, "source")?;
        let kind = [RowKind::Record, RowKind::Rejected, RowKind::Object];
        let named = string(root, "kind")?;
        let raw = match string(root, "raw") {
            Some(raw) => raw.into_bytes(),
            None => STANDARD.decode(string(root, "raw_base64")?).ok()?,
        };
        let n = match tape.get(root, "n") {
            Some(_) => Some(
                number(root, "n")
                    .and_then(|n| u32::try_from(n).ok())
                    .filter(|n| *n > 0)?,
            ),
            None => None,
        };
        let object = ObjectRef {
            bucket: string(source, "bucket")?,
            key: string(source, "key")?,
            version: string(source, "version"),
        };
        Some(Row {
            kind: kind.into_iter().find(|kind| kind.name() == named)?,
            object: Arc::new(object),
            place: Place {
                offset: number(source, "offset")?,
                index: number(source, "index")?,
            },
            length: number(root, "length")?,
            // The id is computed anew from the bytes and n.
            click: n.map(|n| (n, ClickId::from_digest(&[0; 32]))),
            batch_key: string(root, "batch_key").map(Into::into),
            target: string(root, "target").map(Into::into),
            reason: string(root, "reason")?,
            raw: raw.into(),
        })
    }

    /// Logs the row without its bytes.
    pub(super) fn log(&self) {
        let (object, kind, target) = (
            self.object.to_string(),
            self.kind.name(),
            self.target.as_deref(),
        );
        let (offset, index, length, reason) = (
            self.place.offset,
            self.place.index,
            self.length,
            // It may repeat the click.
            words::hide_echoes(&self.reason, [&*self.raw]),
        );
        tracing::warn!(
            object = object,
            kind = kind,
            target = target,
            offset = offset,
            index = index,
            length = length,
            reason = reason,
            "quarantined"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clicks::json::{Parser, Progress};

    fn row(raw: &[u8], target: Option<&str>) -> Row {
        let object = ObjectRef {
            bucket: "b".into(),
            key: "/k \"1\"".into(),
            version: Some("v".into()),
        };
        Row {
            kind: RowKind::Rejected,
            object: Arc::new(object),
            place: Place {
                offset: 12,
                index: 3,
            },
            length: raw.len() as u64,
            click: Some((2, ClickId::from_digest(&[0; 32]))),
            batch_key: Some("batch".into()),
            target: target.map(Into::into),
            reason: "HTTP 422".into(),
            raw: Bytes::copy_from_slice(raw),
        }
    }

    #[test]
    fn a_row_reads_back_as_it_was_written() {
        for raw in [&b"{\"a\":\"\\n\"}"[..], b"\xFF\xFE\0", b""] {
            let row = row(raw, Some("hook"));
            let mut line = Vec::new();
            row.write(&mut line);
            let mut parser = Parser::new(8);
            assert_eq!(parser.run(&line, true), Progress::Done(line.len() - 1));
            assert_eq!(Row::read(parser.tape(&line), 0), Some(row));
        }
    }

    #[test]
    fn ids_tell_targets_places_and_bytes_apart() {
        let base = row(b"x", Some("hook"));
        assert_eq!(base.id(), row(b"x", Some("hook")).id());
        assert_ne!(base.id(), row(b"y", Some("hook")).id());
        assert_ne!(base.id(), row(b"x", None).id());
    }

    #[test]
    fn released_rows_are_read_and_written_as_they_were() {
        let mut parser = Parser::new(8);
        for released in include_str!("../../tests/data/formats/quarantine.jsonl").lines() {
            parser.reset();
            assert_eq!(
                parser.run(released.as_bytes(), true),
                Progress::Done(released.len())
            );
            let row = Row::read(parser.tape(released.as_bytes()), 0).unwrap();
            // The id of a click is computed anew when a row is fed back.
            let tape = parser.tape(released.as_bytes());
            let id = tape.get(0, "click_id").and_then(|node| tape.string(node));
            let id = id.map(|text| {
                let digits = text.replace('-', "");
                let mut digest = [0; 32];
                for (byte, at) in digest.iter_mut().zip((0..32).step_by(2)) {
                    *byte = u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
                }
                ClickId::from_digest(&digest)
            });
            let row = Row {
                click: row.click.map(|(n, _)| (n, id.unwrap())),
                ..row
            };
            let mut line = Vec::new();
            row.write(&mut line);
            assert_eq!(String::from_utf8(line).unwrap(), format!("{released}\n"));
        }
    }
}
