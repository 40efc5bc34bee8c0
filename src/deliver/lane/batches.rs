//! The entries of a lane on their way into batches, and the batches that are ready. Pure.

use std::collections::VecDeque;

use super::Offered;
use super::encoder::{Unfit, WindowKey};
use crate::deliver::batch::Batcher;
use crate::deliver::ledger::{Spot, Watermark};
use crate::deliver::stats::LaneStats;
use crate::deliver::windows::Windows;
use crate::quarantine::Row;
use crate::targets::{Batching, Entry, Limits, StoreTerms};

/// Entries further apart than so many times their size are copied out of the buffer that the object
/// is read into: a batch of few clicks among many must not keep all that was read between them.
const SPARSE: u64 = 4;

/// Collects entries, and keeps the batches that are ready until they are queued.
pub(super) struct Batches {
    batcher: Batcher,
    /// Where the object is cut, if the target's requests are windows.
    windows: Option<Windows>,
    ready: VecDeque<ReadyBatch>,
    /// Records after the last batch that is ready which are not queued.
    unfit: Vec<UnfitRow>,
    /// Clicks that the lane was offered, settled ones included and filtered ones not.
    sequence: u64,
    /// Where the last entry stands.
    last: u64,
}

/// A batch that is full.
pub(super) struct ReadyBatch {
    pub(super) entries: Vec<Entry>,
    /// Records that are not queued, and were not told with the batch before it.
    pub(super) unfit: Vec<UnfitRow>,
    /// The counts of the lane before the click that came after the batch.
    pub(super) before: Offered,
    /// Every record before it is in this batch or one before it, or dealt with otherwise.
    pub(super) high_watermark: Watermark,
}

/// A record that is quarantined without a request.
pub(in crate::deliver) struct UnfitRow {
    pub(in crate::deliver) spot: Spot,
    pub(in crate::deliver) row: Row,
}

impl ReadyBatch {
    /// Notes the batch in the ledger of `stats`, and what came before it that is not sent.
    pub(super) fn account_for(&mut self, stats: &mut LaneStats) {
        // First the gaps, then the watermark that passes them.
        stats.quarantine(std::mem::take(&mut self.unfit));
        stats.ledger.queue(&self.entries, self.high_watermark);
    }
}

impl Batches {
    pub(super) fn new(limits: Limits, batching: Batching, terms: StoreTerms) -> Batches {
        Batches {
            batcher: Batcher::new(limits, batching),
            windows: batching.windows().map(|bounds| Windows::new(bounds, terms)),
            ready: VecDeque::new(),
            unfit: Vec::new(),
            sequence: 0,
            last: 0,
        }
    }

    pub(super) fn has_windows(&self) -> bool {
        self.windows.is_some()
    }

    /// Counts one more click, whether it is sent or settled: two in a row have nothing settled
    /// between them. One that is filtered in this run is not counted: a gap runs over it.
    pub(super) fn count_record(&mut self) {
        self.sequence += 1;
    }

    /// The spot of the click at `at`, the last one that was counted.
    pub(super) fn spot(&self, at: u64, offered: Offered) -> Spot {
        Spot {
            at,
            sequence: self.sequence,
            filtered: offered.tally.filtered,
        }
    }

    /// Shows the click at `at` to the windows. Returns whether the window before it is complete.
    pub(super) fn observe(&mut self, key: &WindowKey, at: u64) -> bool {
        self.windows
            .as_mut()
            .is_some_and(|windows| windows.observe(&key.hour, key.id, at))
    }

    /// Completes the last window.
    pub(super) fn end_window(&mut self) {
        if let Some(windows) = &mut self.windows {
            windows.end();
        }
    }

