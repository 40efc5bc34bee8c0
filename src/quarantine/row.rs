//! One row of the quarantine, as it is written and as it is read back.

use std::io::Write;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::members::Members;
use crate::object::ObjectRef;
use crate::platform::words;
use crate::targets::Entry;
use crate::transform::Applied;
use clicks::Uuid8;
use clicks::click::{ClickId, write_source};
use clicks::decode::{BadRecord, Place};
use clicks::json::{Kind, Tape, text};

/// The member that marks a row, and its version: what is fed back is known by it.
const MARK: &str = "clickstream_quarantine";
/// The version of a row whose bytes are as delivered: the id of a click is that of its bytes, and
/// the rules of its target are still to be applied.
const DELIVERED: &[u8] = b"1";
/// The version of a row whose click rules of its target were applied to, which a program that knows
/// no rules must not read: the bytes may not be those that the id is of.
const RULES_APPLIED: &[u8] = b"2";

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

/// The click that a row keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowClick {
    /// Its number among identical clicks of its object, from 1.
    pub occurrence: u32,
    /// Its id; `None` if the row does not tell.
    pub id: Option<ClickId>,
    /// The rules of its target that were applied to it. With any, it has the id that the row tells,
    /// whatever its bytes.
    pub applied: Applied,
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
    /// Its click, if it is known to be one.
    pub click: Option<RowClick>,
    /// The key of the click's envelope.
    pub batch_key: Option<Arc<str>>,
    /// The target that it is for; `None` for every target.
    pub target: Option<Arc<str>>,
    /// Why it is here.
    pub reason: String,
    /// Its bytes as delivered; those of a click after the rules that were applied to it.
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
            click: Some(RowClick {
                occurrence: entry.occurrence,
                id: Some(entry.id),
                applied: entry.applied,
            }),
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
        let applied = self.click.map(|click| click.applied);
        let applied = applied.filter(|applied| applied.any());
        let version = if applied.is_some() {
            RULES_APPLIED
        } else {
            DELIVERED
        };
        // Writing to a vector cannot fail.
        let _ = write!(out, "{{\"{MARK}\":");
        out.extend_from_slice(version);
        out.push(b',');
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
        if let Some(id) = self.click.and_then(|click| click.id) {
            member("click_id", &id.to_string());
        }
        if let Some(key) = &self.batch_key {
            member("batch_key", key);
        }
        match std::str::from_utf8(&self.raw) {
            Ok(raw) => member("raw", raw),
            Err(_) => member("raw_base64", &STANDARD.encode(&self.raw)),
        }
        if let Some(click) = self.click {
            let _ = write!(out, "\"n\":{},", click.occurrence);
        }
        if let Some(Applied { filters, privacy }) = applied {
            let _ = write!(
                out,
                "\"applied\":{{\"filters\":{filters},\"privacy\":{privacy}}},"
            );
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
        let row = Members { tape, root };
        let version = row.digits(MARK)?;
        let source = Members {
            root: tape.get(root, "source")?,
            ..row
        };
        let kind = [RowKind::Record, RowKind::Rejected, RowKind::Object];
        let named = row.string("kind")?;
        let raw = match row.string("raw") {
            Some(raw) => raw.into_bytes(),
            None => STANDARD.decode(row.string("raw_base64")?).ok()?,
        };
        let target: Option<Arc<str>> = row.string("target").map(Into::into);
        let click = match version {
            DELIVERED => row.click(Applied::default())?,
            // Those of this target, and of no other.
            RULES_APPLIED if target.is_some() => Some(row.known_click()?),
            _ => return None,
        };
        let object = ObjectRef {
            bucket: source.string("bucket")?,
            key: source.string("key")?,
            version: source.string("version"),
        };
        Some(Row {
            kind: kind.into_iter().find(|kind| kind.name() == named)?,
            object: Arc::new(object),
            place: Place {
                offset: source.number("offset")?,
                index: source.number("index")?,
            },
            length: row.number("length")?,
            click,
            batch_key: row.string("batch_key").map(Into::into),
            target,
            reason: row.string("reason")?,
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

    fn row(raw: &[u8], target: Option<&str>, applied: Applied) -> Row {
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
            click: Some(RowClick {
                occurrence: 2,
                id: Some(ClickId::from_digest(&[7; 32])),
                applied,
            }),
            batch_key: Some("batch".into()),
            target: target.map(Into::into),
            reason: "HTTP 422".into(),
            raw: Bytes::copy_from_slice(raw),
        }
    }

    fn line(row: &Row) -> String {
        let mut line = Vec::new();
        row.write(&mut line);
        String::from_utf8(line).unwrap()
    }

    fn read(line: &str) -> Option<Row> {
        let mut parser = Parser::new(8);
        let line = line.trim_end();
        let end = Progress::Done(line.len());
        assert_eq!(parser.run(line.as_bytes(), true), end);
        Row::read(parser.tape(line.as_bytes()), 0)
    }

    const CHOSEN: Applied = Applied {
        filters: true,
        privacy: false,
    };

    #[test]
    fn a_row_reads_back_as_it_was_written() {
        let redacted = Applied {
            privacy: true,
            ..CHOSEN
        };
        let unjudged = Applied {
            filters: false,
            ..redacted
        };
        for applied in [Applied::default(), CHOSEN, redacted, unjudged] {
            for raw in [&b"{\"a\":\"\\n\"}"[..], b"\xFF\xFE\0", b""] {
                let row = row(raw, Some("hook"), applied);
                assert_eq!(read(&line(&row)), Some(row));
            }
        }
    }

    #[test]
    fn a_row_is_of_version_2_only_if_rules_were_applied_to_its_click() {
        let version = |applied| line(&row(b"x", Some("hook"), applied));
        let delivered = version(Applied::default());
        assert!(delivered.starts_with(r#"{"clickstream_quarantine":1,"#));
        assert!(version(CHOSEN).starts_with(r#"{"clickstream_quarantine":2,"#));
    }

    #[test]
    fn a_row_of_version_2_without_id_target_or_rules_is_none() {
        let whole = line(&row(b"x", Some("hook"), CHOSEN));
        assert!(read(&whole).is_some());
        for (part, other) in [
            ("\"target\":\"hook\",", ""),
            ("\"click_id\":\"0707", "\"click_id\":\"07"),
            ("\"n\":2,", ""),
            ("\"filters\":true", "\"filters\":1"),
            ("quarantine\":2", "quarantine\":3"),
        ] {
            assert!(whole.contains(part), "{part}");
            assert_eq!(read(&whole.replace(part, other)), None, "{part}");
        }
    }

    #[test]
    fn ids_tell_targets_places_and_bytes_apart() {
        let id = |raw: &[u8], target| row(raw, target, Applied::default()).id();
        assert_eq!(id(b"x", Some("hook")), id(b"x", Some("hook")));
        assert_ne!(id(b"x", Some("hook")), id(b"y", Some("hook")));
        assert_ne!(id(b"x", Some("hook")), id(b"x", None));
    }

    #[test]
    fn released_rows_are_read_and_written_as_they_were() {
        let released = [
            include_str!("../../tests/data/formats/quarantine.jsonl"),
            include_str!("../../tests/data/formats/quarantine-2.jsonl"),
        ];
        for released in released.into_iter().flat_map(str::lines) {
            let row = read(released).unwrap();
            assert_eq!(line(&row), format!("{released}\n"));
        }
    }
}
