//! One reading of an object from its first byte, for the lanes that still need it.

mod parallel;
mod replay;
mod sequential;
mod source;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::runtime::{Handle, RuntimeFlavor};

use super::Shared;
use super::decoder_pool::DecodeContext;
use crate::deliver::{Full, Lane, RunControl};
use crate::object::{ObjectRef, Reader};
use crate::outcome::{End, Fresh};
use crate::quarantine::{Row, RowKind};
use clicks::click::{Click, OccurrenceCounter};
use clicks::decode::{BadRecord, DecodeLimits, Resume};
use source::Source;

/// Plain bytes that are read one by one before several processors are worth it.
const ALONE: u64 = 1 << 20;
/// Rows of a lane that are collected in memory before they are stored.
const ROWS: usize = 256;

/// One reading.
pub(super) struct Pass<'p, 'f> {
    object: Arc<ObjectRef>,
    limits: DecodeLimits,
    shared: &'p Shared<'f>,
    lanes: Vec<Lane>,
    detached: Vec<Lane>,
    occurrences: OccurrenceCounter,
    context: DecodeContext,
    /// Paths of members that nobody knows, as other threads have met them.
    unknown: BTreeSet<String>,
    /// Threads to decode on.
    threads: usize,
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
    /// Every record before this offset was offered.
    position: u64,
}

/// What one item asks for, once nothing borrows the decoder any more.
enum Todo {
    Nothing,
    /// Batches to queue, each with its lane's index.
    Queue(Vec<(usize, Full)>),
    /// A record that is bad for every target, and its offset.
    Bad(Box<Row>, u64),
    Read,
    Tail(BadRecord),
    End,
}

impl<'p, 'f> Pass<'p, 'f> {
    pub(super) fn new(
        object: Arc<ObjectRef>,
        limits: DecodeLimits,
        shared: &'p Shared<'f>,
        lanes: Vec<Lane>,
    ) -> Pass<'p, 'f> {
        let (occurrences, context) = (OccurrenceCounter::new(), shared.decoders.take(limits));
        let (detached, first) = (Vec::new(), None);
        Pass {
            object,
            limits,
            shared,
            lanes,
            detached,
            occurrences,
            context,
            unknown: BTreeSet::new(),
            threads: threads(),
            records: 0,
            bad: 0,
            fresh: Fresh::default(),
            first,
            bytes: 0,
            position: 0,
        }
    }

    /// Paths of unknown members that no object had before.
    pub(super) fn unknown(&mut self) -> Vec<String> {
        self.unknown.append(&mut self.context.normaliser.unknown());
        self.shared
            .decoders
            .first_seen(std::mem::take(&mut self.unknown))
    }

    /// The lanes that are through, and those that were left behind.
    pub(super) fn into_lanes(self) -> (Vec<Lane>, Vec<Lane>) {
        self.shared.decoders.give_back(self.context);
        (self.lanes, self.detached)
    }

    /// Reads to the end, or to the deadline, or until no lane goes on.
    pub(super) async fn run(&mut self, reader: Reader, control: &RunControl) -> End {
        let mut source = Source::new(reader, self.limits);
        let (mut from, mut parallel_after) = (Resume::default(), ALONE);
        let end = loop {
            let turn = match self
                .sequential(from, parallel_after, &mut source, control)
                .await
            {
                Ok(turn) => turn,
                Err(end) => break end,
            };
            match self.parallel(turn, &mut source, control).await {
                // What is not lines here will hardly be so soon.
                Ok((next, over)) => {
                    (from, parallel_after) = (
                        next,
                        if over {
                            u64::MAX
                        } else {
                            parallel_after.saturating_mul(4)
                        },
                    )
                }
                Err(end) => break end,
            }
        };
        drop(source);
        if matches!(end, End::Complete | End::Corrupt { .. }) {
            self.flush().await;
        } else {
            self.lanes
                .iter_mut()
                .for_each(|lane| lane.halt(self.position));
        }
        end
    }

    /// Does what an item asks for.
    async fn handle(&mut self, todo: Todo) -> Result<(), End> {
        match todo {
            Todo::Nothing | Todo::Read => Ok(()),
            Todo::Queue(full) => {
                self.queue(full).await;
                Ok(())
            }
            Todo::Bad(row, at) => self
                .shared
                .checkpointer
                .bad(&row, at)
                .await
                .map_err(End::Failed),
            Todo::Tail(bad) => Err(self.tail(bad).await),
            Todo::End => Err(End::Complete),
        }
    }

