//! The progress of each target with one object, as it is stored: a format that outlives a release.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Serialize};

/// Gaps that are spelled out. Requests whose records were taken in part leave more; those are
/// packed.
pub const PLAIN: usize = 64;
/// Characters of the cause of a failure at most.
const CAUSE: usize = 200;
/// Characters of packed gaps at most: twenty targets with all they may hold stay below the 400 KB
/// of an item.
const PACKED: usize = 14_000;

/// The progress with one object. A record is settled once it is sent, filtered or quarantined.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// The progress of each target, by its name.
    #[serde(rename = "targets")]
    pub targets: BTreeMap<String, TargetProgress>,
    /// The rows of bad records before this plain offset are stored, as `rules` tells bad records.
    #[serde(rename = "bad")]
    pub bad: u64,
    /// A fingerprint of the rules for what is bad: under others, more records may be.
    #[serde(rename = "rules", default)]
    pub rules: u32,
}

/// The progress of one target, in offsets of plain (inflated) bytes of the object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Wire", into = "Wire")]
pub struct TargetProgress {
    /// Every record that begins before this offset is settled, except those in `gaps`.
    pub high_watermark: u64,
    /// Ranges below it whose records are not settled: requests that failed among others that were
    /// accepted.
    pub gaps: Vec<Gap>,
    /// Whether the target has accepted a record. It stays for older versions; it is no evidence.
    pub accepted: bool,
    /// Whether the whole object is settled.
    pub done: bool,
    /// How many records are settled, over all runs; `None` if one of them did not count.
    pub counts: Option<Counts>,
    /// When the whole object was settled, in milliseconds since 1970.
    pub finished: Option<u64>,
    /// Why it is not settled, if the target failed.
    pub failing: Option<Failing>,
}

/// How many records of an object are settled for one target. Bad records are counted once the
/// whole object is settled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Accepted by the target.
    pub sent: u64,
    /// Not meant for the target.
    pub filtered: u64,
    /// Kept in the quarantine.
    pub quarantined: u64,
}

/// Since when a target has settled nothing more of an object, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failing {
    /// The first run that failed, in milliseconds since 1970.
    #[serde(rename = "since")]
    pub since: u64,
    /// Why the last run failed.
    #[serde(rename = "cause")]
    pub cause: String,
}

impl Failing {
    /// Keeps the beginning of `cause`, on one line.
    pub fn new(since: u64, cause: &str) -> Failing {
        let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
        Failing {
            since,
            cause: cause.chars().take(CAUSE).map(plain).collect(),
        }
    }
}

/// The records that begin at `from` or after it, and before `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The offset of the first.
    pub from: u64,
    /// One more than the offset of the last.
    pub to: u64,
}

impl Document {
    /// Whether everything is done for each of `targets`.
    pub fn is_done<'t>(&self, mut targets: impl Iterator<Item = &'t str>) -> bool {
        targets.all(|target| {
            self.targets
                .get(target)
                .is_some_and(|progress| progress.done)
        })
    }
}

impl TargetProgress {
    /// Whether the record at `offset` is settled.
    pub fn is_settled(&self, offset: u64) -> bool {
        let next = self.gaps.partition_point(|gap| gap.to <= offset);
        self.done
            || (offset < self.high_watermark
                && self.gaps.get(next).is_none_or(|gap| offset < gap.from))
    }

    /// Makes a gap of the record at `offset`.
    pub fn reopen(&mut self, offset: u64) {
        if self.is_settled(offset) {
            let next = self.gaps.partition_point(|gap| gap.from < offset);
            self.gaps.insert(
                next,
                Gap {
                    from: offset,
                    to: offset + 1,
                },
            );
        }
    }

    /// Every record before this offset is settled.
    pub fn low_watermark(&self) -> u64 {
        self.gaps
            .first()
            .map_or(self.high_watermark, |gap| gap.from)
    }
}

