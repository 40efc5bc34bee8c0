//! Does the work whose instructions `benches/instructions.py` counts. Nothing in it depends on chance.
//!
//! ```text
//! instructions decode CONTENT N    N clicks of one file, each with its id and in the form `click`
//! instructions flat CONTENT N      the same in the form `flat`
//! instructions small CONTENT N     N files of one click each, decoded one after another
//! ```
//!
//! CONTENT is what `clickstream sample --content` takes.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that cannot go on should end"
)]
#![expect(clippy::print_stdout, reason = "its output")]

#[expect(dead_code, reason = "the other benchmark needs the rest")]
mod pipeline;

use std::hint::black_box;

use bytes::Bytes;
use clicks::click::Form;
use clicks::sample::{Content, Framing};

use pipeline::{ClickReader, Length, sample};

/// Records of the file whose beginning `decode` reads: making it must cost the same for every N.
const MOST: u64 = 4000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["decode", content, n] => large(content, n, Form::Click),
        ["flat", content, n] => large(content, n, Form::Flat),
        ["small", content, n] => small(content.parse().unwrap(), n.parse().unwrap()),
        _ => {
            println!("benches/instructions.py runs this: instructions decode|flat|small CONTENT N")
        }
    }
}

/// Writes the first clicks of one file in `form`.
fn large(content: &str, n: &str, form: Form) {
    let (content, n) = (content.parse().unwrap(), n.parse::<usize>().unwrap());
    let file = sample(content, Framing::Lines, Length::Records(MOST));
    let ends: Vec<usize> = memchr::memchr_iter(b'\n', &file)
        .map(|end| end + 1)
        .collect();
    let end = n.checked_sub(1).map_or(0, |last| *ends.get(last).unwrap());
    forward(&mut ClickReader::new(), &file.slice(..end), form);
}

/// Each file holds another click of one larger file, as the files of a day do.
fn small(content: Content, n: usize) {
    let file = sample(content, Framing::Lines, Length::Records(MOST));
    let mut reader = ClickReader::new();
    let mut begin = 0;
    for end in memchr::memchr_iter(b'\n', &file).take(n) {
        forward(&mut reader, &file.slice(begin..end), Form::Click);
        begin = end + 1;
    }
}

fn forward(reader: &mut ClickReader, file: &Bytes, form: Form) {
    reader.clicks(file, |click| drop(black_box(click.form(form))));
}
