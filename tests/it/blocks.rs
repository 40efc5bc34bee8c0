//! Objects decoded in blocks of any size, by any number of workers: what comes out is always the
//! same.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use clickstream_forwarder::deliver::RunControl;
use clickstream_forwarder::forward::BlockLimits;
use clickstream_forwarder::job::Job;
use clickstream_forwarder::outcome::{End, Fresh, Tally, TargetOutcome};
use clickstream_forwarder::progress::{Document, Local, Progress};
use clickstream_forwarder::targets::{Batching, Entry, SendError, Verdict, WindowBounds};
use proptest::prelude::*;
use tokio::time::Instant;

use crate::scripted::{Scripted, forwarder, job, memmem, rows, target};
use crate::support::{click, temporary};

/// A piece of an object.
#[derive(Clone, Debug)]
enum Piece {
    /// A line with one of a few clicks, so that some are repeated.
    Line(usize),
    /// A line with a click that no other is like.
    Single(usize),
    /// A line that is not JSON.
    Broken(usize),
    /// A line that is no click.
    NoClick,
    /// Nothing but what may stand between records.
    Blank,
    /// Clicks in one line.
    OneLine(usize),
    /// An envelope with clicks, and a key of its own.
    Envelope(usize),
    /// An array over several lines.
    Array(usize),
    /// A click over several lines.
    Pretty(usize),
    /// A row of the quarantine.
    Row(Fed),
}

/// A row of the quarantine that is fed back.
#[derive(Clone, Debug)]
struct Fed {
    number: usize,
    /// The click's occurrence, if it was a click.
    occurrence: Option<u32>,
    target: Option<&'static str>,
    is_click: bool,
    /// Whether rules were applied to it, so that its id is given.
    has_rules_applied: bool,
}

fn piece() -> impl Strategy<Value = Piece> {
    let kind = (any::<bool>(), any::<bool>());
    let row = (0usize..4, 0u32..3, 0usize..5, kind).prop_map(
        |(number, n, to, (is_click, has_rules_applied))| {
            Piece::Row(Fed {
                number,
                occurrence: Some(n).filter(|n| *n > 0),
                target: [None, Some("a"), Some("b"), Some("c"), Some("gone")][to],
                is_click,
                has_rules_applied,
            })
        },
    );
    prop_oneof![
        6 => (0usize..12).prop_map(Piece::Line),
        20 => (100usize..100_000).prop_map(Piece::Single),
        1 => (0usize..9).prop_map(Piece::Broken),
        1 => Just(Piece::NoClick),
        1 => Just(Piece::Blank),
        1 => (0usize..12).prop_map(Piece::OneLine),
        1 => (0usize..12).prop_map(Piece::Envelope),
        1 => (0usize..12).prop_map(Piece::Array),
        1 => (0usize..12).prop_map(Piece::Pretty),
        2 => row,
    ]
}

impl Piece {
    fn text(&self, at: usize) -> String {
        match self {
            Piece::Line(n) | Piece::Single(n) => click(*n) + "\n",
            Piece::Broken(n) => format!("broken {n}\n"),
            Piece::NoClick => "{\"a\":1}\n".into(),
            Piece::Blank => " \r\n,\n".into(),
            Piece::OneLine(n) => format!("{}{}\n", click(*n), click(n + 1)),
            Piece::Envelope(n) => format!(
                "{{\"data\":[{},{}],\"key\":\"k{n}\"}}\n",
                click(*n),
                click(n + 1)
            ),
            Piece::Array(n) => format!("[{},\n {}]\n", click(*n), click(n + 1)),
            Piece::Pretty(n) => click(*n).replacen(',', " ,\n ", 1) + "\n",
            Piece::Row(fed) => fed.text(at),
        }
    }
}

impl Fed {
    fn text(&self, at: usize) -> String {
        let raw = if self.is_click {
            click(self.number)
        } else {
            "[]".into()
        };
        let mut row = serde_json::json!({
            "clickstream_quarantine": 1, "id": "x", "kind": "rejected", "reason": "HTTP 422", "raw": raw, "length": raw.len(),
            "source": {"bucket": "b", "key": format!("k{}", self.number % 2), "offset": at, "index": at},
        });
        if let Some(occurrence) = self.occurrence {
            row["n"] = occurrence.into();
        }
        if let Some(target) = self.target {
            row["target"] = target.into();
        }
        if self.has_rules_applied && self.occurrence.is_some() && self.target.is_some() {
            row["clickstream_quarantine"] = 2.into();
            row["click_id"] = format!("00000000-0000-8000-8000-{at:012}").into();
            row["applied"] = serde_json::json!({"filters": true, "privacy": self.number == 0});
        }
        format!("{row}\n")
    }
}

