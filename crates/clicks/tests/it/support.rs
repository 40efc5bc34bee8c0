//! What several themes need: the test files, decoding to a list, small clicks.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use clicks::ObjectRef;
use clicks::click::{Click, Form, Normaliser, OccurrenceCounter};
use clicks::decode::{DecodeLimits, Decoder, Decompressed, Decompressor, Item};
use proptest::prelude::*;

/// Returns a path in the folder of the crate's tests.
pub fn tests(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(path)
}

/// One test file with what its table says of it.
pub struct DataFile {
    folder: PathBuf,
    pub name: String,
    pub good: usize,
    pub bad: usize,
    /// Whether it cannot be read to its end: 0 or 1.
    pub unreadable: usize,
}

impl DataFile {
    pub fn bytes(&self) -> Vec<u8> {
        std::fs::read(self.folder.join(&self.name)).unwrap()
    }
}

/// Returns the rows of the tables in `data/README.md`, and of those of the program's demo.
pub fn data_files() -> Vec<DataFile> {
    ["data", "../../../tests/data"]
        .into_iter()
        .flat_map(|folder| table(&tests(folder)))
        .collect()
}

fn table(folder: &Path) -> Vec<DataFile> {
    let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let row = |line: &str| {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let name = cells
            .get(1)?
            .strip_prefix('`')?
            .strip_suffix('`')?
            .to_owned();
        let number = |at: usize| cells.get(at)?.parse().ok();
        Some(DataFile {
            folder: folder.to_owned(),
            name,
            good: number(2)?,
            bad: number(3)?,
            unreadable: number(4)?,
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
        occurrence: u32,
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
    /// The end of an object that cannot be read.
    Unreadable {
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
                            occurrence: click.occurrence,
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
            Item::Unreadable(bad) => out.push(Out::Unreadable {
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

pub fn whole(name: &str, bytes: &[u8]) -> Vec<Out> {
    decode(name, bytes, DecodeLimits::default(), || usize::MAX)
}

pub fn outputs(file: &DataFile) -> Vec<Out> {
    decode(
        &format!("/2026/11/21/23/{}", file.name),
        &file.bytes(),
        DecodeLimits::default(),
        || usize::MAX,
    )
}

pub fn counts(out: &[Out]) -> (usize, usize, usize) {
    let count = |wanted: fn(&Out) -> bool| out.iter().filter(|o| wanted(o)).count();
    (
        count(|o| matches!(o, Out::Click { .. })),
        count(|o| matches!(o, Out::Bad { .. })),
        count(|o| matches!(o, Out::Unreadable { .. })),
    )
}

/// One line that holds no good record and is no prefix of one that the next line could complete.
pub fn junk() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(b"not json".to_vec()),
        Just(b"{\"timestamp\":bad}".to_vec()),
        Just(b"<html><body>{}</body>".to_vec()),
        Just(b"null".to_vec()),
        Just(b"12 \"x\" true".to_vec()),
        Just(b"\0\0\0".to_vec()),
        Just(b"{\"a\":\"\xFF\"}".to_vec()),
        (2usize..70).prop_map(|end| {
            let line = click(7).into_bytes();
            line[..end.min(line.len() - 1)].to_vec()
        }),
    ]
}

/// Returns a click as small as they come, with its number.
pub fn click(number: usize) -> String {
    format!(
        r#"{{"timestamp":"2026-11-21T23:54:50.{number:06}Z","route":{{"id":"link-{number}"}}}}"#
    )
}

/// Returns lines of the clicks `numbers`.
pub fn lines(numbers: std::ops::Range<usize>) -> String {
    numbers.map(|number| click(number) + "\n").collect()
}
