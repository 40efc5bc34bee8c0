//! Two pieces of work whose instructions `benches/instructions.py` counts. Nothing in them depends on chance.
//!
//! ```text
//! instructions decode N    N clicks of one file, each with its id and in the form `click`
//! instructions small N     N files of one click each, likewise, decoded with the same tools
//! ```

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
use clicks::sample::Framing;

use pipeline::{Tools, sample};

/// Records of the file that `decode` reads the beginning of: making it must cost the same for every N.
const MOST: u64 = 4000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (work, n) = (
        arguments.first().map(String::as_str),
        arguments.get(1).and_then(|n| n.parse().ok()),
    );
    match (work, n) {
        (Some("decode"), Some(n)) => decode(n),
        (Some("small"), Some(n)) => small(n),
        _ => println!("benches/instructions.py runs this: instructions decode|small N"),
    }
}

fn decode(n: usize) {
    let file = sample(Framing::Lines, Some(MOST), None);
    let ends: Vec<usize> = memchr::memchr_iter(b'\n', &file)
        .map(|end| end + 1)
        .collect();
    let end = n.checked_sub(1).map_or(0, |last| *ends.get(last).unwrap());
    forward(&mut Tools::new(), &file.slice(..end));
}

fn small(n: usize) {
    let file = sample(Framing::Single, None, None);
    let mut tools = Tools::new();
    (0..n).for_each(|_| forward(&mut tools, &file));
}

fn forward(tools: &mut Tools, file: &Bytes) {
    tools.clicks(file, |click| drop(black_box(click.form(Form::Click))));
}
