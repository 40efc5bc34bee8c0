//! The id of a click: the same for the same click, however often and by whatever road it comes.
//!
//! **Frozen as version 1.** The id is a UUID of version 8 made of the first 128 bits of SHA-256 over the
//! click's canonical text: the members that [`super::normal`] yields, without `id`, `source` and `key`,
//! sorted recursively by the UTF-8 bytes of their unescaped names, no white space, strings with minimal
//! escaping, digits as delivered. For the n-th identical click of one object (n from 1), where n is above
//! 1, a line feed and n in decimal follow the text. A change of any of this, of the rules in
//! [`super::normal`] or of the times in [`super::time`] makes new ids for old clicks: it would need a
//! version 2 beside this one. `tests/golden/ids.txt` holds the vectors that must never change.

use std::borrow::Cow;
use std::fmt;

use sha2::{Digest, Sha256};

use super::normal::{Normal, Value};
use crate::json::{Kind, text};

/// The id of a click.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClickId([u8; 16]);

impl ClickId {
    /// The UUID of version 8 with the first 122 free bits of `digest`.
    pub fn from_digest(digest: &[u8; 32]) -> ClickId {
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(digest).for_each(|(to, from)| *to = *from);
        bytes[6] = bytes[6] & 0x0F | 0x80;
        bytes[8] = bytes[8] & 0x3F | 0x80;
        ClickId(bytes)
    }

    /// The id in its usual 36 characters, ASCII.
    pub fn text(self) -> [u8; 36] {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut out = [b'-'; 36];
        let slots = (0..36).filter(|at| !matches!(at, 8 | 13 | 18 | 23));
        let digits = self.0.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        for (slot, digit) in slots.zip(digits) {
            if let (Some(to), Some(from)) = (out.get_mut(slot), HEX.get(digit as usize)) {
                *to = *from;
            }
        }
        out
    }
}

impl fmt::Display for ClickId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text().iter().try_for_each(|&c| fmt::Write::write_char(f, c as char))
    }
}

impl fmt::Debug for ClickId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The hash of a click's canonical text, before its number among identical ones is known.
pub struct Hashed(Sha256);

impl Hashed {
    /// Hashes the canonical text of `click`; `scratch` is overwritten with it. Nothing if a name stands
    /// twice in one object: then the record is to be rewritten first.
    pub fn new(click: &Normal<'_>, scratch: &mut Vec<u8>) -> Option<Hashed> {
        scratch.clear();
        canonical(click, click.root(), &mut Vec::with_capacity(64), scratch).then(|| Hashed(Sha256::new_with_prefix(scratch)))
    }

    /// 64 bits by which an identical click is recognised.
    pub fn fingerprint(&self) -> u64 {
        let digest: [u8; 32] = self.0.clone().finalize().into();
        digest.first_chunk().map_or(0, |head| u64::from_le_bytes(*head))
    }

    /// The id of the `n`-th such click of its object.
    pub fn id(self, n: u32) -> ClickId {
        let hash = if n > 1 { self.0.chain_update(format!("\n{n}")) } else { self.0 };
        ClickId::from_digest(&hash.finalize().into())
    }
}

/// Whether two values are the same but for the order of members and the spelling of strings.
pub(super) fn same(click: &Normal<'_>, a: Value, b: Value) -> bool {
    let (mut left, mut right) = (Vec::new(), Vec::new());
    let names = &mut Vec::new();
    canonical(click, a, names, &mut left) && canonical(click, b, names, &mut right) && left == right
}

/// Members of the objects that are being written, each object's above its parent's.
type Names<'n> = Vec<(Cow<'n, [u8]>, Value)>;

/// Appends the canonical text of `value`; `false` if a name stands twice in one object.
fn canonical<'n>(click: &Normal<'n>, value: Value, names: &mut Names<'n>, out: &mut Vec<u8>) -> bool {
    match value {
        Value::Text(index) => text::write_str(click.text(index), out),
        Value::Object(..) => return object(click, value, names, out),
        Value::Node(index) => {
            let (tape, node) = (click.tape, click.tape.node(index));
            match node.kind {
                Kind::Object => return object(click, value, names, out),
                Kind::Array => return array(click, index, names, out),
                Kind::String if node.escaped => text::write_string(&text::unescape(tape.inner(index)), out),
                _ => out.extend_from_slice(tape.raw(index)),
            }
        }
    }
    true
}

fn object<'n>(click: &Normal<'n>, value: Value, names: &mut Names<'n>, out: &mut Vec<u8>) -> bool {
    let start = names.len();
    names.extend(click.members(value).map(|(name, value)| (click.name(name), value)));
    let own = names.get_mut(start..).unwrap_or_default();
    own.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    if own.windows(2).any(|pair| matches!(pair, [a, b] if a.0 == b.0)) {
        return false;
    }
    out.push(b'{');
    for at in start..names.len() {
        if at > start {
            out.push(b',');
        }
        let Some((name, value)) = names.get_mut(at).map(|(name, value)| (std::mem::take(name), *value)) else { return false };
        match name {
            // Without an escape it is minimal already.
            Cow::Borrowed(plain) => {
                out.push(b'"');
                out.extend_from_slice(plain);
                out.push(b'"');
            }
            Cow::Owned(unescaped) => text::write_string(&unescaped, out),
        }
        out.push(b':');
        if !canonical(click, value, names, out) {
            return false;
        }
    }
    names.truncate(start);
    out.push(b'}');
    true
}

fn array<'n>(click: &Normal<'n>, index: u32, names: &mut Names<'n>, out: &mut Vec<u8>) -> bool {
    out.push(b'[');
    for (at, element) in click.tape.elements(index).enumerate() {
        if at > 0 {
            out.push(b',');
        }
        if !canonical(click, Value::Node(element), names, out) {
            return false;
        }
    }
    out.push(b']');
    true
}
