//! One reading of an object from its first byte, for the lanes that still need it.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::future::join_all;

use super::blocks::{Blocks, Decoded, DecodedBlock, Decoding, Stop};
use super::checkpointer::Checkpointer;
use crate::deliver::{Attached, Encoder, Lane, RunControl};
use crate::object::{ObjectRef, Reader};
use crate::outcome::{End, Fresh};
use crate::quarantine::Row;

/// Rows of a lane that are collected in memory before they are stored.
const ROWS: usize = 256;

/// Shared by the passes over one object.
pub(super) struct Shared<'f> {
    pub(super) object: Arc<ObjectRef>,
    pub(super) checkpointer: Checkpointer<'f>,
    pub(super) decoding: &'f Decoding,
    pub(super) control: &'f RunControl,
    /// Records before this offset were read by an earlier run.
    pub(super) known: u64,
    /// Whether the object can be read again for a lane that is left behind.
    pub(super) is_rereadable: bool,
}

/// One reading.
pub(super) struct Pass<'p, 'f> {
    shared: &'p Shared<'f>,
    lanes: Vec<Lane>,
    left_behind: Vec<Lane>,
    counts: ReadCounts,
    /// Every record before this offset was offered.
    position: u64,
}

/// Counts what a pass has read.
#[derive(Default)]
pub(super) struct ReadCounts {
    /// Records decoded, bad ones included.
    pub(super) records: u64,
    /// Records that are no clicks.
    pub(super) bad: u64,
    /// Records that no earlier run has read.
    pub(super) fresh: Fresh,
    /// When the first click was, in milliseconds since 1970.
    pub(super) first: Option<i64>,
    /// Plain bytes decoded.
    pub(super) bytes: u64,
    /// Paths of members that no field is known for.
    pub(super) unknown: BTreeSet<String>,
}

/// The result of a pass.
pub(super) struct Passed {
    pub(super) end: End,
    pub(super) counts: ReadCounts,
    /// The lanes that were offered all that was read.
    pub(super) lanes: Vec<Lane>,
    /// The lanes that the others did not wait for.
    pub(super) left_behind: Vec<Lane>,
}

impl<'p, 'f> Pass<'p, 'f> {
    pub(super) fn new(shared: &'p Shared<'f>, lanes: Vec<Lane>) -> Pass<'p, 'f> {
        Pass {
            shared,
            lanes,
            left_behind: Vec::new(),
            counts: ReadCounts::default(),
            position: 0,
        }
    }

    /// Reads to the end, or to the deadline, or until no lane goes on.
    pub(super) async fn run(mut self, reader: Reader) -> Passed {
        let object = self.shared.object.clone();
        let mut blocks = Blocks::new(self.shared.decoding, object, reader, self.encoders());
        let end = self.read(&mut blocks).await;
        self.count_bytes(blocks.offset());
        if matches!(end, End::Complete | End::Corrupt { .. }) {
            let end = self.counts.bytes.max(self.position);
            self.lanes.iter_mut().for_each(|lane| lane.finish(end));
            self.flush(&mut blocks).await;
            self.lanes.iter_mut().for_each(|lane| lane.advance(end));
        } else {
            let position = self.position;
            self.lanes.iter_mut().for_each(|lane| lane.stop(position));
        }
        blocks.close();
        Passed {
            end,
            counts: self.counts,
            lanes: self.lanes,
            left_behind: self.left_behind,
        }
    }

    /// Offers the lanes block after block.
    async fn read(&mut self, blocks: &mut Blocks<'f>) -> End {
        loop {
            let is_over = self.shared.control.is_over() || self.lanes.iter().all(Lane::is_over);
            let offset = blocks.offset();
            if is_over {
                return End::Stopped { offset };
            }
            let mut block = match self.shared.control.before_stop(blocks.next()).await {
                Some(Ok(block)) => block,
                Some(Err(cause)) => return End::Failed(cause),
                None => {
                    return End::Stopped {
                        offset: blocks.offset(),
                    };
                }
            };
            let stop = std::mem::replace(&mut block.stop, Stop::More);
            if let Err(cause) = self.apply(block, blocks).await {
                return End::Failed(cause);
            }
            match stop {
                Stop::More => {}
                Stop::End => return End::Complete,
                Stop::Unreadable(row) => return self.keep_tail(*row).await,
            }
        }
    }

