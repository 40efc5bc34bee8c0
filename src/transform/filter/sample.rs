//! A share of all clicks, the same ones each time.

use clicks::Uuid8;
use clicks::click::Click;

/// Bits of an id that decide.
const BITS: u32 = 48;
/// The smallest share.
const LEAST: f64 = 1e-9;

/// A share of all clicks. A click of a share is one of every larger share as well, for whatever
/// target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Share {
    share: f64,
    /// The first of the ids' bits that are too many.
    end: u64,
}

impl Share {
    /// Reads a share. The error says what is expected.
    pub(super) fn parse(text: &str) -> Result<Share, String> {
        let number: Option<f64> = text.parse().ok();
        if let Some(share) = number.filter(|share| (LEAST..=1.0).contains(share)) {
            let end = (share * (1_u64 << BITS) as f64) as u64;
            return Ok(Share { share, end });
        }
        let percents = text.trim_end_matches('%').trim_end().replace(',', ".");
        let percents: Option<f64> = percents.parse().ok();
        let is_fraction = text.contains(',') && !text.ends_with('%');
        let meant = percents.map(|number| if is_fraction { number } else { number / 100.0 });
        Err(match meant.filter(|share| (LEAST..=1.0).contains(share)) {
            Some(share) => format!("a share above 0 and up to 1: {share}"),
            None => {
                "a share above 0 and up to 1, such as 0.1 for every tenth click; a target that \
                     shall get none is taken out of TARGETS"
                    .into()
            }
        })
    }

    /// Whether it is all clicks.
    pub(super) fn is_whole(self) -> bool {
        self.end == 1 << BITS
    }

    /// Whether a click is one of the share.
    #[inline]
    pub(super) fn keeps(self, click: &Click<'_>) -> bool {
        self.has(click.id.into())
    }

    fn has(self, id: Uuid8) -> bool {
        id.low_bits() < self.end
    }

    /// Returns the first of the ids' bits that are too many.
    pub(super) fn end(self) -> u64 {
        self.end
    }

    /// Describes it for people.
    pub(super) fn describe(self) -> String {
        format!("{} of all clicks, by their ids", self.share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u32) -> Uuid8 {
        use sha2::{Digest, Sha256};
        Uuid8::from_digest(&Sha256::digest(n.to_be_bytes()).into())
    }

    fn kept(share: &str) -> Vec<u32> {
        let share = Share::parse(share).unwrap();
        (0..20_000).filter(|n| share.has(id(*n))).collect()
    }

    #[test]
    fn a_share_is_as_large_as_it_says_and_part_of_every_larger_one() {
        let shares = ["0.001", "0.1", "0.2", "0.5", "0.999", "1"].map(kept);
        let sizes = shares.each_ref().map(Vec::len);
        for (size, expected) in sizes.iter().zip([20, 2000, 4000, 10_000, 19_980, 20_000]) {
            let off = size.abs_diff(expected);
            assert!(off * off <= 25 * expected, "{sizes:?}");
        }
        for pair in shares.windows(2) {
            assert!(pair[0].iter().all(|n| pair[1].binary_search(n).is_ok()));
        }
    }

    #[test]
    fn what_was_meant_is_told() {
        for (text, meant) in [
            ("10", "0.1"),
            ("10%", "0.1"),
            ("0,1", "0.1"),
            ("2.5 %", "0.025"),
        ] {
            let told = Share::parse(text).unwrap_err();
            assert!(told.ends_with(&format!(": {meant}")), "{text}: {told}");
        }
        for text in ["0", "-1", "NaN", "inf", "101", "half", "1e-12"] {
            assert!(
                Share::parse(text).unwrap_err().contains("such as 0.1"),
                "{text}"
            );
        }
    }
}
