//! What several themes need: the test files, decoding to a list, a forwarder over memory.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use clicks::click::{Click, Form, Normaliser, OccurrenceCounter};
use clicks::decode::{DecodeLimits, Decoder, Decompressed, Decompressor, Item};
use clickstream_forwarder::config::Config;
use clickstream_forwarder::config::vars::Vars;
use clickstream_forwarder::object::ObjectRef;
use clickstream_forwarder::targets::Context;

/// The repository's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// One file of `tests/data` with what its table says of it.
pub struct DataFile {
    pub name: String,
    pub good: usize,
    pub bad: usize,
    pub tail: usize,
}

impl DataFile {
    pub fn bytes(&self) -> Vec<u8> {
        std::fs::read(root().join("tests/data").join(&self.name)).unwrap()
    }
}

/// The rows of the tables in `tests/data/README.md`.
pub fn data_files() -> Vec<DataFile> {
    let readme = std::fs::read_to_string(root().join("tests/data/README.md")).unwrap();
    let row = |line: &str| {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let name = cells
            .get(1)?
            .strip_prefix('`')?
            .strip_suffix('`')?
            .to_owned();
        let number = |at: usize| cells.get(at)?.parse().ok();
        Some(DataFile {
            name,
            good: number(2)?,
            bad: number(3)?,
            tail: number(4)?,
        })
    };
    readme.lines().filter_map(row).collect()
}

/// One thing that came out of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Out {
    /// A click, in every form.
    Click {
        id: String,
        n: u32,
        click: String,
        flat: String,
        webhook: String,
        raw: Bytes,
    },
    /// A bad record.
    Bad {
        offset: u64,
        index: u64,
        length: u64,
        raw: Bytes,
        reason: String,
    },
    /// A tail.
    Tail {
        offset: u64,
        raw: Bytes,
        reason: String,
    },
}

/// Everything in `bytes`, fed in chunks of the sizes that `chunk` gives.
pub fn decode(
    name: &str,
    bytes: &[u8],
    limits: DecodeLimits,
    mut chunk: impl FnMut() -> usize,
) -> Vec<Out> {
    let object = Arc::new(ObjectRef::new("clicks", name));
    let (mut plain, mut decoder) = (Decompressor::new(limits), Decoder::new(limits));
    let (mut normaliser, mut occurrences) = (Normaliser::default(), OccurrenceCounter::new());
    let (mut rest, mut out) = (bytes, Vec::new());
    loop {
        match decoder.advance() {
            Item::Record(record) => {
                out.push(
                    match normaliser.click(&record, &object, |fingerprint| {
                        occurrences.next(fingerprint)
                    }) {
                        Ok(click) => Out::Click {
                            id: click.id.to_string(),
                            n: click.occurrence,
                            click: text(&click, Form::Click),
                            flat: text(&click, Form::Flat),
                            webhook: text(&click, Form::Webhook),
                            raw: click.form(Form::Raw),
                        },
                        Err(not) => Out::Bad {
                            offset: record.place.offset,
                            index: record.place.index,
                            length: record.raw.len() as u64,
                            raw: record.raw.clone(),
                            reason: not.to_string(),
                        },
                    },
                );
            }
            Item::Bad(bad) => out.push(Out::Bad {
                offset: bad.place.offset,
                index: bad.place.index,
                length: bad.length,
                raw: bad.raw,
                reason: bad.reason,
            }),
            Item::Unreadable(bad) => out.push(Out::Tail {
                offset: bad.place.offset,
                raw: bad.raw,
                reason: bad.reason,
            }),
            Item::NeedInput => match plain.next() {
                Decompressed::Output(bytes) => decoder.push(bytes),
                Decompressed::Unreadable { rest, reason } => decoder.fail(rest, reason),
                Decompressed::End => decoder.end(),
                Decompressed::NeedInput if rest.is_empty() => plain.end(),
                Decompressed::NeedInput => {
                    let (head, tail) = rest.split_at(chunk().clamp(1, rest.len()));
                    plain.push(Bytes::copy_from_slice(head));
                    rest = tail;
                }
            },
            Item::End => return out,
        }
    }
}

fn text(click: &Click<'_>, form: Form) -> String {
    String::from_utf8(click.form(form).to_vec()).unwrap()
}

/// Variables from `NAME=value` lines or words.
pub fn vars(text: &str) -> Vars {
    text.split_whitespace()
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

/// A fixed clock: 2026-11-22T00:00:00Z.
pub fn clock() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_305_600)
}

/// The surroundings of a test: a fixed clock, and AWS as nobody has set it up.
pub fn context() -> Context {
    Context {
        clock,
        trust: Default::default(),
        aws: Default::default(),
    }
}

/// A configuration that must be valid.
pub fn config(text: &str) -> Config {
    Config::load(&vars(text), context()).unwrap_or_else(|errors| panic!("{errors}"))
}

/// A click as small as they come, with its number.
pub fn click(number: usize) -> String {
    format!(
        r#"{{"timestamp":"2026-11-21T23:54:50.{number:06}Z","route":{{"id":"link-{number}"}}}}"#
    )
}

/// Lines of the clicks `numbers`.
pub fn lines(numbers: std::ops::Range<usize>) -> String {
    numbers.map(|number| click(number) + "\n").collect()
}

/// A directory that goes with its value.
pub fn temporary() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_owned();
    (directory, path)
}
