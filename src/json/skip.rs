//! Where a container ends, found without parsing what is in it: brackets outside of strings are counted, 64 bytes at a
//! time.

use wide::u8x16;

/// Goes from a container's opening bracket to the one that closes it. Text is taken in parts, cut anywhere.
#[derive(Debug, Default)]
pub struct Skip {
    /// Containers that are open.
    depth: u32,
    /// All ones within a string.
    string: u64,
    /// Whether the next byte is escaped.
    escaped: bool,
}

/// What the bytes of a block are, a bit each.
#[derive(Default)]
struct Block {
    quotes: u64,
    backslashes: u64,
    opening: u64,
    closing: u64,
}

impl Skip {
    /// Goes on over `text`; how many bytes of it there are up to the end of the container, that bracket included, if it
    /// is among them. The first byte of all is to be the bracket that opens the container.
    pub fn run(&mut self, text: &[u8]) -> Option<usize> {
        let (blocks, rest) = text.as_chunks::<64>();
        for (at, block) in blocks.iter().enumerate() {
            if let Some(end) = self.block(Block::of(block), 64) {
                return Some(at * 64 + end);
            }
        }
        if rest.is_empty() {
            return None;
        }
        let mut last = [b' '; 64];
        last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        Some(text.len() - rest.len() + self.block(Block::of(&last), rest.len() as u32)?)
    }

    /// Goes over a block of which the first `length` bytes count.
    #[inline]
    fn block(&mut self, block: Block, length: u32) -> Option<usize> {
        let Block { mut quotes, backslashes, mut opening, mut closing } = block;
        if self.escaped || backslashes != 0 {
            let plain = !self.escapes(backslashes, length);
            (quotes, opening, closing) = (quotes & plain, opening & plain, closing & plain);
        }
        let strings = inside(quotes) ^ self.string;
        // The last bit, everywhere.
        self.string = ((strings as i64) >> 63) as u64;
        (opening, closing) = (opening & !strings, closing & !strings);
        if self.depth > closing.count_ones() {
            self.depth = self.depth + opening.count_ones() - closing.count_ones();
            return None;
        }
        self.brackets(opening, closing)
    }

    /// Where the container ends, one bracket after another.
    fn brackets(&mut self, opening: u64, closing: u64) -> Option<usize> {
        let mut brackets = opening | closing;
        while brackets != 0 {
            let at = brackets.trailing_zeros();
            brackets &= brackets - 1;
            if opening >> at & 1 == 1 {
                self.depth += 1;
                continue;
            }
            self.depth = self.depth.saturating_sub(1);
            if self.depth == 0 {
                return Some(at as usize + 1);
            }
        }
        None
    }

    /// The bytes that a backslash stands before.
    #[cold]
    fn escapes(&mut self, mut backslashes: u64, length: u32) -> u64 {
        let mut escaped = u64::from(std::mem::take(&mut self.escaped));
        while backslashes != 0 {
            let at = backslashes.trailing_zeros();
            backslashes &= backslashes - 1;
            if escaped >> at & 1 == 1 {
                continue;
            }
            if at + 1 == length {
                self.escaped = true;
            } else {
                escaped |= 2 << at;
            }
        }
        escaped
    }
}

impl Block {
    #[inline]
    fn of(bytes: &[u8; 64]) -> Block {
        let is = |byte: u8| u8x16::splat(byte);
        let mut block = Block::default();
        for (at, word) in bytes.as_chunks::<16>().0.iter().enumerate() {
            let (word, put) = (u8x16::new(*word), |mask: u8x16| u64::from(mask.to_bitmask()) << (at * 16));
            // Curly brackets are square ones with this bit set.
            let curly = word | is(0x20);
            block.quotes |= put(word.simd_eq(is(b'"')));
            block.backslashes |= put(word.simd_eq(is(b'\\')));
            block.opening |= put(curly.simd_eq(is(b'{')));
            block.closing |= put(curly.simd_eq(is(b'}')));
        }
        block
    }
}

/// The bits from each odd one to the next: the first included, the second not.
#[inline]
fn inside(mut quotes: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        quotes ^= quotes << shift;
    }
    quotes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A byte at a time.
    fn naive(text: &[u8]) -> Option<usize> {
        let (mut depth, mut string, mut escaped) = (0u32, false, false);
        for (at, &c) in text.iter().enumerate() {
            match c {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => string = !string,
                b'{' | b'[' if !string => depth += 1,
                b'}' | b']' if !string => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return Some(at + 1);
                    }
                }
                _ => {}
            }
        }
        None
    }

    proptest! {
        #[test]
        fn is_the_naive_count_however_the_text_is_cut(text in r#"\[[\[\]{}"\\ax ]{0,300}"#, cut in 0usize..300) {
            let text = text.as_bytes();
            let cut = cut.min(text.len());
            prop_assert_eq!(Skip::default().run(text), naive(text));
            let mut skip = Skip::default();
            let (first, second) = text.split_at(cut);
            let end = skip.run(first).or_else(|| Some(cut + skip.run(second)?));
            prop_assert_eq!(end, naive(text));
        }
    }
}
