//! Tracks which records of an object are settled for one target, while requests are answered in any
//! order. Pure.

use std::collections::BTreeMap;

use crate::progress::{Counts, Gap, TargetProgress};
use crate::targets::Entry;

/// The progress of one lane.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// The progress of earlier runs.
    prior: TargetProgress,
    /// Every record before it is offered: queued, or settled without.
    high_watermark: Watermark,
    /// Batches that are queued or in flight, by the offset of their first record that is not
    /// settled.
    batches: BTreeMap<u64, Vec<Spot>>,
    /// Records that are not queued, until their rows are stored, by their offset.
    pending_quarantine: BTreeMap<u64, Spot>,
    /// The counts of the records that are settled, earlier runs included, but for those that this
    /// run filtered; `None` if an earlier one did not count.
    counts: Option<Counts>,
    ahead: Ahead,
}

/// Records whose rows are stored while a batch before them is still being filled. The high
/// watermark is below them: they are not settled yet, and a run after a crash counts them.
#[derive(Debug, Default)]
struct Ahead {
    records: u64,
    /// One more than the offset of the last. The batch is closed after it: the high watermark
    /// passes all at once.
    end: u64,
}

/// An offset, and how many records before it this run has filtered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Watermark {
    pub(super) at: u64,
    pub(super) filtered: u64,
}

/// Where a record begins, and its number among those that the lane was offered. Two numbers in a
/// row have nothing settled between them but records that are filtered: a gap runs over those, and
/// the next run judges them again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::deliver) struct Spot {
    pub(super) at: u64,
    pub(super) sequence: u64,
    /// How many records before it this run has filtered.
    pub(super) filtered: u64,
}

impl Spot {
    fn of(entry: &Entry) -> Spot {
        Spot {
            at: entry.record_offset,
            sequence: entry.sequence,
            filtered: entry.filtered,
        }
    }
}

/// Ranges that are not settled, and how many filtered records they run over.
#[derive(Debug, Default)]
struct Unsettled {
    gaps: Vec<Gap>,
    filtered: u64,
}

impl Ledger {
    pub(super) fn new(prior: TargetProgress) -> Ledger {
        let fresh = (prior == TargetProgress::default()).then(Counts::default);
        Ledger {
            counts: prior.counts.or(fresh),
            prior,
            ..Ledger::default()
        }
    }

    /// Notes a batch; every record before `high_watermark` is now offered.
    pub(super) fn queue(&mut self, batch: &[Entry], high_watermark: Watermark) {
        if let Some(first) = batch.first() {
            self.batches
                .insert(first.record_offset, batch.iter().map(Spot::of).collect());
        }
        self.advance(high_watermark);
    }

    /// Notes that every record before `high_watermark` is offered.
    pub(super) fn advance(&mut self, high_watermark: Watermark) {
        if high_watermark.at >= self.high_watermark.at {
            self.high_watermark = high_watermark;
        }
        if self.high_watermark.at >= self.ahead.end {
            let Ahead { records, .. } = std::mem::take(&mut self.ahead);
            self.count_quarantined(records);
        }
    }

    /// Notes a record that is not queued: it is a gap until its row is stored.
    pub(super) fn quarantine(&mut self, spot: Spot) {
        self.pending_quarantine.insert(spot.at, spot);
    }

    /// Notes that the row of the record at `at` is stored.
    pub(super) fn stored(&mut self, at: u64) {
        if self.pending_quarantine.remove(&at).is_none() {
            let settled = self.settle(std::iter::once(at));
            self.count_quarantined(settled);
        } else if at < self.high_watermark.at {
            self.count_quarantined(1);
        } else {
            self.ahead.records += 1;
            self.ahead.end = self.ahead.end.max(at + 1);
        }
    }

    /// Notes that the target has these records of one batch, given in its order; `left_out` of them
    /// are filtered.
    pub(super) fn accept(&mut self, sent: impl Iterator<Item = u64>, left_out: u64) {
        let settled = self.settle(sent);
        if let Some(counts) = &mut self.counts {
            counts.sent += settled.saturating_sub(left_out);
            counts.filtered += left_out;
        }
    }

    fn count_quarantined(&mut self, records: u64) {
        if let Some(counts) = &mut self.counts {
            counts.quarantined += records;
        }
    }

