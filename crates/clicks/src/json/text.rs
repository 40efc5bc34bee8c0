//! Strings of JSON: resolving escapes, and writing them back with as few as the grammar allows.

use std::borrow::Cow;

use super::scan::{Specials, plain_run};

/// Bytes that are copied at a time, whether all are needed or not: a copy of a length known to the
/// compiler is two instructions.
pub const SLACK: usize = 32;

/// Appends the bytes of `text` from `start` to before `end`.
#[inline]
pub fn append(text: &[u8], start: usize, end: usize, out: &mut Vec<u8>) {
    if let Some(wide) = text
        .get(start..start + SLACK)
        .filter(|_| end <= start + SLACK)
    {
        let length = out.len() + end - start;
        out.extend_from_slice(wide);
        out.truncate(length);
    } else {
        out.extend_from_slice(text.get(start..end).unwrap_or_default());
    }
}

/// Resolves the escapes of `inner`, the bytes between a string's quotes.
///
/// A lone surrogate comes out in WTF-8 (three bytes, `ED A0..BF xx`), so that nothing is lost and
/// [`write_string`] can write it back; a pair of surrogates becomes the one code point it stands
/// for.
pub fn unescape(inner: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        let (plain, escape) = rest.split_at(at);
        out.extend_from_slice(plain);
        rest = match escape {
            [b'\\', b'u', tail @ ..] => unescape_unicode(tail, &mut out),
            [b'\\', c, tail @ ..] => {
                out.push(simple(*c));
                tail
            }
            _ => &[],
        };
    }
    out.extend_from_slice(rest);
    out
}

/// Returns the byte that an escape of one letter stands for.
fn simple(c: u8) -> u8 {
    match c {
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        other => other,
    }
}

/// Resolves what follows `\u`, and returns what follows that.
fn unescape_unicode<'a>(tail: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let Some((unit, rest)) = hex4(tail) else {
        return &[];
    };
    if (0xD800..0xDC00).contains(&unit)
        && let [b'\\', b'u', after @ ..] = rest
        && let Some((low @ 0xDC00..0xE000, end)) = hex4(after)
    {
        push_code_point(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00), out);
        return end;
    }
    push_code_point(unit, out);
    rest
}

fn hex4(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, rest) = bytes.split_at_checked(4)?;
    let digits = std::str::from_utf8(digits).ok()?;
    Some((u32::from_str_radix(digits, 16).ok()?, rest))
}

/// Appends `c` in UTF-8; a surrogate in the three bytes that the scheme would give it.
fn push_code_point(c: u32, out: &mut Vec<u8>) {
    if let Some(c) = char::from_u32(c) {
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    } else {
        let low6 = |n: u32| 0x80 | (n & 0x3F) as u8;
        out.extend_from_slice(&[0xE0 | (c >> 12) as u8, low6(c >> 6), low6(c)]);
    }
}

/// Writes `text` (UTF-8, or WTF-8 as [`unescape`] makes it) as a JSON string with minimal escaping:
/// `"`, `\` and control characters alone, in their short spelling where there is one, and a lone
/// surrogate as `\ud800` in lower case.
pub fn write_string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    escape_into(text, out);
    out.push(b'"');
}

/// Writes `text` as [`write_string`] does, without the quotes.
pub fn escape_into(text: &[u8], out: &mut Vec<u8>) {
    // A lone surrogate is rare, and no valid UTF-8 holds it.
    let surrogates = memchr::memchr(0xED, text).is_some();
    let (mut done, mut special) = (0, Specials::new(text));
    while let Some(at) = if surrogates {
        text.iter()
            .skip(done)
            .position(|&c| escapes(c))
            .map(|n| done + n)
    } else {
        special.next()
    } {
        append(text, done, at, out);
        done = at + escape(text.get(at..).unwrap_or_default(), out);
    }
    append(text, done, text.len(), out);
}

/// Whether a byte may begin something that needs an escape.
fn escapes(c: u8) -> bool {
    c < 0x20 || matches!(c, b'"' | b'\\' | 0xED)
}

