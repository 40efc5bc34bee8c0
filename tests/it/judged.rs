//! What becomes of clicks that rules leave out, and of those that rules fail on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clickstream_forwarder::deliver::RunControl;
use clickstream_forwarder::forward::{BlockLimits, Forwarder};
use clickstream_forwarder::object::Memory;
use clickstream_forwarder::outcome::{End, Failure, Outcome, Tally, TargetOutcome};
use clickstream_forwarder::progress::{Local, Progress, TargetProgress};
use clickstream_forwarder::targets::{Batching, Entry, SendError, Verdict, WindowBounds};
use proptest::prelude::*;
use tempfile::TempDir;
use tokio::time::Instant;

use crate::scripted::{Scripted, job, last_document, rows, ruled, takes_all, target};
use crate::support::{click, lines, temporary};

/// Returns a click on which the scripted target's placeholder fails.
fn unruly(number: usize) -> String {
    click(number).replace("link-", "unruly-")
}

/// Returns lines of clicks, of which the scripted target's placeholder fails on those of `unruly`.
fn some_unruly(clicks: std::ops::Range<usize>, wrong: &BTreeSet<usize>) -> String {
    let line = |number| match wrong.contains(&number) {
        true => unruly(number) + "\n",
        false => click(number) + "\n",
    };
    clicks.map(line).collect()
}

/// Returns the rules by which a target takes the clicks of these numbers.
fn links(numbers: impl IntoIterator<Item = usize>) -> String {
    let numbers = numbers.into_iter().map(|number| format!("link-{number}"));
    let links: Vec<_> = numbers.chain(["none".into()]).collect();
    format!("LINKS={}", links.join(","))
}

/// Forwards the object `key`, which holds `text` from its first run on.
async fn forward(forwarder: &Forwarder, memory: &Memory, key: &str, text: &str) -> Outcome {
    if memory.keys("clicks", key, None).is_empty() {
        memory.put("clicks", key, text.to_owned());
    }
    let control = RunControl::until(Instant::now() + Duration::from_secs(600));
    let outcome = forwarder.forward(&job(key), control).await;
    for target in &outcome.targets {
        assert!(target.tally.is_conserved(), "{target:?}");
    }
    outcome
}

/// One object, which comes until its target has all of it.
struct Coming {
    target: Arc<Scripted>,
    text: String,
    memory: Memory,
    path: PathBuf,
    _directory: TempDir,
}

impl Coming {
    fn new(target: &Arc<Scripted>, text: String) -> Coming {
        let (directory, path) = temporary();
        Coming {
            target: target.clone(),
            text,
            memory: Memory::default(),
            path: path.join("progress.jsonl"),
            _directory: directory,
        }
    }

    /// Runs it in a process of its own, in which the target has these rules.
    fn run(&self, rules: &str) -> Outcome {
        crate::support::paused_runtime().block_on(async {
            let progress = Progress::Local(Local::in_file(&self.path).unwrap());
            let forwarder =
                ruled(&[(self.target.clone(), rules)], &self.memory).or_progress(progress);
            forward(&forwarder, &self.memory, "k", &self.text).await
        })
    }

    fn progress(&self) -> TargetProgress {
        let document = last_document(&self.path);
        document.targets.get("a").cloned().unwrap_or_default()
    }
}

fn misconfigured(outcome: &TargetOutcome) -> &str {
    match &outcome.failure {
        Some(Failure::Misconfigured(cause)) => cause,
        other => panic!("{other:?}"),
    }
}

/// The offsets of the lines of `text`.
fn offsets(text: &str) -> Vec<u64> {
    let mut at = 0;
    let offset = |line: &str| {
        at += line.len() as u64;
        at - line.len() as u64
    };
    text.split_inclusive('\n').map(offset).collect()
}