/// What the third target makes of requests; the answer depends on their clicks alone.
#[derive(Clone, Copy, Debug)]
enum Manner {
    Takes,
    /// Rejects some clicks, each by itself.
    Rejects,
    /// Rejects requests with such a click.
    RejectsRequests,
    Misconfigured,
}

impl Manner {
    fn answer(self, batch: &[Entry]) -> Result<Vec<Verdict>, SendError> {
        let is_wrong =
            |entry: &Entry| memmem(&entry.body, b"link-3") || memmem(&entry.body, b"7\"}");
        let verdict = |entry: &Entry| match is_wrong(entry) {
            true => Verdict::Rejected("422".into()),
            false => Verdict::Sent,
        };
        match self {
            Manner::Rejects => Ok(batch.iter().map(verdict).collect()),
            Manner::RejectsRequests if batch.iter().any(is_wrong) => {
                Err(SendError::PayloadRejected("400".into()))
            }
            Manner::Misconfigured => Err(SendError::Misconfigured("401".into())),
            _ => Ok(vec![Verdict::Sent; batch.len()]),
        }
    }
}

fn manner() -> impl Strategy<Value = Manner> {
    prop_oneof![
        Just(Manner::Takes),
        Just(Manner::Rejects),
        Just(Manner::RejectsRequests),
        Just(Manner::Misconfigured),
    ]
}

