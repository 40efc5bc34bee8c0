//! A file of lines on several processors: blocks of whole lines are decoded and encoded side by side, and what comes
//! of them is taken up in their order.
//!
//! Every block is begun as if all before it held one record a line. Where one turns out otherwise, it and all that
//! follows are read one by one, as if nothing had been: so what comes out never depends on how many processors there are.

mod work;

use std::collections::VecDeque;

use bytes::Bytes;
use tokio::sync::{SemaphorePermit, oneshot};

use super::source::{Next, Source};
use super::{Pass, Todo, offer};
use crate::decode::{Place, Record, Resume};
use crate::deliver::{Encoded, Full, Lane, Patience};
use crate::outcome::End;
use work::{Column, Crew, Met, Piece, Worked};

/// Bytes of a block: long enough that handing it to another thread costs nothing beside it.
const BLOCK: usize = 256 * 1024;

/// Lines of a block: what comes of lines that are no clicks may be many times as large as they are.
const LINES: u64 = 1024;

/// Blocks that wait beside those being worked on: a thread must not stand still while what came of others is taken up.
const AHEAD: usize = 3;

/// Whole lines.
#[derive(Clone)]
struct Block {
    /// Its bytes, in the chunks that they came in.
    parts: Vec<Bytes>,
    /// Where it begins, if all before it held one record a line.
    place: Place,
    end: u64,
    /// Lines that are not blank.
    lines: u64,
}

enum Event {
    Worked(Option<Box<Worked>>),
    Came(Next),
    /// Nothing is being worked on, and nothing can be begun.
    Idle,
}

