//! What each stage costs, in memory and on one thread: with criterion, or in pairs for ratios that hold on a noisy
//! machine.
//!
//! ```text
//! cargo bench --bench stages
//! cargo bench --bench stages -- --paired [--quick]
//! ```
//!
//! All times but those of `encode` are CPU time of the thread. In pairs each piece of work takes turns with the one
//! it is held against; the least times of both are compared per click, and each comparison is a line of JSON.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that cannot go on should end"
)]
#![expect(clippy::print_stdout, reason = "its output")]

mod kinds;
mod pipeline;
mod reference;

use std::hint::black_box;
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use clicks::click::Form;
use clicks::sample::Framing;
use clickstream_forwarder::targets::{Target, View};
use criterion::{Criterion, Throughput};
use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;
use sha2::{Digest, Sha256};

use pipeline::{clicks, records, sample};

const REFERENCE: &str = "reference/serde_json_borrowed";
/// One click a line, to the form `click`.
const LINES: &str = "pipeline/click";
/// Decoded, with ids, in no form.
const IDS: &str = "stage/id";

/// Bytes of a file.
const FILE: u64 = 2_000_000;
/// Bytes of a request's body.
const BODY: usize = 1_000_000;
/// Bytes inflated at a time, as the decoder does.
const STEP: usize = 128 * 1024;

/// Something to measure.
struct Work {
    name: String,
    /// The name of the work it is held against.
    against: &'static str,
    /// Plain bytes it goes through.
    bytes: u64,
    /// Clicks in those.
    clicks: u64,
    /// How many times smaller it makes them.
    shrinks: Option<f64>,
    /// Does it once, and says how long that took.
    run: Box<dyn Fn() -> Duration>,
}

impl Work {
    /// `run` over `file`, which holds so many clicks.
    fn new(
        name: &str,
        against: &'static str,
        (file, clicks): (&Bytes, u64),
        run: impl Fn(&Bytes) + 'static,
    ) -> Work {
        let (bytes, file) = (file.len() as u64, file.clone());
        let run = Box::new(move || {
            let before = cpu_time();
            run(&file);
            cpu_time() - before
        });
        Work {
            name: name.into(),
            against,
            bytes,
            clicks,
            shrinks: None,
            run,
        }
    }

    fn nanos_per_click(&self, time: Duration) -> f64 {
        time.as_nanos() as f64 / self.clicks as f64
    }
}

/// CPU time of this thread since it began.
fn cpu_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap()
}

fn main() {
    let mut works = pipelines();
    let file = sample(Framing::Lines, None, Some(FILE));
    works.extend(stages(&file));
    works.extend(compressions(&file));
    let (targets, strangers): (Vec<_>, Vec<_>) = kinds::targets()
        .into_iter()
        .partition(|(_, target)| target.is_some());
    works.extend(
        targets
            .into_iter()
            .filter_map(|(kind, target)| Some(encoding(kind, target?, &file))),
    );
    let strangers: Vec<_> = strangers
        .into_iter()
        .map(|(kind, _)| format!("encode/{kind}"))
        .collect();

    let asked = |flag: &str| std::env::args().any(|argument| argument == flag);
    if asked("--paired") {
        paired(&works, if asked("--quick") { 7 } else { 25 });
        let why = "its minimal configuration is missing in benches/kinds.rs";
        strangers
            .iter()
            .for_each(|name| println!("{}", json!({ "what": name, "skipped": why })));
    } else {
        strangers.iter().for_each(|name| {
            println!("{name}: its minimal configuration is missing in benches/kinds.rs")
        });
        with_criterion(&works);
    }
}

/// The reference, and the way of clicks from bytes to a form.
fn pipelines() -> Vec<Work> {
    let make = |name: &str, against, framing, form| {
        let file = sample(framing, None, Some(FILE));
        let count = records(&file, |_| {});
        Work::new(name, against, (&file, count), move |file| {
            clicks(file, |click| drop(black_box(click.form(form))));
        })
    };
    let lines = sample(Framing::Lines, None, Some(FILE));
    let count = records(&lines, |_| {});
    vec![
        Work::new(REFERENCE, REFERENCE, (&lines, count), |file| {
            each_line(file, |line| drop(black_box(reference::click(line))));
        }),
        make(LINES, REFERENCE, Framing::Lines, Form::Click),
        make("pipeline/flat", REFERENCE, Framing::Lines, Form::Flat),
        make("pipeline/webhook", REFERENCE, Framing::Lines, Form::Webhook),
        make("pipeline/raw", REFERENCE, Framing::Lines, Form::Raw),
        make("framing/array", LINES, Framing::Array, Form::Click),
        make(
            "framing/concatenated",
            LINES,
            Framing::Concatenated,
            Form::Click,
        ),
        make("framing/envelope", LINES, Framing::Envelope, Form::Click),
        make("framing/envelopes", LINES, Framing::Envelopes, Form::Click),
    ]
}

