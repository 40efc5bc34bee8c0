//! The requests of one batch that are left to send, and how they are divided. Pure.

use std::collections::VecDeque;

use super::groups::requests;
use crate::targets::Entry;

/// Most clicks of a refused request that are kept for the end.
const KEPT_LAST: usize = 8;

/// The requests of one batch that are left to send.
#[derive(Debug)]
pub(super) struct Parts {
    left: VecDeque<Vec<Entry>>,
    /// Whether the order of the entries matters.
    pub(super) is_ordered: bool,
    /// Whether a request was divided.
    is_divided: bool,
    /// Clicks that were sent ahead of others.
    witnesses: usize,
}

impl Parts {
    /// The requests of a batch, of at most `records` entries each.
    pub(super) fn of(batch: Vec<Entry>, records: usize) -> Parts {
        Parts {
            is_ordered: batch.iter().any(|entry| entry.ordering_key.is_some()),
            left: requests(batch, records).into(),
            is_divided: false,
            witnesses: 0,
        }
    }

    /// A request for each of `entries`.
    pub(super) fn single(entries: Vec<Entry>) -> Parts {
        Parts {
            left: entries.into_iter().map(|entry| vec![entry]).collect(),
            is_ordered: false,
            is_divided: true,
            witnesses: 0,
        }
    }

    /// Takes the next request.
    pub(super) fn next(&mut self) -> Option<Vec<Entry>> {
        self.left.pop_front()
    }

    /// Puts a request back: it is the next one.
    pub(super) fn put_back(&mut self, request: Vec<Entry>) {
        self.left.push_front(request);
    }

    /// Puts back the halves of a request.
    ///
    /// Where order does not matter, some clicks from all over it go to its end: bad clicks often
    /// stand together, and if they stood last, nothing that is accepted would come after them.
    pub(super) fn halve(&mut self, mut request: Vec<Entry>) {
        if !self.is_divided && !self.is_ordered {
            request = spread(request);
        }
        self.is_divided = true;
        let second = request.split_off(request.len() / 2);
        self.left.push_front(second);
        self.left.push_front(request);
    }

    /// Makes one click, far from those that were refused, the next request: by turns one from the
    /// middle of the last request, and its last one.
    pub(super) fn call_witness(&mut self) {
        if self.is_ordered {
            return;
        }
        let Some(mut last) = self.left.pop_back() else {
            return;
        };
        self.witnesses += 1;
        let witness = if self.witnesses.is_multiple_of(2) {
            last.pop()
        } else {
            let middle = last.len() / 2;
            (middle < last.len()).then(|| last.remove(middle))
        };
        if !last.is_empty() {
            self.left.push_back(last);
        }
        if let Some(witness) = witness {
            self.left.push_front(vec![witness]);
            self.is_divided = true;
        }
    }

    /// The entries that are left.
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> + Clone {
        self.left.iter().flatten()
    }
}

/// Moves some entries from all over a request to its end, those next to each other far apart.
fn spread(request: Vec<Entry>) -> Vec<Entry> {
    let entries = request.len();
    let kept = (entries / 4).clamp(1, KEPT_LAST);
    let half = kept.div_ceil(2);
    let order = (0..half).flat_map(|at| [at, at + half]);
    let places = order.filter(|at| *at < kept).map(|at| at * entries / kept);
    let mut request: Vec<_> = request.into_iter().map(Some).collect();
    let last: Vec<_> = places
        .filter_map(|at| request.get_mut(at)?.take())
        .collect();
    request.into_iter().flatten().chain(last).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliver::ledger::tests::entry;
    use proptest::prelude::*;

    fn batch(entries: u64) -> Vec<Entry> {
        (0..entries).map(|at| entry(at, at)).collect()
    }

    fn offsets(request: &[Entry]) -> Vec<u64> {
        request.iter().map(|entry| entry.record_offset).collect()
    }

    proptest! {
        #[test]
        fn whatever_is_divided_and_called_every_entry_is_sent_alone_once(
            entries in 1u64..100, steps in proptest::collection::vec(0u8..3, 1..50),
        ) {
            let mut parts = Parts::of(batch(entries), 100);
            let (mut seen, mut turn) = (Vec::new(), 0);
            while let Some(request) = parts.next() {
                if request.len() == 1 {
                    seen.extend(offsets(&request));
                } else if steps[turn % steps.len()] == 0 {
                    parts.put_back(request);
                    parts.call_witness();
                } else {
                    parts.halve(request);
                }
                turn += 1;
            }
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..entries).collect::<Vec<_>>());
        }
    }

    #[test]
    fn bad_clicks_at_either_end_have_others_behind_them() {
        let mut parts = Parts::of(batch(16), 100);
        let whole = parts.next().unwrap();
        parts.halve(whole);
        assert_eq!(offsets(&parts.next().unwrap()), [1, 2, 3, 5, 6, 7, 9, 10]);
        assert_eq!(
            offsets(&parts.next().unwrap()),
            [11, 13, 14, 15, 0, 8, 4, 12]
        );
    }

    #[test]
    fn an_order_is_kept() {
        let ordered = batch(4).into_iter().map(|entry| Entry {
            ordering_key: Some(entry.record_offset.to_string().into()),
            ..entry
        });
        let mut parts = Parts::of(ordered.collect(), 100);
        let whole = parts.next().unwrap();
        parts.halve(whole);
        parts.call_witness();
        assert_eq!(offsets(&parts.next().unwrap()), [0, 1]);
        assert_eq!(offsets(&parts.next().unwrap()), [2, 3]);
    }
}
