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

    /// Reads the usual 36 characters; `None` if `text` is no UUID of version 8.
    pub fn parse(text: &str) -> Option<Uuid8> {
        let mut digits = text.bytes().filter(|c| *c != b'-');
        let mut digit = || (digits.next()? as char).to_digit(16);
        let mut bytes = [0; 16];
        for byte in &mut bytes {
            *byte = u8::try_from(digit()? << 4 | digit()?).ok()?;
        }
        let id = Uuid8(bytes);
        // Dashes elsewhere, more digits and other versions are told by how it is written.
        let is_ours = bytes[6] >> 4 == 8 && bytes[8] >> 6 == 2;
        (is_ours && text.as_bytes().eq_ignore_ascii_case(&id.text())).then_some(id)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_nothing_else() {
        let id = Uuid8::from_digest(&[0xA7; 32]);
        let text = id.to_string();
        assert_eq!(Uuid8::parse(&text), Some(id));
        assert_eq!(Uuid8::parse(&text.to_uppercase()), Some(id));
        for other in [
            "",
            &text[1..],
            &format!("{text}0"),
            &text.replace('-', ""),
            &text.replace("-8", "-4"),
            &text.replacen('a', "g", 1),
            &text.replacen('a', "ä", 1),
        ] {
            assert_eq!(Uuid8::parse(other), None, "{other:?}");
        }
    }
}