impl Pass<'_, '_> {
    /// Reads on after `from`, side by side, as far as there are lines. Says where to go on one by one, and whether that
    /// is because nothing more comes.
    pub(super) async fn side_by_side(
        &mut self,
        (from, _turn): (Resume, SemaphorePermit<'_>),
        source: &mut Source,
        patience: &Patience,
    ) -> Result<(Resume, bool), End> {
        let encoders = self.lanes.iter().map(Lane::encoder).collect();
        let mut crew = Crew::new((self.object.clone(), self.caps, encoders), self.threads);
        let (mut buffer, mut next, mut open) = (Buffer::default(), from.place, true);
        let mut lost = from.lost;
        let mut running: Running = VecDeque::new();
        loop {
            while running.len() < self.threads + AHEAD
                && let Some(block) = buffer.cut(&mut next)
            {
                let worked = crew.begin(block.clone());
                running.push_back((block, worked));
            }
            let more = open && buffer.length < BLOCK;
            let event = async {
                tokio::select! {
                    biased;
                    worked = first(&mut running), if !running.is_empty() => Event::Worked(worked),
                    came = source.next(), if more => Event::Came(came),
                    else => Event::Idle,
                }
            };
            match patience.in_time(event).await.ok_or(End::Stopped { offset: self.bytes })? {
                Event::Worked(worked) => {
                    let Some((block, _)) = running.pop_front() else { continue };
                    let worked = worked.ok_or_else(|| End::Failed("a thread ended early; see the log".into()))?;
                    let fits = worked.fits(&block);
                    let mut back = Vec::new();
                    let mut from = Resume { place: block.place, lost };
                    if fits {
                        lost |= worked.lost();
                        from = Resume { place: block.next(), lost };
                        let repeated = self.settle(worked).await?;
                        self.go_on(from.place.offset, patience).await?;
                        // What repeats is worked on twice.
                        if repeated * 4 <= block.lines {
                            continue;
                        }
                    } else {
                        back.extend(block.parts);
                    }
                    back.extend(running.into_iter().flat_map(|(block, _)| block.parts).chain(buffer.parts));
                    give_back(source, back);
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

    /// Takes up what came of a block; says how many of its clicks repeat earlier ones.
    async fn settle(&mut self, worked: Box<Worked>) -> Result<u64, End> {
        let Worked { pieces, mut columns, first, unknown, .. } = *worked;
        self.unknown.extend(unknown);
        self.first = self.first.or(first);
        let mut repeated = 0;
        for piece in pieces {
            let todo = match piece {
                Piece::Click(met) => {
                    let n = self.seen.meet(met.print);
                    repeated += u64::from(n > 1);
                    self.met(&met, n, &mut columns)
                }
                Piece::Bad(bad) => self.bad(bad, None),
            };
            self.handle(todo).await?;
        }
        Ok(repeated)
    }

    /// Offers the `n`-th click of its kind to the lanes in the form that was made for each.
    fn met(&mut self, met: &Met, n: u32, columns: &mut [Column]) -> Todo {
        let at = met.place.offset;
        self.position = at + 1;
        self.count(at, met.bot);
        let mut full: Vec<(usize, Full)> = Vec::new();
        for column in columns {
            let Some(encoded) = column.next().filter(|_| n == 1) else { continue };
            full.extend(self.offer_encoded(&column.name, encoded, at));
        }
        match n {
            1 if full.is_empty() => Todo::Nothing,
            1 => Todo::Queue(full),
            _ => self.repeated(met, n),
        }
    }

    fn offer_encoded(&mut self, name: &str, encoded: Encoded, at: u64) -> Option<(usize, Full)> {
        let index = self.lanes.iter().position(|lane| lane.name() == name)?;
        Some((index, self.lanes.get_mut(index)?.offer_encoded(encoded, at)?))
    }

    /// Offers a click whose number among identical ones nobody knew when it was encoded.
    fn repeated(&mut self, met: &Met, n: u32) -> Todo {
        let parser = &mut self.tools.parser;
        parser.reset();
        parser.run(&met.raw, true);
        let (tape, batch_key) = (parser.tape(&met.raw), met.batch_key.clone());
        let record = Record { tape, root: 0, raw: met.raw.clone(), place: met.place, batch_key };
        match self.tools.normaliser.click(&record, &self.object, |_| n) {
            Ok(click) => offer(&mut self.lanes, &click, met.place.offset, None),
            Err(_) => Todo::Nothing,
        }
    }
}

impl Block {
    /// Where what comes after it begins.
    fn next(&self) -> Place {
        Place { offset: self.end, index: self.place.index + self.lines }
    }
}

/// What came and is in no block yet.
#[derive(Default)]
struct Buffer {
    parts: Vec<Bytes>,
    length: usize,
}

impl Buffer {
    fn push(&mut self, bytes: Bytes) {
        self.length += bytes.len();
        self.parts.push(bytes);
    }

    /// The whole lines that came, once they are enough; `at` is where they begin, and then where the next block does.
    fn cut(&mut self, at: &mut Place) -> Option<Block> {
        if self.length < BLOCK {
            return None;
        }
        let (index, end, lines) = last_line(&self.parts)?;
        let mut rest = self.parts.split_off(index + 1);
        let last = self.parts.last_mut()?;
        let tail = last.split_off(end);
        if !tail.is_empty() {
            rest.insert(0, tail);
        }
        let parts = std::mem::replace(&mut self.parts, rest);
        let length: usize = parts.iter().map(Bytes::len).sum();
        self.length -= length;
        let block = Block { parts, place: *at, end: at.offset + length as u64, lines };
        *at = block.next();
        Some(block)
    }
}

/// The last line that ends in `parts`, of so many as a block may have: the part it ends in, where, and how many lines up
/// to it hold more than what may stand between records.
fn last_line(parts: &[Bytes]) -> Option<(usize, usize, u64)> {
    let filled = |line: &[u8]| line.iter().any(|c| !matches!(c, b' ' | b'\t' | b'\r' | b','));
    let (mut lines, mut open, mut last) = (0, false, None);
    for (index, part) in parts.iter().enumerate() {
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', part) {
            lines += u64::from(open || filled(part.get(start..end).unwrap_or_default()));
            (start, open) = (end + 1, false);
            last = Some((index, start, lines));
            if lines == LINES {
                return last;
            }
        }
        open |= filled(part.get(start..).unwrap_or_default());
    }
    last
}

/// Blocks being worked on, in their order.
type Running = VecDeque<(Block, oneshot::Receiver<Box<Worked>>)>;

/// What comes of the first of them; nothing if its thread panicked.
async fn first(running: &mut Running) -> Option<Box<Worked>> {
    match running.front_mut() {
        Some((_, worked)) => worked.await.ok(),
        None => std::future::pending().await,
    }
}

/// Gives bytes back to be read one by one.
fn give_back(source: &mut Source, parts: Vec<Bytes>) {
    parts.into_iter().rev().for_each(|bytes| source.give_back(Next::Bytes(bytes)));
}
