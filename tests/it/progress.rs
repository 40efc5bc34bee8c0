//! Runs that go on where others stopped: after failures, deadlines, crashes and replays. Time is
//! tokio's own.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clickstream_forwarder::deliver::RunControl;
use clickstream_forwarder::forward::Forwarder;
use clickstream_forwarder::job::Job;
use clickstream_forwarder::object::Memory;
use clickstream_forwarder::outcome::{End, Outcome};
use clickstream_forwarder::progress::{Document, Local, Progress, ReplayRequest};
use clickstream_forwarder::targets::{Entry, SendError, Verdict};
use proptest::prelude::*;
use tokio::time::Instant;

use crate::scripted::{
    Mood, Scripted, forwarder, job, last_document, memmem, rows, takes_all, target, ticking,
};
use crate::support::{click, lines, temporary};

/// A forwarder over memory that remembers in this process.
fn remembering(targets: &[Arc<Scripted>]) -> (Forwarder, Memory) {
    let (forwarder, memory) = forwarder(targets);
    (
        forwarder.or_progress(Progress::Local(Local::default())),
        memory,
    )
}

async fn run(forwarder: &Forwarder, job: &Job, seconds: u64) -> Outcome {
    let outcome = forwarder
        .forward(
            job,
            RunControl::until(Instant::now() + Duration::from_secs(seconds)),
        )
        .await;
    for target in &outcome.targets {
        assert!(target.tally.is_conserved(), "{target:?}");
    }
    outcome
}