#[tokio::test(start_paused = true)]
async fn a_file_of_which_nothing_is_left_is_done_without_a_request() {
    let memory = Memory::default();
    let target = takes_all();
    let forwarder = ruled(&[(target.clone(), "LINKS=none")], &memory)
        .or_progress(Progress::Local(Local::default()));
    let outcome = forward(&forwarder, &memory, "k", &lines(0..3000)).await;
    let tally = outcome.targets[0].tally;
    assert_eq!((tally.read, tally.filtered), (3000, 3000));
    assert!(outcome.moved && outcome.failure().is_none());
    assert_eq!(target.state.lock().unwrap().requests, 0);
    let again = forward(&forwarder, &memory, "k", &lines(0..3000)).await;
    assert_eq!(again.end, End::Done);
}

#[test]
fn a_changed_filter_changes_nothing_that_was_settled() {
    let is_down = Arc::new(Mutex::new(true));
    let down = is_down.clone();
    let fails = target(10, move |number, batch| {
        if number > 3 && *down.lock().unwrap() {
            return Err(SendError::Misconfigured("401".into()));
        }
        Ok(vec![Verdict::Sent; batch.len()])
    });
    let coming = Coming::new(&fails, lines(0..200));
    let outcome = coming.run(&links((0..200).step_by(2)));
    assert_eq!(misconfigured(&outcome.targets[0]), "401");
    let before = coming.progress();
    let counts = before.counts.unwrap();
    assert_eq!(counts.sent, 30);
    let all = offsets(&coming.text);
    let settled: Vec<_> = all.iter().filter(|at| before.is_settled(**at)).collect();
    assert_eq!(settled.len() as u64, counts.sent + counts.filtered);
    *is_down.lock().unwrap() = false;
    let outcome = coming.run(&links((1..200).step_by(2)));
    assert_eq!(outcome.failure(), None);
    // Odd clicks that had been left out stay so, as even ones that were sent.
    let sent = fails.taken();
    let expected = all.iter().enumerate().filter(|(number, at)| {
        let was_settled = before.is_settled(**at);
        (number % 2 == 0) == was_settled
    });
    assert_eq!(sent, expected.map(|(_, at)| *at).collect::<Vec<_>>());
    let counts = coming.progress().counts.unwrap();
    assert_eq!(
        (counts.sent, counts.sent + counts.filtered),
        (sent.len() as u64, 200)
    );
}

/// What a target makes of a request.
#[derive(Clone, Copy, Debug)]
enum Luck {
    Takes,
    /// Takes every second record, and the others later.
    TakesSome,
    Fails,
}

impl Luck {
    fn answer(self, batch: &[Entry]) -> Result<Vec<Verdict>, SendError> {
        let some = [Verdict::Sent, Verdict::Retry];
        match self {
            Luck::Takes => Ok(vec![Verdict::Sent; batch.len()]),
            Luck::TakesSome => Ok(some.iter().cycle().take(batch.len()).cloned().collect()),
            Luck::Fails => Err(SendError::Misconfigured("401".into())),
        }
    }
}

