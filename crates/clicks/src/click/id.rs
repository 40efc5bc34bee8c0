//! The id of a click: the same for the same click, however often and by whatever road it comes.
//!
//! **Frozen as version 1.** The id is a UUID of version 8 made of the first 128 bits of SHA-256 over the
//! click's canonical text: the members that [`super::normal`] yields, without `id`, `source` and `key`,
//! sorted recursively by the UTF-8 bytes of their unescaped names, no white space, strings with minimal
//! escaping, digits as delivered. For the n-th identical click of one object (n from 1), where n is above
//! 1, a line feed and n in decimal follow the text. A change of any of this, of the rules in
//! [`super::normal`] or of the times in [`super::time`] makes new ids for old clicks: it would need a
//! version 2 beside this one. `tests/golden/ids.txt` holds the vectors that must never change.

use std::fmt;

use sha2::{Digest, Sha256};

use super::canonical::Scratch;
use super::normal::Normal;

/// The id of a click.
pub type ClickId = Uuid8;

/// A UUID of version 8 made of a SHA-256 digest. What it identifies, an alias says: [`ClickId`] here.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uuid8([u8; 16]);

impl Uuid8 {
    /// The UUID of version 8 with the first 122 free bits of `digest`.
    pub fn from_digest(digest: &[u8; 32]) -> Uuid8 {
        let mut bytes = [0; 16];
        bytes
            .iter_mut()
            .zip(digest)
            .for_each(|(to, from)| *to = *from);
        bytes[6] = bytes[6] & 0x0F | 0x80;
        bytes[8] = bytes[8] & 0x3F | 0x80;
        Uuid8(bytes)
    }

    /// The id in its usual 36 characters, ASCII.
    pub fn text(self) -> [u8; 36] {
        let hex = |digit: u8| {
            if digit < 10 {
                b'0' + digit
            } else {
                b'a' + digit - 10
            }
        };
        const PLACES: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
        let mut out = [b'-'; 36];
        for (byte, place) in self.0.iter().zip(PLACES) {
            if let Some([high, low]) = out.get_mut(place..place + 2) {
                (*high, *low) = (hex(byte >> 4), hex(byte & 15));
            }
        }
        out
    }
}

impl fmt::Display for Uuid8 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text()
            .iter()
            .try_for_each(|&c| fmt::Write::write_char(f, c as char))
    }
}

impl fmt::Debug for Uuid8 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The hash of a click's canonical text, before its number among identical ones is known.
pub struct Hashed {
    digest: [u8; 32],
}

impl Hashed {
    /// Hashes the canonical text of `click`, written into `scratch`. Nothing if a name stands twice in one
    /// object: then the record is to be rewritten first.
    pub fn new(click: &Normal<'_>, scratch: &mut Scratch) -> Option<Hashed> {
        scratch.write(click, click.root).ok()?;
        Some(Hashed {
            digest: Sha256::digest(scratch.text()).into(),
        })
    }

    /// 64 bits by which an identical click is recognised.
    pub fn fingerprint(&self) -> u64 {
        self.digest
            .first_chunk()
            .map_or(0, |head| u64::from_le_bytes(*head))
    }

    /// The id of the `n`-th such click of its object; `scratch` is as [`new`](Self::new) left it.
    pub fn id(&self, n: u32, scratch: &Scratch) -> ClickId {
        match n {
            1 => ClickId::from_digest(&self.digest),
            _ => ClickId::from_digest(
                &Sha256::new_with_prefix(scratch.text())
                    .chain_update(format!("\n{n}"))
                    .finalize()
                    .into(),
            ),
        }
    }
}
