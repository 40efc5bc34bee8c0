//! Where a container ends, found without parsing what is in it: only brackets outside of strings are looked at.

use wide::u8x16;

/// Containers that may be open.
const DEPTH: u32 = u128::BITS;

/// Goes from a container's opening bracket to the one that closes it. Text is taken in parts, cut anywhere.
#[derive(Debug, Default)]
pub struct Skip {
    /// The containers that are open, the innermost last: whether each is an array.
    arrays: u128,
    depth: u32,
    /// All ones within a string.
    string: u64,
    /// Whether the next byte is escaped.
    escaped: bool,
}

/// A bracket closes none of its kind, or too many containers are open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unmatched;

impl Skip {
    /// Goes on over `text`; how many bytes of it there are up to the end of the container, that bracket included, if it
    /// is among them. The first byte of all is to be the bracket that opens the container.
    pub fn run(&mut self, text: &[u8]) -> Result<Option<usize>, Unmatched> {
        let (blocks, rest) = text.as_chunks::<64>();
        for (at, block) in blocks.iter().enumerate() {
            if let Some(end) = self.block(block, 64)? {
                return Ok(Some(at * 64 + end));
            }
        }
        if rest.is_empty() {
            return Ok(None);
        }
        let mut last = [b' '; 64];
        last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        let end = self.block(&last, rest.len() as u32)?;
        Ok(end.map(|end| text.len() - rest.len() + end))
    }

    /// Goes over a block of which the first `length` bytes count.
    #[inline]
    fn block(&mut self, block: &[u8; 64], length: u32) -> Result<Option<usize>, Unmatched> {
        let (mut quotes, backslashes, mut brackets) = marks(block);
        if self.escaped || backslashes != 0 {
            let plain = !self.escapes(backslashes, length);
            (quotes, brackets) = (quotes & plain, brackets & plain);
        }
        let strings = inside(quotes) ^ self.string;
        // The last bit, everywhere.
        self.string = ((strings as i64) >> 63) as u64;
        brackets &= !strings;
        while brackets != 0 {
            let at = brackets.trailing_zeros();
            brackets &= brackets - 1;
            let bracket = block.get(at as usize).copied().unwrap_or_default();
            let array = u128::from(bracket & 0x20 == 0);
            if matches!(bracket, b'{' | b'[') {
                if self.depth == DEPTH {
                    return Err(Unmatched);
                }
                (self.arrays, self.depth) = (self.arrays << 1 | array, self.depth + 1);
                continue;
            }
            if self.depth == 0 || self.arrays & 1 != array {
                return Err(Unmatched);
            }
            (self.arrays, self.depth) = (self.arrays >> 1, self.depth - 1);
            if self.depth == 0 {
                return Ok(Some(at as usize + 1));
            }
        }
        Ok(None)
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

/// A bit for each byte that is a quote, a backslash, a bracket.
#[inline]
fn marks(block: &[u8; 64]) -> (u64, u64, u64) {
    let is = |byte: u8| u8x16::splat(byte);
    let (mut quotes, mut backslashes, mut brackets) = (0, 0, 0);
    for (at, word) in block.as_chunks::<16>().0.iter().enumerate() {
        let (word, bits) = (u8x16::new(*word), |mask: u8x16| {
            u64::from(mask.to_bitmask()) << (at * 16)
        });
        // Curly brackets are square ones with this bit set.
        let curly = word | is(0x20);
        quotes |= bits(word.simd_eq(is(b'"')));
        backslashes |= bits(word.simd_eq(is(b'\\')));
        brackets |= bits(curly.simd_eq(is(b'{')) | curly.simd_eq(is(b'}')));
    }
    (quotes, backslashes, brackets)
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
    fn naive(text: &[u8]) -> Result<Option<usize>, Unmatched> {
        let (mut open, mut string, mut escaped) = (Vec::new(), false, false);
        for (at, &c) in text.iter().enumerate() {
            match c {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => string = !string,
                b'{' | b'[' if !string => open.push(c + 2),
                b'}' | b']' if !string && open.pop() != Some(c) => return Err(Unmatched),
                b'}' | b']' if !string && open.is_empty() => return Ok(Some(at + 1)),
                _ => {}
            }
        }
        Ok(None)
    }

    proptest! {
        #[test]
        fn is_the_naive_way_however_the_text_is_cut(
            pieces in proptest::collection::vec(r#"\[|\{|\[\]|\{\}|"[\[\]{}a]{0,9}"|\\|\\\\|"|\]|\}|[ax ]{0,40}"#, 0..80),
            cut in 0usize..300,
        ) {
            let text = format!("[{}", pieces.concat());
            let text = text.as_bytes();
            let (first, second) = text.split_at(cut.min(text.len()));
            prop_assert_eq!(Skip::default().run(text), naive(text));
            let mut skip = Skip::default();
            let end = match skip.run(first) {
                Ok(None) => skip.run(second).map(|end| end.map(|end| first.len() + end)),
                found => found,
            };
            prop_assert_eq!(end, naive(text));
        }
    }

    #[test]
    fn too_many_levels_are_no_container() {
        let deep = [b'['; 200];
        assert_eq!(Skip::default().run(&deep[..128]), Ok(None));
        assert_eq!(Skip::default().run(&deep), Err(Unmatched));
    }
}