/// Writes what `text` begins with, escaped if it needs to be; returns its length.
fn escape(text: &[u8], out: &mut Vec<u8>) -> usize {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let hex = |n: usize| HEX.get(n & 15).copied().unwrap_or(b'0');
    let Some((&c, tail)) = text.split_first() else {
        return 0;
    };
    match (c, tail) {
        (b'"' | b'\\', _) => out.extend_from_slice(&[b'\\', c]),
        (8, _) => out.extend_from_slice(b"\\b"),
        (9, _) => out.extend_from_slice(b"\\t"),
        (10, _) => out.extend_from_slice(b"\\n"),
        (12, _) => out.extend_from_slice(b"\\f"),
        (13, _) => out.extend_from_slice(b"\\r"),
        (0..0x20, _) => out.extend_from_slice(&[
            b'\\',
            b'u',
            b'0',
            b'0',
            hex(c as usize >> 4),
            hex(c as usize),
        ]),
        (0xED, [second @ 0xA0..=0xFF, third, ..]) => {
            let unit = 0xD000 | (*second as usize & 0x3F) << 6 | (*third as usize & 0x3F);
            out.extend_from_slice(&[b'\\', b'u', b'd', hex(unit >> 8), hex(unit >> 4), hex(unit)]);
            return 3;
        }
        _ => out.push(c),
    }
    1
}

/// Writes `text`, which needs no escapes, between quotes.
#[inline]
pub fn write_plain(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(text);
    out.push(b'"');
}

/// Writes the string with `inner` between its quotes again, with minimal escaping, as
/// [`write_string`] writes the result of [`unescape`].
pub fn write_minimal(inner: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = inner;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        let (plain, escape) = rest.split_at(at);
        out.extend_from_slice(plain);
        rest = match escape {
            [b'\\', b'/', tail @ ..] => {
                out.push(b'/');
                tail
            }
            [b'\\', b'u', tail @ ..] => {
                let start = out.len();
                let tail = unescape_unicode(tail, out);
                if let [0..0x20 | b'"' | b'\\'] | [0xED, 0xA0..=0xBF, ..] =
                    out.get(start..).unwrap_or_default()
                {
                    let mut character = [0; 4];
                    let written = out.get(start..).unwrap_or_default();
                    character
                        .iter_mut()
                        .zip(written)
                        .for_each(|(to, from)| *to = *from);
                    out.truncate(start);
                    self::escape(&character, out);
                }
                tail
            }
            [b'\\', c, tail @ ..] => {
                out.extend_from_slice(&[b'\\', *c]);
                tail
            }
            _ => &[],
        };
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// Writes a Rust string as a JSON string.
pub fn write_str(text: &str, out: &mut Vec<u8>) {
    if plain_run(text.as_bytes()) == text.len() {
        write_plain(text.as_bytes(), out);
    } else {
        write_string(text.as_bytes(), out);
    }
}

/// Writes a number in decimal.
pub fn write_number(number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Returns the text between the quotes with its escapes resolved, borrowed where it holds none.
pub fn unescaped(inner: &[u8], escaped: bool) -> Cow<'_, [u8]> {
    if escaped {
        Cow::Owned(unescape(inner))
    } else {
        Cow::Borrowed(inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again(inner: &str) -> String {
        let mut out = Vec::new();
        write_string(&unescape(inner.as_bytes()), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn escapes_become_minimal() {
        assert_eq!(
            again(r"a\/b\u0041\u00e9\n\u001F\\\u0022"),
            r#""a/bAé\n\u001f\\\"""#
        );
        assert_eq!(again(r"\b\f\t\r\u0008"), r#""\b\f\t\r\b""#);
    }

    #[test]
    fn surrogates_pair_up_or_stay_alone_in_lower_case() {
        assert_eq!(again(r"\uD83D\uDE00"), "\"😀\"");
        assert_eq!(
            again(r"\uD800x\uDFFF\uDBFF\uD83D\uDE00"),
            r#""\ud800x\udfff\udbff😀""#
        );
    }
}
