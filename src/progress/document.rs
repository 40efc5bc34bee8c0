//! How far each target got with one object, as it is kept: a format that outlives a release.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Serialize};

/// Open ranges that are spelled out. More come of requests whose records were taken in part; they are packed.
pub const PLAIN: usize = 64;
/// Characters of packed ranges at most: twenty targets with all they may hold stay below the 400 KB of an item.
const PACKED: usize = 14_000;

/// What is settled of one object: sent, filtered or quarantined.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// By the target's name.
    #[serde(rename = "targets")]
    pub targets: BTreeMap<String, TargetProgress>,
    /// The rows of bad records before this plain offset are stored,
    #[serde(rename = "bad")]
    pub bad: u64,
    /// under these rules for what is bad: under others, more may be.
    #[serde(rename = "rules", default)]
    pub rules: u32,
}

/// What is settled for one target, in plain (inflated) bytes of the object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Wire", into = "Wire")]
pub struct TargetProgress {
    /// Every record that begins before this offset is settled, but for those in `open`.
    pub settled: u64,
    /// Ranges below it whose records are not: the requests that failed among others that were accepted.
    pub open: Vec<Range>,
    /// The target has accepted a record: if it rejects others, they are wrong, and not the target.
    pub accepted: bool,
    /// The whole object is settled.
    pub done: bool,
}

/// Records that begin at `from` or after it and before `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
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
        let next = self.open.partition_point(|range| range.to <= offset);
        self.done
            || (offset < self.settled
                && self.open.get(next).is_none_or(|range| offset < range.from))
    }

    /// Takes back that the record at `offset` is settled.
    pub fn reopen(&mut self, offset: u64) {
        if self.is_settled(offset) {
            let next = self.open.partition_point(|range| range.from < offset);
            self.open.insert(
                next,
                Range {
                    from: offset,
                    to: offset + 1,
                },
            );
        }
    }

    /// Everything before this offset is settled.
    pub fn cursor(&self) -> u64 {
        self.open.first().map_or(self.settled, |range| range.from)
    }
}

/// As it is written.
#[derive(Serialize, Deserialize)]
struct Wire {
    #[serde(rename = "settled")]
    settled: u64,
    #[serde(rename = "open", default, skip_serializing_if = "Vec::is_empty")]
    open: Vec<(u64, u64)>,
    #[serde(rename = "more", default, skip_serializing_if = "String::is_empty")]
    more: String,
    #[serde(rename = "accepted", default)]
    accepted: bool,
    #[serde(rename = "done", default)]
    done: bool,
}

impl From<TargetProgress> for Wire {
    fn from(progress: TargetProgress) -> Wire {
        let mut ranges = progress.open;
        let packed = loop {
            let packed = pack(ranges.get(PLAIN..).unwrap_or_default());
            if packed.len() <= PACKED {
                break packed;
            }
            tracing::warn!(
                ranges = ranges.len(),
                "more open ranges than can be kept: some records may be sent twice"
            );
            ranges = halved(&ranges);
        };
        let open = ranges
            .iter()
            .take(PLAIN)
            .map(|range| (range.from, range.to))
            .collect();
        let TargetProgress {
            settled,
            accepted,
            done,
            ..
        } = progress;
        Wire {
            settled,
            open,
            more: packed,
            accepted,
            done,
        }
    }
}

impl From<Wire> for TargetProgress {
    fn from(wire: Wire) -> TargetProgress {
        let mut open: Vec<_> = wire
            .open
            .iter()
            .copied()
            .map(|(from, to)| Range { from, to })
            .collect();
        open.extend(unpack(&wire.more));
        let Wire {
            settled,
            accepted,
            done,
            ..
        } = wire;
        TargetProgress {
            settled,
            open,
            accepted,
            done,
        }
    }
}

/// Half as many ranges, each over two: what lies between them counts as open again.
fn halved(ranges: &[Range]) -> Vec<Range> {
    let over = |pair: &[Range]| {
        Some(Range {
            from: pair.first()?.from,
            to: pair.last()?.to,
        })
    };
    ranges.chunks(2).filter_map(over).collect()
}

/// The ranges' bounds, each as its distance from the one before, in seven bits a byte, in base64.
fn pack(ranges: &[Range]) -> String {
    let (mut bytes, mut last) = (Vec::new(), 0);
    for bound in ranges.iter().flat_map(|range| [range.from, range.to]) {
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

/// What [`pack`] packed.
fn unpack(text: &str) -> Vec<Range> {
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
        .map(|[from, to]| Range {
            from: *from,
            to: *to,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ranges(steps: &[(u64, u64)]) -> Vec<Range> {
        let mut at = 0;
        let range = |(gap, length): &(u64, u64)| {
            let from = at + gap;
            at = from + length;
            Range { from, to: at }
        };
        steps.iter().map(range).collect()
    }

    proptest! {
        #[test]
        fn a_document_reads_back_as_it_was_written(steps in proptest::collection::vec((1u64..1 << 24, 1u64..1 << 20), 0..1200)) {
            let open = ranges(&steps);
            let settled = open.last().map_or(9, |range| range.to + 5);
            let progress = TargetProgress { settled, open, accepted: true, done: false };
            let text = serde_json::to_string(&progress).unwrap();
            prop_assert_eq!(serde_json::from_str::<TargetProgress>(&text).unwrap(), progress);
            prop_assert!(text.len() < 19_000, "{} bytes", text.len());
        }

        #[test]
        fn what_is_open_is_not_settled(steps in proptest::collection::vec((1u64..50, 1u64..50), 0..40), offset in 0u64..3000) {
            let open = ranges(&steps);
            let settled = open.last().map_or(100, |range| range.to + 50);
            let expected = offset < settled && !open.iter().any(|range| (range.from..range.to).contains(&offset));
            prop_assert_eq!(TargetProgress { settled, open, accepted: false, done: false }.is_settled(offset), expected);
        }
    }

    #[test]
    fn a_record_is_reopened_once() {
        let mut progress = TargetProgress {
            settled: 100,
            open: vec![Range { from: 50, to: 60 }],
            ..TargetProgress::default()
        };
        for offset in [70, 10, 55, 10, 100] {
            progress.reopen(offset);
        }
        let range = |from, to| Range { from, to };
        assert_eq!(progress.open, [range(10, 11), range(50, 60), range(70, 71)]);
    }

    #[test]
    fn an_item_can_never_outgrow_the_table() {
        let steps = vec![(1 << 20, 1 << 20); 60_000];
        let mut document = Document::default();
        for number in 0..crate::config::MOST_TARGETS {
            let progress = TargetProgress {
                open: ranges(&steps),
                settled: u64::MAX,
                ..TargetProgress::default()
            };
            document.targets.insert(format!("{number:0>64}"), progress);
        }
        let size = serde_json::to_string(&document).unwrap().len();
        assert!(size < 390_000, "{size} bytes");
    }
}
