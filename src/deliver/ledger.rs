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
    /// Every record before this offset is offered: queued, or settled without.
    high_watermark: u64,
    /// Batches that are queued or in flight, by the offset of their first record that is not
    /// settled.
    batches: BTreeMap<u64, Vec<Spot>>,
    /// Records that the target cannot carry, until their rows are stored: the number of each by its
    /// offset.
    pending_quarantine: BTreeMap<u64, u64>,
    /// The counts of the records that are settled, earlier runs included; `None` if one of those
    /// did not count.
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

/// Where a record begins, and its number among those that the lane was offered. Two numbers in a
/// row have nothing settled between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    at: u64,
    sequence: u64,
}

impl Spot {
    fn of(entry: &Entry) -> Spot {
        Spot {
            at: entry.record_offset,
            sequence: entry.sequence,
        }
    }
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
    pub(super) fn queue(&mut self, batch: &[Entry], high_watermark: u64) {
        if let Some(first) = batch.first() {
            self.batches
                .insert(first.record_offset, batch.iter().map(Spot::of).collect());
        }
        self.advance(high_watermark);
    }

    /// Notes that every record before `high_watermark` is offered.
    pub(super) fn advance(&mut self, high_watermark: u64) {
        self.high_watermark = self.high_watermark.max(high_watermark);
        if self.high_watermark >= self.ahead.end {
            let Ahead { records, .. } = std::mem::take(&mut self.ahead);
            self.count_quarantined(records);
        }
    }

    /// Notes a record that is not queued: it is a gap until its row is stored.
    pub(super) fn quarantine(&mut self, at: u64, sequence: u64) {
        self.pending_quarantine.insert(at, sequence);
    }

    /// Notes that the row of the record at `at` is stored.
    pub(super) fn stored(&mut self, at: u64) {
        if self.pending_quarantine.remove(&at).is_none() {
            let settled = self.settle(std::iter::once(at));
            self.count_quarantined(settled);
        } else if at < self.high_watermark {
            self.count_quarantined(1);
        } else {
            self.ahead.records += 1;
            self.ahead.end = self.ahead.end.max(at + 1);
        }
    }

    /// Notes that the target has these records of one batch, given in its order.
    pub(super) fn accept(&mut self, sent: impl Iterator<Item = u64>) {
        let settled = self.settle(sent);
        if let Some(counts) = &mut self.counts {
            counts.sent += settled;
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

    /// Whether the low watermark has moved since earlier runs.
    pub(super) fn has_moved(&self) -> bool {
        self.progress().low_watermark() > self.prior.low_watermark()
    }

    /// The progress now.
    pub(super) fn progress(&self) -> TargetProgress {
        let mut gaps: Vec<Gap> = Vec::new();
        let mut last = None;
        let mut spots: Vec<Spot> = self.batches.values().flatten().copied().collect();
        if !self.pending_quarantine.is_empty() {
            spots.extend(self.pending_quarantine.range(..self.high_watermark).map(
                |(at, sequence)| Spot {
                    at: *at,
                    sequence: *sequence,
                },
            ));
            spots.sort_unstable_by_key(|spot| spot.at);
        }
        for spot in spots {
            match gaps.last_mut() {
                Some(gap) if last.is_some_and(|last| last + 1 == spot.sequence) => {
                    gap.to = spot.at + 1
                }
                _ => gaps.push(Gap {
                    from: spot.at,
                    to: spot.at + 1,
                }),
            }
            last = Some(spot.sequence);
        }
        // Gaps of earlier runs that this one has not come to.
        let ahead = self
            .prior
            .gaps
            .iter()
            .filter(|gap| gap.to > self.high_watermark);
        gaps.extend(ahead.map(|gap| Gap {
            from: gap.from.max(self.high_watermark),
            to: gap.to,
        }));
        TargetProgress {
            high_watermark: self.prior.high_watermark.max(self.high_watermark),
            gaps,
            counts: self.counts,
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
            id: ClickId::from_digest(&[0; 32]),
            occurrence: 1,
            object: Arc::new(ObjectRef::new("b", "k")),
            place: clicks::decode::Place::default(),
            record_offset: at,
            sequence,
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

    /// One run over records that begin at every tenth byte: those for which `sends` says so are
    /// settled.
    fn run(
        prior: &TargetProgress,
        records: u64,
        size: usize,
        mut sends: impl FnMut(u64) -> bool,
    ) -> (TargetProgress, BTreeSet<u64>) {
        let mut ledger = Ledger::new(prior.clone());
        let (mut sequence, mut batch, mut batches, mut sent) =
            (0, Vec::new(), Vec::new(), BTreeSet::new());
        for at in (0..records).map(|number| number * 10) {
            sequence += 1;
            if prior.is_settled(at) {
                continue;
            }
            if batch.len() == size {
                ledger.queue(&batch, at);
                batches.push(std::mem::take(&mut batch));
            }
            batch.push(entry(at, sequence));
        }
        ledger.queue(&batch, records * 10);
        batches.push(batch);
        // The last come back first.
        for batch in batches.iter().rev() {
            let settled: Vec<_> = batch
                .iter()
                .map(|entry| entry.record_offset)
                .filter(|at| sends(*at))
                .collect();
            ledger.accept(settled.iter().copied());
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
                let (after, sent) = run(&progress, records, size, |_| { tries += 1; luck[tries % luck.len()] });
                for at in &sent {
                    prop_assert!(all.insert(*at), "{at} twice");
                }
                progress = after;
                prop_assert_eq!(progress.counts, counted(all.len() as u64, 0));
                for at in (0..records).map(|number| number * 10) {
                    prop_assert_eq!(progress.is_settled(at), all.contains(&at), "at {} in {:?}", at, &progress);
                }
            }
            prop_assert_eq!(all.len() as u64, records);
            let counts = counted(records, 0);
            prop_assert_eq!(progress, TargetProgress { high_watermark: records * 10, counts, ..TargetProgress::default() });
        }
    }

    #[test]
    fn a_request_that_failed_among_accepted_ones_is_one_range() {
        let (progress, _) = run(&TargetProgress::default(), 100, 10, |at| {
            !(300..400).contains(&at)
        });
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
        ledger.quarantine(20, 2);
        ledger.queue(&[entry(10, 1), entry(30, 3)], 40);
        assert_eq!(ledger.progress().gaps, [Gap { from: 10, to: 31 }]);
        ledger.stored(20);
        assert_eq!(
            ledger.progress().gaps,
            [Gap { from: 10, to: 11 }, Gap { from: 30, to: 31 }]
        );
        ledger.stored(10);
        ledger.accept([30].into_iter());
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
            ledger.quarantine(at, at / 10);
            ledger.stored(at);
            let progress = ledger.progress();
            assert!(!progress.is_settled(at));
            assert_eq!(progress.counts, counted(0, 0));
        }
        ledger.queue(&[entry(10, 1)], 40);
        let progress = ledger.progress();
        assert!(progress.is_settled(20) && progress.is_settled(30));
        assert_eq!(progress.counts, counted(0, 2));
        ledger.advance(50);
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
            ledger.queue(&[entry(100, 11)], 110);
            ledger.accept([100].into_iter());
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
        ledger.queue(&[entry(10, 2), entry(500, 51)], 510);
        ledger.accept([10].into_iter());
        let gaps = vec![Gap { from: 500, to: 501 }, Gap { from: 510, to: 591 }];
        assert_eq!(ledger.progress(), TargetProgress { gaps, ..prior });
    }
}