    /// Settles records of one batch, given in its order, and returns how many these are.
    fn settle(&mut self, settled: impl Iterator<Item = u64>) -> u64 {
        let mut settled = settled.peekable();
        let Some((first, mut spots)) = settled.peek().and_then(|at| self.take(*at)) else {
            return 0;
        };
        let before = spots.len();
        spots.retain(|spot| settled.next_if_eq(&spot.at).is_none());
        let after = spots.len();
        if let Some(left) = spots.first() {
            debug_assert!(first <= left.at, "a batch is in the object's order");
            self.batches.insert(left.at, spots);
        }
        (before - after) as u64
    }

    /// Takes out the batch that holds the record at `offset`.
    fn take(&mut self, offset: u64) -> Option<(u64, Vec<Spot>)> {
        let first = *self.batches.range(..=offset).next_back()?.0;
        self.batches.remove_entry(&first)
    }

    /// Whether this run has settled records that the target neither took nor rejected: the low
    /// watermark has moved, or records were filtered.
    pub(super) fn has_moved(&self) -> bool {
        self.progress().low_watermark() > self.prior.low_watermark()
            || self.high_watermark.filtered > self.unsettled().filtered
    }

    /// The records before the high watermark that are not settled.
    fn unsettled(&self) -> Unsettled {
        let mut spots: Vec<Spot> = self.batches.values().flatten().copied().collect();
        if !self.pending_quarantine.is_empty() {
            let pending = self.pending_quarantine.range(..self.high_watermark.at);
            spots.extend(pending.map(|(_, spot)| *spot));
            spots.sort_unstable_by_key(|spot| spot.at);
        }
        let mut unsettled = Unsettled::default();
        let mut last: Option<Spot> = None;
        for spot in spots {
            let before = last.filter(|last| last.sequence + 1 == spot.sequence);
            match (unsettled.gaps.last_mut(), before) {
                (Some(gap), Some(before)) => {
                    gap.to = spot.at + 1;
                    unsettled.filtered += spot.filtered - before.filtered;
                }
                _ => unsettled.gaps.push(Gap {
                    from: spot.at,
                    to: spot.at + 1,
                }),
            }
            last = Some(spot);
        }
        unsettled
    }

