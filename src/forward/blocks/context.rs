//! Decodes records and encodes their clicks: the one way from bytes to blocks, on whatever thread.

use std::sync::Arc;

use super::block::{ClickMeta, DecodedBlock, LinesDecoded, Origin, Stop, Uncounted};
use super::lines::LineBlock;
use super::task::{DecodeJob, DecodeTask, Numbering};
use crate::deliver::Addressed;
use crate::quarantine::{Row, RowClick, RowKind};
use clicks::click::{Normaliser, OccurrenceCounter, QrRule};
use clicks::decode::{DecodeLimits, Decoder, Item, Place, Record, Resume};
use clicks::json::{Parser, Progress};

/// Parsers and buffers, kept from block to block and from object to object: they know the shapes of
/// clicks.
pub(super) struct DecodeContext {
    /// The decoder's, while no decoder has it.
    parser: Parser,
    /// For records that are not read from the object's own bytes.
    rows: Parser,
    normaliser: Normaliser,
    /// Records of the last block: the next will have about as many.
    expected: usize,
}

impl DecodeContext {
    /// With empty caches.
    pub(super) fn new(limits: DecodeLimits, qr_rule: Option<Arc<QrRule>>) -> DecodeContext {
        DecodeContext {
            parser: Parser::new(limits.depth),
            rows: Parser::new(limits.depth),
            normaliser: Normaliser::new(qr_rule),
            expected: 0,
        }
    }

    /// Gives back memory that only a large record needs.
    pub(super) fn shrink(&mut self) {
        self.parser.shrink();
        self.rows.shrink();
    }

    /// Starts a decoder, which takes the parser until [`end_decoder`](Self::end_decoder).
    pub(super) fn start_decoder(&mut self, from: Resume, limits: DecodeLimits) -> Decoder {
        let parser = std::mem::replace(&mut self.parser, Parser::new(limits.depth));
        Decoder::at(from, limits, parser)
    }

    /// Takes the parser of a decoder back.
    pub(super) fn end_decoder(&mut self, decoder: Decoder) {
        self.parser = decoder.into_parser();
    }

    /// Decodes records as far as the bytes go that the decoder was given.
    pub(super) fn decode(&mut self, decoder: &mut Decoder, mut job: DecodeJob<'_>) -> DecodedBlock {
        let mut block = DecodedBlock::new(&job.task.encoders, self.expected);
        self.decode_into(&mut block, decoder, &mut job);
        self.expected = block.records.len();
        block
    }

    /// Decodes whole lines by themselves, as if every line before them held one record. Nothing is
    /// known of the clicks before them, so each counts as the first of its kind.
    pub(super) fn decode_lines(&mut self, task: &DecodeTask, lines: &LineBlock) -> LinesDecoded {
        // An object of the block's own: every entry counts as its holder, and threads that count in
        // one place slow each other down.
        let task = DecodeTask {
            object: Arc::new((*task.object).clone()),
            ..task.clone()
        };
        let start = Resume {
            place: lines.place,
            lost: false,
        };
        let mut decoder = self.start_decoder(start, task.limits);
        let records = lines.lines as usize;
        let mut block = DecodedBlock::new(&task.encoders, records);
        let mut parts = lines.parts.iter();
        let mut job = DecodeJob {
            task: &task,
            numbering: Numbering::Later,
            // One more than there may be tells that there are too many.
            most: records + 1,
        };
        let resume = loop {
            if !self.decode_into(&mut block, &mut decoder, &mut job) {
                break None;
            }
            match parts.next() {
                Some(part) => decoder.push(part.clone()),
                None => {
                    let ended = decoder.hand_over().filter(|over| over.1.is_empty());
                    break ended.map(|over| over.0);
                }
            }
        };
        self.end_decoder(decoder);
        LinesDecoded { block, resume }
    }

    /// Adds records to `block`. Returns whether it could go on with more input.
    fn decode_into(
        &mut self,
        block: &mut DecodedBlock,
        decoder: &mut Decoder,
        job: &mut DecodeJob<'_>,
    ) -> bool {
        let object = &job.task.object;
        let needs_input = loop {
            if block.records.len() >= job.most {
                break false;
            }
            match decoder.advance() {
                Item::Record(record) => self.record(block, &record, job),
                Item::Bad(bad) => {
                    let at = bad.place.offset;
                    block.push_bad(at, Row::bad(object.clone(), bad, RowKind::Record));
                }
                Item::Unreadable(bad) => {
                    let row = Row::bad(object.clone(), bad, RowKind::Object);
                    block.stop = Stop::Unreadable(Box::new(row));
                    break false;
                }
                Item::NeedInput => break true,
                Item::End => {
                    block.stop = Stop::End;
                    break false;
                }
            }
        };
        block.end = decoder.offset();
        block.unknown.append(&mut self.normaliser.unknown());
        needs_input
    }

