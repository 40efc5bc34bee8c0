//! One reading of an object from its first byte, for the lanes that still need it.

mod replay;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::Shared;
use super::tools::Tools;
use crate::click::{Click, Seen};
use crate::decode::{BadRecord, Caps, Decoder, Item, Record};
use crate::deliver::{Full, Lane, Patience};
use crate::json::Parser;
use crate::object::{ObjectError, ObjectRef, Reader};
use crate::outcome::{End, Fresh};
use crate::quarantine::{Row, RowKind};

/// Chunks read ahead of the decoder.
const AHEAD: usize = 4;
/// Rows of a lane that are collected in memory before they are stored.
const ROWS: usize = 256;

/// One reading.
pub(super) struct Pass<'p, 'f> {
    object: Arc<ObjectRef>,
    caps: Caps,
    shared: &'p Shared<'f>,
    lanes: Vec<Lane>,
    detached: Vec<Lane>,
    seen: Seen,
    tools: Tools,
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
    pub(super) fn new(object: Arc<ObjectRef>, caps: Caps, shared: &'p Shared<'f>, lanes: Vec<Lane>) -> Pass<'p, 'f> {
        let (seen, tools) = (Seen::new(), shared.tools.take(caps));
        let (detached, first) = (Vec::new(), None);
        Pass {
            object,
            caps,
            shared,
            lanes,
            detached,
            seen,
            tools,
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
        self.shared.tools.first_seen(self.tools.normaliser.unknown())
    }

    /// The lanes that are through, and those that were left behind.
    pub(super) fn into_lanes(self) -> (Vec<Lane>, Vec<Lane>) {
        self.shared.tools.give_back(self.tools);
        (self.lanes, self.detached)
    }

    /// Reads to the end, or to the deadline, or until no lane goes on.
    pub(super) async fn run(&mut self, reader: Reader, patience: &Patience) -> End {
        let (chunks, mut source) = mpsc::channel(AHEAD);
        // Reading is a task of its own, so that decoding never holds up the connection.
        let reading = tokio::spawn(read(reader, chunks));
        let parser = std::mem::replace(&mut self.tools.parser, Parser::new(self.caps.depth));
        let mut decoder = Decoder::with(self.caps, parser);
        let end = loop {
            let todo = self.step(decoder.advance());
            let kept = match todo {
                Todo::Nothing => Ok(()),
                Todo::Queue(full) => {
                    self.queue(full).await;
                    Ok(())
                }
                Todo::Bad(row, at) => self.shared.books.bad(&row, at).await,
                Todo::Tail(bad) => break self.tail(bad).await,
                Todo::End => break End::Whole,
                Todo::Read => match self.read_on(&mut source, &mut decoder, patience).await {
                    Ok(()) => self.keep_rows().await,
                    Err(end) => break end,
                },
            };
            if let Err(problem) = kept {
                break End::Failed(problem);
            }
        };
        reading.abort();
        self.note(decoder.offset());
        self.tools.parser = decoder.into_parser();
        if matches!(end, End::Whole | End::Broken { .. }) {
            self.flush().await;
        } else {
            self.lanes.iter_mut().for_each(|lane| lane.halt(self.position));
        }
        end
    }

    /// Handles one item of the decoder, without waiting.
    fn step(&mut self, item: Item<'_>) -> Todo {
        match item {
            Item::Record(record) => self.record(&record),
            Item::Bad(bad) => self.bad(bad, None),
            Item::Tail(bad) => Todo::Tail(bad),
            Item::Starved => Todo::Read,
            Item::End => Todo::End,
        }
    }

    fn record(&mut self, record: &Record<'_>) -> Todo {
        self.position = record.place.offset + 1;
        if let Some(row) = Row::read(record.tape, record.root) {
            return self.replay(row, record.place);
        }
        let seen = &mut self.seen;
        let not = match self.tools.normaliser.click(record, &self.object, |fingerprint| seen.meet(fingerprint)) {
            Ok(click) => {
                self.records += 1;
                if record.place.offset >= self.shared.known {
                    self.fresh.clicks += 1;
                    self.fresh.bots += u64::from(click.is_bot());
                }
                self.first = self.first.or_else(|| click.millis());
                return offer(&mut self.lanes, &click, record.place.offset, None);
            }
            Err(not) => not,
        };
        let (length, raw) = (record.raw.len() as u64, record.raw.clone());
        self.bad(BadRecord { place: record.place, length, raw, reason: not.to_string() }, None)
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
            let may_detach =
                self.shared.again && self.lanes.iter().enumerate().any(|(other, lane)| other != index && !lane.is_over());
            let Some(lane) = self.lanes.get_mut(index) else { continue };
            if !lane.enqueue(full, may_detach).await {
                tracing::warn!(object = %self.object, target_name = lane.name(), "target left behind, the object is read again for it");
                self.detached.push(self.lanes.remove(index));
            }
        }
    }

    async fn flush(&mut self) {
        let end = self.bytes.max(self.position);
        let full: Vec<_> = self.lanes.iter_mut().enumerate().filter_map(|(index, lane)| Some((index, lane.flush(end)?))).collect();
        self.queue(full).await;
    }

    fn note(&mut self, bytes: u64) {
        self.shared.bytes.fetch_add(bytes - self.bytes, Ordering::Relaxed);
        self.bytes = bytes;
    }

    /// Gives the decoder the next chunk; or says how the pass ends without.
    async fn read_on(&mut self, source: &mut Chunks, decoder: &mut Decoder, patience: &Patience) -> Result<(), End> {
        let at = decoder.offset();
        self.note(at);
        self.lanes.iter_mut().for_each(|lane| lane.advance(self.position));
        if patience.is_over() || self.lanes.iter().all(Lane::is_over) {
            return Err(End::Stopped { offset: at });
        }
        match patience.in_time(source.recv()).await.ok_or(End::Stopped { offset: at })? {
            Some(Ok(chunk)) => decoder.push(chunk),
            Some(Err(error)) => return Err(End::Failed(error.to_string())),
            None => decoder.end(),
        }
        Ok(())
    }

    /// Stores rejected records before they pile up.
    async fn keep_rows(&mut self) -> Result<(), String> {
        if self.lanes.iter().any(|lane| lane.rows() >= ROWS) { self.shared.books.rows().await } else { Ok(()) }
    }

    /// Keeps the tail that cannot be read.
    async fn tail(&mut self, bad: BadRecord) -> End {
        let (offset, reason) = (bad.place.offset, bad.reason.clone());
        let kept = self.shared.books.bad(&Row::bad(self.object.clone(), bad, RowKind::Object), offset).await;
        kept.map_or_else(End::Failed, |()| End::Broken { offset, reason })
    }
}

type Chunks = mpsc::Receiver<Result<Bytes, ObjectError>>;

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
    if full.is_empty() { Todo::Nothing } else { Todo::Queue(full) }
}

/// Reads the object ahead of the decoder, as far as the channel lets it.
async fn read(mut reader: Reader, chunks: mpsc::Sender<Result<Bytes, ObjectError>>) {
    while let Some(chunk) = reader.next().await.transpose() {
        let last = chunk.is_err();
        if chunks.send(chunk).await.is_err() || last {
            return;
        }
    }
}
