//! From the bytes of an object to blocks of encoded clicks, in the order of the object.
//!
//! Blocks are decoded in the task that asks for them, or, where a long stretch of the object is
//! lines, by workers: the code is the same, and so is what comes out.

mod block;
mod context;
mod limits;
mod lines;
mod parallel;
mod pool;
mod source;
mod task;
mod workers;

use std::sync::Arc;

use crate::deliver::Encoder;
use crate::forward::Meter;
use crate::object::{ObjectRef, Reader};
pub(super) use block::{Decoded, DecodedBlock, Stop};
use clicks::click::OccurrenceCounter;
use clicks::decode::{DecodeLimits, Decoder, Resume};
use context::DecodeContext;
pub use limits::BlockLimits;
use parallel::{Parallel, Step};
pub(super) use pool::DecoderPool;
use source::{Next, Source};
use task::{DecodeJob, DecodeTask, Numbering};
use workers::WorkerPool;

/// Workers are not worth it where more than one click in so many repeats an earlier one: those are
/// encoded twice.
const REPEATS: u64 = 4;
/// How many times as many bytes are decoded in order before workers are tried again.
const LATER: u64 = 4;

/// How every object is decoded.
#[derive(Clone)]
pub(super) struct Decoding {
    pub(super) limits: DecodeLimits,
    pub(super) blocks: BlockLimits,
    pub(super) decoders: Arc<DecoderPool>,
    /// The names of the configured targets.
    pub(super) targets: Arc<[Arc<str>]>,
    pub(super) meter: Arc<Meter>,
}

/// Gives the blocks of one object.
pub(super) struct Blocks<'f> {
    decoding: &'f Decoding,
    task: DecodeTask,
    context: DecodeContext,
    source: Source,
    occurrences: OccurrenceCounter,
    mode: Mode<'f>,
    /// Plain bytes that are decoded in order before workers are tried.
    parallel_after: u64,
}

/// How the next block is decoded.
enum Mode<'f> {
    InOrder(InOrder),
    Parallel(Box<Parallel<'f>>),
}

/// Decodes in the task, whatever the layout.
struct InOrder {
    decoder: Box<Decoder>,
    /// From this offset on, workers are worth it.
    until: u64,
}

impl<'f> Blocks<'f> {
    /// Starts to read `object`, for the lanes of `encoders`.
    pub(super) fn new(
        decoding: &'f Decoding,
        object: Arc<ObjectRef>,
        reader: Reader,
        encoders: Vec<Encoder>,
    ) -> Blocks<'f> {
        let mut context = decoding.decoders.take(decoding.limits);
        let decoder = context.start_decoder(Resume::default(), decoding.limits);
        let parallel_after = if decoding.blocks.workers() > 1 {
            decoding.blocks.parallel_after
        } else {
            u64::MAX
        };
        let mode = Mode::InOrder(InOrder {
            decoder: Box::new(decoder),
            until: parallel_after,
        });
        Blocks {
            decoding,
            task: DecodeTask {
                object,
                limits: decoding.limits,
                targets: decoding.targets.clone(),
                encoders: encoders.into(),
            },
            context,
            source: Source::new(
                reader,
                decoding.limits,
                decoding.blocks,
                decoding.meter.clone(),
            ),
            occurrences: OccurrenceCounter::new(),
            mode,
            parallel_after,
        }
    }

    /// Encodes what follows for the lanes of `encoders` alone.
    pub(super) fn set_encoders(&mut self, encoders: Vec<Encoder>) {
        self.task.encoders = encoders.into();
    }

    /// Plain bytes of the object that were decoded.
    pub(super) fn offset(&self) -> u64 {
        match &self.mode {
            Mode::InOrder(in_order) => in_order.decoder.offset(),
            Mode::Parallel(parallel) => parallel.offset(),
        }
    }

    /// The next block; `Err` if the object cannot be read any further now.
    pub(super) async fn next(&mut self) -> Result<DecodedBlock, String> {
        loop {
            match &mut self.mode {
                Mode::InOrder(in_order) => {
                    let job = DecodeJob {
                        task: &self.task,
                        numbering: Numbering::InOrder(&mut self.occurrences),
                        most: self.decoding.blocks.block_records,
                    };
                    let block = self.context.decode(&mut in_order.decoder, job);
                    if !block.records.is_empty() || !matches!(block.stop, Stop::More) {
                        return Ok(block);
                    }
                    if !self.start_parallel() {
                        self.read_on().await?;
                    }
                }
                Mode::Parallel(parallel) => match parallel.next(&mut self.source).await? {
                    Step::Block { mut block, lines } => {
                        let repeats = self.context.count(&mut block, &mut self.occurrences);
                        if repeats * REPEATS > lines {
                            self.end_parallel(self.parallel_after.saturating_mul(LATER));
                        }
                        return Ok(block);
                    }
                    Step::Over { is_end: true } => self.end_parallel(u64::MAX),
                    // What is not lines here will hardly be so soon.
                    Step::Over { is_end: false } => {
                        self.end_parallel(self.parallel_after.saturating_mul(LATER));
                    }
                },
            }
        }
    }

    /// Gives the decoder the next bytes.
    async fn read_on(&mut self) -> Result<(), String> {
        let Mode::InOrder(InOrder { decoder, .. }) = &mut self.mode else {
            return Ok(());
        };
        match self.source.next().await {
            Next::Bytes(bytes) => decoder.push(bytes),
            Next::Unreadable { rest, reason } => decoder.fail(rest, reason),
            Next::Failed(error) => return Err(error.to_string()),
            Next::End => decoder.end(),
        }
        Ok(())
    }

    /// Goes on by workers, where that is worth it and possible.
    fn start_parallel(&mut self) -> bool {
        let Mode::InOrder(InOrder { decoder, until }) = &mut self.mode else {
            return false;
        };
        if decoder.offset() < *until {
            return false;
        }
        let Some(permit) = self.decoding.decoders.try_parallel() else {
            return false;
        };
        let Some((resume, rest)) = decoder.hand_over() else {
            return false;
        };
        self.source.give_back(Next::Bytes(rest));
        let blocks = self.decoding.blocks;
        let decoders = self.decoding.decoders.clone();
        let pool = WorkerPool::new(self.task.clone(), decoders, blocks.workers());
        let parallel = Parallel::new(blocks, pool, resume, permit);
        let mode = std::mem::replace(&mut self.mode, Mode::Parallel(Box::new(parallel)));
        if let Mode::InOrder(InOrder { decoder, .. }) = mode {
            self.context.end_decoder(*decoder);
        }
        true
    }

    /// Goes on in order, for `parallel_after` bytes at least.
    fn end_parallel(&mut self, parallel_after: u64) {
        let Mode::Parallel(parallel) = &mut self.mode else {
            return;
        };
        let resume = parallel.give_back(&mut self.source);
        let decoder = self.context.start_decoder(resume, self.decoding.limits);
        // At least a byte: else the workers would get what they could not decode again, for ever.
        let parallel_after = parallel_after.max(1);
        self.parallel_after = parallel_after;
        self.mode = Mode::InOrder(InOrder {
            decoder: Box::new(decoder),
            until: resume.place.offset.saturating_add(parallel_after),
        });
    }

    /// Ends reading, and keeps what was learned for other objects.
    pub(super) fn close(mut self) {
        if let Mode::InOrder(InOrder { decoder, .. }) = self.mode {
            self.context.end_decoder(*decoder);
        }
        self.decoding.decoders.give_back(self.context);
    }
}