/// The wire form of [`TargetProgress`].
#[derive(Serialize, Deserialize)]
struct Wire {
    #[serde(rename = "settled")]
    high_watermark: u64,
    #[serde(rename = "open", default, skip_serializing_if = "Vec::is_empty")]
    gaps: Vec<(u64, u64)>,
    #[serde(rename = "more", default, skip_serializing_if = "String::is_empty")]
    more: String,
    #[serde(rename = "accepted", default)]
    accepted: bool,
    #[serde(rename = "done", default)]
    done: bool,
    #[serde(rename = "sent", default, skip_serializing_if = "Option::is_none")]
    sent: Option<u64>,
    #[serde(rename = "filtered", default, skip_serializing_if = "Option::is_none")]
    filtered: Option<u64>,
    #[serde(
        rename = "quarantined",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    quarantined: Option<u64>,
    #[serde(rename = "finished", default, skip_serializing_if = "Option::is_none")]
    finished: Option<u64>,
    #[serde(rename = "failing", default, skip_serializing_if = "Option::is_none")]
    failing: Option<Failing>,
}

impl From<TargetProgress> for Wire {
    fn from(progress: TargetProgress) -> Wire {
        let mut gaps = progress.gaps;
        let packed = loop {
            let packed = pack(gaps.get(PLAIN..).unwrap_or_default());
            if packed.len() <= PACKED {
                break packed;
            }
            tracing::warn!(
                ranges = gaps.len(),
                "more open ranges than can be kept: some records may be sent twice"
            );
            gaps = merged_in_pairs(&gaps);
        };
        let gaps = gaps
            .iter()
            .take(PLAIN)
            .map(|gap| (gap.from, gap.to))
            .collect();
        let TargetProgress {
            high_watermark,
            accepted,
            done,
            counts,
            finished,
            failing,
            ..
        } = progress;
        Wire {
            high_watermark,
            gaps,
            more: packed,
            accepted,
            done,
            sent: counts.map(|counts| counts.sent),
            filtered: counts.map(|counts| counts.filtered),
            quarantined: counts.map(|counts| counts.quarantined),
            finished,
            failing,
        }
    }
}

impl From<Wire> for TargetProgress {
    fn from(wire: Wire) -> TargetProgress {
        let mut gaps: Vec<_> = wire
            .gaps
            .iter()
            .copied()
            .map(|(from, to)| Gap { from, to })
            .collect();
        gaps.extend(unpack(&wire.more));
        let Wire {
            high_watermark,
            accepted,
            done,
            sent,
            filtered,
            quarantined,
            finished,
            failing,
            ..
        } = wire;
        let counts = sent.map(|sent| Counts {
            sent,
            filtered: filtered.unwrap_or_default(),
            quarantined: quarantined.unwrap_or_default(),
        });
        TargetProgress {
            high_watermark,
            gaps,
            accepted,
            done,
            counts,
            finished,
            failing,
        }
    }
}

/// Half as many gaps, each over two of `gaps`: the settled records between the two are no longer
/// known to be.
fn merged_in_pairs(gaps: &[Gap]) -> Vec<Gap> {
    let over = |pair: &[Gap]| {
        Some(Gap {
            from: pair.first()?.from,
            to: pair.last()?.to,
        })
    };
    gaps.chunks(2).filter_map(over).collect()
}

/// The bounds of `gaps`, each as its distance from the one before, in seven bits a byte, in base64.
fn pack(gaps: &[Gap]) -> String {
    let (mut bytes, mut last) = (Vec::new(), 0);
    for bound in gaps.iter().flat_map(|gap| [gap.from, gap.to]) {
        let mut distance: u64 = bound - last;
        while distance >= 0x80 {
            bytes.push(distance as u8 | 0x80);
            distance >>= 7;
        }
        bytes.push(distance as u8);
        last = bound;
    }
    STANDARD_NO_PAD.encode(bytes)
}

