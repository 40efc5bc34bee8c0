//! Whole objects to scripted targets: who got what, whatever goes wrong. Time is tokio's own and
//! passes only in waits.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use clickstream_forwarder::deliver::RunControl;
use clickstream_forwarder::forward::Forwarder;
use clickstream_forwarder::job::Job;
use clickstream_forwarder::object::{Memory, ObjectRef};
use clickstream_forwarder::outcome::{End, Failure, Outcome, SkipReason};
use clickstream_forwarder::targets::{Batching, DeliveryMode, SendError, Verdict, WindowBounds};
use proptest::prelude::*;
use tokio::time::Instant;

use crate::scripted::{Mood, Scripted, forwarder, job, limited, memmem, rows, takes_all, target};
use crate::support::{click, lines};

async fn forward(forwarder: &Forwarder, memory: &Memory, text: &str) -> Outcome {
    memory.put("clicks", "k", text.to_owned());
    let outcome = forwarder
        .forward(
            &job("k"),
            RunControl::until(Instant::now() + Duration::from_secs(60)),
        )
        .await;
    for target in &outcome.targets {
        assert!(target.tally.is_conserved(), "{target:?}");
    }
    outcome
}

#[tokio::test(start_paused = true)]
async fn every_target_gets_every_click_once() {
    let (a, b) = (takes_all(), takes_all());
    let (forwarder, memory) = forwarder(&[a.clone(), b.clone()]);
    let outcome = forward(&forwarder, &memory, &(lines(0..95) + "garbage\n")).await;
    assert_eq!(
        (
            outcome.end.clone(),
            outcome.records,
            outcome.bad,
            outcome.failure()
        ),
        (End::Complete, 96, 1, None)
    );
    for (target, outcome) in [a, b].iter().zip(&outcome.targets) {
        let took = target.state.lock().unwrap();
        assert_eq!(
            (took.clicks.len(), took.clicks.values().all(|n| *n == 1)),
            (95, true)
        );
        assert_eq!(took.requests, 10);
        assert_eq!(
            (
                outcome.tally.read,
                outcome.tally.sent,
                outcome.tally.quarantined
            ),
            (96, 95, 1)
        );
    }
    assert_eq!(rows(&memory)[0]["raw"], "garbage");
}

#[tokio::test(start_paused = true)]
async fn only_the_entries_that_were_not_taken_are_sent_again() {
    let odd = target(10, |number, batch| {
        let verdict = |at: usize| {
            if at % 2 == 1 && number < 3 {
                Verdict::Retry
            } else {
                Verdict::Sent
            }
        };
        Ok((0..batch.len()).map(verdict).collect())
    });
    let (forwarder, memory) = forwarder(std::slice::from_ref(&odd));
    let outcome = forward(&forwarder, &memory, &lines(0..10)).await;
    let took = odd.state.lock().unwrap();
    assert_eq!(took.sizes, [10, 5, 2]);
    assert!(took.clicks.len() == 10 && took.clicks.values().all(|n| *n == 1));
    assert_eq!(
        (outcome.targets[0].tally.sent, outcome.targets[0].retries),
        (10, 2)
    );
}

#[tokio::test(start_paused = true)]
async fn a_refused_body_is_halved_until_the_one_bad_click_stands_alone() {
    let picky = target(16, |_, batch| {
        let bad = batch.iter().any(|entry| memmem(&entry.body, b"link-5\""));
        if bad {
            Err(SendError::PayloadRejected("HTTP 422".into()))
        } else {
            Ok(vec![Verdict::Sent; batch.len()])
        }
    });
    let (forwarder, memory) = forwarder(&[picky.clone(), takes_all()]);
    let outcome = forward(&forwarder, &memory, &lines(0..16)).await;
    assert_eq!(
        (
            outcome.targets[0].tally.sent,
            outcome.targets[0].tally.quarantined
        ),
        (15, 1)
    );
    assert_eq!(outcome.targets[1].tally.sent, 16, "for that target only");
    assert_eq!(outcome.failure(), None);
    let rows = rows(&memory);
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (&rows[0]["target"], &rows[0]["reason"], &rows[0]["kind"]),
        (&"a".into(), &"HTTP 422".into(), &"rejected".into())
    );
    assert_eq!(
        (&rows[0]["n"], rows[0]["raw"].as_str()),
        (&1.into(), Some(click(5).as_str()))
    );
}

