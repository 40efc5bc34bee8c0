//! A bad record whose end is not found yet.

use bytes::{Bytes, BytesMut};

use super::{BadRecord, Place};

/// A bad record that goes on.
pub(super) struct OpenBadRecord {
    place: Place,
    reason: String,
    length: u64,
    raw: BytesMut,
    /// Most bytes that are kept of it.
    most: usize,
}

impl OpenBadRecord {
    /// Of which nothing is taken yet.
    pub(super) fn new(place: Place, reason: String, most: usize) -> OpenBadRecord {
        OpenBadRecord {
            place,
            reason,
            length: 0,
            raw: BytesMut::new(),
            most,
        }
    }

    /// Takes further bytes of it.
    pub(super) fn extend(&mut self, part: &[u8]) {
        self.length += part.len() as u64;
        let room = self.most.saturating_sub(self.raw.len());
        self.raw.extend_from_slice(part.get(..room).unwrap_or(part));
    }

    /// Returns it, ended, without the white space at its end.
    pub(super) fn finish(self) -> BadRecord {
        let mut raw = self.raw.freeze();
        let end = raw.trim_ascii_end().len();
        BadRecord {
            place: self.place,
            length: self.length,
            raw: raw.split_to(end),
            reason: self.reason,
        }
    }

    /// Returns it as the end of an object that cannot be read, for `reason`: `unread` follow.
    pub(super) fn unreadable(mut self, unread: &[u8], reason: String) -> BadRecord {
        self.extend(unread);
        BadRecord {
            place: self.place,
            length: self.length,
            raw: Bytes::from(self.raw),
            reason,
        }
    }
}
