//! Strings, escapes and numbers: what a parser looks at byte by byte.
#![expect(
    clippy::indexing_slicing,
    reason = "bounds are checked a line before; checked access costs a tenth of the speed"
)]

use wide::u8x16;

/// Returns a bit for each byte that is a quote, a backslash or a control character.
#[inline(always)]
fn specials(word: [u8; 16]) -> u32 {
    let (quote, backslash, control) = (u8x16::splat(b'"'), u8x16::splat(b'\\'), u8x16::splat(0x1F));
    let v = u8x16::new(word);
    (v.simd_eq(quote) | v.simd_eq(backslash) | v.min(control).simd_eq(v)).to_bitmask()
}

fn is_special(c: u8) -> bool {
    c == b'"' || c == b'\\' || c < 0x20
}

/// Returns the number of bytes of `text` before the first quote, backslash or control character. It
/// looks at sixteen at a time.
#[inline]
pub(in crate::json) fn plain_run(text: &[u8]) -> usize {
    let (words, tail) = text.as_chunks::<16>();
    for (index, word) in words.iter().enumerate() {
        let hit = specials(*word);
        if hit != 0 {
            return index * 16 + hit.trailing_zeros() as usize;
        }
    }
    text.len() - tail.len()
        + tail
            .iter()
            .position(|&c| is_special(c))
            .unwrap_or(tail.len())
}

/// The positions of the quotes, backslashes and control characters of a text.
pub(in crate::json) struct Specials<'t> {
    text: &'t [u8],
    /// Where the word begins that `hits` are in, and where the next one does.
    start: usize,
    next: usize,
    hits: u32,
}

impl<'t> Specials<'t> {
    pub(in crate::json) fn new(text: &'t [u8]) -> Specials<'t> {
        Specials {
            text,
            start: 0,
            next: 0,
            hits: 0,
        }
    }
}

impl Iterator for Specials<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        while self.hits == 0 {
            self.start = self.next;
            let rest = self
                .text
                .get(self.start..)
                .filter(|rest| !rest.is_empty())?;
            self.next += 16;
            self.hits = match (rest.first_chunk::<16>(), self.text.last_chunk::<16>()) {
                (Some(word), _) => specials(*word),
                // The last sixteen, without those that were looked at.
                (None, Some(word)) => specials(*word) >> (16 - rest.len()),
                (None, None) => rest
                    .iter()
                    .enumerate()
                    .fold(0, |hits, (at, &c)| hits | u32::from(is_special(c)) << at),
            };
        }
        let at = self.start + self.hits.trailing_zeros() as usize;
        self.hits &= self.hits - 1;
        Some(at)
    }
}

/// Returns the length of the escape at the start of `text`; 0 if it is none, `None` if the text
/// ends inside it.
pub(super) fn escape_length(text: &[u8]) -> Option<usize> {
    match text.get(1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
        b'u' => {
            let digits = &text[2..text.len().min(6)];
            if !digits.iter().all(u8::is_ascii_hexdigit) {
                Some(0)
            } else if digits.len() == 4 {
                Some(6)
            } else {
                None
            }
        }
        _ => Some(0),
    }
}

/// Whether `text` is a number as JSON spells it.
pub fn is_number(text: &[u8]) -> bool {
    let digits = |t: &[u8]| t.iter().take_while(|c| c.is_ascii_digit()).count();
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let whole = digits(text);
    if whole == 0 || (whole > 1 && text[0] == b'0') {
        return false;
    }
    let mut rest = &text[whole..];
    if let [b'.', fraction @ ..] = rest {
        let n = digits(fraction);
        if n == 0 {
            return false;
        }
        rest = &fraction[n..];
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = exponent
            .strip_prefix(b"+")
            .or(exponent.strip_prefix(b"-"))
            .unwrap_or(exponent);
        let n = digits(exponent);
        if n == 0 {
            return false;
        }
        rest = &exponent[n..];
    }
    rest.is_empty()
}