/// How many clicks `target` has, and whether none came twice.
fn got(target: &Scripted) -> (usize, bool) {
    let took = target.state.lock().unwrap();
    (
        took.offsets.len(),
        took.offsets.values().all(|times| *times == 1),
    )
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_done_is_not_sent_again() {
    let a = takes_all();
    let (forwarder, memory) = remembering(std::slice::from_ref(&a));
    memory.put("clicks", "k", lines(0..50));
    assert_eq!(run(&forwarder, &job("k"), 60).await.end, End::Complete);
    let again = run(&forwarder, &job("k"), 60).await;
    assert_eq!((again.end.clone(), again.failure()), (End::Done, None));
    assert_eq!(got(&a), (50, true));
    memory.put("clicks", "k", lines(50..60));
    assert_eq!(
        run(&forwarder, &job("k"), 60).await.end,
        End::Complete,
        "another object under the same key"
    );
    assert_eq!(a.state.lock().unwrap().clicks.len(), 60);
}

#[tokio::test(start_paused = true)]
async fn what_failed_comes_back_for_that_target_and_for_what_is_unsettled_alone() {
    let down = Arc::new(Mutex::new(true));
    let is_down = down.clone();
    // The third request of ten clicks fails for as long as the target is down; others pass.
    let partly = target(10, move |_, batch| {
        let third = batch.iter().any(|entry| memmem(&entry.body, b"link-25\""));
        if third && *is_down.lock().unwrap() {
            Err(SendError::Unavailable("503".into()))
        } else {
            Ok(vec![Verdict::Sent; batch.len()])
        }
    });
    let healthy = takes_all();
    let (forwarder, memory) = remembering(&[partly.clone(), healthy.clone()]);
    memory.put("clicks", "k", lines(0..40) + "broken\n" + &lines(40..100));
    let first = run(&forwarder, &job("k"), 20).await;
    assert!(
        first.continues() && first.failure().is_none(),
        "the time was short: {first:?}"
    );
    assert_eq!(
        (first.targets[0].continued, first.targets[0].tally.sent),
        (true, 90)
    );
    assert_eq!((got(&partly), got(&healthy)), ((90, true), (100, true)));
    let second = run(&forwarder, &job("k"), 20).await;
    assert!(
        second.failure().unwrap().contains("503") && !second.continues(),
        "nothing was settled: {second:?}"
    );
    tokio::time::advance(Duration::from_secs(600)).await;
    *down.lock().unwrap() = false;
    let third = run(&forwarder, &job("k"), 20).await;
    assert_eq!(
        (third.failure(), third.targets.len()),
        (None, 1),
        "b is not asked again"
    );
    assert_eq!(
        (third.targets[0].tally.sent, third.targets[0].resumed),
        (10, 91),
        "{third:?}"
    );
    assert_eq!((got(&partly), got(&healthy)), ((100, true), (100, true)));
    assert_eq!(run(&forwarder, &job("k"), 20).await.end, End::Done);
    assert_eq!(rows(&memory).len(), 1, "the bad record is kept once");
}

#[tokio::test(start_paused = true)]
async fn a_target_that_fails_in_mid_file_gets_all_the_rest_later() {
    let broken = Arc::new(Mutex::new(true));
    let is_broken = broken.clone();
    let failing = target(10, move |number, batch| {
        match number > 1 && *is_broken.lock().unwrap() {
            true => Err(SendError::Misconfigured("401".into())),
            false => Ok(vec![Verdict::Sent; batch.len()]),
        }
    });
    // Its queue holds up reading, so that the other fails before everything is offered.
    let mut slow = takes_all();
    Arc::get_mut(&mut slow).unwrap().delay = Duration::from_secs(1);
    let (forwarder, memory) = remembering(&[failing.clone(), slow.clone()]);
    memory.put("clicks", "k", lines(0..203));
    assert!(
        run(&forwarder, &job("k"), 60)
            .await
            .failure()
            .unwrap()
            .contains("401")
    );
    *broken.lock().unwrap() = false;
    assert_eq!(run(&forwarder, &job("k"), 60).await.failure(), None);
    assert_eq!((got(&failing), got(&slow)), ((203, true), (203, true)));
}

#[tokio::test(start_paused = true)]
async fn what_a_target_took_in_an_earlier_run_is_no_evidence_but_what_it_takes_afterwards_is() {
    let start = Instant::now();
    let picky = target(1, move |_, batch| {
        let wrong = memmem(&batch[0].body, b"wrong");
        match (wrong, start.elapsed() < Duration::from_secs(30)) {
            (false, _) => Ok(vec![Verdict::Sent]),
            (true, true) => Err(SendError::Throttled(None, "429".into())),
            (true, false) => Err(SendError::PayloadRejected("422".into())),
        }
    });
    let (forwarder, memory) = remembering(std::slice::from_ref(&picky));
    memory.put(
        "clicks",
        "k",
        lines(0..5) + &lines(5..35).replace("link-", "wrong-"),
    );
    assert!(run(&forwarder, &job("k"), 20).await.continues());
    tokio::time::advance(Duration::from_secs(60)).await;
    let outcome = run(&forwarder, &job("k"), 20).await;
    assert!(outcome.failure().unwrap().contains("it refuses everything"));
    assert_eq!(outcome.targets[0].tally.quarantined, 0);
    memory.put("clicks", "other", lines(50..51));
    assert_eq!(run(&forwarder, &job("other"), 20).await.failure(), None);
    let outcome = run(&forwarder, &job("k"), 20).await;
    assert_eq!(
        (outcome.failure(), outcome.targets[0].tally.quarantined),
        (None, 30)
    );
}

#[tokio::test(start_paused = true)]
async fn a_second_run_on_a_held_object_backs_off_and_sends_nothing() {
    let mut slow = takes_all();
    Arc::get_mut(&mut slow).unwrap().delay = Duration::from_secs(2);
    let (forwarder, memory) = remembering(std::slice::from_ref(&slow));
    memory.put("clicks", "k", lines(0..300));
    let job = job("k");
    let (first, second) = futures::join!(run(&forwarder, &job, 600), async {
        tokio::time::advance(Duration::from_millis(100)).await;
        run(&forwarder, &job, 600).await
    });
    assert_eq!((first.end.clone(), first.failure()), (End::Complete, None));
    assert!(
        matches!(second.end, End::LeasedElsewhere(left) if left <= Duration::from_secs(30)),
        "{:?}",
        second.end
    );
    assert!(second.failure().unwrap().contains("another run has it"));
    assert_eq!(got(&slow), (300, true));
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_renewed_while_its_run_waits() {
    let mut slow = takes_all();
    Arc::get_mut(&mut slow).unwrap().delay = Duration::from_secs(25);
    let (forwarder, memory) = remembering(std::slice::from_ref(&slow));
    memory.put("clicks", "k", lines(0..100));
    let job = job("k");
    let (first, second) = futures::join!(run(&forwarder, &job, 600), async {
        tokio::time::timeout(Duration::from_secs(75), std::future::pending::<()>())
            .await
            .unwrap_err();
        run(&forwarder, &job, 600).await
    });
    assert_eq!((first.failure(), got(&slow)), (None, (100, true)));
    assert!(
        matches!(second.end, End::LeasedElsewhere(left) if left > Duration::from_secs(15)),
        "{:?}",
        second.end
    );
}

#[tokio::test(start_paused = true)]
#[expect(
    clippy::disallowed_methods,
    reason = "notices that come a second apart, in tokio's paused time"
)]
async fn rows_that_take_long_to_store_do_not_let_the_lease_run_out() {
    let refuses_one = || {
        let mut picky = target(10, |_, batch| {
            let verdict = |entry: &Entry| match memmem(&entry.body, b"link-15\"") {
                true => Verdict::Rejected("no".into()),
                false => Verdict::Sent,
            };
            Ok(batch.iter().map(verdict).collect())
        });
        Arc::get_mut(&mut picky).unwrap().delay = Duration::from_secs(2);
        picky
    };
    let targets: Vec<_> = std::iter::repeat_with(refuses_one).take(5).collect();
    let memory = Memory::slow(Duration::from_secs(7));
    let (_keep, directory) = temporary();
    let path = directory.join("progress.jsonl");
    let local = Progress::Local(Local::in_file(&path).unwrap());
    let forwarder = || ticking(&targets, &memory).or_progress(local.clone());
    memory.put("clicks", "k", lines(0..600));
    let (mine, others, job) = (forwarder(), forwarder(), job("k"));
    let (first, ()) = futures::join!(run(&mine, &job, 600), async {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            match run(&others, &job, 600).await.end {
                End::LeasedElsewhere(left) => assert!(left > Duration::from_secs(5), "{left:?}"),
                End::Done => return,
                other => panic!("another run took over: {other:?}"),
            }
        }
    });
    assert_eq!((first.end.clone(), first.failure()), (End::Complete, None));
    for target in &targets {
        assert_eq!(got(target), (599, true));
    }
    assert_eq!(rows(&memory).len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_target_too_slow_for_one_run_gets_everything_over_many() {
    let mut slow = target(1, |_, _| Ok(vec![Verdict::Sent]));
    Arc::get_mut(&mut slow).unwrap().delay = Duration::from_millis(200);
    let quick = takes_all();
    let (forwarder, memory) = remembering(&[slow.clone(), quick.clone()]);
    memory.put("clicks", "k", lines(0..1000));
    let mut runs = 1;
    while run(&forwarder, &job("k"), 9).await.continues() {
        runs += 1;
    }
    assert!(
        (8..20).contains(&runs),
        "two in flight, five a second each, nine seconds a run: {runs} runs"
    );
    assert_eq!((got(&slow), got(&quick)), ((1000, true), (1000, true)));
    assert_eq!(run(&forwarder, &job("k"), 9).await.end, End::Done);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_takes_ten_clicks_a_second_gets_every_click_once_over_many_invocations() {
    let clicks = 5_000;
    let start = Instant::now();
    let taken = Mutex::new((0.0, 0));
    let narrow = target(10, move |_, batch| {
        let (mut since, mut throttled) = *taken.lock().unwrap();
        let now = start.elapsed().as_secs_f64();
        let free = now >= since;
        (since, throttled) = if free {
            (now + batch.len() as f64 / 10.0, throttled)
        } else {
            (since, throttled + 1)
        };
        *taken.lock().unwrap() = (since, throttled);
        if free {
            Ok(vec![Verdict::Sent; batch.len()])
        } else {
            Err(SendError::Throttled(
                Some(Duration::from_secs(1)),
                "429".into(),
            ))
        }
    });
    let (forwarder, memory) = remembering(std::slice::from_ref(&narrow));
    memory.put("clicks", "k", lines(0..clicks));
    let mut runs = 1;
    while run(&forwarder, &job("k"), 90).await.continues() {
        runs += 1;
    }
    assert_eq!(
        (got(&narrow), run(&forwarder, &job("k"), 90).await.end),
        ((clicks, true), End::Done)
    );
    assert!(
        runs > clicks / 2_000,
        "{runs} runs of 90 s in {:?}",
        start.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_run_that_settles_nothing_fails_and_does_not_continue() {
    let mut silent = target(1, |_, _| Ok(vec![Verdict::Sent]));
    Arc::get_mut(&mut silent).unwrap().delay = Duration::from_secs(3600);
    let (forwarder, memory) = remembering(std::slice::from_ref(&silent));
    memory.put("clicks", "k", lines(0..100) + "broken\n");
    for _ in 0..2 {
        let outcome = run(&forwarder, &job("k"), 5).await;
        assert!(
            !outcome.continues() && outcome.failure().is_some(),
            "{outcome:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_replay_forwards_again_once_and_to_the_targets_it_names() {
    let (a, b) = (takes_all(), takes_all());
    let (forwarder, memory) = remembering(&[a.clone(), b.clone()]);
    memory.put("clicks", "k", lines(0..20));
    run(&forwarder, &job("k"), 60).await;
    let replay = |token: &str, targets: &[&str]| {
        let targets = targets.iter().map(|name| (*name).to_owned()).collect();
        Job {
            replay: Some(ReplayRequest {
                token: token.into(),
                an_hour_earlier: None,
                targets,
            }),
            ..job("k")
        }
    };
    let first = run(&forwarder, &replay("message-1", &["b"]), 60).await;
    assert_eq!((first.targets.len(), first.targets[0].tally.sent), (1, 20));
    assert_eq!(
        run(&forwarder, &replay("message-1", &["b"]), 60).await.end,
        End::Done,
        "the same message, delivered twice"
    );
    assert_eq!(
        run(&forwarder, &replay("message-2", &[]), 60)
            .await
            .targets
            .len(),
        2
    );
    let times = |target: &Scripted| {
        target
            .state
            .lock()
            .unwrap()
            .clicks
            .values()
            .copied()
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (times(&a), times(&b)),
        (vec![2; 20], vec![3; 20]),
        "the same ids"
    );
    let unknown = run(&forwarder, &replay("message-3", &["c"]), 60).await;
    assert!(
        unknown
            .failure()
            .unwrap()
            .contains("names target c, which is not among TARGETS")
    );
}

#[tokio::test(start_paused = true)]
async fn a_replay_that_comes_back_after_one_of_its_targets_was_removed_ends_for_the_others() {
    let broken = target(10, |_, _| Err(SendError::Misconfigured("401".into())));
    let local = Progress::Local(Local::default());
    let (forwarder, memory) = forwarder(&[takes_all(), broken]);
    memory.put("clicks", "k", lines(0..20));
    let again = ReplayRequest {
        token: "message-1".into(),
        an_hour_earlier: None,
        targets: vec!["a".into(), "b".into()],
    };
    let replay = Job {
        replay: Some(again),
        ..job("k")
    };
    assert!(
        run(&forwarder.or_progress(local.clone()), &replay, 60)
            .await
            .failure()
            .is_some()
    );
    let (forwarder, _) = crate::scripted::forwarder_over(&[takes_all()], memory);
    assert_eq!(
        run(&forwarder.or_progress(local), &replay, 60).await.end,
        End::Done
    );
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_added_later_gets_what_comes_again_alone() {
    let (a, b) = (takes_all(), takes_all());
    let local = Progress::Local(Local::default());
    let (before, memory) = forwarder(std::slice::from_ref(&a));
    let before = before.or_progress(local.clone());
    memory.put("clicks", "k", lines(0..20));
    run(&before, &job("k"), 60).await;
    let (after, other) = forwarder(&[a.clone(), b.clone()]);
    // The same bytes are the same revision.
    let bytes = memory.get("clicks", "k").unwrap();
    other.put("clicks", "k", bytes);
    let outcome = run(&after.or_progress(local), &job("k"), 60).await;
    assert_eq!(
        (outcome.failure(), got(&a), got(&b)),
        (None, (20, true), (20, true))
    );
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_down_fails_later_objects_fast_until_a_probe_finds_it_up() {
    let start = Instant::now();
    let down = target(10, move |_, batch| {
        match start.elapsed() < Duration::from_secs(70) {
            true => Err(SendError::Unavailable("HTTP 503".into())),
            false => Ok(vec![Verdict::Sent; batch.len()]),
        }
    });
    let (forwarder, memory) = remembering(std::slice::from_ref(&down));
    for key in ["1", "2", "3"] {
        memory.put("clicks", key, lines(0..10));
    }
    assert!(run(&forwarder, &job("1"), 20).await.failure().is_some());
    let (requests, before) = (down.state.lock().unwrap().requests, Instant::now());
    let fast = run(&forwarder, &job("2"), 20).await;
    assert!(
        fast.failure()
            .unwrap()
            .contains("circuit open after repeated failures, the last HTTP 503"),
        "{fast:?}"
    );
    assert_eq!(
        (down.state.lock().unwrap().requests, before.elapsed()),
        (requests, Duration::ZERO)
    );
    tokio::time::advance(Duration::from_secs(90)).await;
    assert_eq!(
        run(&forwarder, &job("3"), 20).await.failure(),
        None,
        "the probe went through"
    );
    assert_eq!(run(&forwarder, &job("2"), 20).await.failure(), None);
}

#[tokio::test(start_paused = true)]
async fn requests_keep_to_the_rate_and_fewer_fly_while_a_target_throttles() {
    let single = target(1, |_, _| Ok(vec![Verdict::Sent]));
    let (forwarder, memory) = crate::scripted::limited(&single, 50, Some(10.0));
    memory.put("clicks", "k", lines(0..50));
    let start = Instant::now();
    assert_eq!(run(&forwarder, &job("k"), 60).await.failure(), None);
    assert!(
        start.elapsed() >= Duration::from_millis(4900),
        "50 requests at 10 a second in {:?}",
        start.elapsed()
    );

    // Takes two at a time, and has no patience with more.
    let busy: Arc<Mutex<Option<Arc<Scripted>>>> = Arc::default();
    let own = busy.clone();
    let narrow = target(1, move |_, _| {
        let in_flight = own
            .lock()
            .unwrap()
            .as_ref()
            .unwrap()
            .state
            .lock()
            .unwrap()
            .in_flight;
        if in_flight >= 2 {
            Err(SendError::Throttled(None, "429".into()))
        } else {
            Ok(vec![Verdict::Sent])
        }
    });
    busy.lock().unwrap().replace(narrow.clone());
    let (forwarder, memory) = crate::scripted::limited(&narrow, 50, None);
    memory.put("clicks", "k", lines(0..400));
    assert_eq!(run(&forwarder, &job("k"), 600).await.failure(), None);
    let took = narrow.state.lock().unwrap();
    assert!(
        took.clicks.len() == 400 && took.requests < 900,
        "{} requests for 400 clicks",
        took.requests
    );
}

#[tokio::test(start_paused = true)]
async fn a_target_that_never_answers_does_not_hold_up_the_others() {
    let mut silent = target(10, |_, batch| Ok(vec![Verdict::Sent; batch.len()]));
    Arc::get_mut(&mut silent).unwrap().delay = Duration::from_secs(3600);
    let quick = takes_all();
    let (forwarder, memory) = remembering(&[silent, quick.clone()]);
    memory.put("clicks", "k", lines(0..2000));
    let outcome = run(&forwarder, &job("k"), 20).await;
    assert_eq!(got(&quick), (2000, true));
    assert!(
        outcome.targets[0].failure.is_some() && outcome.targets[1].failure.is_none(),
        "{outcome:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_object_that_sends_nothing_is_not_the_probe_of_a_circuit() {
    let start = Instant::now();
    let down = target(10, move |_, batch| {
        match start.elapsed() < Duration::from_secs(40) {
            true => Err(SendError::Unavailable("HTTP 503".into())),
            false => Ok(vec![Verdict::Sent; batch.len()]),
        }
    });
    let (forwarder, memory) = remembering(std::slice::from_ref(&down));
    memory.put("clicks", "1", lines(0..10));
    memory.put("clicks", "empty", "garbage\n");
    assert!(run(&forwarder, &job("1"), 20).await.failure().is_some());
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(run(&forwarder, &job("empty"), 20).await.failure(), None);
    assert_eq!(run(&forwarder, &job("1"), 20).await.failure(), None);
}

#[tokio::test(start_paused = true)]
async fn an_item_says_since_when_and_why_a_target_fails_and_how_its_records_ended() {
    let is_down = Arc::new(Mutex::new(true));
    let down = is_down.clone();
    let failing = target(10, move |number, batch| match *down.lock().unwrap() {
        true if number > 2 => Err(SendError::Misconfigured("401\n".repeat(99))),
        _ => Ok(vec![Verdict::Sent; batch.len()]),
    });
    let (_keep, directory) = temporary();
    let path = directory.join("progress.jsonl");
    let (memory, targets) = (Memory::default(), [failing]);
    let local = Progress::Local(Local::in_file(&path).unwrap());
    let forwarder = ticking(&targets, &memory).or_progress(local);
    memory.put("clicks", "k", lines(0..500) + "broken\n");
    let mut since = Vec::new();
    for _ in 0..3 {
        assert!(run(&forwarder, &job("k"), 60).await.failure().is_some());
        let said = last_document(&path).targets["a"].clone();
        let failing = said.failing.unwrap();
        assert!(failing.cause.starts_with("misconfigured: 401 401"));
        assert_eq!((failing.cause.chars().count(), said.finished), (200, None));
        since.push(failing.since);
        tokio::time::advance(Duration::from_secs(60)).await;
    }
    assert_eq!(since[1], since[2], "{since:?}");
    *is_down.lock().unwrap() = false;
    assert_eq!(run(&forwarder, &job("k"), 60).await.failure(), None);
    let said = last_document(&path).targets["a"].clone();
    let counts = said.counts.unwrap();
    assert_eq!(
        (counts.sent, counts.filtered, counts.quarantined),
        (500, 0, 1)
    );
    assert!(said.failing.is_none() && said.finished.unwrap() > since[2]);
}

/// Returns a job for the contents that stand under `key` now, as a notice names them.
async fn noticed(forwarder: &Forwarder, key: &str) -> Job {
    let object = job(key).object();
    let reader = forwarder.store(&object).open(&object).await.unwrap();
    Job {
        etag: reader.unversioned_etag(),
        ..job(key)
    }
}

#[tokio::test(start_paused = true)]
async fn contents_that_were_replaced_before_they_were_forwarded_are_not_gone_without_a_word() {
    let a = takes_all();
    let (forwarder, memory) = remembering(std::slice::from_ref(&a));
    memory.put("clicks", "k", lines(0..10));
    let before = memory.get("clicks", "k");
    let first = noticed(&forwarder, "k").await;
    memory.put("clicks", "k", lines(10..30));
    let second = noticed(&forwarder, "k").await;
    for notice in [&first, &second, &first] {
        let outcome = run(&forwarder, notice, 60).await;
        assert_eq!(
            (outcome.failure(), outcome.has_replaced),
            (None, *notice == first)
        );
    }
    assert_eq!(a.state.lock().unwrap().clicks.len(), 20, "those there are");
    let rows = rows(&memory);
    assert_eq!((rows.len(), &rows[0]["kind"]), (1, &"object".into()));
    assert!(rows[0]["reason"].as_str().unwrap().contains("was replaced"));
    drop(before);
}

#[tokio::test(start_paused = true)]
async fn the_notice_of_what_was_forwarded_and_then_replaced_or_deleted_loses_nothing() {
    let a = takes_all();
    let (forwarder, memory) = remembering(std::slice::from_ref(&a));
    memory.put("clicks", "k", lines(0..10));
    let before = memory.get("clicks", "k");
    let notice = noticed(&forwarder, "k").await;
    assert_eq!(run(&forwarder, &notice, 60).await.end, End::Complete);
    memory.put("clicks", "k", lines(10..30));
    let replaced = run(&forwarder, &notice, 60).await;
    assert_eq!(
        (replaced.end, replaced.has_replaced),
        (End::Complete, false)
    );
    let deleted = Job {
        keys: vec!["never there".into(), "k2".into()],
        ..notice.clone()
    };
    memory.put("clicks", "k2", before.clone().unwrap());
    assert_eq!(run(&forwarder, &deleted, 60).await.end, End::Complete);
    memory.delete("clicks", "k2");
    assert_eq!(run(&forwarder, &deleted, 60).await.end, End::Done);
    assert_eq!(rows(&memory).len(), 0);
    let again = Job {
        replay: Some(ReplayRequest {
            token: "message-1".into(),
            an_hour_earlier: None,
            targets: Vec::new(),
        }),
        ..deleted
    };
    assert_eq!(run(&forwarder, &again, 60).await.end, End::Missing);
    assert_eq!(rows(&memory).len(), 1, "what is asked for again is gone");
}

#[tokio::test(start_paused = true)]
async fn rows_that_cannot_be_stored_bring_the_object_back_but_double_no_click() {
    let (_keep, directory) = temporary();
    let picky = target(10, |_, batch| {
        match batch.iter().any(|entry| memmem(&entry.body, b"link-3\"")) {
            true => Err(SendError::PayloadRejected("422".into())),
            false => Ok(vec![Verdict::Sent; batch.len()]),
        }
    });
    // A file stands where the directory should be.
    std::fs::write(directory.join("rows"), "").unwrap();
    let (forwarder, memory) =
        crate::scripted::quarantining(&picky, (&directory.join("rows"), 8 << 20));
    let forwarder = forwarder.or_progress(Progress::Local(Local::default()));
    memory.put("clicks", "k", lines(0..20) + "garbage\n");
    for _ in 0..2 {
        assert!(
            run(&forwarder, &job("k"), 20)
                .await
                .failure()
                .unwrap()
                .contains("quarantine")
        );
    }
    assert_eq!(got(&picky), (19, true));
    std::fs::remove_file(directory.join("rows")).unwrap();
    assert_eq!(run(&forwarder, &job("k"), 20).await.failure(), None);
    assert_eq!(got(&picky), (19, true));
    let files = std::fs::read_dir(directory.join("rows")).unwrap();
    let rows: usize = files
        .map(|file| {
            std::fs::read_to_string(file.unwrap().path())
                .unwrap()
                .lines()
                .count()
        })
        .sum();
    assert_eq!(
        (rows, run(&forwarder, &job("k"), 20).await.end),
        (2, End::Done)
    );
}

#[tokio::test(start_paused = true)]
async fn a_bad_record_whose_row_was_not_stored_is_sent_once_it_is_a_click() {
    let (_keep, directory) = temporary();
    std::fs::write(directory.join("rows"), "").unwrap();
    let (a, local) = (takes_all(), Progress::Local(Local::default()));
    let (strict, memory) = crate::scripted::quarantining(&a, (&directory.join("rows"), 2000));
    let large = click(3).replace("link-", &"x".repeat(3000)) + "\n";
    memory.put("clicks", "k", lines(0..3) + &large + &lines(4..20));
    assert!(
        run(&strict.or_progress(local.clone()), &job("k"), 20)
            .await
            .failure()
            .unwrap()
            .contains("quarantine")
    );
    assert_eq!(got(&a), (19, true));
    let (forwarder, _) = crate::scripted::forwarder_over(std::slice::from_ref(&a), memory);
    assert_eq!(
        run(&forwarder.or_progress(local), &job("k"), 20)
            .await
            .failure(),
        None
    );
    assert_eq!(got(&a), (20, true));
}

#[tokio::test(start_paused = true)]
async fn limits_that_change_between_runs_lose_nothing() {
    let broken = Arc::new(Mutex::new(true));
    let is_broken = broken.clone();
    let failing = target(1, move |number, _| {
        match number > 3 && *is_broken.lock().unwrap() {
            true => Err(SendError::Misconfigured("401".into())),
            false => Ok(vec![Verdict::Sent]),
        }
    });
    let local = Progress::Local(Local::default());
    let large = |n: usize, size: usize| click(n).replace("link-", &"x".repeat(size)) + "\n";
    let text = lines(0..20)
        + &large(20, 3000)
        + &lines(21..30)
        + &large(30, 20_000)
        + &lines(31..40)
        + "garbage\n";
    let (forwarder, memory) = forwarder(std::slice::from_ref(&failing));
    memory.put("clicks", "k", text);
    assert!(
        run(&forwarder.or_progress(local.clone()), &job("k"), 60)
            .await
            .failure()
            .is_some()
    );
    *broken.lock().unwrap() = false;
    let (forwarder, _) = crate::scripted::capped(&failing, memory.clone(), 2000);
    assert_eq!(
        run(&forwarder.or_progress(local), &job("k"), 60)
            .await
            .failure(),
        None
    );
    assert_eq!(got(&failing), (38, true));
    let reasons: Vec<_> = rows(&memory)
        .iter()
        .map(|row| row["source"]["index"].as_u64().unwrap())
        .collect();
    for index in [20, 30, 40] {
        assert!(
            reasons.contains(&index),
            "record {index} is neither sent nor kept: {reasons:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_for_which_no_time_is_left_is_not_begun() {
    let (forwarder, memory) = remembering(&[takes_all()]);
    memory.put("clicks", "k", lines(0..3));
    let outcome = run(&forwarder, &job("k"), 0).await;
    assert_eq!(
        (&outcome.end, outcome.continues()),
        (&End::NotStarted, false)
    );
    assert!(outcome.failure().unwrap().contains("before it was opened"));
}

/// How a run ends: of itself, by its deadline, or by the death of the process.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Deadline(u64),
    Crash(u64),
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn whatever_happens_every_record_is_settled_once_per_target(
        pieces in proptest::collection::vec((0usize..8, 0usize..500), 0..300),
        moods in proptest::collection::vec(
            proptest::collection::vec(
                prop_oneof![
                    9 => Just(Mood::Take), 3 => Just(Mood::TakeHalf), 1 => Just(Mood::RejectFirst), 1 => Just(Mood::Refuse),
                    2 => Just(Mood::Throttle), 2 => Just(Mood::Down), 1 => Just(Mood::Misconfigured),
                    1 => Just(Mood::TakeAndHang),
                ], 1..12), 1..4),
        records in 1usize..12,
        delay in 1u64..700,
        fates in proptest::collection::vec(
            prop_oneof![(1u64..6000).prop_map(Fate::Deadline), (1u64..6000).prop_map(Fate::Crash)], 0..8),
    ) {
        settle(&pieces, moods, (records, delay), &fates);
    }
}

/// How often each target, by its number, had the click at an offset.
type Counts = BTreeMap<(usize, u64), usize>;

/// An object that was run until it was done.
struct Settled {
    targets: Vec<Arc<Scripted>>,
    /// Clicks that were taken, and not yet in the progress, when a process died.
    doubled: Counts,
    /// Clicks that were taken without an answer.
    lost: Arc<Mutex<Counts>>,
    crashes: usize,
    rows: Vec<serde_json::Value>,
}

fn line((shape, n): &(usize, usize)) -> String {
    match shape {
        0 => format!("bad {n}\n"),
        1 => click(*n).replace("\"link", "\"unfit\",\"x\":\"") + "\n",
        _ => click(*n) + "\n",
    }
}

/// Runs an object until it is done, each run in a process of its own, and counts.
fn settle(
    pieces: &[(usize, usize)],
    moods: Vec<Vec<Mood>>,
    (records, delay): (usize, u64),
    fates: &[Fate],
) {
    let lost: Arc<Mutex<Counts>> = Arc::default();
    let target = |(own, moods)| {
        let shape = (records + 2 * own, delay >> (2 * own));
        moody(own, moods, shape, lost.clone())
    };
    let targets: Vec<_> = moods.into_iter().enumerate().map(target).collect();
    let (_keep, directory) = temporary();
    let (path, memory) = (directory.join("progress.jsonl"), Memory::default());
    let text: String = pieces.iter().map(line).collect();
    memory.put("clicks", "k", text);
    let endings = fates
        .iter()
        .copied()
        .chain(std::iter::repeat_n(Fate::Deadline(300_000), 60));
    let mut doubled = Counts::new();
    let mut crashes = 0;
    for fate in endings {
        if let Some(outcome) = one_run(&targets, &memory, &path, fate) {
            if outcome.end == End::Done {
                break;
            }
            continue;
        }
        crashes += 1;
        count_unsettled(&targets, &last_document(&path), &mut doubled);
    }
    let last = one_run(&targets, &memory, &path, Fate::Deadline(300_000)).unwrap();
    assert_eq!(last.end, End::Done, "it never ends: {last:?}");
    let settled = Settled {
        targets,
        doubled,
        lost,
        crashes,
        rows: rows(&memory),
    };
    settled.check(pieces);
    check_counts(pieces, &last_document(&path));
}

/// The item says of every target how all records ended.
fn check_counts(pieces: &[(usize, usize)], document: &Document) {
    let lines: Vec<_> = pieces.iter().map(line).collect();
    let is_bad = |line: &String| line.starts_with("bad");
    // Broken lines in a row are one bad record.
    let records = lines.chunk_by(|a, b| is_bad(a) && is_bad(b)).count() as u64;
    for (name, progress) in &document.targets {
        let counts = progress.counts.unwrap();
        let ended = (counts.sent + counts.quarantined, counts.filtered);
        assert_eq!(ended, (records, 0), "{name}: {progress:?}");
        assert!(progress.finished.is_some() && progress.failing.is_none());
    }
}

/// Counts the clicks that targets took and that are not settled.
fn count_unsettled(targets: &[Arc<Scripted>], document: &Document, counts: &mut Counts) {
    for (own, name) in ["a", "b", "c"].iter().enumerate().take(targets.len()) {
        let settled = document.targets.get(*name).cloned().unwrap_or_default();
        let state = targets[own].state.lock().unwrap();
        let taken = state.offsets.keys();
        for at in taken.filter(|at| !settled.is_settled(**at)) {
            *counts.entry((own, *at)).or_default() += 1;
        }
    }
}

impl Settled {
    /// Every record is sent or kept once, as far as nothing explains more.
    fn check(&self, pieces: &[(usize, usize)]) {
        let (mut at, mut before) = (0, false);
        for line in pieces.iter().map(line) {
            let is_bad = line.starts_with("bad");
            // Broken lines in a row are one bad record.
            if is_bad && !before {
                let rows = self.rows_of(at, None);
                assert!(
                    rows == 1 || (rows > 1 && self.crashes > 0),
                    "{rows} rows of the bad record at {at}"
                );
            }
            before = is_bad;
            let names = ["a", "b", "c"].iter().enumerate();
            for (own, name) in names.take(self.targets.len()).filter(|_| !is_bad) {
                self.check_click(own, name, at);
            }
            at += line.len() as u64;
        }
    }

    fn check_click(&self, own: usize, name: &str, at: u64) {
        let state = self.targets[own].state.lock().unwrap();
        let taken = state.offsets.get(&at).copied().unwrap_or_default();
        let rows = self.rows_of(at, Some(name));
        let allowed = [&self.doubled, &*self.lost.lock().unwrap()]
            .map(|more| more.get(&(own, at)).copied().unwrap_or_default());
        let allowed: usize = 1 + allowed.iter().sum::<usize>();
        assert!(
            (1..=allowed + self.crashes).contains(&(taken + rows)),
            "{taken} and {rows} at {at}"
        );
        assert!(
            taken <= allowed,
            "{name} took the click at {at} {taken} times, {allowed} at most can be explained"
        );
    }

    /// How many rows the record at `at` has for `target`.
    fn rows_of(&self, at: u64, target: Option<&str>) -> usize {
        let rows = self.rows.iter();
        rows.filter(|row| row["source"]["offset"] == at && row["target"].as_str() == target)
            .count()
    }
}

/// A target with moods; it notes in `lost` what it took though it did not say so.
fn moody(
    own: usize,
    moods: Vec<Mood>,
    (records, delay): (usize, u64),
    lost: Arc<Mutex<BTreeMap<(usize, u64), usize>>>,
) -> Arc<Scripted> {
    let taken: Arc<Mutex<Option<Arc<Scripted>>>> = Arc::default();
    let this = taken.clone();
    let mut target = target(records, move |number, batch| {
        // For ever, a target that is misconfigured would not be done.
        let mood = match &moods[number % moods.len()] {
            mood @ Mood::TakeHalf => mood,
            mood if number < 40 => mood,
            _ => &Mood::Take,
        };
        if matches!(mood, Mood::TakeAndHang) {
            let target = this.lock().unwrap().clone().unwrap();
            for entry in batch {
                *lost
                    .lock()
                    .unwrap()
                    .entry((own, entry.record_offset))
                    .or_default() += 1;
                *target
                    .state
                    .lock()
                    .unwrap()
                    .offsets
                    .entry(entry.record_offset)
                    .or_default() += 1;
            }
        }
        mood.answer(batch)
    });
    Arc::get_mut(&mut target).unwrap().delay = Duration::from_millis(delay);
    taken.lock().unwrap().replace(target.clone());
    target
}

/// One run in a runtime of its own; nothing if the process dies in it.
fn one_run(targets: &[Arc<Scripted>], memory: &Memory, path: &Path, fate: Fate) -> Option<Outcome> {
    let runtime = crate::support::paused_runtime();
    let outcome = runtime.block_on(async {
        let (forwarder, _) = crate::scripted::forwarder_over(targets, memory.clone());
        let forwarder = forwarder.or_progress(Progress::Local(Local::in_file(path).unwrap()));
        let Fate::Crash(milliseconds) = fate else {
            let Fate::Deadline(milliseconds) = fate else {
                unreachable!()
            };
            let deadline = Instant::now() + Duration::from_millis(milliseconds);
            let outcome = forwarder
                .forward(&job("k"), RunControl::until(deadline))
                .await;
            for target in &outcome.targets {
                assert!(target.tally.is_conserved(), "{target:?}");
                assert!(!target.continued || target.tally.failed == 0, "{target:?}");
            }
            return Some(outcome);
        };
        let job = job("k");
        let running = forwarder.forward(
            &job,
            RunControl::until(Instant::now() + Duration::from_secs(300)),
        );
        tokio::time::timeout(Duration::from_millis(milliseconds), running)
            .await
            .ok()
    });
    for target in targets {
        target.state.lock().unwrap().in_flight = 0;
    }
    outcome
}
