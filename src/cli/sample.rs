//! `clickstream sample`.

use std::fs::File;
use std::io::{BufWriter, ErrorKind, Write};
use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clicks::sample::{Content, Framing, Sample};

use super::{Exit, not_written};
use crate::config::units::parse_bytes;
use crate::platform::stdio;

#[derive(clap::Args)]
pub(super) struct Args {
    /// How the clicks are laid out
    #[arg(long, value_parser = framing(), default_value_t = Framing::Lines)]
    framing: Framing,
    /// What the clicks have in common
    #[arg(long, value_parser = content(), default_value_t = Content::Campaign)]
    content: Content,
    /// Number of clicks [default: 10 unless --bytes is given]
    #[arg(long)]
    records: Option<u64>,
    /// Stop at this many plain bytes: 65536, 500KB, 1MiB …
    #[arg(long, value_parser = parse_bytes)]
    bytes: Option<u64>,
    /// The same seed, the same file
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Compress with gzip
    #[arg(long)]
    gzip: bool,
    /// Make every n-th record malformed, to try the quarantine
    #[arg(long, value_name = "N")]
    bad_every: Option<u64>,
    /// The file to write; standard output if there is none
    #[arg(long, short)]
    output: Option<PathBuf>,
}

fn framing() -> impl TypedValueParser<Value = Framing> {
    let names =
        Framing::ALL.map(|framing| PossibleValue::new(framing.as_str()).help(framing.about()));
    PossibleValuesParser::new(names).try_map(|name| name.parse())
}

fn content() -> impl TypedValueParser<Value = Content> {
    let names =
        Content::ALL.map(|content| PossibleValue::new(content.as_str()).help(content.about()));
    PossibleValuesParser::new(names).try_map(|name| name.parse())
}

/// The number of clicks where neither a number nor a size is asked for.
const RECORDS: u64 = 10;

/// Writes the file.
pub(super) fn run(args: &Args) -> Exit {
    let few = args.bytes.is_none().then_some(RECORDS);
    let sample = Sample {
        framing: args.framing,
        content: args.content,
        records: args.records.or(few),
        bytes: args.bytes,
        seed: args.seed,
        gzip: args.gzip,
        bad_every: args.bad_every,
    };
    let written = match &args.output {
        Some(path) => File::create(path).and_then(|file| write(&sample, file)),
        None => stdio::stdout().and_then(|out| write(&sample, out)),
    };
    match written {
        Ok(()) => Exit::Ok,
        Err(e) if e.kind() == ErrorKind::BrokenPipe => Exit::Ok,
        Err(e) => {
            let path = args.output.as_ref().map(|path| path.display().to_string());
            not_written(path.as_deref().unwrap_or("standard output"), &e)
        }
    }
}

fn write(sample: &Sample, out: impl Write) -> std::io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 18, out);
    sample.write(&mut out)?;
    out.flush()
}