    /// Counts the click at `at`.
    fn count(&mut self, at: u64, bot: bool) {
        self.records += 1;
        if at >= self.shared.known {
            self.fresh.clicks += 1;
            self.fresh.bots += u64::from(bot);
        }
    }

    /// Counts a bad record; `row` is its row where it came in one.
    fn bad(&mut self, bad: BadRecord, row: Option<Row>) -> Todo {
        self.records += 1;
        self.bad += 1;
        let at = bad.place.offset;
        self.fresh.bad += u64::from(at >= self.shared.known);
        self.position = at + 1;
        self.lanes.iter_mut().for_each(|lane| lane.bad(at));
        let row = row.unwrap_or_else(|| Row::bad(self.object.clone(), bad, RowKind::Record));
        Todo::Bad(Box::new(row), at)
    }

    /// Queues full batches. A lane in trouble is left behind unless it is the only one that goes on.
    async fn queue(&mut self, full: Vec<(usize, Full)>) {
        // From the last lane on, so that removing one leaves the others' indices.
        for (index, full) in full.into_iter().rev() {
            let may_detach = self.shared.again
                && self
                    .lanes
                    .iter()
                    .enumerate()
                    .any(|(other, lane)| other != index && !lane.is_over());
            let Some(lane) = self.lanes.get_mut(index) else {
                continue;
            };
            if !lane.enqueue(full, may_detach).await {
                tracing::warn!(object = %self.object, target_name = lane.name(), "target left behind, the object is read again for it");
                self.detached.push(self.lanes.remove(index));
            }
        }
    }

    async fn flush(&mut self) {
        let end = self.bytes.max(self.position);
        let full: Vec<_> = self
            .lanes
            .iter_mut()
            .enumerate()
            .filter_map(|(index, lane)| Some((index, lane.flush(end)?)))
            .collect();
        self.queue(full).await;
    }

    fn note(&mut self, bytes: u64) {
        self.shared
            .bytes
            .fetch_add(bytes - self.bytes, Ordering::Relaxed);
        self.bytes = bytes;
    }

    /// Keeps the checkpointer up to `offset`, all before which was offered; or says why the pass ends there.
    async fn go_on(&mut self, offset: u64, control: &RunControl) -> Result<(), End> {
        self.note(offset);
        self.lanes
            .iter_mut()
            .for_each(|lane| lane.advance(self.position));
        self.keep_rows().await.map_err(End::Failed)?;
        let over = control.is_over() || self.lanes.iter().all(Lane::is_over);
        if over {
            Err(End::Stopped { offset })
        } else {
            Ok(())
        }
    }

    /// Stores rejected records before they pile up.
    async fn keep_rows(&mut self) -> Result<(), String> {
        if self.lanes.iter().any(|lane| lane.rows() >= ROWS) {
            self.shared.checkpointer.rows().await
        } else {
            Ok(())
        }
    }

    /// Keeps the tail that cannot be read.
    async fn tail(&mut self, bad: BadRecord) -> End {
        let (offset, reason) = (bad.place.offset, bad.reason.clone());
        let kept = self
            .shared
            .checkpointer
            .bad(&Row::bad(self.object.clone(), bad, RowKind::Object), offset)
            .await;
        kept.map_or_else(End::Failed, |()| End::Corrupt { offset, reason })
    }
}

/// Threads that one object may be decoded on: more would wait for what is done in turn.
const MOST_THREADS: usize = 8;

/// Threads of this runtime, as far as they help.
fn threads() -> usize {
    let runtime = Handle::current();
    match runtime.runtime_flavor() {
        RuntimeFlavor::CurrentThread => 1,
        _ => runtime.metrics().num_workers().min(MOST_THREADS),
    }
}

/// Offers the click at `at` to the lanes that have not had it; to `only` if it is for one target.
fn offer(lanes: &mut [Lane], click: &Click<'_>, at: u64, only: Option<&str>) -> Todo {
    let mut full = Vec::new();
    for (index, lane) in lanes.iter_mut().enumerate() {
        if only.is_some_and(|only| only != lane.name()) {
            lane.filtered(at);
        } else if let Some(batch) = lane.offer(click, at) {
            full.push((index, batch));
        }
    }
    if full.is_empty() {
        Todo::Nothing
    } else {
        Todo::Queue(full)
    }
}
