//! Texts as they are compared: without the difference of upper and lower case.

/// Bytes of the longest text that is folded without an allocation.
const SHORT: usize = 128;

/// Calls `see` with the bytes of `text` as they are compared.
#[inline]
pub(super) fn with_folded<R>(text: &str, see: impl FnOnce(&[u8]) -> R) -> R {
    let mut buffer = [0; SHORT];
    match buffer.get_mut(..text.len()) {
        Some(short) if text.is_ascii() => {
            short.copy_from_slice(text.as_bytes());
            short.make_ascii_lowercase();
            see(short)
        }
        _ => see(fold(text).as_bytes()),
    }
}

/// Returns `text` as it is compared.
pub(super) fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    // By way of the capital, which the forms of a letter share: ς is σ, and ß is ss.
    let capitals = text.chars().flat_map(char::to_uppercase);
    capitals.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spellings_of_a_text_are_the_same() {
        for (one, other) in [
            ("Spring-2026", "sPRING-2026"),
            ("Grüße", "GRÜSSE"),
            ("ΟΔΟΣ", "οδος"),
            ("ÉTÉ", "été"),
            ("Straße.example", "STRASSE.EXAMPLE"),
            ("\u{212A}elvin", "KELVIN"),
            ("春", "春"),
        ] {
            assert_eq!(fold(one), fold(other));
            with_folded(one, |bytes| assert_eq!(bytes, fold(other).as_bytes()));
        }
        assert_ne!(fold("resume"), fold("résumé"));
    }

    #[test]
    fn a_long_text_is_folded_like_a_short_one() {
        for length in [0, 1, SHORT - 1, SHORT, SHORT + 1, 10 * SHORT] {
            let (text, folded) = ("A".repeat(length), "a".repeat(length));
            with_folded(&text, |bytes| assert_eq!(bytes, folded.as_bytes()));
        }
    }
}
