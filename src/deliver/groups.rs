//! Keeps the order of entries of one group (one ordering key): a request holds one entry of each
//! group, and no two requests with the same group are in flight, of whatever objects.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::targets::Entry;

/// How many requests a batch of grouped entries may fill: entries of one group go one after the
/// other, so that others must be at hand to fill the requests.
pub(super) const REQUESTS_PER_BATCH: usize = 10;

/// The lines of batches, one for each group of a target.
#[derive(Debug, Default)]
pub(super) struct Groups {
    lines: Mutex<Lines>,
    moved: Notify,
}

#[derive(Debug, Default)]
struct Lines {
    by_group: HashMap<Arc<str>, VecDeque<u64>>,
    last: u64,
}

/// A batch's place in the lines of its groups. Dropping it leaves all of them.
#[derive(Debug)]
pub(super) struct Ticket {
    groups: Arc<Groups>,
    number: u64,
    /// The groups that it waits in line for.
    mine: BTreeSet<Arc<str>>,
}

/// The requests of one batch, at most `records` entries each: in each, at most one entry of a
/// group, and those of a group in their order.
pub(super) fn requests(batch: Vec<Entry>, records: usize) -> Vec<Vec<Entry>> {
    if batch.iter().all(|entry| entry.ordering_key.is_none()) {
        return vec![batch];
    }
    let (mut rest, mut requests) = (batch, Vec::new());
    while !rest.is_empty() {
        let (mut request, mut later, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
        for entry in rest {
            let first = entry
                .ordering_key
                .as_ref()
                .is_none_or(|group| seen.insert(group.clone()));
            if first && request.len() < records {
                request.push(entry)
            } else {
                later.push(entry)
            }
        }
        requests.push(request);
        rest = later;
    }
    requests
}

impl Groups {
    /// Enqueues a batch behind those before it; `None` if it has no groups.
    pub(super) fn enqueue(self: &Arc<Groups>, batch: &[Entry]) -> Option<Ticket> {
        let mine: BTreeSet<_> = batch
            .iter()
            .filter_map(|entry| entry.ordering_key.clone())
            .collect();
        if mine.is_empty() {
            return None;
        }
        let mut lines = self.lines();
        lines.last += 1;
        let number = lines.last;
        for group in &mine {
            lines
                .by_group
                .entry(group.clone())
                .or_default()
                .push_back(number);
        }
        Some(Ticket {
            groups: self.clone(),
            number,
            mine,
        })
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    /// Returns when this batch is the first in every line of the request's groups.
    pub(super) async fn comes_first(&self, request: &[Entry]) {
        loop {
            let mut moved = std::pin::pin!(self.groups.moved.notified());
            moved.as_mut().enable();
            if self.is_first(request) {
                return;
            }
            moved.await;
        }
    }

    fn is_first(&self, request: &[Entry]) -> bool {
        let lines = self.groups.lines();
        let mut groups = request
            .iter()
            .filter_map(|entry| entry.ordering_key.as_ref());
        groups.all(|group| {
            lines
                .by_group
                .get(group)
                .and_then(VecDeque::front)
                .is_none_or(|first| *first == self.number)
        })
    }

    /// Leaves the lines of all groups except those of `rest`, which are still to be sent.
    pub(super) fn keep<'e>(&mut self, rest: impl Iterator<Item = &'e Entry>) {
        let needed: BTreeSet<_> = rest
            .filter_map(|entry| entry.ordering_key.clone())
            .collect();
        if needed.len() == self.mine.len() {
            return;
        }
        let mut lines = self.groups.lines();
        for group in self.mine.difference(&needed) {
            let Some(line) = lines.by_group.get_mut(group) else {
                continue;
            };
            line.retain(|number| *number != self.number);
            if line.is_empty() {
                lines.by_group.remove(group);
            }
        }
        drop(lines);
        self.mine = needed;
        self.groups.moved.notify_waiters();
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.keep(std::iter::empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    fn entries(groups: &str) -> Vec<Entry> {
        let entry = |(at, group): (usize, &str)| Entry {
            record_offset: at as u64,
            ordering_key: Some(group.into()).filter(|_| group != "-"),
            ..super::super::ledger::tests::entry(at as u64, at as u64)
        };
        groups.split(' ').enumerate().map(entry).collect()
    }

    fn places(requests: Vec<Vec<Entry>>) -> Vec<Vec<u64>> {
        requests
            .iter()
            .map(|request| request.iter().map(|entry| entry.record_offset).collect())
            .collect()
    }

    #[test]
    fn a_request_holds_one_entry_of_a_group_in_its_order() {
        assert_eq!(
            places(requests(entries("a b a a c b"), 10)),
            [vec![0, 1, 4], vec![2, 5], vec![3]]
        );
        assert_eq!(
            places(requests(entries("a b c d a"), 2)),
            [vec![0, 1], vec![2, 3], vec![4]]
        );
        assert_eq!(places(requests(entries("- - -"), 2)), [vec![0, 1, 2]]);
    }

    #[test]
    fn a_batch_waits_for_those_before_it_in_its_groups_alone() {
        let groups = Arc::new(Groups::default());
        let (first, second) = (entries("a b"), entries("b c"));
        let mut one = groups.enqueue(&first).unwrap();
        let two = groups.enqueue(&second).unwrap();
        assert!(one.comes_first(&first).now_or_never().is_some());
        assert!(two.comes_first(&second[..1]).now_or_never().is_none());
        assert!(two.comes_first(&second[1..]).now_or_never().is_some());
        one.keep(first[..1].iter());
        assert!(two.comes_first(&second).now_or_never().is_some());
        assert!(groups.enqueue(&entries("- -")).is_none());
        drop((one, two));
        assert!(groups.lines().by_group.is_empty());
    }
}
