//! Decodes click files held in memory on one thread.

use std::sync::Arc;

use bytes::Bytes;
use clicks::ObjectRef;
use clicks::click::{Click, Normaliser, OccurrenceCounter};
use clicks::decode::{DecodeLimits, Decoder, Item, Record, Resume};
use clicks::json::Parser;
use clicks::sample::{Content, Framing, Sample};

/// Bytes of a file that are handed to the decoder at a time.
const CHUNK: usize = 256 * 1024;

/// How long a file is.
#[derive(Clone, Copy)]
pub enum Length {
    /// This many records.
    Records(u64),
    /// The least number of whole records with at least this many bytes.
    Bytes(u64),
}

/// Writes a click file, the same one at each call.
pub fn sample(content: Content, framing: Framing, length: Length) -> Bytes {
    let (records, bytes) = match length {
        Length::Records(records) => (Some(records), None),
        Length::Bytes(bytes) => (None, Some(bytes)),
    };
    let mut file = Vec::new();
    let sample = Sample {
        framing,
        content,
        records,
        bytes,
        ..Sample::default()
    };
    sample.write(&mut file).unwrap();
    file.into()
}

/// Passes each record of `file` to `visit` and returns their number.
pub fn records(file: &Bytes, visit: impl FnMut(&Record<'_>)) -> u64 {
    read(file, Decoder::new(DecodeLimits::default()), visit).0
}

fn read(file: &Bytes, mut decoder: Decoder, mut visit: impl FnMut(&Record<'_>)) -> (u64, Parser) {
    let (mut rest, mut count) = (file.clone(), 0);
    loop {
        match decoder.advance() {
            Item::Record(record) => {
                count += 1;
                visit(&record);
            }
            Item::NeedInput if rest.is_empty() => decoder.end(),
            Item::NeedInput => decoder.push(rest.split_to(rest.len().min(CHUNK))),
            Item::End => return (count, decoder.into_parser()),
            Item::Bad(bad) | Item::Unreadable(bad) => unreachable!("samples are whole: {bad:?}"),
        }
    }
}

/// Makes clicks of one file after another, and keeps between them what the function keeps.
pub struct ClickReader {
    parser: Option<Parser>,
    normaliser: Normaliser,
    object: Arc<ObjectRef>,
}

impl ClickReader {
    /// Has read nothing yet.
    pub fn new() -> ClickReader {
        let object = Arc::new(ObjectRef::new(
            "clicks",
            "/2026/11/21/23/rb-clicks-stream-1-2026-11-21-23-54-50-x",
        ));
        ClickReader {
            parser: None,
            normaliser: Normaliser::default(),
            object,
        }
    }

    /// Passes each click of `file` to `visit` and returns their number.
    pub fn clicks(&mut self, file: &Bytes, mut visit: impl FnMut(&Click<'_>)) -> u64 {
        let limits = DecodeLimits::default();
        let mut parser = self
            .parser
            .take()
            .unwrap_or_else(|| Parser::new(limits.depth));
        parser.shrink();
        let decoder = Decoder::at(Resume::default(), limits, parser);
        let (normaliser, object, mut occurrences) =
            (&mut self.normaliser, &self.object, OccurrenceCounter::new());
        let (count, parser) = read(file, decoder, |record| {
            let click =
                normaliser.click(record, object, |fingerprint| occurrences.next(fingerprint));
            visit(&click.unwrap());
        });
        self.parser = Some(parser);
        count
    }
}

/// Passes each click of `file` to `visit` and returns their number. Keeps nothing between files.
pub fn clicks(file: &Bytes, visit: impl FnMut(&Click<'_>)) -> u64 {
    ClickReader::new().clicks(file, visit)
}