#[tokio::test(start_paused = true)]
async fn a_target_that_refuses_everything_is_misconfigured_and_quarantines_nothing() {
    let never = target(16, |_, _| {
        Err(SendError::PayloadRejected("HTTP 400".into()))
    });
    let (forwarder, memory) = forwarder(&[never.clone(), takes_all()]);
    let outcome = forward(&forwarder, &memory, &lines(0..100)).await;
    let tally = outcome.targets[0].tally;
    assert_eq!((tally.read, tally.failed, tally.quarantined), (100, 100, 0));
    assert!(
        matches!(&outcome.targets[0].failure, Some(Failure::Misconfigured(cause)) if cause.contains("it refuses everything"))
    );
    assert_eq!(outcome.targets[1].tally.sent, 100);
    assert!(rows(&memory).is_empty());
}

#[tokio::test(start_paused = true)]
async fn credentials_that_are_not_accepted_are_renewed_once() {
    let unauthorized = || Err(SendError::Unauthorized("HTTP 401".into()));
    // The third request is refused once more, and accepted with the new credentials.
    let mut rotated = target(10, move |number, batch| match number {
        3 => unauthorized(),
        _ => Ok(vec![Verdict::Sent; batch.len()]),
    });
    Arc::get_mut(&mut rotated).unwrap().renews = true;
    let mut refused = target(100, move |_, _| unauthorized());
    Arc::get_mut(&mut refused).unwrap().renews = true;
    let fixed = target(100, move |_, _| unauthorized());
    let targets = [rotated.clone(), refused.clone(), fixed.clone()];
    let (forwarder, memory) = forwarder(&targets);
    let outcome = forward(&forwarder, &memory, &lines(0..50)).await;
    assert_eq!(outcome.targets[0].tally.sent, 50);
    assert_eq!(outcome.targets[0].failure, None);
    for target in &outcome.targets[1..] {
        assert_eq!((target.tally.failed, target.tally.quarantined), (50, 0));
        let failure = Failure::Misconfigured("HTTP 401".into());
        assert_eq!(target.failure, Some(failure));
    }
    let counts = |target: &Arc<Scripted>| {
        let took = target.state.lock().unwrap();
        (took.requests, took.renewals)
    };
    assert_eq!(counts(&rotated), (6, 1));
    assert_eq!(counts(&refused), (2, 1), "refused, renewed, refused");
    assert_eq!(counts(&fixed), (1, 1), "refused, and nothing to renew");
}