    /// Offers a block to the lanes, keeps the rows of its bad records, and queues what is ready.
    async fn apply(&mut self, block: DecodedBlock, blocks: &mut Blocks<'f>) -> Result<(), String> {
        let DecodedBlock {
            records,
            lanes,
            first,
            unknown,
            end,
            ..
        } = block;
        self.counts.first = self.counts.first.or(first);
        self.counts.unknown.extend(unknown);
        for entries in lanes {
            if let Some(lane) = self.lanes.iter_mut().find(|lane| entries.is_for(lane)) {
                entries.offer(&records, lane);
            }
        }
        for record in &records {
            self.count(record);
        }
        // Rows first: no target may count on a bad record whose row is not kept.
        for record in &records {
            if let Decoded::Bad(bad) = record {
                self.shared.checkpointer.keep_bad(&bad.row, bad.at).await?;
            }
        }
        tracing::trace!(
            object = %self.shared.object,
            records = records.len(),
            end = end,
            "block decoded"
        );
        self.flush(blocks).await;
        self.count_bytes(end);
        let position = self.position;
        self.lanes
            .iter_mut()
            .for_each(|lane| lane.advance(position));
        if self.lanes.iter().any(|lane| lane.rows() >= ROWS) {
            self.shared.checkpointer.store_rejected().await?;
        }
        Ok(())
    }

    fn count(&mut self, record: &Decoded) {
        self.counts.records += 1;
        let fresh = &mut self.counts.fresh;
        match record {
            Decoded::Click(meta) => {
                self.position = meta.at + 1;
                if meta.at >= self.shared.known && !meta.is_replay {
                    fresh.clicks += 1;
                    fresh.bots += u64::from(meta.is_bot);
                }
            }
            Decoded::Bad(bad) => {
                self.position = bad.at + 1;
                self.counts.bad += 1;
                fresh.bad += u64::from(bad.at >= self.shared.known);
            }
        }
    }

    fn count_bytes(&mut self, bytes: u64) {
        self.counts.bytes = self.counts.bytes.max(bytes);
    }

    /// Queues the batches that are ready. A lane that holds the others up is left behind.
    async fn flush(&mut self, blocks: &mut Blocks<'f>) {
        if !self.lanes.iter().any(Lane::has_ready) {
            return;
        }
        let going = self.lanes.iter().filter(|lane| !lane.is_over()).count();
        let attached = Attached::new(if self.shared.is_rereadable { going } else { 0 });
        let flushing = self
            .lanes
            .iter_mut()
            .map(|lane| lane.flush_ready(&attached));
        let attached = join_all(flushing).await;
        if attached.iter().all(|attached| *attached) {
            return;
        }
        for (lane, attached) in std::mem::take(&mut self.lanes).into_iter().zip(attached) {
            if attached {
                self.lanes.push(lane);
                continue;
            }
            tracing::warn!(
                object = %self.shared.object,
                target_name = &**lane.name(),
                "target left behind, the object is read again for it"
            );
            self.left_behind.push(lane);
        }
        blocks.set_encoders(self.encoders());
    }

    fn encoders(&self) -> Vec<Encoder> {
        self.lanes.iter().map(Lane::encoder).collect()
    }

    /// Keeps the row of a tail that cannot be read.
    async fn keep_tail(&mut self, row: Row) -> End {
        let offset = row.place.offset;
        match self.shared.checkpointer.keep_bad(&row, offset).await {
            Ok(()) => End::Corrupt {
                offset,
                reason: row.reason,
            },
            Err(cause) => End::Failed(cause),
        }
    }
}
