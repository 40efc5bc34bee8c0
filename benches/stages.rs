//! Measures each stage in memory on one thread: with criterion, or in pairs, whose ratios hold on a noisy machine.
//!
//! ```text
//! cargo bench --bench stages
//! cargo bench --bench stages -- --paired [--quick]
//! stages --file FILE
//! stages --rules RULES CONTENT TIMES
//! ```
//!
//! Times are CPU time of the thread, except those of `encode` and `rules`. In pairs, each piece of work takes turns with
//! the one it is compared with; the least times of both are compared per click, and each comparison is a line
//! of JSON. All work is done on both kinds of content that `clickstream sample` writes.
//!
//! With `--file` it decodes FILE from memory, makes each click and its form `click`, and prints the CPU seconds
//! that took: what `clickstream forward` is compared with.
//!
//! With `--rules` it takes the clicks of a small file through RULES, one of those that the tables show, so many TIMES
//! each: for Callgrind.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a benchmark that cannot go on should end"
)]
#![expect(clippy::print_stdout, reason = "its output")]

mod kinds;
mod pipeline;
mod reference;
mod work;

use std::hint::black_box;
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use clicks::click::{Click, Form};
use clicks::sample::{Content, Framing};
use clickstream_forwarder::targets::{Target, View};
use clickstream_forwarder::transform::Applied;
use criterion::{Criterion, Throughput};
use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde_json::json;
use sha2::{Digest, Sha256};

use kinds::Rules;
use pipeline::{Length, clicks, records, sample};
use work::{File, Work, cpu_time};

const REFERENCE: &str = "reference/serde_json_borrowed";
/// From one click a line to the form `click`.
const LINES: &str = "pipeline/click";
/// From lines to clicks with their ids, in no form.
const IDS: &str = "stage/id";

/// Bytes of a request's body.
const BODY: usize = 1_000_000;
/// Records whose clicks go through rules.
const RECORDS: u64 = 500;
/// Bytes inflated at a time, as the decoder does.
const STEP: usize = 128 * 1024;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(flag) = arguments.iter().position(|argument| argument == "--file") {
        return println!("{}", in_memory(arguments.get(flag + 1).unwrap()));
    }
    if let Some(flag) = arguments.iter().position(|argument| argument == "--rules") {
        return through_rules(arguments.get(flag + 1..).unwrap());
    }
    let mut works = Vec::new();
    for content in Content::ALL {
        let lines = File::sample(content, Framing::Lines);
        works.extend(pipelines(&lines));
        works.extend(stages(&lines));
        works.extend(compressions(&lines));
        works.extend(
            kinds::targets()
                .into_iter()
                .map(|(kind, target)| encoding(kind, target, &lines)),
        );
        works.extend(
            kinds::rules()
                .into_iter()
                .map(|rules| transforming(rules, &lines)),
        );
    }
    let asked = |flag: &str| arguments.iter().any(|argument| argument == flag);
    if asked("--paired") {
        paired(&works, if asked("--quick") { 7 } else { 25 });
    } else {
        with_criterion(&works);
    }
}

/// Returns the CPU seconds that the clicks of the file at `path` take from memory to the form `click`.
fn in_memory(path: &str) -> f64 {
    let file = Bytes::from(std::fs::read(path).unwrap());
    let before = cpu_time();
    clicks(&file, |click| drop(black_box(click.form(Form::Click))));
    (cpu_time() - before).as_secs_f64()
}

/// Takes clicks through rules as often as is asked for.
fn through_rules(arguments: &[String]) {
    let [name, content, times] = arguments else {
        panic!("--rules takes a name, a content and a number");
    };
    let times: u32 = times.parse().unwrap();
    let rules = kinds::rules();
    let rules = rules.iter().find(|rules| rules.name == name).unwrap();
    let file = sample(
        content.parse().unwrap(),
        Framing::Lines,
        Length::Records(RECORDS),
    );
    clicks(&file, |click| {
        // Once more than counted: what a click keeps between its forms is not what rules cost.
        drop(black_box(rules.transform.encode(
            click,
            Applied::default(),
            &*rules.target,
        )));
        for _ in 0..times {
            drop(black_box(rules.transform.encode(
                click,
                Applied::default(),
                &*rules.target,
            )));
        }
    });
}

