//! What must hold for any bytes: the body of the fuzz target, which the crate's tests run too.

use std::sync::Arc;

use bytes::Bytes;
use clicks::ObjectRef;
use clicks::click::{Form, Normaliser, OccurrenceCounter};
use clicks::decode::{DecodeLimits, Decoder, Decompressed, Decompressor, Item};
use clicks::json::{Parser, Progress};

/// Small limits, so that small inputs reach what they are for.
fn limits() -> DecodeLimits {
    DecodeLimits {
        record_bytes: 3000,
        depth: 16,
        object_bytes: 64 * 1024,
        ratio: 20,
        envelope_key_bytes: 1000,
    }
}

/// Decodes `input` whole, and in chunks by decoders that hand over to each other; panics unless
/// both give the same, in order, and every form of every click is one JSON value.
pub fn check(input: &[u8]) {
    let whole = decode(input, || usize::MAX, || false);
    let seed = input.iter().fold(7, |seed: u64, &byte| {
        seed.wrapping_mul(31) ^ u64::from(byte)
    });
    let (mut sizes, mut turns) = (
        fastrand::Rng::with_seed(seed),
        fastrand::Rng::with_seed(!seed),
    );
    let most = sizes.usize(1..200);
    let chunked = decode(input, || sizes.usize(1..=most), || turns.u8(..3) == 0);
    assert_eq!(whole, chunked, "chunks of up to {most} bytes");
}

/// Returns a line for everything that `input` holds.
fn decode(
    input: &[u8],
    mut chunk: impl FnMut() -> usize,
    mut hands_over: impl FnMut() -> bool,
) -> Vec<String> {
    let limits = limits();
    let object = Arc::new(ObjectRef::new("b", "folder/name"));
    let (mut decompressor, mut decoder) = (Decompressor::new(limits), Decoder::new(limits));
    let (mut normaliser, mut occurrences) = (Normaliser::default(), OccurrenceCounter::new());
    let (mut rest, mut out, mut index) = (input, Vec::new(), 0);
    loop {
        match decoder.advance() {
            Item::Record(record) => {
                assert_eq!(record.place.index, index);
                index += 1;
                let click = normaliser.click(&record, &object, |print| occurrences.next(print));
                out.push(match click {
                    Ok(click) => {
                        let forms = [Form::Click, Form::Flat, Form::Webhook, Form::Raw];
                        let forms = forms.map(|form| text(&click.form(form)));
                        format!("click {:?} {} {forms:?}", click.place, click.id)
                    }
                    Err(not) => format!("bad {:?}", record.to_bad(not.to_string())),
                });
            }
            Item::Bad(bad) => {
                assert_eq!(bad.place.index, index);
                index += 1;
                out.push(format!("bad {bad:?}"));
            }
            Item::Unreadable(bad) => out.push(format!("unreadable {bad:?}")),
            Item::NeedInput => {
                if hands_over()
                    && let Some((resume, rest)) = decoder.hand_over()
                {
                    decoder = Decoder::at(resume, limits, decoder.into_parser());
                    decoder.push(rest);
                }
                match decompressor.next() {
                    Decompressed::Output(bytes) => decoder.push(bytes),
                    Decompressed::Unreadable { rest, reason } => decoder.fail(rest, reason),
                    Decompressed::End => decoder.end(),
                    Decompressed::NeedInput if rest.is_empty() => decompressor.end(),
                    Decompressed::NeedInput => {
                        let (head, tail) = rest.split_at(chunk().clamp(1, rest.len()));
                        decompressor.push(Bytes::copy_from_slice(head));
                        rest = tail;
                    }
                }
            }
            Item::End => return out,
        }
    }
}

/// Returns the text of a form, which must be one JSON value on one line.
fn text(form: &[u8]) -> String {
    let mut parser = Parser::new(u32::MAX);
    assert_eq!(parser.run(form, true), Progress::Done(form.len()));
    assert!(!form.contains(&b'\n'));
    String::from_utf8(form.to_vec()).unwrap()
}
