//! Click files in memory, and the way of their clicks on one thread.

use std::sync::Arc;

use bytes::Bytes;
use clicks::click::{Click, Normaliser, OccurrenceCounter};
use clicks::decode::{DecodeLimits, Decoder, Item, Record, Resume};
use clicks::json::Parser;
use clicks::sample::{Framing, Sample};
use clickstream_forwarder::object::ObjectRef;

/// Bytes of a file that arrive at a time.
const CHUNK: usize = 256 * 1024;

/// A file of so many records, or of so many bytes.
pub fn sample(framing: Framing, records: Option<u64>, bytes: Option<u64>) -> Bytes {
    let mut file = Vec::new();
    Sample {
        framing,
        records,
        bytes,
        ..Sample::default()
    }
    .write(&mut file)
    .unwrap();
    file.into()
}

/// Gives each record of `file` to `visit`, and says how many there were.
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

/// What files are decoded with, one after another.
pub struct Tools {
    parser: Option<Parser>,
    normaliser: Normaliser,
    object: Arc<ObjectRef>,
}

impl Tools {
    /// With empty caches.
    pub fn new() -> Tools {
        let object = Arc::new(ObjectRef::new(
            "clicks",
            "/2026/11/21/23/rb-clicks-stream-1-2026-11-21-23-54-50-x",
        ));
        Tools {
            parser: None,
            normaliser: Normaliser::default(),
            object,
        }
    }

    /// Gives each click of `file` to `visit`, and says how many there were.
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
            visit(
                &normaliser
                    .click(record, object, |fingerprint| occurrences.next(fingerprint))
                    .unwrap(),
            )
        });
        self.parser = Some(parser);
        count
    }
}

/// Gives each click of `file` to `visit`, and says how many there were. Nothing is kept from file to file.
pub fn clicks(file: &Bytes, visit: impl FnMut(&Click<'_>)) -> u64 {
    Tools::new().clicks(file, visit)
}
