//! The id of a click: the same for the same click, however often and by whatever road it comes.
//!
//! **Frozen as version 1.** The id is a UUID of version 8 made of the first 128 bits of SHA-256
//! over the click's canonical text: the members that [`super::normal`] yields, without `id`,
//! `source` and `key`, sorted recursively by the UTF-8 bytes of their unescaped names, no white
//! space, strings with minimal escaping, digits as delivered. For the n-th identical click of one
//! object (n from 1), where n is above 1, a line feed and n in decimal follow the text. A change of
//! any of this, of the rules in [`super::normal`] or of the times in [`super::time`] makes new ids
//! for old clicks: it would need a version 2 beside this one. `tests/golden/ids.txt` of this crate
//! holds the vectors that must never change.

use std::fmt;

use sha2::{Digest, Sha256};

use super::canonical::Scratch;
use crate::Uuid8;

/// The id of a click.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClickId(Uuid8);

impl ClickId {
    /// Returns the id for the SHA-256 of a canonical text.
    pub fn from_digest(digest: &[u8; 32]) -> ClickId {
        ClickId(Uuid8::from_digest(digest))
    }

    /// Reads its usual 36 characters; `None` if `text` is no id.
    pub fn parse(text: &str) -> Option<ClickId> {
        Uuid8::parse(text).map(ClickId)
    }

    /// Returns its usual 36 characters, ASCII.
    pub fn text(self) -> [u8; 36] {
        self.0.text()
    }
}

impl From<ClickId> for Uuid8 {
    fn from(id: ClickId) -> Uuid8 {
        id.0
    }
}

impl fmt::Display for ClickId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for ClickId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The hash of a click's canonical text, before its number among identical clicks is known.
pub struct Hashed {
    digest: [u8; 32],
}

impl Hashed {
    /// Hashes the canonical text that was written into `scratch`.
    pub fn new(scratch: &Scratch) -> Hashed {
        Hashed {
            digest: Sha256::digest(scratch.text()).into(),
        }
    }

    /// Returns 64 bits by which an identical click is recognised.
    pub fn fingerprint(&self) -> u64 {
        self.digest
            .first_chunk()
            .map_or(0, |head| u64::from_le_bytes(*head))
    }

    /// Returns the id of the click that is the `occurrence`-th such one of its object; `scratch` is
    /// as [`new`](Self::new) left it.
    pub fn id(&self, occurrence: u32, scratch: &Scratch) -> ClickId {
        match occurrence {
            1 => ClickId::from_digest(&self.digest),
            _ => ClickId::from_digest(
                &Sha256::new_with_prefix(scratch.text())
                    .chain_update(format!("\n{occurrence}"))
                    .finalize()
                    .into(),
            ),
        }
    }
}
