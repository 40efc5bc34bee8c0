//! Finds what a text repeats of another. Case does not count.

use std::collections::BTreeSet;

use super::LEFT_OUT;

/// Fewest bytes in a row that count as repeated. At most 8: they are compared as one number.
const RUN: usize = 6;
/// Fewest bytes of a secret that is looked for: shorter ones stand in every text.
const SHORTEST_SECRET: usize = 3;

/// Returns `text` with `…` in the place of every run of 6 or more bytes that stands in one of
/// `sources`.
pub fn hide_echoes<'s>(text: &str, sources: impl IntoIterator<Item = &'s [u8]>) -> String {
    let mut hidden = vec![false; text.len()];
    for source in sources {
        mark(text.as_bytes(), source, RUN, &mut hidden);
    }
    render(text, &hidden)
}

/// Returns `text` with `…` in the place of every one of `secrets`, and of every run of 6 or more
/// bytes of one.
pub fn hide_secrets<'s>(text: &str, secrets: impl IntoIterator<Item = &'s str>) -> String {
    let mut hidden = vec![false; text.len()];
    for secret in secrets.into_iter().filter(|s| s.len() >= SHORTEST_SECRET) {
        let run = RUN.min(secret.len());
        mark(text.as_bytes(), secret.as_bytes(), run, &mut hidden);
    }
    render(text, &hidden)
}

/// Marks the bytes of `text` that stand in `source` in runs of at least `run` bytes. Takes one pass
/// over `source`, which may be a large body.
fn mark(text: &[u8], source: &[u8], run: usize, hidden: &mut [bool]) {
    let mut of_text: Vec<u64> = windows(text, run).collect();
    of_text.sort_unstable();
    // Tells most windows of the source from those of the text without a search.
    let mut slots = vec![false; SLOTS];
    for window in &of_text {
        slots
            .get_mut(slot(*window))
            .into_iter()
            .for_each(|slot| *slot = true);
    }
    let found: BTreeSet<u64> = windows(source, run)
        .filter(|window| slots.get(slot(*window)).is_some_and(|slot| *slot))
        .filter(|window| of_text.binary_search(window).is_ok())
        .collect();
    for (at, window) in windows(text, run).enumerate() {
        if found.contains(&window) {
            let bytes = hidden.get_mut(at..at + run);
            bytes.into_iter().for_each(|bytes| bytes.fill(true));
        }
    }
}

const SLOTS: usize = 1 << 16;

/// Spreads windows over the slots, by Fibonacci hashing.
fn slot(window: u64) -> usize {
    (window.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 48) as usize
}

/// Returns every `run` bytes in a row as one number, in lower case.
fn windows(bytes: &[u8], run: usize) -> impl Iterator<Item = u64> {
    let mask = u64::MAX >> (64 - 8 * run as u32);
    let mut window = 0_u64;
    let all = bytes.iter().map(move |byte| {
        window = (window << 8 | u64::from(byte.to_ascii_lowercase())) & mask;
        window
    });
    all.skip(run - 1)
}

/// Puts one `…` in the place of the characters in a row of which a byte is hidden.
fn render(text: &str, hidden: &[bool]) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let bytes = hidden.get(at..at + c.len_utf8()).unwrap_or_default();
        let shown = if bytes.contains(&true) { LEFT_OUT } else { c };
        if shown != LEFT_OUT || !out.ends_with(LEFT_OUT) {
            out.push(shown);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn echoes(text: &str, source: &str) -> String {
        hide_echoes(text, [source.as_bytes()])
    }

    #[test]
    fn six_characters_in_a_row_of_the_request_are_hidden_and_five_are_not() {
        assert_eq!(echoes("got abcdef.", "xabcdefy"), "got ….");
        assert_eq!(echoes("got abcde.", "xabcdey"), "got abcde.");
        assert_eq!(echoes("got ABCDEFGHIJ!", "abcdefghij"), "got …!");
        assert_eq!(
            echoes("abcdefghijkl", "abcdefg fghijkl"),
            "…",
            "two that overlap"
        );
        assert_eq!(echoes("short", "short"), "short");
        assert_eq!(echoes("", "anything"), "");
        assert_eq!(echoes("nothing of it", ""), "nothing of it");
    }

    #[test]
    fn a_character_is_hidden_whole() {
        assert_eq!(echoes("é: Zoë Müller, é", "Zoë Müller"), "é: …, é");
    }

    #[test]
    fn a_secret_is_hidden_whole_in_part_and_though_it_is_short() {
        assert_eq!(hide_secrets("key k-1 is wrong", ["k-1"]), "key … is wrong");
        assert_eq!(
            hide_secrets("key tok_123456… is wrong", ["tok_1234567890"]),
            "key … is wrong"
        );
        assert_eq!(hide_secrets("a b", ["a", ""]), "a b");
    }

    #[test]
    fn whatever_is_left_shares_no_run_with_the_request() {
        let mut rng = fastrand::Rng::with_seed(7);
        for _ in 0..500 {
            let mut letters = |n| -> String { (0..n).map(|_| rng.char('a'..='c')).collect() };
            let (text, source) = (letters(40), letters(60));
            let shown = echoes(&text, &source);
            for piece in shown.split('…').filter(|piece| piece.len() >= RUN) {
                for at in 0..=piece.len() - RUN {
                    let run = &piece[at..at + RUN];
                    assert!(!source.contains(run), "{run} of {text} in {source}");
                }
            }
        }
    }
}
