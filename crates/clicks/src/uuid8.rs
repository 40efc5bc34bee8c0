//! UUIDs of version 8 (RFC 9562), made of a digest.

use std::fmt;

/// A UUID of version 8. What is hashed decides what it identifies.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uuid8([u8; 16]);

impl Uuid8 {
    /// Takes the 122 bits that are free in a UUID from the first 128 of `digest`.
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

    /// Returns its last 48 bits, which are as good as random.
    pub fn low_bits(self) -> u64 {
        let tail = self.0.last_chunk::<6>().copied().unwrap_or_default();
        tail.iter()
            .fold(0, |bits, byte| bits << 8 | u64::from(*byte))
    }

    /// Returns its usual 36 characters, ASCII.
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
        f.write_str(std::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

impl fmt::Debug for Uuid8 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