#[tokio::test(start_paused = true)]
async fn a_window_that_is_refused_is_never_split_and_fails_the_target_alone() {
    let mut lake = target(100, |_, _| {
        Err(SendError::PayloadRejected("HTTP 413".into()))
    });
    Arc::get_mut(&mut lake).unwrap().delivery = DeliveryMode {
        batching: Batching::Windows(WindowBounds {
            bytes: 1 << 20,
            clicks: 8,
            hours: 32,
        }),
        ..DeliveryMode::WHOLE
    };
    let (forwarder, memory) = forwarder(&[lake.clone(), takes_all()]);
    let outcome = forward(&forwarder, &memory, &lines(0..16)).await;
    let tally = outcome.targets[0].tally;
    assert_eq!((tally.read, tally.failed, tally.quarantined), (16, 16, 0));
    assert!(
        matches!(&outcome.targets[0].failure, Some(Failure::Misconfigured(cause)) if cause.contains("HTTP 413") && cause.contains("never divided"))
    );
    assert!(
        lake.state
            .lock()
            .unwrap()
            .sizes
            .iter()
            .all(|size| *size == 8)
    );
    assert_eq!(outcome.targets[1].tally.sent, 16);
    assert!(rows(&memory).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_misconfigured_target_fails_at_once_and_alone() {
    let denied = target(10, |_, _| Err(SendError::Misconfigured("HTTP 401".into())));
    let (forwarder, memory) = forwarder(&[denied.clone(), takes_all()]);
    let outcome = forward(&forwarder, &memory, &lines(0..500)).await;
    assert_eq!(
        (
            outcome.targets[0].tally.failed,
            outcome.targets[1].tally.sent
        ),
        (500, 500)
    );
    assert!(
        denied.state.lock().unwrap().requests <= 2,
        "those in flight when the first came back"
    );
    assert!(
        outcome
            .failure()
            .unwrap()
            .contains("target a: misconfigured: HTTP 401")
    );
    assert!(rows(&memory).is_empty());
}

#[tokio::test(start_paused = true)]
async fn no_target_waits_for_anothers_retries_and_the_object_is_read_again_for_it() {
    let start = Instant::now();
    let recovered = Arc::new(Mutex::new(None));
    let seen = recovered.clone();
    let down = target(10, move |_, batch| {
        if start.elapsed() < Duration::from_secs(20) {
            return Err(SendError::Unavailable("HTTP 503".into()));
        }
        seen.lock().unwrap().get_or_insert(start.elapsed());
        Ok(vec![Verdict::Sent; batch.len()])
    });
    let finished = Arc::new(Mutex::new(Duration::ZERO));
    let noted = finished.clone();
    let quick = target(10, move |_, batch| {
        *noted.lock().unwrap() = start.elapsed();
        Ok(vec![Verdict::Sent; batch.len()])
    });
    let (forwarder, memory) = forwarder(&[down.clone(), quick.clone()]);
    let text: String = (0..600)
        .map(|n| {
            if n % 50 == 7 {
                format!("bad {n}\n")
            } else {
                click(n) + "\n"
            }
        })
        .collect();
    let outcome = forward(&forwarder, &memory, &text).await;
    assert!(
        *finished.lock().unwrap() < Duration::from_secs(5),
        "the quick one was through in {:?}",
        finished.lock().unwrap()
    );
    for (target, outcome) in [down, quick].iter().zip(&outcome.targets) {
        let took = target.state.lock().unwrap();
        assert!(
            took.clicks.len() == 588 && took.clicks.values().all(|n| *n == 1),
            "{} clicks",
            took.clicks.len()
        );
        assert_eq!(
            (
                outcome.tally.read,
                outcome.tally.sent,
                outcome.tally.quarantined
            ),
            (600, 588, 12)
        );
    }
    assert_eq!(rows(&memory).len(), 12, "read twice, kept once");
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_replaced_is_not_mixed_with_the_one_before() {
    let start = Instant::now();
    let down = target(10, move |_, batch| {
        if start.elapsed() < Duration::from_secs(20) {
            Err(SendError::Unavailable("HTTP 503".into()))
        } else {
            Ok(vec![Verdict::Sent; batch.len()])
        }
    });
    let shelf: Arc<Mutex<Option<Memory>>> = Arc::default();
    let behind = shelf.clone();
    let quick = target(10, move |number, batch| {
        if number == 30 {
            behind
                .lock()
                .unwrap()
                .as_ref()
                .unwrap()
                .put("clicks", "k", lines(700..900));
        }
        Ok(vec![Verdict::Sent; batch.len()])
    });
    let (forwarder, memory) = forwarder(&[down, quick]);
    shelf.lock().unwrap().replace(memory.clone());
    let outcome = forward(&forwarder, &memory, &lines(0..600)).await;
    assert!(
        matches!(&outcome.end, End::Failed(cause) if cause.contains("replaced")),
        "{:?}",
        outcome.end
    );
    assert_eq!(outcome.targets[1].tally.sent, 600);
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_a_target_asks_for_holds_back_every_batch_of_every_object() {
    let start = Instant::now();
    let times: Arc<Mutex<Vec<Duration>>> = Arc::default();
    let seen = times.clone();
    let busy = target(10, move |number, batch| {
        seen.lock().unwrap().push(start.elapsed());
        match number {
            1 => Err(SendError::Throttled(
                Some(Duration::from_secs(20)),
                "HTTP 429".into(),
            )),
            _ => Ok(vec![Verdict::Sent; batch.len()]),
        }
    });
    let (forwarder, memory) = limited(&busy, 1, None);
    memory.put("clicks", "other", lines(200..300));
    let control = || RunControl::until(start + Duration::from_secs(60));
    let (text, other) = (lines(0..100), job("other"));
    let (one, two) = tokio::join!(
        forward(&forwarder, &memory, &text),
        forwarder.forward(&other, control())
    );
    assert_eq!((one.failure(), two.failure()), (None, None));
    let times = times.lock().unwrap();
    let early = times.iter().filter(|at| **at < Duration::from_secs(20));
    assert_eq!((early.count(), times.len()), (1, 21));
}

#[tokio::test(start_paused = true)]
async fn a_pause_longer_than_the_run_is_left_to_the_message() {
    let busy = target(10, |number, batch| match number {
        1 => Ok(vec![Verdict::Sent; batch.len()]),
        _ => Err(SendError::Throttled(
            Some(Duration::from_secs(900)),
            "HTTP 429".into(),
        )),
    });
    let (forwarder, memory) = limited(&busy, 1, None);
    let outcome = forward(&forwarder, &memory, &lines(0..100)).await;
    assert!(outcome.continues(), "it was sent some");
    let wait = outcome.retry_after().unwrap();
    assert!(wait > Duration::from_secs(890) && wait <= Duration::from_secs(900));
    // The next object of this process is not sent before either, and costs no request.
    let requests = busy.state.lock().unwrap().requests;
    let outcome = forward(&forwarder, &memory, &lines(0..100)).await;
    assert!(!outcome.continues() && outcome.retry_after().is_some());
    assert!(outcome.failure().unwrap().contains("HTTP 429"));
    assert_eq!(busy.state.lock().unwrap().requests, requests);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_fails_what_is_left_and_says_so() {
    let down = target(10, |_, _| {
        Err(SendError::Throttled(
            Some(Duration::from_secs(3600)),
            "HTTP 429".into(),
        ))
    });
    let (forwarder, memory) = forwarder(&[down.clone(), takes_all()]);
    let start = Instant::now();
    let outcome = forward(&forwarder, &memory, &lines(0..50)).await;
    assert!(
        start.elapsed() < Duration::from_secs(60),
        "an hour is not waited for"
    );
    assert_eq!(
        (
            outcome.targets[0].tally.failed,
            outcome.targets[1].tally.sent
        ),
        (50, 50)
    );
    assert!(
        outcome.failure().unwrap().contains("HTTP 429"),
        "{:?}",
        outcome.failure()
    );
    assert_eq!(outcome.targets[0].retries, 0, "nothing was sent again");
}

#[tokio::test(start_paused = true)]
async fn a_click_that_a_target_cannot_carry_is_kept_for_that_target() {
    let unfit = click(1).replace("link-1", "unfit");
    let large = click(2).replace("link-2", &"x".repeat(20_000));
    let (forwarder, memory) = forwarder(&[takes_all()]);
    let outcome = forward(
        &forwarder,
        &memory,
        &format!("{unfit}\n{large}\n{}\n", click(3)),
    )
    .await;
    assert_eq!(
        (
            outcome.targets[0].tally.sent,
            outcome.targets[0].tally.quarantined
        ),
        (1, 2)
    );
    let reasons: Vec<_> = rows(&memory)
        .iter()
        .map(|row| row["reason"].as_str().unwrap().to_owned())
        .collect();
    assert!(
        reasons.iter().any(|reason| reason == "it says so"),
        "{reasons:?}"
    );
    assert!(
        reasons
            .iter()
            .any(|reason| reason.contains("it takes 10000 at most")),
        "{reasons:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_same_run_again_stores_nothing_twice_and_rows_fed_back_keep_their_ids() {
    let open = Arc::new(Mutex::new(false));
    let now_open = open.clone();
    let picky = target(4, move |_, batch| {
        let bad = !*now_open.lock().unwrap()
            && batch.iter().any(|entry| memmem(&entry.body, b"link-5\""));
        if bad {
            Err(SendError::PayloadRejected("HTTP 422".into()))
        } else {
            Ok(vec![Verdict::Sent; batch.len()])
        }
    });
    let other = takes_all();
    let (forwarder, memory) = forwarder(&[picky.clone(), other.clone()]);
    // The rejected click stands twice in its file: n must be kept.
    let text = format!("{}{}\n{}\nbroken\n", lines(0..6), click(5), click(9));
    forward(&forwarder, &memory, &text).await;
    let first: Vec<_> = memory.keys("rows", "", None);
    forward(&forwarder, &memory, &text).await;
    assert_eq!(memory.keys("rows", "", None), first);
    assert_eq!(rows(&memory).len(), 3);

    *open.lock().unwrap() = true;
    let mut fed = String::new();
    for row in rows(&memory) {
        fed += &format!("{row}\n");
    }
    let (before, ids): (Vec<_>, Vec<_>) = {
        let took = other.state.lock().unwrap();
        (
            took.clicks.values().copied().collect(),
            took.clicks.keys().cloned().collect(),
        )
    };
    let outcome = forward(&forwarder, &memory, &fed).await;
    assert_eq!(outcome.failure(), None);
    let took = picky.state.lock().unwrap();
    assert_eq!(
        took.clicks.keys().cloned().collect::<Vec<_>>(),
        ids,
        "the same ids as the other target saw"
    );
    assert_eq!(
        other
            .state
            .lock()
            .unwrap()
            .clicks
            .values()
            .copied()
            .collect::<Vec<_>>(),
        before,
        "rows of a go to a alone"
    );
    let tally = outcome.targets[1].tally;
    assert_eq!((tally.read, tally.filtered, tally.quarantined), (3, 2, 1));
    assert_eq!(
        memory.keys("rows", "", None),
        first,
        "what is still bad is kept under the same name"
    );
}

#[tokio::test(start_paused = true)]
async fn rows_of_several_objects_go_out_apart_and_equal_clicks_stay_two() {
    let alone = target(10, |_, batch| {
        assert!(
            batch.iter().all(|entry| entry.object == batch[0].object),
            "a request speaks of one object"
        );
        Ok(vec![Verdict::Sent; batch.len()])
    });
    let (forwarder, memory) = forwarder(std::slice::from_ref(&alone));
    let row = |key: &str, offset: u64, raw: &str| {
        serde_json::json!({"clickstream_quarantine": 1, "id": "x", "kind": "record", "reason": "was broken", "raw": raw, "length": 1,
            "source": {"bucket": "b", "key": key, "offset": offset, "index": offset}})
    };
    let fed = [
        row("1", 0, &click(1)),
        row("2", 0, &click(2)),
        row("2", 9, &click(2)),
        row("2", 10, "[]"),
    ];
    let outcome = forward(
        &forwarder,
        &memory,
        &fed.map(|row| row.to_string() + "\n").concat(),
    )
    .await;
    assert_eq!(
        (
            outcome.targets[0].tally.sent,
            outcome.targets[0].tally.quarantined
        ),
        (3, 1)
    );
    let took = alone.state.lock().unwrap();
    assert_eq!((took.clicks.len(), took.sizes.as_slice()), (3, &[1, 2][..]));
    let kept = rows(&memory);
    assert_eq!(
        kept[0]["reason"],
        "fed back, but not a click: not a JSON object; before: was broken"
    );
}

#[tokio::test(start_paused = true)]
async fn what_must_not_be_read_is_not() {
    let (forwarder, memory) = forwarder(&[takes_all()]);
    memory.put("rows", "q/x.jsonl", lines(0..1));
    let control = RunControl::until(Instant::now() + Duration::from_secs(9));
    let end = async |job: Job| forwarder.forward(&job, control.clone()).await.end;
    assert_eq!(
        end(Job {
            bucket: "rows".into(),
            ..job("q/x.jsonl")
        })
        .await,
        End::Skipped(SkipReason::OwnOutput)
    );
    assert_eq!(
        end(Job {
            size: Some(0),
            ..job("folder/")
        })
        .await,
        End::Skipped(SkipReason::FolderMarker)
    );
    assert_eq!(
        end(Job {
            size: Some(0),
            ..job("empty")
        })
        .await,
        End::Skipped(SkipReason::Empty)
    );
    assert_eq!(
        end(Job {
            bucket: String::new(),
            ..job("/etc/passwd")
        })
        .await,
        End::Skipped(SkipReason::NoBucket)
    );
    assert_eq!(end(job("gone")).await, End::Missing);
    assert_eq!(
        rows(&memory)
            .iter()
            .filter(|row| row["kind"] == "object")
            .count(),
        1,
        "somebody must learn of it"
    );
}

#[tokio::test(start_paused = true)]
async fn the_second_spelling_of_a_key_is_tried() {
    let (forwarder, memory) = forwarder(&[takes_all()]);
    memory.put("clicks", "a b", lines(0..1));
    let job = Job {
        keys: vec!["a+b".into(), "a b".into()],
        ..job("")
    };
    let outcome = forwarder
        .forward(
            &job,
            RunControl::until(Instant::now() + Duration::from_secs(9)),
        )
        .await;
    assert_eq!(
        (outcome.object, outcome.end),
        (ObjectRef::new("clicks", "a b"), End::Complete)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_happens_every_record_ends_as_one_of_four(
        pieces in proptest::collection::vec((0usize..6, 0usize..500), 0..120),
        moods in proptest::collection::vec(
            proptest::collection::vec(
                prop_oneof![
                    8 => Just(Mood::Take), 2 => Just(Mood::TakeHalf), 1 => Just(Mood::RejectFirst), 2 => Just(Mood::Refuse),
                    2 => Just(Mood::Throttle), 2 => Just(Mood::Down), 1 => Just(Mood::Misconfigured),
                ], 1..12), 1..4),
        records in 1usize..12,
    ) {
        let runtime = crate::support::paused_runtime();
        runtime.block_on(conserve(pieces, moods, records));
    }
}

async fn conserve(pieces: Vec<(usize, usize)>, moods: Vec<Vec<Mood>>, records: usize) {
    let text: String = pieces
        .iter()
        .map(|(shape, n)| match shape {
            0 => format!("bad {n}\n"),
            1 => click(*n).replace("\"link", "\"unfit\",\"x\":\"") + "\n",
            _ => click(*n) + "\n",
        })
        .collect();
    let targets: Vec<_> = moods
        .into_iter()
        .map(|moods| {
            target(records, move |number, batch| {
                moods[number % moods.len()].answer(batch)
            })
        })
        .collect();
    let (forwarder, memory) = forwarder(&targets);
    let outcome = forward(&forwarder, &memory, &text).await;
    for (target, scripted) in outcome.targets.iter().zip(&targets) {
        let took = scripted.state.lock().unwrap();
        let tally = target.tally;
        assert_eq!(
            took.clicks.values().sum::<usize>() as u64,
            tally.sent,
            "what was taken was counted, once"
        );
        assert!(
            took.clicks.values().all(|n| *n == 1),
            "no click twice within one run"
        );
        assert_eq!(target.failure.is_some(), tally.failed > 0, "{target:?}");
        // A target that failed in a reading of its own leaves the rest unread.
        if outcome.end == End::Complete && target.failure.is_none() && !target.continued {
            assert_eq!(tally.read, outcome.records, "{target:?}");
        }
        if outcome.end == End::Complete && target.failure.is_none() && !target.continued {
            let rejected = rows(&memory)
                .iter()
                .filter(|row| row["target"] == *target.target)
                .count() as u64;
            assert_eq!(tally.quarantined, rejected + outcome.bad, "{target:?}");
        }
    }
}
