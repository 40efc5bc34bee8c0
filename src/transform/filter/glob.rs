//! Patterns: `*` stands for any text, `?` for one letter.

/// Whether `text` is a pattern.
pub(super) fn is_glob(text: &str) -> bool {
    text.contains(WILD)
}

const WILD: [char; 2] = ['*', '?'];

/// A pattern, folded as the texts are that it is compared with.
#[derive(Debug)]
pub(super) struct Glob(Box<str>);

impl Glob {
    /// Takes a folded pattern.
    pub(super) fn new(folded: &str) -> Glob {
        Glob(folded.into())
    }

    /// Returns its longest part without wildcards: a text that matches contains it.
    pub(super) fn literal(&self) -> &str {
        // Of several as long as each other the last: many begin alike.
        let parts = self.0.split(WILD);
        parts.max_by_key(|part| part.len()).unwrap_or_default()
    }

    /// Returns the pattern.
    pub(super) fn text(&self) -> &str {
        &self.0
    }

    /// Whether it matches the whole of `text`, which is folded UTF-8.
    pub(super) fn matches(&self, text: &[u8]) -> bool {
        let pattern = self.0.as_bytes();
        let (mut at, mut seen) = (0, 0);
        // Where the last `*` stands, and where what it stands for ends so far.
        let mut star: Option<(usize, usize)> = None;
        while let Some(&byte) = text.get(seen) {
            match pattern.get(at) {
                Some(b'*') => {
                    star = Some((at, seen));
                    at += 1;
                }
                Some(b'?') => {
                    (at, seen) = (at + 1, seen + letter(text, seen));
                }
                Some(&literal) if literal == byte => (at, seen) = (at + 1, seen + 1),
                _ => match &mut star {
                    Some((star, end)) => {
                        *end += letter(text, *end);
                        (at, seen) = (*star + 1, *end);
                    }
                    None => return false,
                },
            }
        }
        let rest = pattern.get(at..).unwrap_or_default();
        rest.iter().all(|byte| *byte == b'*')
    }
}

/// Returns the bytes of the letter at `start`.
fn letter(text: &[u8], start: usize) -> usize {
    let rest = text.get(start + 1..).unwrap_or_default();
    let is_inside = |byte: &&u8| **byte & 0xC0 == 0x80;
    1 + rest.iter().take_while(is_inside).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_the_whole_text() {
        for (pattern, text, matches) in [
            ("*", "", true),
            ("*", "x", true),
            ("?", "", false),
            ("?", "ü", true),
            ("??", "ü", false),
            ("?", "xy", false),
            ("spring*", "spring", true),
            ("spring*", "spring-2026", true),
            ("spring*", "a-spring", false),
            ("*.brand.link", "go.brand.link", true),
            ("*.brand.link", "brand.link", false),
            ("*facebook*", "m.facebook.com", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-c-d", false),
            ("a*bc", "abcbc", true),
            ("*aab", "aaaab", true),
            ("sale-20??", "sale-2026", true),
            ("sale-20??", "sale-202", false),
            ("g*ü?e", "grüße", true),
        ] {
            assert_eq!(
                Glob::new(pattern).matches(text.as_bytes()),
                matches,
                "{pattern} {text}"
            );
        }
    }

    #[test]
    fn a_long_text_of_one_letter_takes_no_long_time() {
        let glob = Glob::new("*a*a*a*a*a*a*a*a*a*b");
        assert!(!glob.matches(&[b'a'; 4096]));
    }

    #[test]
    fn the_literal_is_the_longest_part() {
        let literal = |pattern| Glob::new(pattern).literal().to_owned();
        assert_eq!(literal("sale-*-de"), "sale-");
        assert_eq!(literal("*-2026-*"), "-2026-");
        assert_eq!(literal("ab*cd"), "cd");
        assert_eq!(literal("*?"), "");
    }
}
