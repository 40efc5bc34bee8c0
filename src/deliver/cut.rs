//! Cuts a batch into requests that hold one group each. Pure.

use std::collections::BTreeMap;

use super::batch::Batcher;
use crate::targets::{Batching, Entry, Limits};

/// The requests of one batch, in the order of their first entries: in each, entries of one group,
/// as many as `limits` allow. A batch without groups is one request.
pub(super) fn by_group(batch: Vec<Entry>, limits: Limits) -> Vec<Vec<Entry>> {
    let first = batch.first().map(|entry| entry.group.clone());
    if batch
        .iter()
        .all(|entry| Some(&entry.group) == first.as_ref())
    {
        return vec![batch];
    }
    let (mut places, mut batchers, mut requests) = (BTreeMap::new(), Vec::new(), Vec::new());
    for entry in batch {
        let place = *places
            .entry(entry.group.clone())
            .or_insert_with(|| batchers.len());
        if place == batchers.len() {
            batchers.push(Batcher::new(limits, Batching::Stream));
        }
        let Some(batcher) = batchers.get_mut(place) else {
            continue;
        };
        match batcher.push(entry) {
            Ok(full) => requests.extend(full),
            // The batch was put together within the same limits.
            Err(refused) => requests.push(vec![*refused.entry]),
        }
    }
    requests.extend(batchers.iter_mut().filter_map(Batcher::take));
    requests.sort_by_key(|request| request.first().map(|entry| entry.record_offset));
    requests
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliver::ledger::tests::entry;
    use crate::targets::Group;
    use proptest::prelude::*;
    use std::sync::Arc;

    fn grouped(number: usize, group: Option<u8>) -> Entry {
        let value = |group: u8| Group::new(vec![("id".into(), group.to_string().into())]);
        Entry {
            group: group.map(|group| Arc::new(value(group))),
            body: vec![b'x'; number % 7 + 1].into(),
            ..entry(number as u64, number as u64)
        }
    }

    proptest! {
        #[test]
        fn a_request_holds_one_group_within_the_limits_and_nothing_is_lost(
            groups in proptest::collection::vec(proptest::option::of(0u8..6), 1..200),
            records in 1usize..20, bytes in 10usize..60,
        ) {
            let limits = Limits { records, bytes, record_bytes: bytes, overhead: 1, per_record: 1 };
            let (mut batcher, mut batches) = (Batcher::new(limits, Batching::OneGroupOnly), Vec::new());
            for (number, group) in groups.iter().enumerate() {
                batches.extend(batcher.push(grouped(number, *group)).unwrap());
            }
            batches.extend(batcher.take());
            let mut seen = Vec::new();
            for batch in batches {
                let offsets: Vec<_> = batch.iter().map(|entry| entry.record_offset).collect();
                prop_assert!(offsets.is_sorted());
                for request in by_group(batch, limits) {
                    let size: usize = request.iter().map(|entry| entry.size() + 1).sum();
                    prop_assert!(request.len() <= records && size < bytes, "{request:?}");
                    prop_assert!(request.iter().all(|entry| entry.group == request[0].group));
                    prop_assert!(request.is_sorted_by_key(|entry| entry.record_offset));
                    seen.extend(request.iter().map(|entry| entry.record_offset));
                }
            }
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..groups.len() as u64).collect::<Vec<_>>());
        }
    }

    #[test]
    fn interleaved_groups_fill_their_requests() {
        let limits = Limits {
            records: 100,
            bytes: 1 << 20,
            ..Limits::SINGLE
        };
        let mut batcher = Batcher::new(limits, Batching::OneGroupOnly);
        let mut batches = Vec::new();
        for number in 0..4000 {
            let entry = grouped(number, Some((number % 40) as u8));
            batches.extend(batcher.push(entry).unwrap());
        }
        batches.extend(batcher.take());
        assert!(batches.iter().all(|batch| batch.len() <= 1000));
        let sizes = |batch| {
            by_group(batch, limits)
                .into_iter()
                .map(|request| request.len())
        };
        let sizes: Vec<_> = batches.into_iter().flat_map(sizes).collect();
        assert_eq!(sizes, [25; 160]);
    }

    #[test]
    fn entries_of_one_group_are_collected_as_those_without() {
        let limits = Limits {
            records: 10,
            ..Limits::NONE
        };
        for group in [None, Some(1)] {
            let mut batcher = Batcher::new(limits, Batching::OneGroupOnly);
            let full = (0..25).filter_map(|number| batcher.push(grouped(number, group)).unwrap());
            let sizes: Vec<_> = full.map(|batch| batch.len()).collect();
            assert_eq!(sizes, [10, 10]);
        }
    }
}