    fn record(&mut self, block: &mut DecodedBlock, record: &Record<'_>, job: &mut DecodeJob<'_>) {
        let object = &job.task.object;
        let at = record.place.offset;
        if let Some(row) = Row::read(record.tape, record.root) {
            let place = record.place;
            return self.replay(block, Replay { row, place }, job);
        }
        let numbering = &mut job.numbering;
        let number = |fingerprint| numbering.next(fingerprint);
        match self.normaliser.click(record, object, number) {
            Ok(click) => {
                block.first = block.first.or_else(|| click.millis());
                let uncounted = job.numbering.is_later().then(|| Uncounted {
                    fingerprint: click.fingerprint,
                    origin: Origin::of(record, object, None),
                });
                let meta = ClickMeta {
                    at,
                    is_bot: click.is_bot(),
                    is_replay: false,
                    uncounted,
                };
                block.push_click(&click, Addressed::default(), meta);
            }
            Err(reason) => {
                let bad = record.to_bad(reason.to_string());
                block.push_bad(at, Row::bad(object.clone(), bad, RowKind::Record));
            }
        }
    }

    /// Decodes a row of the quarantine that is fed back: the click in it keeps its source, its
    /// occurrence and its id, and is for its target alone. The id is computed anew from the bytes
    /// where these are as delivered; rules may have changed them, so then the row tells it. What still cannot be delivered is kept again, under the same id.
    fn replay(&mut self, block: &mut DecodedBlock, replay: Replay, job: &mut DecodeJob<'_>) {
        let Replay { mut row, place } = replay;
        let text = row.raw.trim_ascii_end();
        self.rows.reset();
        let is_json = self.rows.run(text, true) == Progress::Done(text.len())
            && std::str::from_utf8(text).is_ok();
        let record = Record {
            tape: self.rows.tape(text),
            root: 0,
            raw: row.raw.clone(),
            place: row.place,
            batch_key: row.batch_key.clone(),
        };
        let is_for_nobody = row
            .target
            .as_ref()
            .is_some_and(|target| !job.task.targets.contains(target));
        // A record that was bad has no occurrence yet. One that is bad again gets none.
        let known = row.click.map(|click| click.occurrence);
        let known = known.or(is_for_nobody.then_some(1));
        let numbering = &mut job.numbering;
        let number = |fingerprint| known.unwrap_or_else(|| numbering.next(fingerprint));
        let applied = row.click.map(|click| click.applied).unwrap_or_default();
        let made = is_json.then(|| match row.click {
            Some(RowClick {
                occurrence,
                id: Some(id),
                applied,
            }) if applied.any() => {
                self.normaliser
                    .known_click(&record, &row.object, id, occurrence)
            }
            _ => self.normaliser.click(&record, &row.object, number),
        });
        let problem = match made {
            Some(Ok(_)) if is_for_nobody => format!(
                "its target {} is not among TARGETS",
                row.target.as_deref().unwrap_or_default()
            ),
            Some(Ok(click)) => {
                let later = job.numbering.is_later() && known.is_none();
                let uncounted = later.then(|| Uncounted {
                    fingerprint: click.fingerprint,
                    origin: Origin::of(&record, &row.object, row.target.as_ref()),
                });
                let meta = ClickMeta {
                    at: place.offset,
                    is_bot: click.is_bot(),
                    is_replay: true,
                    uncounted,
                };
                let only = row.target.as_deref();
                return block.push_click(&click, Addressed { only, applied }, meta);
            }
            Some(Err(reason)) => reason.to_string(),
            None => "its raw bytes are not one JSON value".into(),
        };
        row.reason = format!("fed back, but {problem}; before: {}", row.reason);
        block.push_bad(place.offset, row);
    }

    /// Gives each click of `block` that nobody counted its occurrence, and encodes those anew that
    /// are not the first of their kind. Returns how many these were.
    pub(super) fn count(
        &mut self,
        block: &mut DecodedBlock,
        occurrences: &mut OccurrenceCounter,
    ) -> u64 {
        let mut repeats = 0;
        for found in block.take_uncounted() {
            let Uncounted {
                fingerprint,
                origin,
            } = found.uncounted;
            let occurrence = occurrences.next(fingerprint);
            if occurrence == 1 {
                continue;
            }
            repeats += 1;
            let text = origin.raw.trim_ascii_end();
            self.rows.reset();
            self.rows.run(text, true);
            let record = Record {
                tape: self.rows.tape(text),
                root: 0,
                raw: origin.raw.clone(),
                place: origin.place,
                batch_key: origin.batch_key.clone(),
            };
            // It was a click before, so it is one again.
            if let Ok(click) = self
                .normaliser
                .click(&record, &origin.object, |_| occurrence)
            {
                // A click to which rules were applied has its occurrence already.
                let to = Addressed {
                    only: origin.only.as_deref(),
                    ..Addressed::default()
                };
                block.replace_click(found.index, &click, found.at, to);
            }
        }
        repeats
    }
}

/// A row of the quarantine that is fed back.
struct Replay {
    row: Row,
    /// Where it stands in the object that is read.
    place: Place,
}
