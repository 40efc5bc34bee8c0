//! Whether refused clicks are wrong or the target is: decided by what the target takes, whatever
//! the files. Time is tokio's own and passes only in waits.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clickstream_forwarder::deliver::RunControl;
use clickstream_forwarder::forward::Forwarder;
use clickstream_forwarder::object::Memory;
use clickstream_forwarder::outcome::{Failure, Outcome, Tally};
use clickstream_forwarder::targets::{DeliveryMode, Entry, SendError, Verdict};
use futures::future::join_all;
use proptest::prelude::*;
use tokio::time::Instant;

use crate::scripted::{Scripted, job, limited, rows, target};
use crate::support::lines;

/// The numbers of the clicks of a request.
fn numbers(batch: &[Entry]) -> BTreeSet<usize> {
    let number = |entry: &Entry| {
        let text = String::from_utf8(entry.raw.to_vec()).unwrap();
        let (_, number) = text.split_once("link-").unwrap();
        number.trim_end_matches(['"', '}']).parse().unwrap()
    };
    batch.iter().map(number).collect()
}

/// A target that answers requests as a whole, of up to `records` clicks: `takes` says whether the
/// request of a number is taken.
fn whole(
    records: usize,
    takes: impl Fn(usize, &BTreeSet<usize>) -> bool + Send + Sync + 'static,
) -> Arc<Scripted> {
    let mut target = target(records, move |number, batch| {
        if takes(number, &numbers(batch)) {
            Ok(vec![Verdict::Sent; batch.len()])
        } else {
            Err(SendError::PayloadRejected("HTTP 400".into()))
        }
    });
    Arc::get_mut(&mut target).unwrap().delivery = DeliveryMode::WHOLE;
    target
}

/// A target that is right: it refuses requests with bad clicks.
fn right(records: usize, bad: &BTreeSet<usize>) -> Arc<Scripted> {
    let bad = bad.clone();
    whole(records, move |_, clicks| clicks.is_disjoint(&bad))
}

async fn forward(forwarder: &Forwarder, memory: &Memory, clicks: Range<usize>) -> Outcome {
    let key = format!("{}-{}", clicks.start, clicks.end);
    memory.put("clicks", &key, lines(clicks));
    let control = RunControl::until(Instant::now() + Duration::from_secs(600));
    let outcome = forwarder.forward(&job(&key), control).await;
    for target in &outcome.targets {
        assert!(target.tally.is_conserved(), "{target:?}");
    }
    outcome
}

fn tally(outcome: &Outcome) -> Tally {
    outcome.targets[0].tally
}

fn is_misconfigured(outcome: &Outcome) -> bool {
    matches!(outcome.targets[0].failure, Some(Failure::Misconfigured(_)))
}

/// Asserts that of a file the bad clicks are quarantined, and the others sent once.
async fn decides(clicks: usize, bad: BTreeSet<usize>, records: usize, concurrency: usize) {
    let target = right(records, &bad);
    let (forwarder, memory) = limited(&target, concurrency, None);
    let outcome = forward(&forwarder, &memory, 0..clicks).await;
    let case = format!("{clicks} clicks, {records} a request, {concurrency} at a time: {bad:?}");
    assert_eq!(outcome.failure(), None, "{case}");
    let (sent, quarantined) = ((clicks - bad.len()) as u64, bad.len() as u64);
    assert_eq!(
        (tally(&outcome).sent, tally(&outcome).quarantined),
        (sent, quarantined),
        "{case}"
    );
    let took = target.state.lock().unwrap();
    assert!(took.clicks.values().all(|times| *times == 1), "{case}");
    assert_eq!(rows(&memory).len(), bad.len(), "{case}");
}

#[tokio::test(start_paused = true)]
async fn a_click_that_is_refused_beside_one_that_is_taken_is_decided_in_the_same_run() {
    // The two are on their way at the same time, and the refusal comes first.
    decides(2, [0].into(), 1, 10).await;
    decides(3, [0, 1].into(), 1, 10).await;
}

#[tokio::test(start_paused = true)]
async fn bad_clicks_anywhere_in_a_file_do_not_block_the_good_ones() {
    for concurrency in [1, 10] {
        decides(300, (0..20).collect(), 500, concurrency).await;
        decides(300, (280..300).collect(), 500, concurrency).await;
        decides(300, (140..160).collect(), 500, concurrency).await;
        decides(300, (0..300).step_by(3).collect(), 500, concurrency).await;
        decides(300, (0..20).collect(), 1, concurrency).await;
        decides(10_020, (0..20).collect(), 500, concurrency).await;
        decides(10_020, (0..300).collect(), 500, concurrency).await;
        decides(10_020, (0..10_020).step_by(50).collect(), 500, concurrency).await;
        decides(2, [0].into(), 500, concurrency).await;
        decides(4, [1, 2, 3].into(), 500, concurrency).await;
        decides(6, [3, 4, 5].into(), 500, concurrency).await;
        decides(6, [0, 1, 2].into(), 500, concurrency).await;
    }
}