/// Parts of that way over the lines in `file`.
fn stages(file: &Bytes) -> Vec<Work> {
    let count = records(file, |_| {});
    let packed = gzip(6, file);
    let work = |name, run: fn(&Bytes)| Work::new(name, REFERENCE, (file, count), run);
    vec![
        Work::new("stage/inflate", REFERENCE, (file, count), move |_| {
            inflate(&packed)
        }),
        work("stage/decode", |file| {
            records(file, |record| {
                black_box(record);
            });
        }),
        work("stage/sha256", |file| {
            each_line(file, |line| {
                black_box(Sha256::digest(line));
            });
        }),
        work(IDS, |file| {
            clicks(file, |click| {
                black_box(click.id);
            });
        }),
    ]
}

/// Compressing the body of a request that holds the clicks of `file`, as many as fit.
fn compressions(file: &Bytes) -> Vec<Work> {
    let (mut body, mut count) = (Vec::from(r#"{"data":["#), 0);
    clicks(file, |click| {
        let form = click.form(Form::Click);
        if body.len() + form.len() < BODY {
            if count > 0 {
                body.push(b',');
            }
            body.extend_from_slice(&form);
            count += 1;
        }
    });
    body.extend_from_slice(br#"],"key":"rb-clicks-stream-1-2026-11-21-23-54-50-x"}"#);
    let body = Bytes::from(body);
    let level = |level| {
        let shrinks = Some(body.len() as f64 / gzip(level, &body).len() as f64);
        let run = move |body: &Bytes| drop(black_box(gzip(level, body)));
        Work {
            shrinks,
            ..Work::new(&format!("gzip/{level}"), IDS, (&body, count), run)
        }
    };
    [1, 3, 6].map(level).into()
}

/// What `target` adds to each click of `file` once it is made.
fn encoding(kind: &str, target: Arc<dyn Target>, file: &Bytes) -> Work {
    let (file, bytes) = (file.clone(), file.len() as u64);
    // A click lives only until the next, so the clock is read around each of them; what that costs is taken off.
    let run = move || {
        let (mut encode, mut nothing) = (Duration::ZERO, Duration::ZERO);
        clicks(&file, |click| {
            let begin = Instant::now();
            drop(black_box(target.encode(&View::of(click))));
            let end = Instant::now();
            nothing += end.elapsed();
            encode += end - begin;
        });
        encode.saturating_sub(nothing).max(Duration::from_nanos(1))
    };
    let count = records(&sample(Framing::Lines, None, Some(FILE)), |_| {});
    Work {
        name: format!("encode/{kind}"),
        against: IDS,
        bytes,
        clicks: count,
        shrinks: None,
        run: Box::new(run),
    }
}

fn each_line(file: &[u8], visit: impl FnMut(&[u8])) {
    let mut begin = 0;
    let lines = memchr::memchr_iter(b'\n', file)
        .filter_map(|end| file.get(std::mem::replace(&mut begin, end + 1)..end));
    lines.for_each(visit);
}

fn gzip(level: u32, plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 4), Compression::new(level));
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn inflate(packed: &[u8]) {
    let (mut decoder, mut plain) = (MultiGzDecoder::new(packed), vec![0; STEP]);
    while decoder.read(&mut plain).unwrap() > 0 {
        black_box(&plain);
    }
}

/// Each piece of work in turns with what it is held against, as lines of JSON. The rounds of one are spread over
/// those of all, so that a neighbour that is busy for a second does not spoil all of them.
fn paired(works: &[Work], rounds: u32) {
    let base_of = |work: &Work| works.iter().find(|base| base.name == work.against).unwrap();
    let mut least = vec![(Duration::MAX, Duration::MAX); works.len()];
    for _ in 0..rounds {
        for (work, (own, its)) in works.iter().zip(&mut least) {
            *its = (*its).min((base_of(work).run)());
            *own = (*own).min((work.run)());
        }
    }
    for (work, (own, its)) in works.iter().zip(least) {
        let (own_nanos, its_nanos) = (
            work.nanos_per_click(own),
            base_of(work).nanos_per_click(its),
        );
        let line = json!({
            "what": work.name,
            "against": work.against,
            "ratio": its_nanos / own_nanos,
            "mb_per_s": work.bytes as f64 / own.as_secs_f64() / 1e6,
            "ns_per_click": own_nanos,
            "against_ns_per_click": its_nanos,
            "clicks": work.clicks,
            "shrinks": work.shrinks,
        });
        println!("{line}");
    }
}

fn with_criterion(works: &[Work]) {
    for (work, shrinks) in works.iter().filter_map(|work| Some((work, work.shrinks?))) {
        println!("{} makes a body {shrinks:.2} times smaller", work.name);
    }
    let criterion = Criterion::default().sample_size(10).nresamples(2000);
    let (warm_up, measuring) = (Duration::from_millis(200), Duration::from_millis(800));
    let mut criterion = criterion
        .warm_up_time(warm_up)
        .measurement_time(measuring)
        .configure_from_args();
    for work in works {
        let (group, name) = work.name.split_once('/').unwrap();
        let mut group = criterion.benchmark_group(group);
        group.throughput(Throughput::Bytes(work.bytes));
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|times| (0..times).map(|_| (work.run)()).sum());
        });
        group.finish();
    }
    criterion.final_summary();
}