/// The reference, and whole pipelines from bytes to a form.
fn pipelines(lines: &File) -> Vec<Work> {
    let make = |name: &str, against, file: &File, form| {
        Work::new(name, against, file, move |bytes| {
            clicks(bytes, |click| drop(black_box(click.form(form))));
        })
    };
    let framed = |name: &str, framing| {
        make(
            name,
            LINES,
            &File::sample(lines.content, framing),
            Form::Click,
        )
    };
    vec![
        Work::new(REFERENCE, REFERENCE, lines, |bytes| {
            each_line(bytes, |line| drop(black_box(reference::click(line))));
        }),
        make(LINES, REFERENCE, lines, Form::Click),
        make("pipeline/flat", REFERENCE, lines, Form::Flat),
        make("pipeline/webhook", REFERENCE, lines, Form::Webhook),
        make("pipeline/raw", REFERENCE, lines, Form::Raw),
        framed("framing/array", Framing::Array),
        framed("framing/concatenated", Framing::Concatenated),
        framed("framing/envelope", Framing::Envelope),
        framed("framing/envelopes", Framing::Envelopes),
    ]
}

/// Parts of the pipeline over `lines`.
fn stages(lines: &File) -> Vec<Work> {
    let packed = gzip(6, &lines.bytes);
    let work = |name, run: fn(&Bytes)| Work::new(name, REFERENCE, lines, run);
    vec![
        Work::new("stage/inflate", REFERENCE, lines, move |_| inflate(&packed)),
        work("stage/decode", |bytes| {
            records(bytes, |record| {
                black_box(record);
            });
        }),
        work("stage/sha256", |bytes| {
            each_line(bytes, |line| {
                black_box(Sha256::digest(line));
            });
        }),
        work(IDS, |bytes| {
            clicks(bytes, |click| {
                black_box(click.id);
            });
        }),
    ]
}

/// Compresses the body of a request that holds as many clicks of `lines` as fit.
fn compressions(lines: &File) -> Vec<Work> {
    let (mut body, mut count) = (Vec::from(r#"{"data":["#), 0);
    clicks(&lines.bytes, |click| {
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
    let body = File {
        content: lines.content,
        bytes: body.into(),
        clicks: count,
    };
    let level = |level| {
        let shrinks = Some(body.bytes.len() as f64 / gzip(level, &body.bytes).len() as f64);
        let run = move |body: &Bytes| drop(black_box(gzip(level, body)));
        Work {
            shrinks,
            ..Work::new(&format!("gzip/{level}"), IDS, &body, run)
        }
    };
    [1, 3, 6].map(level).into()
}

/// Measures what `target` adds to each click of `lines` once it is made.
fn encoding(kind: &str, target: Arc<dyn Target>, lines: &File) -> Work {
    after_clicks(&format!("encode/{kind}"), lines, move |click| {
        drop(black_box(target.encode(&View::of(click))));
    })
}

/// Measures what rules, and encoding the clicks that they leave, add to each click of `lines`.
fn transforming(rules: Rules, lines: &File) -> Work {
    let Rules {
        name,
        transform,
        target,
    } = rules;
    after_clicks(&format!("rules/{name}"), lines, move |click| {
        drop(black_box(transform.encode(
            click,
            Applied::default(),
            &*target,
        )));
    })
}

/// Measures what `work` adds to each click of `lines` once it is made.
fn after_clicks(name: &str, lines: &File, work: impl Fn(&Click<'_>) + 'static) -> Work {
    let file = lines.bytes.clone();
    // A click lives only until the next, so the clock is read around each of them; that cost is subtracted.
    let run = move || {
        let (mut encode, mut nothing) = (Duration::ZERO, Duration::ZERO);
        clicks(&file, |click| {
            let begin = Instant::now();
            work(click);
            let end = Instant::now();
            nothing += end.elapsed();
            encode += end - begin;
        });
        encode.saturating_sub(nothing).max(Duration::from_nanos(1))
    };
    Work {
        run: Box::new(run),
        ..Work::new(name, IDS, lines, |_| {})
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

/// Does each piece of work in turns with the one it is compared with and prints lines of JSON. The rounds of one
/// are spread over those of all, so that a neighbour that is busy for a second does not spoil all of them.
fn paired(works: &[Work], rounds: u32) {
    let base_of = |work: &Work| {
        let is_base = |base: &&Work| base.name == work.against && base.content == work.content;
        works.iter().find(is_base).unwrap()
    };
    let mut least = vec![(Duration::MAX, Duration::MAX); works.len()];
    for _ in 0..rounds {
        for (work, (own, its)) in works.iter().zip(&mut least) {
            *its = (*its).min((base_of(work).run)());
            *own = (*own).min((work.run)());
        }
    }
    for (work, (own, its)) in works.iter().zip(least) {
        let own_nanos = work.nanos_per_click(own);
        let its_nanos = base_of(work).nanos_per_click(its);
        let line = json!({
            "what": work.name,
            "content": work.content.as_str(),
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
        let content = work.content.as_str();
        println!(
            "{}: {} makes a body {shrinks:.2} times smaller",
            content, work.name
        );
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
        group.bench_function(format!("{name}/{}", work.content.as_str()), |bencher| {
            bencher.iter_custom(|times| (0..times).map(|_| (work.run)()).sum());
        });
        group.finish();
    }
    criterion.final_summary();
}