#[tokio::test(start_paused = true)]
async fn bad_clicks_at_the_head_are_decided_after_another_file_was_taken() {
    let target = right(500, &(1000..1020).collect());
    let (forwarder, memory) = limited(&target, 10, None);
    forward(&forwarder, &memory, 0..10).await;
    let outcome = forward(&forwarder, &memory, 1000..1300).await;
    assert_eq!(outcome.failure(), None);
    assert_eq!(
        (tally(&outcome).sent, tally(&outcome).quarantined),
        (280, 20)
    );
}

#[tokio::test(start_paused = true)]
async fn a_target_that_refuses_everything_quarantines_nothing_and_costs_a_hundred_requests() {
    for (records, concurrency) in [(500, 1), (500, 10), (1, 10), (10, 10)] {
        let target = whole(records, |_, _| false);
        let (forwarder, memory) = limited(&target, concurrency, None);
        for (file, clicks) in [1, 5, 19, 300, 20_000].into_iter().enumerate() {
            let before = target.state.lock().unwrap().requests;
            let start = file * 100_000;
            let outcome = forward(&forwarder, &memory, start..start + clicks).await;
            assert!(is_misconfigured(&outcome), "{outcome:?}");
            let failure = outcome.failure().unwrap();
            assert!(failure.contains("it refuses everything"), "{failure}");
            assert_eq!((tally(&outcome).sent, tally(&outcome).quarantined), (0, 0));
            assert!(outcome.targets[0].undecided > 0);
            let requests = target.state.lock().unwrap().requests - before;
            assert!(requests <= 106, "{requests} requests for {clicks} clicks");
        }
        assert!(rows(&memory).is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_that_breaks_leaves_two_rows_whatever_the_files() {
    for (records, clicks, concurrency) in [(500, 5, 1), (500, 1, 10), (1, 300, 10), (500, 300, 10)]
    {
        let target = whole(records, |number, _| number <= 20);
        let (forwarder, memory) = limited(&target, concurrency, None);
        for file in 0..40 {
            forward(&forwarder, &memory, file * 1000..file * 1000 + clicks).await;
        }
        let rows = rows(&memory).len();
        assert!(rows <= 2, "{rows} rows, {clicks} clicks a file");
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_repaired_leaves_nothing_in_the_quarantine() {
    for repaired in (0..120).step_by(3) {
        let target = whole(500, move |number, _| number > repaired);
        let (forwarder, memory) = limited(&target, 10, None);
        let mut left: Vec<_> = (0..6).map(|file| file * 1000..file * 1000 + 19).collect();
        for _ in 0..30 {
            let mut failed = Vec::new();
            for file in left {
                if forward(&forwarder, &memory, file.clone())
                    .await
                    .failure()
                    .is_some()
                {
                    failed.push(file);
                }
            }
            left = failed;
        }
        assert!(left.is_empty(), "repaired after {repaired} requests");
        assert!(
            rows(&memory).is_empty(),
            "repaired after {repaired} requests"
        );
        assert_eq!(target.state.lock().unwrap().clicks.len(), 6 * 19);
    }
}

#[tokio::test(start_paused = true)]
async fn bad_files_of_one_click_are_decided_as_others_are_taken() {
    let bad: BTreeSet<usize> = [0, 1, 2, 3, 7].into();
    // Side by side: they wait for the others.
    let target = right(500, &bad);
    let (forwarder, memory) = limited(&target, 2, None);
    let files = (0..20).map(|n| forward(&forwarder, &memory, n..n + 1));
    let outcomes = join_all(files).await;
    assert!(outcomes.iter().all(|outcome| outcome.failure().is_none()));
    assert_eq!(rows(&memory).len(), bad.len());
    // One after the other: they come again, long after.
    let target = right(500, &bad);
    let (forwarder, memory) = limited(&target, 2, None);
    let mut failed = Vec::new();
    for n in 0..20 {
        let outcome = forward(&forwarder, &memory, n..n + 1).await;
        failed.extend(outcome.failure().map(|_| n));
    }
    assert_eq!(failed, [0, 1, 2, 3]);
    let later = RunControl::until(Instant::now() + Duration::from_secs(3600));
    later.before_stop(std::future::pending::<()>()).await;
    for n in failed {
        assert_eq!(forward(&forwarder, &memory, n..n + 1).await.failure(), None);
    }
    assert_eq!(rows(&memory).len(), bad.len());
}

#[tokio::test(start_paused = true)]
async fn what_others_of_the_same_answer_were_taken_beside_is_wrong() {
    let each = target(10, |_, batch| {
        let verdict = |entry: &Entry| match numbers(std::slice::from_ref(entry)).first() {
            Some(number) if number % 10 < 6 => Verdict::Rejected("InvalidMessage".into()),
            _ => Verdict::Sent,
        };
        Ok(batch.iter().map(verdict).collect())
    });
    let (forwarder, memory) = limited(&each, 10, None);
    let outcome = forward(&forwarder, &memory, 0..100).await;
    assert_eq!(outcome.failure(), None);
    assert_eq!(
        (tally(&outcome).sent, tally(&outcome).quarantined),
        (40, 60)
    );
    let none = target(10, |_, batch| {
        Ok(vec![
            Verdict::Rejected("InvalidMessage".into());
            batch.len()
        ])
    });
    let (forwarder, memory) = limited(&none, 10, None);
    let outcome = forward(&forwarder, &memory, 0..100).await;
    assert!(is_misconfigured(&outcome) && rows(&memory).is_empty());
}

#[tokio::test(start_paused = true)]
async fn large_clicks_that_are_refused_fill_no_memory_and_stop_nothing() {
    let refuses = Arc::new(AtomicUsize::new(0));
    let seen = refuses.clone();
    let target = whole(500, move |_, clicks| {
        seen.fetch_add(1, Ordering::Relaxed);
        clicks.iter().any(|number| *number >= 100_000)
    });
    let (forwarder, memory) = limited(&target, 10, None);
    let files: Vec<_> = (0..8)
        .map(|file| file * 10_000..file * 10_000 + 9_000)
        .collect();
    let files = files
        .into_iter()
        .map(|clicks| forward(&forwarder, &memory, clicks));
    let outcomes = join_all(files).await;
    assert!(outcomes.iter().all(is_misconfigured));
    assert!(refuses.load(Ordering::Relaxed) <= 8 * 106);
    assert!(rows(&memory).is_empty());
    let outcome = forward(&forwarder, &memory, 100_000..100_100).await;
    assert_eq!(outcome.failure(), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn files_that_come_again_until_they_are_done_end_as_they_must(
        sizes in proptest::collection::vec(1usize..60, 1..8),
        bad in proptest::collection::btree_set(0usize..400, 0..30),
        records in 1usize..40, concurrency in 1usize..11, wrong in 0usize..80,
    ) {
        let runtime = crate::support::paused_runtime();
        runtime.block_on(async {
            let (refused, taken) = (bad.clone(), Arc::new(Mutex::new(BTreeSet::new())));
            let took = taken.clone();
            let target = whole(records, move |number, clicks| {
                let takes = number > wrong && clicks.is_disjoint(&refused);
                if takes {
                    took.lock().unwrap().extend(clicks);
                }
                takes
            });
            let (forwarder, memory) = limited(&target, concurrency, None);
            let mut start = 0;
            let file = |size: &usize| {
                let clicks = start..start + size;
                start = clicks.end;
                clicks
            };
            let mut left: Vec<_> = sizes.iter().map(file).collect();
            // A good file comes now and then, as in a stream.
            for round in 0..60 {
                let good = 10_000 + round..10_001 + round;
                let outcomes = left.iter().cloned().chain([good]).map(|clicks| {
                    let (forwarder, memory) = (&forwarder, &memory);
                    async move {
                        let outcome = forward(forwarder, memory, clicks.clone()).await;
                        outcome.failure().map(|_| clicks)
                    }
                });
                let failed: Vec<_> = join_all(outcomes).await.into_iter().flatten().collect();
                left = failed.into_iter().filter(|clicks| clicks.start < 10_000).collect();
            }
            assert!(left.is_empty(), "{left:?} never ended");
            let bad: BTreeSet<_> = bad.iter().copied().filter(|number| *number < start).collect();
            let good: BTreeSet<_> = (0..start).filter(|number| !bad.contains(number)).collect();
            let taken = taken.lock().unwrap();
            let taken: BTreeSet<_> = taken.range(..10_000).copied().collect();
            assert_eq!(taken, good);
            let rows: BTreeSet<String> = rows(&memory).iter().map(|row| row["click_id"].to_string()).collect();
            assert_eq!(rows.len(), bad.len());
        });
    }
}
