//! A file of lines on several processors: blocks of whole lines are decoded and encoded side by side, and what comes
//! of them is taken up in their order.
//!
//! Every block is begun as if all before it held one record a line. Where one turns out otherwise, it and all that
//! follows are read one by one, as if nothing had been: so what comes out never depends on how many processors there are.

mod block;
mod work;

use std::collections::VecDeque;

use bytes::Bytes;
use tokio::sync::{SemaphorePermit, oneshot};

use super::source::{Next, Source};
use super::{Pass, Todo, offer};
use crate::deliver::{EncodedClick, Full, Lane, RunControl};
use crate::outcome::End;
use block::{BLOCK, Block, Buffer};
use clicks::decode::{Record, Resume};
use work::{ClickMeta, Decoded, DecodedBlock, LaneEntries, WorkerPool};

/// Blocks that wait beside those being worked on: a thread must not stand still while what came of others is taken up.
const AHEAD: usize = 3;

enum Event {
    DecodedBlock(Option<Box<DecodedBlock>>),
    Came(Next),
    /// Nothing is being worked on, and nothing can be begun.
    Idle,
}

impl Pass<'_, '_> {
    /// Reads on after `from`, side by side, as far as there are lines. Says where to go on one by one, and whether that
    /// is because nothing more comes.
    pub(super) async fn parallel(
        &mut self,
        (from, _turn): (Resume, SemaphorePermit<'_>),
        source: &mut Source,
        control: &RunControl,
    ) -> Result<(Resume, bool), End> {
        let encoders = self.lanes.iter().map(Lane::encoder).collect();
        let mut crew = WorkerPool::new((self.object.clone(), self.limits, encoders), self.threads);
        let (mut buffer, mut next, mut open) = (Buffer::default(), from.place, true);
        let mut lost = from.lost;
        let mut running: Running = VecDeque::new();
        loop {
            while running.len() < self.threads + AHEAD
                && let Some(block) = buffer.cut(&mut next)
            {
                let worked = crew.submit(block.clone());
                running.push_back((block, worked));
            }
            let more = open && buffer.length < BLOCK;
            let event = async {
                tokio::select! {
                    biased;
                    worked = first(&mut running), if !running.is_empty() => Event::DecodedBlock(worked),
                    came = source.next(), if more => Event::Came(came),
                    else => Event::Idle,
                }
            };
            match control
                .before_stop(event)
                .await
                .ok_or(End::Stopped { offset: self.bytes })?
            {
                Event::DecodedBlock(worked) => {
                    let Some((block, _)) = running.pop_front() else {
                        continue;
                    };
                    let worked = worked
                        .ok_or_else(|| End::Failed("a thread ended early; see the log".into()))?;
                    let Some(from) = self.apply_block(&block, worked, &mut lost, control).await?
                    else {
                        continue;
                    };
                    let untaken = Some(block).filter(|block| from.place.offset < block.end);
                    let blocks = untaken
                        .into_iter()
                        .chain(running.into_iter().map(|(block, _)| block));
                    give_back(
                        source,
                        blocks
                            .flat_map(|block| block.parts)
                            .chain(buffer.parts)
                            .collect(),
                    );
                    return Ok((from, false));
                }
                Event::Came(Next::Bytes(bytes)) => buffer.push(bytes),
                Event::Came(other) => {
                    source.give_back(other);
                    open = false;
                }
                Event::Idle => {
                    give_back(source, buffer.parts);
                    return Ok((Resume { place: next, lost }, !open));
                }
            }
        }
    }

    /// Takes up what came of a block. Says where to go on one by one, if that is to be: at the block if it is no lines, after
    /// it if much of it repeats, which is worked on twice.
    async fn apply_block(
        &mut self,
        block: &Block,
        worked: Box<DecodedBlock>,
        lost: &mut bool,
        control: &RunControl,
    ) -> Result<Option<Resume>, End> {
        if !worked.fits(block) {
            return Ok(Some(Resume {
                place: block.place,
                lost: *lost,
            }));
        }
        *lost |= worked.lost();
        let repeated = self.settle(worked).await?;
        self.go_on(block.end, control).await?;
        Ok((repeated * 4 > block.lines).then(|| Resume {
            place: block.next(),
            lost: *lost,
        }))
    }

    /// Offers the records of a block; says how many of its clicks repeat earlier ones.
    async fn settle(&mut self, worked: Box<DecodedBlock>) -> Result<u64, End> {
        let DecodedBlock {
            pieces,
            mut columns,
            first,
            unknown,
            ..
        } = *worked;
        self.unknown.extend(unknown);
        self.first = self.first.or(first);
        let mut repeated = 0;
        for piece in pieces {
            let todo = match piece {
                Decoded::Click(met) => {
                    let n = self.occurrences.next(met.fingerprint);
                    repeated += u64::from(n > 1);
                    self.met(&met, n, &mut columns)
                }
                Decoded::Bad(bad) => self.bad(bad, None),
            };
            self.handle(todo).await?;
        }
        Ok(repeated)
    }

    /// Offers the `n`-th click of its kind to the lanes in the form that was made for each.
    fn met(&mut self, met: &ClickMeta, n: u32, columns: &mut [LaneEntries]) -> Todo {
        let at = met.place.offset;
        self.position = at + 1;
        self.count(at, met.bot);
        let mut full: Vec<(usize, Full)> = Vec::new();
        for column in columns {
            let Some(encoded) = column.next().filter(|_| n == 1) else {
                continue;
            };
            full.extend(self.offer_encoded(&column.name, encoded, at));
        }
        match n {
            1 if full.is_empty() => Todo::Nothing,
            1 => Todo::Queue(full),
            _ => self.repeated(met, n),
        }
    }

    fn offer_encoded(
        &mut self,
        name: &str,
        encoded: EncodedClick,
        at: u64,
    ) -> Option<(usize, Full)> {
        let index = self.lanes.iter().position(|lane| lane.name() == name)?;
        Some((
            index,
            self.lanes.get_mut(index)?.offer_encoded(encoded, at)?,
        ))
    }

    /// Offers a click whose number among identical ones nobody knew when it was encoded.
    fn repeated(&mut self, met: &ClickMeta, n: u32) -> Todo {
        let parser = &mut self.context.parser;
        parser.reset();
        parser.run(&met.raw, true);
        let (tape, batch_key) = (parser.tape(&met.raw), met.batch_key.clone());
        let record = Record {
            tape,
            root: 0,
            raw: met.raw.clone(),
            place: met.place,
            batch_key,
        };
        match self.context.normaliser.click(&record, &self.object, |_| n) {
            Ok(click) => offer(&mut self.lanes, &click, met.place.offset, None),
            Err(_) => Todo::Nothing,
        }
    }
}

/// Blocks being worked on, in their order.
type Running = VecDeque<(Block, oneshot::Receiver<Box<DecodedBlock>>)>;

/// What comes of the first of them; nothing if its thread panicked.
async fn first(running: &mut Running) -> Option<Box<DecodedBlock>> {
    match running.front_mut() {
        Some((_, worked)) => worked.await.ok(),
        None => std::future::pending().await,
    }
}

/// Gives bytes back to be read one by one.
fn give_back(source: &mut Source, parts: Vec<Bytes>) {
    parts
        .into_iter()
        .rev()
        .for_each(|bytes| source.give_back(Next::Bytes(bytes)));
}