fn block_limits() -> impl Strategy<Value = BlockLimits> {
    let parallel_after = prop_oneof![1 => Just(0u64), 4 => 1u64..3000];
    let workers = (1usize..5, parallel_after, 0usize..4);
    let blocks = (1usize..1500, 1u64..9, 1usize..20);
    let chunks = (1usize..900, 1usize..5);
    (workers, blocks, chunks).prop_map(|(workers, blocks, chunks)| BlockLimits {
        workers: Some(workers.0),
        parallel_after: workers.1,
        blocks_ahead: workers.2,
        block_bytes: blocks.0,
        block_lines: blocks.1,
        block_records: blocks.2,
        chunk_bytes: chunks.0,
        chunks_ahead: chunks.1,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn any_workers_blocks_and_chunks_give_the_same(
        pieces in prop::collection::vec(piece(), 0..120),
        cut in prop::option::weighted(0.2, 0usize..20_000),
        records in 1usize..12,
        manner in manner(),
        limits in prop::collection::vec(block_limits(), 1..4),
    ) {
        let mut text: String = pieces.iter().enumerate().map(|(at, piece)| piece.text(at)).collect();
        text.truncate(cut.unwrap_or(usize::MAX).min(text.len()));
        let in_order = BlockLimits { workers: Some(1), ..BlockLimits::default() };
        let expected = run_in_blocks(&text, records, manner, in_order);
        for limits in limits {
            let found = run_in_blocks(&text, records, manner, limits);
            prop_assert_eq!(&found, &expected, "{:?}", limits);
        }
    }
}

/// Targets that keep what they take: a stream, windows, and one of a manner; and what each took.
fn targets(records: usize, manner: Manner) -> Vec<(Arc<Scripted>, Kept)> {
    let bounds = WindowBounds {
        bytes: 2000,
        clicks: 20,
        hours: 32,
    };
    let kinds = [
        (Batching::Stream, Manner::Takes),
        (Batching::Windows(bounds), Manner::Takes),
        (Batching::Stream, manner),
    ];
    let keeping = |(batching, manner): (Batching, Manner)| {
        let kept = Kept::default();
        let keeps = kept.clone();
        let script = move |_, batch: &[Entry]| {
            let verdicts = manner.answer(batch)?;
            let taken = batch.iter().zip(&verdicts);
            let taken = taken.filter(|(_, verdict)| **verdict == Verdict::Sent);
            keeps
                .lock()
                .unwrap()
                .extend(taken.map(|(entry, _)| Sent::of(entry)));
            Ok(verdicts)
        };
        let mut target = Arc::into_inner(target(records, script)).unwrap();
        target.delivery.batching = batching;
        if batching.windows().is_some() {
            target.limits.records = usize::MAX;
        }
        (Arc::new(target), kept)
    };
    kinds.map(keeping).into()
}

/// An entry that a target took.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Sent {
    record_offset: u64,
    id: String,
    occurrence: u32,
    body: Bytes,
    window: Option<String>,
}

impl Sent {
    fn of(entry: &Entry) -> Sent {
        let window = |entry: &Entry| Some(entry.window.as_ref()?.digest.get()?.to_string());
        Sent {
            record_offset: entry.record_offset,
            id: entry.id.to_string(),
            occurrence: entry.occurrence,
            body: entry.body.clone(),
            window: window(entry),
        }
    }
}

type Kept = Arc<Mutex<Vec<Sent>>>;

/// What comes of an object.
#[derive(Debug, PartialEq)]
struct Ran {
    end: End,
    records: u64,
    bad: u64,
    fresh: Fresh,
    unknown: Vec<String>,
    tallies: Vec<Tally>,
    rows: Vec<String>,
    /// What each target took, by the place of its record.
    sent: Vec<Vec<Sent>>,
    /// The offsets of the clicks that are settled for each target.
    settled: Vec<Vec<u64>>,
    /// Before which offset the rows of bad records are stored.
    bad_before: u64,
}

fn run_in_blocks(text: &str, records: usize, manner: Manner, limits: BlockLimits) -> Ran {
    let (targets, kept): (Vec<_>, Vec<_>) = targets(records, manner).into_iter().unzip();
    let (_directory, directory) = temporary();
    let progress = directory.join("progress.jsonl");
    let (forwarder, memory) = forwarder(&targets);
    let forwarder = forwarder
        .with_block_limits(limits)
        .or_progress(Progress::Local(Local::in_file(&progress).unwrap()));
    memory.put("clicks", "k", text.to_owned());
    let runtime = crate::support::paused_runtime();
    let outcome = runtime.block_on(async {
        let deadline = Instant::now() + Duration::from_secs(600);
        forwarder
            .forward(&job("k"), RunControl::until(deadline))
            .await
    });
    let document = last_document(&progress);
    let taken = |kept: &Kept| -> BTreeSet<u64> {
        let kept = kept.lock().unwrap();
        kept.iter().map(|sent| sent.record_offset).collect()
    };
    // Rows for one target are filtered for the others, so that nobody asks whether they are
    // settled.
    let for_all = &taken(&kept[0]) & &taken(&kept[1]);
    let settled = |(target, kept): (&TargetOutcome, &Kept)| {
        let progress = &document.targets[&*target.target];
        let clicks = &for_all | &taken(kept);
        let settled = clicks.into_iter();
        settled.filter(|at| progress.is_settled(*at)).collect()
    };
    let settled = outcome.targets.iter().zip(&kept).map(settled).collect();
    assert!(
        outcome
            .targets
            .iter()
            .all(|target| target.tally.is_conserved()),
        "{outcome:?}"
    );
    let mut rows: Vec<_> = rows(&memory).iter().map(ToString::to_string).collect();
    rows.sort();
    let sorted = |kept: &Kept| {
        let mut sent = std::mem::take(&mut *kept.lock().unwrap());
        sent.sort();
        sent
    };
    Ran {
        tallies: outcome.targets.iter().map(|target| target.tally).collect(),
        end: outcome.end,
        records: outcome.records,
        bad: outcome.bad,
        fresh: outcome.fresh,
        unknown: outcome.unknown,
        rows,
        sent: kept.iter().map(sorted).collect(),
        settled,
        bad_before: document.bad,
    }
}

/// The progress that the file has last.
fn last_document(path: &Path) -> Document {
    let text = std::fs::read_to_string(path).unwrap();
    let line: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    serde_json::from_value(line["progress"].clone()).unwrap()
}

/// Some 3 MB: enough for two threads to share, if it is lines.
fn large(record: impl Fn(usize) -> String) -> String {
    (0..30_000).map(record).collect()
}

/// An object, and what it holds.
struct Layout {
    name: &'static str,
    text: String,
    clicks: usize,
    bad: u64,
}

fn layout(name: &'static str, text: String, (clicks, bad): (usize, u64)) -> Layout {
    Layout {
        name,
        text,
        clicks,
        bad,
    }
}

fn line(n: usize) -> String {
    click(n) + "\n"
}

/// Lines, of which workers decode most.
fn lines_alone() -> Vec<Layout> {
    // Identical clicks, near and far; and what is no click, or no JSON.
    let odd = |n: usize| match n % 100 {
        7 => format!("bad {n}\n"),
        8 | 9 => click(n / 1000) + "\n",
        10 => " \r\n,\n".to_owned() + &line(n),
        11 => "{\"a\":1}\n".into(),
        _ => line(n),
    };
    vec![
        layout("lines", large(line), (30_000, 0)),
        layout(
            "lines, some of them no clicks or repeated",
            large(odd),
            (29_400, 600),
        ),
        layout(
            "now and then no lines",
            large(|n| {
                if n % 9000 == 8000 {
                    click(n).replacen(',', " ,\n ", 1) + "\n"
                } else {
                    line(n)
                }
            }),
            (30_000, 0),
        ),
    ]
}

/// Layouts that are no lines, or end otherwise.
fn other_layouts() -> Vec<Layout> {
    vec![
        layout(
            "two records in a line",
            large(|n| click(n) + if n == 29_000 { "" } else { "\n" }),
            (30_000, 0),
        ),
        layout(
            "envelopes in lines",
            large(|n| {
                format!(
                    "{{\"data\":[{},{}],\"key\":\"k{n}\"}}\n",
                    click(n),
                    click(n + 50_000)
                )
            }),
            (60_000, 0),
        ),
        layout("all of them one click", large(|_| line(7)), (30_000, 0)),
        layout(
            "lines that are no records",
            "12345678901234567890123456789\n".repeat(60_000),
            (0, 60_000),
        ),
        layout(
            "an array",
            format!("[{}]", large(|n| click(n) + ",\n")),
            (30_000, 0),
        ),
        layout(
            "a line that is never closed",
            large(|n| {
                if n == 25_000 {
                    "{\"a\":\n".into()
                } else {
                    line(n)
                }
            }),
            (29_999, 1),
        ),
        layout(
            "cut short",
            large(line).trim_end_matches("\"}}\n").to_owned(),
            (29_999, 0),
        ),
    ]
}

#[test]
fn two_threads_give_what_one_gives() {
    let (_kept, directory) = temporary();
    for layout in lines_alone().into_iter().chain(other_layouts()) {
        let Layout {
            name,
            text,
            clicks,
            bad,
        } = layout;
        let path = directory.join("file");
        std::fs::write(&path, text).unwrap();
        let one = run_on(
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .start_paused(true),
            &path,
        );
        let two = run_on(
            tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all(),
            &path,
        );
        assert_eq!((one.sent[0].len(), one.bad), (clicks, bad), "{name}");
        assert!(one == two, "{name}");
    }
}

/// What a run over a file comes to.
#[derive(PartialEq)]
struct Whole {
    end: End,
    bad: u64,
    fresh: Fresh,
    tallies: Vec<Tally>,
    rows: Vec<String>,
    /// The entries each target took: their offsets, bodies and windows.
    sent: Vec<Vec<(u64, Bytes, Option<String>)>>,
}

fn run_on(runtime: &mut tokio::runtime::Builder, path: &std::path::Path) -> Whole {
    let kept = [(); 2].map(|()| Arc::new(Mutex::new(Vec::new())));
    let targets = [
        Batching::Stream,
        Batching::Windows(WindowBounds {
            bytes: 100_000,
            clicks: 2_000,
            hours: 32,
        }),
    ]
    .into_iter()
    .zip(&kept)
    .map(|(batching, kept)| {
        let mut target = Arc::into_inner(target(1000, |_, batch| {
            Ok(vec![Verdict::Sent; batch.len()])
        }))
        .unwrap();
        target.delivery.batching = batching;
        if batching.windows().is_some() {
            target.limits.records = 2_000;
        }
        let kept = kept.clone();
        target.before = Some(Box::new(move |batch: &[Entry]| {
            let window = |entry: &Entry| Some(entry.window.as_ref()?.digest.get()?.to_string());
            kept.lock().unwrap().extend(
                batch
                    .iter()
                    .map(|entry| (entry.record_offset, entry.body.clone(), window(entry))),
            );
        }));
        Arc::new(target)
    });
    let (forwarder, memory) = forwarder(&targets.collect::<Vec<_>>());
    let job = Job {
        trusted: true,
        ..Job::new("", vec![path.to_str().unwrap().into()])
    };
    let outcome = runtime.build().unwrap().block_on(async {
        // In paused time no deadline passes.
        forwarder
            .forward(
                &job,
                RunControl::until(Instant::now() + Duration::from_secs(600)),
            )
            .await
    });
    let mut rows: Vec<_> = rows(&memory).iter().map(ToString::to_string).collect();
    rows.sort();
    let sorted = |kept: &Arc<Mutex<Vec<_>>>| {
        let mut sent = std::mem::take(&mut *kept.lock().unwrap());
        sent.sort();
        sent
    };
    let tallies = outcome.targets.iter().map(|target| target.tally).collect();
    Whole {
        end: outcome.end,
        bad: outcome.bad,
        fresh: outcome.fresh,
        tallies,
        rows,
        sent: kept.iter().map(sorted).collect(),
    }
}