fn luck() -> impl Strategy<Value = Vec<Luck>> {
    let luck =
        prop_oneof![3 => Just(Luck::Takes), 1 => Just(Luck::TakesSome), 1 => Just(Luck::Fails)];
    prop::collection::vec(luck, 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A target that keeps some 10 %, run after run, with another filter in each.
    #[test]
    fn clicks_that_are_left_out_leave_no_ranges_and_are_counted_once(
        clicks in 1usize..600, records in 1usize..12,
        runs in prop::collection::vec((prop::collection::btree_set(0usize..600, 0..60), luck()), 1..6),
    ) {
        let all = offsets(&lines(0..clicks));
        let moods: Arc<Mutex<Vec<Luck>>> = Arc::default();
        let lucky = moods.clone();
        let scripted = target(records, move |_, batch| {
            lucky.lock().unwrap().pop().unwrap_or(Luck::Takes).answer(batch)
        });
        let coming = Coming::new(&scripted, lines(0..clicks));
        let (mut settled, mut most) = (BTreeSet::new(), 0);
        let last = (BTreeSet::from([7]), Vec::new());
        for (wanted, luck) in runs.iter().chain([&last]) {
            *moods.lock().unwrap() = luck.clone();
            let outcome = coming.run(&links(wanted.iter().copied()));
            let progress = coming.progress();
            let now: BTreeSet<u64> = all.iter().copied().filter(|at| progress.is_settled(*at)).collect();
            prop_assert!(settled.is_subset(&now), "{:?}", progress);
            // Two requests are in flight, and each may leave a gap for every second record.
            most += 2 * records.div_ceil(2) + 1;
            prop_assert!(progress.gaps.len() <= most, "{:?}", progress.gaps);
            let counts = progress.counts.unwrap();
            prop_assert_eq!(counts.sent, scripted.state.lock().unwrap().offsets.len() as u64);
            prop_assert_eq!(counts.sent + counts.filtered, now.len() as u64, "{:?}", outcome);
            settled = now;
        }
        prop_assert_eq!(settled.len(), clicks);
        prop_assert!(coming.progress().done);
        prop_assert!(scripted.state.lock().unwrap().offsets.values().all(|times| *times == 1));
    }

    #[test]
    fn workers_and_blocks_change_nothing_about_rules(
        clicks in 1usize..300, wrong in prop::collection::btree_set(0usize..300, 0..25),
        wanted in prop::collection::btree_set(0usize..300, 0..100),
        (workers, block_lines, records) in (1usize..4, 1u64..9, 1usize..20),
    ) {
        let run = |limits: BlockLimits| {
            let memory = Memory::default();
            let target = takes_all();
            // What is unruly has another id, and is wanted too.
            let rules = links(wanted.iter().copied()) + ",unruly-*";
            let outcome = crate::support::paused_runtime().block_on(async {
                let forwarder = ruled(&[(target.clone(), &*rules)], &memory).with_block_limits(limits);
                forward(&forwarder, &memory, "k", &some_unruly(0..clicks, &wrong)).await
            });
            let outcome = outcome.targets[0].clone();
            let rows = rows(&memory).len();
            (outcome.tally, outcome.failure, rows, target.state.lock().unwrap().offsets.clone())
        };
        let expected = run(BlockLimits { workers: Some(1), ..BlockLimits::default() });
        let found = run(BlockLimits {
            workers: Some(workers),
            parallel_after: 0,
            block_bytes: 100,
            block_lines,
            block_records: records,
            chunk_bytes: 700,
            ..BlockLimits::default()
        });
        if expected.1.is_none() {
            prop_assert_eq!(found, expected);
        } else {
            // How much was sent before the rule was found wrong depends on the time.
            prop_assert_eq!((found.1, found.2), (expected.1, expected.2));
        }
    }

    /// The first target is down now and then, so that the others leave it behind.
    #[test]
    fn a_target_that_is_left_behind_gets_what_its_rules_say(
        clicks in 1usize..400, records in 1usize..5, block_records in 1usize..20,
        is_down in prop::collection::vec(any::<bool>(), 1..12),
    ) {
        let slow = target(records, move |number, batch| {
            // It is up again after the last.
            if is_down.get(number).copied().unwrap_or_default() {
                return Err(SendError::Unavailable("HTTP 503".into()));
            }
            Ok(vec![Verdict::Sent; batch.len()])
        });
        let wrong: BTreeSet<usize> = (20..clicks).step_by(9).collect();
        let filtered = |number: &usize| !wrong.contains(number) && matches!(number % 10, 3 | 7);
        let rules = "LINKS=!link-*3,!link-*7";
        let (memory, quick) = (Memory::default(), takes_all());
        let limits = BlockLimits { block_records, ..BlockLimits::default() };
        let progress = Progress::Local(Local::default());
        let outcome = crate::support::paused_runtime().block_on(async {
            let targets = [(slow.clone(), rules), (quick, rules)];
            let forwarder = ruled(&targets, &memory).with_block_limits(limits).or_progress(progress);
            forward(&forwarder, &memory, "k", &some_unruly(0..clicks, &wrong)).await
        });
        prop_assert_eq!(outcome.failure(), None);
        let filtered = (0..clicks).filter(filtered).count();
        for target in &outcome.targets {
            let tally = Tally {
                read: clicks as u64,
                sent: (clicks - filtered - wrong.len()) as u64,
                filtered: filtered as u64,
                quarantined: wrong.len() as u64,
                failed: 0,
            };
            prop_assert_eq!(target.tally, tally, "{}", &target.target);
        }
        prop_assert_eq!(rows(&memory).len(), 2 * wrong.len());
        let took = slow.state.lock().unwrap();
        prop_assert!(took.offsets.values().all(|times| *times == 1));
        prop_assert_eq!(took.offsets.len(), clicks - filtered - wrong.len());
    }

    #[test]
    fn windows_are_cut_alike_whatever_is_left_out_or_wrong(
        clicks in 1usize..300, wrong in prop::collection::btree_set(0usize..300, 0..25),
        wanted in prop::collection::btree_set(0usize..300, 0..100),
    ) {
        let text = some_unruly(0..clicks, &wrong);
        let windows = |rules: &str| {
            let seen: Arc<Mutex<BTreeMap<u64, String>>> = Arc::default();
            let sees = seen.clone();
            let mut target = Arc::into_inner(target(usize::MAX, move |_, batch: &[Entry]| {
                let digest = |entry: &Entry| entry.window.as_ref().unwrap().digest.get().unwrap().to_string();
                let first = digest(&batch[0]);
                assert!(batch.iter().all(|entry| digest(entry) == first), "a request is one window");
                sees.lock().unwrap().extend(batch.iter().map(|entry| (entry.record_offset, first.clone())));
                Ok(vec![Verdict::Sent; batch.len()])
            })).unwrap();
            let bounds = WindowBounds { bytes: 5000, clicks: 20, hours: 32 };
            target.delivery.batching = Batching::Windows(bounds);
            let memory = Memory::default();
            let outcome = crate::support::paused_runtime().block_on(async {
                let forwarder = ruled(&[(Arc::new(target), rules)], &memory);
                forward(&forwarder, &memory, "k", &text).await
            });
            let seen = seen.lock().unwrap().clone();
            (outcome, seen)
        };
        let all = windows("SAMPLE=1").1;
        let (outcome, some) = windows(&(links(wanted.iter().copied()) + ",unruly-*"));
        if outcome.targets[0].failure.is_none() {
            let tally = outcome.targets[0].tally;
            prop_assert_eq!(tally.sent, some.len() as u64);
            prop_assert_eq!(tally.quarantined, wrong.range(..clicks).count() as u64);
        }
        // A rule that fails on most clicks of either fails the target.
        for (at, window) in &some {
            prop_assert!(all.get(at).is_none_or(|whole| whole == window), "{}", at);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_click_that_a_rule_fails_on_waits_for_one_that_passes() {
    let memory = Memory::default();
    let target = takes_all();
    let forwarder =
        ruled(&[(target.clone(), "")], &memory).or_progress(Progress::Local(Local::default()));
    let alone = unruly(1) + "\n";
    let outcome = forward(&forwarder, &memory, "alone", &alone).await;
    let cause = misconfigured(&outcome.targets[0]);
    assert!(
        cause.starts_with("_HEADER_X: no value; it failed on a click"),
        "{cause}"
    );
    assert_eq!(
        (
            outcome.targets[0].undecided,
            outcome.targets[0].tally.failed
        ),
        (1, 1)
    );
    assert!(rows(&memory).is_empty());
    let good = forward(&forwarder, &memory, "good", &lines(0..1)).await;
    assert_eq!(good.failure(), None);
    let again = forward(&forwarder, &memory, "alone", &alone).await;
    assert_eq!(again.failure(), None);
    assert_eq!(
        (again.targets[0].refused, again.targets[0].tally.quarantined),
        (1, 1)
    );
    let row = &rows(&memory)[0];
    assert_eq!(row["reason"], "_HEADER_X: no value");
    assert_eq!(row["raw"], unruly(1));
}

#[tokio::test(start_paused = true)]
async fn clicks_that_a_rule_fails_on_hold_up_no_good_ones() {
    for wrong in [
        vec![0, 1, 2],
        vec![40, 70],
        (80..99).collect(),
        vec![97, 98, 99],
    ] {
        let memory = Memory::default();
        let target = takes_all();
        let forwarder = ruled(&[(target.clone(), "")], &memory);
        let wrong: BTreeSet<usize> = wrong.into_iter().collect();
        let outcome = forward(&forwarder, &memory, "k", &some_unruly(0..100, &wrong)).await;
        assert_eq!(outcome.failure(), None, "{wrong:?}");
        let tally = outcome.targets[0].tally;
        let quarantined = wrong.len() as u64;
        assert_eq!(
            (tally.sent, tally.quarantined),
            (100 - quarantined, quarantined)
        );
        assert_eq!(rows(&memory).len(), wrong.len());
    }
}

#[test]
fn a_rule_that_is_wrong_quarantines_nothing_and_all_comes_back_once_it_is_mended() {
    let cases = [
        (0..1000, "it failed on 11 of the first clicks"),
        (500..1000, "it failed on 20 clicks in a row"),
    ];
    for (wrong, found) in cases {
        let wrong = wrong.collect();
        let target = takes_all();
        let coming = Coming::new(&target, some_unruly(0..1000, &wrong));
        let outcome = coming.run("");
        let cause = misconfigured(&outcome.targets[0]);
        assert!(cause.contains(found), "{cause}");
        assert!(rows(&coming.memory).is_empty());
        assert!(outcome.targets[0].undecided >= 10);
        // Mended: the rule does not come to the clicks that it fails on.
        let outcome = coming.run("LINKS=!unruly-*");
        assert_eq!(outcome.failure(), None);
        let counts = coming.progress().counts.unwrap();
        assert_eq!(
            (counts.sent, counts.filtered, counts.quarantined),
            (1000 - wrong.len() as u64, wrong.len() as u64, 0)
        );
        let took = target.state.lock().unwrap();
        assert!(took.offsets.values().all(|times| *times == 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_is_wrong_about_most_clicks_empties_no_stream_into_the_quarantine() {
    let memory = Memory::default();
    let target = takes_all();
    let forwarder = ruled(&[(target.clone(), "")], &memory);
    for file in 0..100 {
        let clicks = file * 5..file * 5 + 5;
        let wrong = clicks
            .clone()
            .filter(|number| number % 5 != file % 5)
            .collect();
        forward(
            &forwarder,
            &memory,
            &format!("{file}"),
            &some_unruly(clicks, &wrong),
        )
        .await;
    }
    assert!(rows(&memory).len() <= 10, "{}", rows(&memory).len());
}

#[tokio::test(start_paused = true)]
async fn a_lake_waits_over_windows_without_clicks_and_stores_none_undecided() {
    let lake = || {
        let mut lake = Arc::into_inner(takes_all()).unwrap();
        lake.limits.records = usize::MAX;
        lake.delivery.batching = Batching::Windows(WindowBounds {
            bytes: 1 << 20,
            clicks: 5,
            hours: 32,
        });
        Arc::new(lake)
    };
    // Nothing is sent of the first window, so it can wait for the second.
    let (first, memory) = (lake(), Memory::default());
    let forwarder = ruled(&[(first.clone(), "")], &memory);
    let outcome = forward(
        &forwarder,
        &memory,
        "k",
        &some_unruly(0..30, &(0..5).collect()),
    )
    .await;
    assert_eq!(outcome.failure(), None);
    assert_eq!(
        (outcome.targets[0].tally.sent, rows(&memory).len()),
        (25, 5)
    );
    // Of a rule that was found wrong nothing is believed, and so no window with such a click goes.
    let (second, memory) = (lake(), Memory::default());
    let forwarder = ruled(&[(second.clone(), "")], &memory);
    let wrong = forward(
        &forwarder,
        &memory,
        "wrong",
        &some_unruly(0..11, &(0..11).collect()),
    )
    .await;
    assert!(misconfigured(&wrong.targets[0]).contains("11 of the first"));
    let outcome = forward(
        &forwarder,
        &memory,
        "k",
        &some_unruly(0..10, &[2, 7].into()),
    )
    .await;
    misconfigured(&outcome.targets[0]);
    assert_eq!(
        (second.state.lock().unwrap().requests, rows(&memory).len()),
        (0, 0)
    );
}
