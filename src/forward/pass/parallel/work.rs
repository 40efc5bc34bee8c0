//! Blocks on threads of their own: from their bytes to what each lane takes.

use std::collections::BTreeSet;
use std::sync::{Arc, mpsc};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::block::Block;
use crate::deliver::{EncodedClick, Encoder};
use crate::forward::decoder_pool::DecodeContext;
use crate::object::ObjectRef;
use crate::quarantine::Row;
use clicks::decode::{BadRecord, DecodeLimits, Decoder, Item, Place, Resume};
use clicks::json::Parser;

/// Threads that work on the blocks of one object, in turns. They end with it.
pub(super) struct WorkerPool {
    threads: Vec<mpsc::Sender<Work>>,
    turn: usize,
}

/// A block, and who waits for what comes of it.
type Work = (Block, oneshot::Sender<Box<DecodedBlock>>);

/// What a block is worked on with.
#[derive(Clone)]
struct Worker {
    object: Arc<ObjectRef>,
    limits: DecodeLimits,
    encoders: Arc<[Encoder]>,
}

/// What came of a block.
pub(super) struct DecodedBlock {
    /// Its records in their order.
    pub(super) pieces: Vec<Decoded>,
    /// Its clicks as each lane takes them.
    pub(super) columns: Vec<LaneEntries>,
    /// When its first click was, in milliseconds since 1970.
    pub(super) first: Option<i64>,
    /// Paths of members that nobody knows.
    pub(super) unknown: BTreeSet<String>,
    /// Where it ends, if a line does there and nothing is open.
    end: Option<Resume>,
}

/// One record.
pub(super) enum Decoded {
    Click(ClickMeta),
    Bad(BadRecord),
}

/// What is known of a click beside its forms.
pub(super) struct ClickMeta {
    pub(super) place: Place,
    pub(super) raw: Bytes,
    /// Its fingerprint.
    pub(super) fingerprint: u64,
    pub(super) bot: bool,
    pub(super) batch_key: Option<Arc<str>>,
}

/// The clicks of a block as one lane takes them.
pub(super) struct LaneEntries {
    pub(super) name: Arc<str>,
    encoded: std::vec::IntoIter<EncodedClick>,
}

impl LaneEntries {
    pub(super) fn next(&mut self) -> Option<EncodedClick> {
        self.encoded.next()
    }
}

impl DecodedBlock {
    /// Whether it is what a block of lines comes to, one record in each.
    pub(super) fn fits(&self, block: &Block) -> bool {
        self.end.is_some() && self.pieces.len() as u64 == block.lines
    }

    /// Whether lines of it were skipped.
    pub(super) fn lost(&self) -> bool {
        self.end.is_some_and(|end| end.lost)
    }
}

impl WorkerPool {
    pub(super) fn new(
        (object, limits, encoders): (Arc<ObjectRef>, DecodeLimits, Vec<Encoder>),
        threads: usize,
    ) -> WorkerPool {
        let worker = Worker {
            object,
            limits,
            encoders: encoders.into(),
        };
        let start = |_| {
            let (sender, blocks) = mpsc::channel::<Work>();
            let worker = worker.clone();
            // Not one of the runtime's: those must be free for reading and writing.
            let thread = std::thread::Builder::new()
                .name("decode".into())
                .spawn(move || {
                    let mut context = DecodeContext::new(worker.limits);
                    for (block, reply) in blocks {
                        // Nobody waits any more if the object is given up.
                        let _ = reply.send(Box::new(worker.work(block, &mut context)));
                    }
                });
            thread.ok().map(|_| sender)
        };
        WorkerPool {
            threads: (0..threads).filter_map(start).collect(),
            turn: 0,
        }
    }

    /// Begins to work on a block.
    pub(super) fn submit(&mut self, block: Block) -> oneshot::Receiver<Box<DecodedBlock>> {
        let (reply, worked) = oneshot::channel();
        let thread = self.threads.get(self.turn % self.threads.len().max(1));
        self.turn += 1;
        if let Some(thread) = thread {
            // If it has panicked, the reply is dropped, which says so.
            let _ = thread.send((block, reply));
        }
        worked
    }
}

impl Worker {
    /// Decodes and encodes `block`. Every click counts as the first of its kind.
    fn work(&self, block: Block, context: &mut DecodeContext) -> DecodedBlock {
        // Its own: every entry counts as a holder of its object, and processors that count in one place hold each other up.
        let object = Arc::new((*self.object).clone());
        let parser = std::mem::replace(&mut context.parser, Parser::new(self.limits.depth));
        let mut decoder = Decoder::at(
            Resume {
                place: block.place,
                lost: false,
            },
            self.limits,
            parser,
        );
        let mut parts = block.parts.into_iter();
        let (mut pieces, mut first) = (Vec::with_capacity(block.lines as usize), None);
        let mut encoded: Vec<Vec<EncodedClick>> = self
            .encoders
            .iter()
            .map(|_| Vec::with_capacity(block.lines as usize))
            .collect();
        let end = loop {
            match decoder.advance() {
                // Rows of the quarantine are fed back one by one.
                Item::Record(record) if Row::read(record.tape, record.root).is_some() => {
                    break None;
                }
                Item::Record(record) => {
                    let (mut print, place) = (0, record.place);
                    let number = |fingerprint| {
                        print = fingerprint;
                        1
                    };
                    match context.normaliser.click(&record, &object, number) {
                        Ok(click) => {
                            first = first.or_else(|| click.millis());
                            for (encoder, encoded) in self.encoders.iter().zip(&mut encoded) {
                                encoded.push(encoder.encode(&click, place.offset));
                            }
                            let (bot, raw, batch_key) =
                                (click.is_bot(), record.raw.clone(), record.batch_key.clone());
                            pieces.push(Decoded::Click(ClickMeta {
                                place,
                                raw,
                                fingerprint: click.fingerprint,
                                bot,
                                batch_key,
                            }));
                        }
                        Err(not) => pieces.push(Decoded::Bad(record.to_bad(not.to_string()))),
                    }
                }
                Item::Bad(bad) => pieces.push(Decoded::Bad(bad)),
                Item::NeedInput => match parts.next() {
                    Some(part) => decoder.push(part),
                    None => {
                        break decoder
                            .hand_over()
                            .filter(|(_, rest)| rest.is_empty())
                            .map(|(end, _)| end);
                    }
                },
                Item::Unreadable(_) | Item::End => break None,
            }
        };
        context.parser = decoder.into_parser();
        let column = |(encoder, encoded): (&Encoder, Vec<EncodedClick>)| LaneEntries {
            name: encoder.name().clone(),
            encoded: encoded.into_iter(),
        };
        let columns = self.encoders.iter().zip(encoded).map(column).collect();
        DecodedBlock {
            pieces,
            columns,
            first,
            unknown: context.normaliser.unknown(),
            end,
        }
    }
}
