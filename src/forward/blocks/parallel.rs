//! The part of an object that is decoded by workers: a stretch of lines that hold one record each.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{SemaphorePermit, oneshot};

use super::block::{DecodedBlock, LinesDecoded};
use super::limits::BlockLimits;
use super::lines::{LineBlock, LineBuffer};
use super::source::{Next, Source};
use super::workers::WorkerPool;
use clicks::decode::Resume;

/// Gives the blocks of a stretch of lines in their order, while workers decode those that follow.
///
/// Every block is decoded as if each line before it held one record. Where one turns out otherwise,
/// it and all that follows are to be decoded in order instead: so what comes out never depends on
/// the workers.
pub(super) struct Parallel<'f> {
    limits: BlockLimits,
    workers: usize,
    pool: WorkerPool,
    /// The blocks that workers have, in their order.
    running: VecDeque<Running>,
    buffer: LineBuffer,
    /// Where the first of the running blocks begins.
    resume: Resume,
    /// Whether the source may have more bytes.
    has_more: bool,
    /// Allows the workers.
    _permit: SemaphorePermit<'f>,
}

/// A block that a worker has.
struct Running {
    lines: Arc<LineBlock>,
    decoded: oneshot::Receiver<LinesDecoded>,
}

/// The next step of a stretch.
pub(super) enum Step {
    /// A block that is as expected.
    Block {
        block: DecodedBlock,
        /// How many lines it had.
        lines: u64,
    },
    /// The stretch is over: what follows is to be decoded in order.
    Over {
        /// Whether that is because nothing more comes.
        is_end: bool,
    },
}

enum Event {
    Decoded(Option<LinesDecoded>),
    Read(Next),
    /// No block is running, and none can be cut.
    Idle,
}

impl<'f> Parallel<'f> {
    /// Starts at `resume`, where a line begins.
    pub(super) fn new(
        limits: BlockLimits,
        pool: WorkerPool,
        resume: Resume,
        permit: SemaphorePermit<'f>,
    ) -> Parallel<'f> {
        Parallel {
            limits,
            workers: limits.workers(),
            pool,
            running: VecDeque::new(),
            buffer: LineBuffer::new(limits, resume.place),
            resume,
            has_more: true,
            _permit: permit,
        }
    }

    /// Plain bytes of the object that were given out in blocks.
    pub(super) fn offset(&self) -> u64 {
        self.resume.place.offset
    }

    /// The next step; `Err` if a worker panicked.
    pub(super) async fn next(&mut self, source: &mut Source) -> Result<Step, String> {
        loop {
            while self.running.len() < self.workers + self.limits.blocks_ahead
                && let Some(lines) = self.buffer.cut()
            {
                let lines = Arc::new(lines);
                let decoded = self.pool.submit(lines.clone());
                self.running.push_back(Running { lines, decoded });
            }
            let reads = self.has_more && !self.buffer.is_full();
            let event = tokio::select! {
                biased;
                decoded = first(&mut self.running), if !self.running.is_empty() => Event::Decoded(decoded),
                next = source.next(), if reads => Event::Read(next),
                else => Event::Idle,
            };
            match event {
                Event::Decoded(decoded) => {
                    let decoded = decoded.ok_or("a thread ended early; see the log")?;
                    return Ok(self.give_out(decoded));
                }
                Event::Read(Next::Bytes(bytes)) => self.buffer.push(bytes),
                Event::Read(other) => {
                    source.give_back(other);
                    self.has_more = false;
                }
                Event::Idle => {
                    let is_end = !self.has_more;
                    return Ok(Step::Over { is_end });
                }
            }
        }
    }

    /// Gives out the first of the running blocks, if it holds one record in each line.
    fn give_out(&mut self, decoded: LinesDecoded) -> Step {
        let LinesDecoded { block, resume } = decoded;
        let expected = |running: &mut Running| {
            let ended = resume.filter(|_| block.records.len() as u64 == running.lines.lines)?;
            Some((ended, running.lines.clone()))
        };
        let Some((ended, lines)) = self.running.front_mut().and_then(expected) else {
            return Step::Over { is_end: false };
        };
        self.running.pop_front();
        self.resume = Resume {
            place: lines.next(),
            lost: self.resume.lost || ended.lost,
        };
        let lines = lines.lines;
        Step::Block { block, lines }
    }

    /// Gives what was not given out in blocks back to `source`. Returns where that begins.
    pub(super) fn give_back(&mut self, source: &mut Source) -> Resume {
        let running = self.running.drain(..);
        let parts: Vec<Bytes> = running
            .flat_map(|running| running.lines.parts.clone())
            .chain(self.buffer.take_parts())
            .collect();
        source.give_back_all(parts);
        self.resume
    }
}

/// The first of the running blocks, once it is decoded; `None` if its thread panicked.
async fn first(running: &mut VecDeque<Running>) -> Option<LinesDecoded> {
    match running.front_mut() {
        Some(first) => (&mut first.decoded).await.ok(),
        None => std::future::pending().await,
    }
}