    /// The progress now.
    pub(super) fn progress(&self) -> TargetProgress {
        let Watermark { at, filtered } = self.high_watermark;
        let mut unsettled = self.unsettled();
        // Gaps of earlier runs that this one has not come to.
        let ahead = self.prior.gaps.iter().filter(|gap| gap.to > at);
        unsettled.gaps.extend(ahead.map(|gap| Gap {
            from: gap.from.max(at),
            to: gap.to,
        }));
        TargetProgress {
            high_watermark: self.prior.high_watermark.max(at),
            gaps: unsettled.gaps,
            counts: self.counts.map(|counts| Counts {
                filtered: counts.filtered + filtered.saturating_sub(unsettled.filtered),
                ..counts
            }),
            ..self.prior.clone()
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::object::ObjectRef;
    use clicks::click::ClickId;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use std::sync::Arc;

    pub(in crate::deliver) fn entry(at: u64, sequence: u64) -> Entry {
        Entry {
            body: Default::default(),
            attributes: Vec::new(),
            ordering_key: None,
            group: None,
            window: None,
            is_left_out: false,
            id: ClickId::from_digest(&[0; 32]),
            occurrence: 1,
            object: Arc::new(ObjectRef::new("b", "k")),
            place: clicks::decode::Place::default(),
            record_offset: at,
            sequence,
            filtered: 0,
            batch_key: "k".into(),
            raw: Default::default(),
            applied: Default::default(),
        }
    }

    fn counted(sent: u64, quarantined: u64) -> Option<Counts> {
        Some(Counts {
            sent,
            quarantined,
            ..Counts::default()
        })
    }

    fn up_to(at: u64) -> Watermark {
        Watermark { at, filtered: 0 }
    }

    fn spot(at: u64, sequence: u64) -> Spot {
        Spot::of(&entry(at, sequence))
    }

    fn places(records: u64) -> impl Iterator<Item = u64> {
        (0..records).map(|number| number * 10)
    }

    /// One run over records that begin at every tenth byte: those that are not settled and that
    /// `wants` lets through are sent, some at a time, and those for which `sends` says so are taken.
    fn run(
        prior: &TargetProgress,
        (records, size): (u64, usize),
        wants: impl Fn(u64) -> bool,
        mut sends: impl FnMut(u64) -> bool,
    ) -> (TargetProgress, BTreeSet<u64>) {
        let mut ledger = Ledger::new(prior.clone());
        let (mut sequence, mut filtered, mut batch, mut batches, mut sent) =
            (0, 0, Vec::new(), Vec::new(), BTreeSet::new());
        for at in places(records) {
            if !prior.is_settled(at) && !wants(at) {
                filtered += 1;
                if batch.is_empty() {
                    let watermark = Watermark {
                        at: at + 1,
                        filtered,
                    };
                    ledger.advance(watermark);
                }
                continue;
            }
            sequence += 1;
            if prior.is_settled(at) {
                continue;
            }
            if batch.len() == size {
                ledger.queue(&batch, Watermark { at, filtered });
                batches.push(std::mem::take(&mut batch));
            }
            batch.push(Entry {
                filtered,
                ..entry(at, sequence)
            });
        }
        let at = records * 10;
        ledger.queue(&batch, Watermark { at, filtered });
        batches.push(batch);
        // The last come back first.
        for batch in batches.iter().rev() {
            let settled: Vec<_> = batch
                .iter()
                .map(|entry| entry.record_offset)
                .filter(|at| sends(*at))
                .collect();
            ledger.accept(settled.iter().copied(), 0);
            sent.extend(settled);
        }
        (ledger.progress(), sent)
    }

    proptest! {
        #[test]
        fn run_after_run_every_record_is_settled_once(
            records in 1u64..300, size in 1usize..20,
            runs in proptest::collection::vec(proptest::collection::vec(any::<bool>(), 1..40), 1..6),
        ) {
            let (mut progress, mut all) = (TargetProgress::default(), BTreeSet::new());
            for luck in runs.iter().chain([&vec![true]]) {
                let mut tries = 0;
                let sends = |_| { tries += 1; luck[tries % luck.len()] };
                let (after, sent) = run(&progress, (records, size), |_| true, sends);
                for at in &sent {
                    prop_assert!(all.insert(*at), "{at} twice");
                }
                progress = after;
                prop_assert_eq!(progress.counts, counted(all.len() as u64, 0));
                for at in places(records) {
                    prop_assert_eq!(progress.is_settled(at), all.contains(&at), "at {} in {:?}", at, &progress);
                }
            }
            prop_assert_eq!(all.len() as u64, records);
            let counts = counted(records, 0);
            prop_assert_eq!(progress, TargetProgress { high_watermark: records * 10, counts, ..TargetProgress::default() });
        }

        /// Nine of ten are filtered, by another filter in each run.
        #[test]
        fn what_is_filtered_is_counted_once_whatever_the_filter_becomes(
            records in 1u64..600, size in 1usize..8,
            runs in proptest::collection::vec((any::<u64>(), proptest::collection::vec(any::<bool>(), 1..20)), 1..6),
        ) {
            let (mut progress, mut sent_at) = (TargetProgress::default(), BTreeSet::new());
            let mut settled = BTreeSet::new();
            for (filter, luck) in runs.iter().chain([&(7, vec![true])]) {
                let mut requests = 0;
                let wants = |at: u64| (at ^ filter).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 60 < 2;
                // Every request is taken whole, or not at all.
                let sends = |_| { requests += 1; luck[requests / size % luck.len()] };
                let (after, sent) = run(&progress, (records, size), wants, sends);
                for at in &sent {
                    prop_assert!(!settled.contains(at) && sent_at.insert(*at), "{at} twice");
                }
                let now: BTreeSet<u64> = places(records).filter(|at| after.is_settled(*at)).collect();
                prop_assert!(settled.is_subset(&now) && sent_at.is_subset(&now));
                let counts = after.counts.unwrap();
                prop_assert_eq!(counts.sent, sent_at.len() as u64);
                prop_assert_eq!(counts.filtered, (now.len() - sent_at.len()) as u64);
                (progress, settled) = (after, now);
            }
            prop_assert_eq!((settled.len() as u64, progress.gaps.len()), (records, 0));
        }
    }

    #[test]
    fn a_gap_runs_over_filtered_records_and_not_over_settled_ones() {
        // Three of a thousand are for the target, and it takes none: one gap from first to last.
        let wants = |at| [100, 5000, 9000].contains(&at);
        let first = run(&TargetProgress::default(), (1000, 2), wants, |_| false).0;
        assert_eq!(
            first.gaps,
            [Gap {
                from: 100,
                to: 9001
            }]
        );
        assert_eq!(first.counts.unwrap().filtered, 10 + 99);
        // The one in the middle is taken: what was filtered round it is settled.
        let second = run(&first, (1000, 2), wants, |at| at == 5000).0;
        let alone = |at| Gap {
            from: at,
            to: at + 1,
        };
        assert_eq!(second.gaps, [alone(100), alone(9000)]);
        assert_eq!(second.counts.unwrap().filtered, 997);
        // Another filter finds nothing of that left to judge.
        let (third, sent) = run(&second, (1000, 2), |_| true, |_| true);
        assert_eq!(sent, BTreeSet::from([100, 9000]));
        let counts = third.counts.unwrap();
        assert_eq!((counts.sent, counts.filtered), (3, 997));
    }

    #[test]
    fn a_request_that_failed_among_accepted_ones_is_one_range() {
        let (progress, _) = run(
            &TargetProgress::default(),
            (100, 10),
            |_| true,
            |at| !(300..400).contains(&at),
        );
        assert_eq!(
            progress,
            TargetProgress {
                high_watermark: 1000,
                gaps: vec![Gap { from: 300, to: 391 }],
                counts: counted(90, 0),
                ..TargetProgress::default()
            }
        );
    }

    #[test]
    fn a_record_that_is_set_aside_is_open_until_its_row_is_stored() {
        let mut ledger = Ledger::new(TargetProgress::default());
        ledger.quarantine(spot(20, 2));
        ledger.queue(&[entry(10, 1), entry(30, 3)], up_to(40));
        assert_eq!(ledger.progress().gaps, [Gap { from: 10, to: 31 }]);
        ledger.stored(20);
        assert_eq!(
            ledger.progress().gaps,
            [Gap { from: 10, to: 11 }, Gap { from: 30, to: 31 }]
        );
        ledger.stored(10);
        ledger.accept([30].into_iter(), 0);
        assert_eq!(
            ledger.progress(),
            TargetProgress {
                high_watermark: 40,
                counts: counted(1, 2),
                ..TargetProgress::default()
            }
        );
    }

    #[test]
    fn a_record_that_is_stored_before_the_batch_in_front_of_it_is_counted_once_it_is_settled() {
        let mut ledger = Ledger::new(TargetProgress::default());
        for at in [20, 30] {
            ledger.quarantine(spot(at, at / 10));
            ledger.stored(at);
            let progress = ledger.progress();
            assert!(!progress.is_settled(at));
            assert_eq!(progress.counts, counted(0, 0));
        }
        ledger.queue(&[entry(10, 1)], up_to(40));
        let progress = ledger.progress();
        assert!(progress.is_settled(20) && progress.is_settled(30));
        assert_eq!(progress.counts, counted(0, 2));
        ledger.advance(up_to(50));
        assert_eq!(ledger.progress().counts, counted(0, 2));
    }

    #[test]
    fn counts_go_on_from_earlier_runs_and_stay_unknown_where_those_did_not_count() {
        for (prior, after) in [(counted(7, 3), counted(8, 3)), (None, None)] {
            let mut ledger = Ledger::new(TargetProgress {
                high_watermark: 100,
                counts: prior,
                ..TargetProgress::default()
            });
            ledger.queue(&[entry(100, 11)], up_to(110));
            ledger.accept([100].into_iter(), 0);
            assert_eq!(ledger.progress().counts, after);
        }
    }

    #[test]
    fn a_run_that_ends_early_forgets_nothing_of_the_one_before() {
        let gaps = vec![Gap { from: 10, to: 11 }, Gap { from: 500, to: 591 }];
        let prior = TargetProgress {
            high_watermark: 900,
            gaps: gaps.clone(),
            ..TargetProgress::default()
        };
        let mut ledger = Ledger::new(prior.clone());
        assert_eq!(ledger.progress(), prior, "before anything is offered");
        ledger.queue(&[entry(10, 2), entry(500, 51)], up_to(510));
        ledger.accept([10].into_iter(), 0);
        let gaps = vec![Gap { from: 500, to: 501 }, Gap { from: 510, to: 591 }];
        assert_eq!(ledger.progress(), TargetProgress { gaps, ..prior });
    }
}