    /// Adds the entry of the click at `at`; `Err` if no request can hold it.
    pub(super) fn push(
        &mut self,
        entry: Entry,
        at: u64,
        before: Offered,
    ) -> Result<(), Box<Unfit>> {
        let mut entry = Entry {
            record_offset: at,
            sequence: self.sequence,
            filtered: before.tally.filtered,
            window: self.windows.as_ref().and_then(Windows::window),
            ..entry
        };
        if at.saturating_sub(self.last) > SPARSE * entry.raw.len() as u64 {
            entry.detach();
        }
        self.last = at;
        match self.batcher.push(entry) {
            Ok(full) => self.add_ready(full, before, before.watermark(at)),
            Err(refused) => {
                let reason = format!(
                    "{} bytes in this target's form; it takes {} at most",
                    refused.entry.size(),
                    refused.limit
                );
                let entry = *refused.entry;
                return Err(Box::new(Unfit { entry, reason }));
            }
        }
        Ok(())
    }

    /// Makes a batch of what is collected, if there is anything. Every record before
    /// `high_watermark` was offered.
    pub(super) fn close(&mut self, before: Offered, high_watermark: Watermark) {
        let batch = self.batcher.take();
        self.add_ready(batch, before, high_watermark);
    }

    fn add_ready(&mut self, batch: Option<Vec<Entry>>, before: Offered, high_watermark: Watermark) {
        let Some(entries) = batch else { return };
        self.ready.push_back(ReadyBatch {
            entries,
            unfit: std::mem::take(&mut self.unfit),
            before,
            high_watermark,
        });
    }

    /// Adds records that are not queued.
    pub(super) fn extend_unfit(&mut self, unfit: Vec<UnfitRow>) {
        self.unfit.extend(unfit);
    }

    /// Takes the rows of records after the last batch that is ready.
    pub(super) fn take_unfit(&mut self) -> Vec<UnfitRow> {
        std::mem::take(&mut self.unfit)
    }

    /// Whether there is anything to flush.
    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty() || !self.unfit.is_empty()
    }

    pub(super) fn pop_ready(&mut self) -> Option<ReadyBatch> {
        self.ready.pop_front()
    }

    /// Whether a batch is being filled.
    pub(super) fn has_entries(&self) -> bool {
        self.batcher.len() > 0
    }

    /// Whether nothing waits here.
    pub(super) fn is_empty(&self) -> bool {
        !self.has_ready() && !self.has_entries()
    }

    /// Drops what stands at `resume` or after it: that will be offered again. Returns the rows
    /// of what stands before: they were added late.
    pub(super) fn rewind(&mut self, resume: u64) -> Vec<UnfitRow> {
        let batches = self.ready.drain(..).flat_map(|ready| ready.unfit);
        let mut rows: Vec<_> = batches.chain(self.unfit.drain(..)).collect();
        rows.retain(|row| row.spot.at < resume);
        self.batcher.take();
        self.last = resume;
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliver::ledger::tests::entry;
    use bytes::Bytes;

    /// Pushes entries of 100 bytes that stand at `places` of one buffer. Returns whether they keep
    /// the buffer.
    fn keeps_buffer(places: &[usize]) -> bool {
        let limits = Limits {
            records: 100,
            bytes: 1 << 20,
            record_bytes: 1 << 20,
            overhead: 0,
            per_record: 0,
        };
        let mut batches = Batches::new(limits, Batching::Stream, StoreTerms::default());
        let buffer = Bytes::from(vec![b'x'; 100_000]);
        for at in places {
            let raw = buffer.slice(*at..at + 100);
            let entry = Entry {
                body: raw.slice(10..20),
                raw,
                ..entry(0, 0)
            };
            batches.push(entry, *at as u64, Offered::default()).ok();
        }
        batches.close(Offered::default(), Watermark::default());
        let ready = batches.pop_ready().map(|ready| ready.entries);
        let entries = ready.unwrap_or_default();
        assert_eq!(entries.len(), places.len());
        assert!(entries.iter().all(|entry| *entry.raw == [b'x'; 100]));
        assert!(entries.iter().all(|entry| *entry.body == [b'x'; 10]));
        !buffer.is_unique()
    }

    #[test]
    fn a_batch_of_few_clicks_among_many_keeps_nothing_of_what_was_read_between() {
        assert!(keeps_buffer(&[0, 100, 200, 300]));
        assert!(!keeps_buffer(&[5000, 20_000, 70_000]));
    }
}
