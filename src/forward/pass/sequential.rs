//! Records in their order, on the thread of the pass: any layout, and what is left of one.

use tokio::sync::SemaphorePermit;

use super::source::{Next, Source};
use super::{Pass, Todo, offer};
use crate::deliver::RunControl;
use crate::outcome::End;
use crate::quarantine::Row;
use clicks::decode::{Decoder, Item, Record, Resume};
use clicks::json::Parser;

impl<'f> Pass<'_, 'f> {
    /// Reads on after `from`; beyond `parallel_after` bytes, where lines can be read side by side and nobody else does so, says
    /// where that is, and gives the turn to.
    pub(super) async fn sequential(
        &mut self,
        from: Resume,
        parallel_after: u64,
        source: &mut Source,
        control: &RunControl,
    ) -> Result<(Resume, SemaphorePermit<'f>), End> {
        let parser = std::mem::replace(&mut self.context.parser, Parser::new(self.limits.depth));
        let mut decoder = Decoder::at(from, self.limits, parser);
        let until = if self.threads > 1 {
            from.place.offset.saturating_add(parallel_after)
        } else {
            u64::MAX
        };
        let end = loop {
            let todo = self.step(decoder.advance());
            let handled = match todo {
                Todo::Read
                    if decoder.offset() >= until
                        && let Ok(turn) = self.shared.decoders.parallel.try_acquire()
                        && let Some((from, rest)) = decoder.hand_over() =>
                {
                    source.give_back(Next::Bytes(rest));
                    break Ok((from, turn));
                }
                Todo::Read => self.read_on(source, &mut decoder, control).await,
                todo => self.handle(todo).await,
            };
            if let Err(end) = handled {
                break Err(end);
            }
        };
        self.note(decoder.offset());
        self.context.parser = decoder.into_parser();
        end
    }

    /// Handles one item of the decoder, without waiting.
    fn step(&mut self, item: Item<'_>) -> Todo {
        match item {
            Item::Record(record) => self.record(&record),
            Item::Bad(bad) => self.bad(bad, None),
            Item::Unreadable(bad) => Todo::Tail(bad),
            Item::NeedInput => Todo::Read,
            Item::End => Todo::End,
        }
    }

    fn record(&mut self, record: &Record<'_>) -> Todo {
        self.position = record.place.offset + 1;
        if let Some(row) = Row::read(record.tape, record.root) {
            return self.replay(row, record.place);
        }
        let occurrences = &mut self.occurrences;
        let not = match self
            .context
            .normaliser
            .click(record, &self.object, |fingerprint| {
                occurrences.next(fingerprint)
            }) {
            Ok(click) => {
                self.first = self.first.or_else(|| click.millis());
                let (at, bot) = (record.place.offset, click.is_bot());
                let todo = offer(&mut self.lanes, &click, at, None);
                self.count(at, bot);
                return todo;
            }
            Err(not) => not,
        };
        self.bad(record.to_bad(not.to_string()), None)
    }

    /// Gives the decoder the next bytes; or says how the pass ends without.
    async fn read_on(
        &mut self,
        source: &mut Source,
        decoder: &mut Decoder,
        control: &RunControl,
    ) -> Result<(), End> {
        let offset = decoder.offset();
        self.go_on(offset, control).await?;
        match control
            .before_stop(source.next())
            .await
            .ok_or(End::Stopped { offset })?
        {
            Next::Bytes(bytes) => decoder.push(bytes),
            Next::Cut(bytes, reason) => decoder.fail(bytes, reason),
            Next::Failed(error) => return Err(End::Failed(error.to_string())),
            Next::End => decoder.end(),
        }
        Ok(())
    }
}