/// The gaps that [`pack`] packed; empty if `text` is not base64.
fn unpack(text: &str) -> Vec<Gap> {
    let (mut bounds, mut last, mut distance, mut shift) = (Vec::new(), 0u64, 0u64, 0);
    for byte in STANDARD_NO_PAD.decode(text).unwrap_or_default() {
        distance |= u64::from(byte & 0x7F)
            .checked_shl(shift)
            .unwrap_or_default();
        shift += 7;
        if byte < 0x80 {
            last = last.saturating_add(distance);
            bounds.push(last);
            (distance, shift) = (0, 0);
        }
    }
    let (pairs, _) = bounds.as_chunks::<2>();
    pairs
        .iter()
        .map(|[from, to]| Gap {
            from: *from,
            to: *to,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn gaps(steps: &[(u64, u64)]) -> Vec<Gap> {
        let mut at = 0;
        let gap = |(distance, length): &(u64, u64)| {
            let from = at + distance;
            at = from + length;
            Gap { from, to: at }
        };
        steps.iter().map(gap).collect()
    }

    proptest! {
        #[test]
        fn a_document_reads_back_as_it_was_written(steps in proptest::collection::vec((1u64..1 << 24, 1u64..1 << 20), 0..1200)) {
            let gaps = gaps(&steps);
            let high_watermark = gaps.last().map_or(9, |gap| gap.to + 5);
            let progress = TargetProgress { high_watermark, gaps, accepted: true, ..said() };
            let text = serde_json::to_string(&progress).unwrap();
            prop_assert_eq!(serde_json::from_str::<TargetProgress>(&text).unwrap(), progress);
            prop_assert!(text.len() < 20_000, "{} bytes", text.len());
        }

        #[test]
        fn what_is_open_is_not_settled(steps in proptest::collection::vec((1u64..50, 1u64..50), 0..40), offset in 0u64..3000) {
            let gaps = gaps(&steps);
            let high_watermark = gaps.last().map_or(100, |gap| gap.to + 50);
            let expected = offset < high_watermark && !gaps.iter().any(|gap| (gap.from..gap.to).contains(&offset));
            prop_assert_eq!(TargetProgress { high_watermark, gaps, ..TargetProgress::default() }.is_settled(offset), expected);
        }
    }

    /// All that an item can say of a target, as long as can be.
    fn said() -> TargetProgress {
        TargetProgress {
            counts: Some(Counts {
                sent: u64::MAX,
                filtered: u64::MAX,
                quarantined: u64::MAX,
            }),
            finished: Some(u64::MAX),
            failing: Some(Failing::new(u64::MAX, &"\u{1F517}\n".repeat(300))),
            ..TargetProgress::default()
        }
    }

    #[test]
    fn a_cause_is_one_line_of_200_characters_at_most() {
        let failing = Failing::new(7, &"é\n".repeat(300));
        assert_eq!(failing.cause, "é ".repeat(100));
    }

    #[test]
    fn a_record_is_reopened_once() {
        let mut progress = TargetProgress {
            high_watermark: 100,
            gaps: vec![Gap { from: 50, to: 60 }],
            ..TargetProgress::default()
        };
        for offset in [70, 10, 55, 10, 100] {
            progress.reopen(offset);
        }
        let gap = |from, to| Gap { from, to };
        assert_eq!(progress.gaps, [gap(10, 11), gap(50, 60), gap(70, 71)]);
    }

    #[test]
    fn an_item_can_never_outgrow_the_table() {
        let steps = vec![(1 << 20, 1 << 20); 60_000];
        let mut document = Document::default();
        for number in 0..crate::config::MOST_TARGETS {
            let progress = TargetProgress {
                gaps: gaps(&steps),
                high_watermark: u64::MAX,
                ..said()
            };
            document.targets.insert(format!("{number:0>64}"), progress);
        }
        let size = serde_json::to_string(&document).unwrap().len();
        assert!(size < 390_000, "{size} bytes");
    }
}
