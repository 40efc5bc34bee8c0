//! Puts entries together into requests that keep to a target's limits. Pure.

use super::gaps::MOST_RUNS;
use super::groups::REQUESTS_PER_BATCH;
use crate::targets::{Batching, Entry, Limits};

/// How many times the bytes of a request a batch of several groups may have: its clicks wait in
/// memory for others of their group.
const REQUESTS_IN_BYTES: usize = 4;

/// Collects entries until one more would not fit.
#[derive(Debug)]
pub struct Batcher {
    limits: Limits,
    batching: Batching,
    entries: Vec<Entry>,
    bytes: usize,
    /// How often an entry is followed by one of another group, and one more.
    runs: usize,
    /// Entries of the last batch.
    last: usize,
}

/// An entry that no request can hold.
#[derive(Debug)]
pub struct TooLarge {
    /// The entry.
    pub entry: Box<Entry>,
    /// Bytes that the target takes at most.
    pub limit: usize,
}

impl Batcher {
    /// With a target's limits and way of batching.
    pub fn new(limits: Limits, batching: Batching) -> Batcher {
        Batcher {
            limits,
            batching,
            entries: Vec::new(),
            bytes: limits.overhead,
            runs: 0,
            last: 0,
        }
    }

    /// Adds an entry; returns the batch that was full before it, if it was. Where objects are cut
    /// into windows, none ever is. Of entries with ordering keys a batch holds several requests,
    /// within the bytes of one; of several groups it holds a few full requests' worth, so that
    /// those of each group find together.
    pub fn push(&mut self, entry: Entry) -> Result<Option<Vec<Entry>>, TooLarge> {
        let limit = self.limits.record_bytes.min(
            self.limits
                .bytes
                .saturating_sub(self.limits.overhead + self.limits.per_record),
        );
        if entry.size() > limit {
            return Err(TooLarge {
                entry: Box::new(entry),
                limit,
            });
        }
        let size = entry.size() + self.limits.per_record;
        let full = self.batching.windows().is_none() && self.is_full(&entry, size);
        let batch = if full { self.take() } else { None };
        self.bytes += size;
        self.runs += usize::from(self.begins_run(&entry));
        if self.entries.is_empty() {
            // As many will come again.
            self.entries.reserve_exact(self.last);
        }
        self.entries.push(entry);
        Ok(batch)
    }

    fn is_full(&self, entry: &Entry, size: usize) -> bool {
        let Limits { records, bytes, .. } = self.limits;
        let more = records.saturating_mul(REQUESTS_PER_BATCH);
        let runs = self.runs + usize::from(self.begins_run(entry));
        let (records, bytes) = match self.batching {
            Batching::OneOfEachGroup => (more, bytes),
            _ if runs > 1 => (more, bytes.saturating_mul(REQUESTS_IN_BYTES)),
            _ => (records, bytes),
        };
        // Rows of the quarantine come from several objects; a request speaks of one.
        let other = self
            .entries
            .last()
            .is_some_and(|last| last.object != entry.object);
        other || self.entries.len() >= records || self.bytes + size > bytes || runs > MOST_RUNS
    }

    /// Whether `entry` is of another group than the last one.
    fn begins_run(&self, entry: &Entry) -> bool {
        let last = self.entries.last();
        last.is_none_or(|last| last.group != entry.group)
    }

    /// How many entries are collected.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// The entries collected so far, if any.
    pub fn take(&mut self) -> Option<Vec<Entry>> {
        (self.bytes, self.runs) = (self.limits.overhead, 0);
        let entries = std::mem::take(&mut self.entries);
        self.last = entries.len();
        (!entries.is_empty()).then_some(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliver::ledger::tests::entry as plain;
    use proptest::prelude::*;

    fn entry(size: usize, index: u64) -> Entry {
        // What goes beside the body counts like it.
        let (beside, body) = (size / 3, size - size / 3);
        let attributes = vec![("k", "v".repeat(beside.saturating_sub(1)).into())];
        let place = clicks::decode::Place { offset: 0, index };
        let attributes = if beside > 0 { attributes } else { Vec::new() };
        Entry {
            body: vec![b'x'; body].into(),
            attributes,
            place,
            ..plain(index, index)
        }
    }

    proptest! {
        #[test]
        fn batches_keep_to_limits_and_order_and_lose_nothing(
            sizes in proptest::collection::vec(0usize..120, 0..200),
            records in 1usize..20, bytes in 40usize..300, overhead in 0usize..30, per_record in 0usize..3,
        ) {
            let limits = Limits { records, bytes, record_bytes: 100, overhead, per_record };
            let (mut batcher, mut batches, mut seen) = (Batcher::new(limits, Batching::Stream), Vec::new(), Vec::new());
            for (index, size) in sizes.iter().enumerate() {
                match batcher.push(entry(*size, index as u64)) {
                    Ok(batch) => batches.extend(batch),
                    Err(refused) => {
                        prop_assert!(refused.entry.size() > refused.limit);
                        seen.push(refused.entry.place.index);
                    }
                }
            }
            batches.extend(batcher.take());
            let mut last = None;
            for batch in &batches {
                prop_assert!(!batch.is_empty() && batch.len() <= records);
                let size: usize = overhead + batch.iter().map(|e| e.size() + per_record).sum::<usize>();
                prop_assert!(size <= bytes);
                for entry in batch {
                    prop_assert!(last.is_none_or(|last| last < entry.place.index));
                    last = Some(entry.place.index);
                    seen.push(entry.place.index);
                }
            }
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..sizes.len() as u64).collect::<Vec<_>>());
        }
    }
}
