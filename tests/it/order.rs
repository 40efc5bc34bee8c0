//! What goes together and what goes in turn, whatever fails: ordering keys keep their order,
//! requests of one group hold no other, windows are always cut alike.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clickstream_forwarder::deliver::RunControl;
use clickstream_forwarder::forward::Forwarder;
use clickstream_forwarder::outcome::End;
use clickstream_forwarder::progress::{Local, Progress};
use clickstream_forwarder::targets::{
    Batching, DeliveryMode, Entry, SendError, Verdict, WindowBounds,
};
use proptest::prelude::*;
use tokio::time::Instant;

use crate::scripted::{Mood, Scripted, forwarder, job, limited, rows, takes_all, target};

/// A click of a link, in an hour of the day.
fn click(number: usize, link: usize, hour: usize) -> String {
    format!(
        "{{\"timestamp\":\"2026-11-21T{hour:02}:00:00.{number:06}Z\",\"route\":{{\"id\":\"link-{link}\"}}}}\n"
    )
}

fn mood() -> impl Strategy<Value = Mood> {
    prop_oneof![
        4 => Just(Mood::Take),
        2 => Just(Mood::TakeHalf),
        1 => Just(Mood::RejectFirst),
        1 => Just(Mood::Refuse),
        1 => Just(Mood::Throttle),
        1 => Just(Mood::Down),
    ]
}

/// Runs until an object is settled, at most so often.
async fn until_done(forwarder: &Forwarder, key: &str, runs: usize, seconds: u64) -> bool {
    for _ in 0..runs {
        let outcome = forwarder
            .forward(
                &job(key),
                RunControl::until(Instant::now() + Duration::from_secs(seconds)),
            )
            .await;
        assert!(
            outcome
                .targets
                .iter()
                .all(|target| target.tally.is_conserved()),
            "{outcome:?}"
        );
        if matches!(outcome.end, End::Done) || (outcome.failure().is_none() && !outcome.continues())
        {
            return true;
        }
        tokio::time::advance(Duration::from_secs(3600)).await;
    }
    false
}

/// Windows, each with its digest and its clicks.
type Seen = BTreeSet<(String, Vec<u64>)>;

/// What a target with groups was sent: what it took, in turn, by group and object, and the groups
/// in flight.
#[derive(Default)]
struct Turns {
    taken: BTreeMap<(Arc<str>, String), Vec<u64>>,
    flying: BTreeSet<Arc<str>>,
}

fn grouped(moods: Vec<Mood>, turns: Arc<Mutex<Turns>>) -> Arc<Scripted> {
    let mut scripted = target(3, move |number, batch| {
        // Others were sent while this one was on its way; now it is answered.
        let answer = moods
            .get(number % (moods.len() + 1))
            .unwrap_or(&Mood::Take)
            .answer(batch);
        let mut turns = turns.lock().unwrap();
        for (at, entry) in batch.iter().enumerate() {
            let group = entry.ordering_key.clone().unwrap();
            assert!(turns.flying.remove(&group));
            if answer
                .as_ref()
                .is_ok_and(|verdicts| verdicts[at] == Verdict::Sent)
            {
                turns
                    .taken
                    .entry((group, entry.object.key.clone()))
                    .or_default()
                    .push(entry.record_offset);
            }
        }
        answer
    });
    Arc::get_mut(&mut scripted).unwrap().delivery.batching = Batching::OneOfEachGroup;
    scripted
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_group_keeps_its_order_through_every_failure(
        links in prop::collection::vec(0_usize..6, 1..80),
        moods in prop::collection::vec(mood(), 0..40),
    ) {
        let runtime = crate::support::paused_runtime();
        runtime.block_on(async {
            let turns: Arc<Mutex<Turns>> = Arc::default();
            let mut scripted = grouped(moods.clone(), turns.clone());
            let flying = turns.clone();
            Arc::get_mut(&mut scripted).unwrap().before = Some(Box::new(move |batch: &[Entry]| {
                let mut turns = flying.lock().unwrap();
                for entry in batch {
                    assert!(turns.flying.insert(entry.ordering_key.clone().unwrap()), "two requests with one group in flight");
                }
            }));
            let (forwarder, memory) = forwarder(&[scripted]);
            let forwarder = forwarder.or_progress(Progress::Local(Local::default()));
            for key in ["one", "two"] {
                let text: String = links.iter().enumerate().map(|(number, link)| click(number, *link, 3)).collect();
                memory.put("clicks", key, text);
            }
            let (one, two) =
                futures::future::join(until_done(&forwarder, "one", 30, 60), until_done(&forwarder, "two", 30, 60)).await;
            prop_assert!(one && two);
            let turns = turns.lock().unwrap();
            for (group, taken) in &turns.taken {
                prop_assert!(taken.windows(2).all(|pair| pair[0] < pair[1]), "{:?}: {:?}", group, taken);
            }
            prop_assert!(turns.flying.is_empty());
            Ok(())
        })?;
    }

    #[test]
    fn a_request_of_one_group_holds_no_other_whatever_fails(
        links in prop::collection::vec(0_usize..8, 1..120),
        moods in prop::collection::vec(mood(), 0..40),
        is_whole: bool, concurrency in 1_usize..6,
    ) {
        let runtime = crate::support::paused_runtime();
        runtime.block_on(async {
            let mut scripted = target(7, move |number, batch| {
                let mood = moods.get(number % (moods.len() + 1)).unwrap_or(&Mood::Take);
                match mood {
                    // A whole answer takes everything or nothing.
                    Mood::TakeHalf | Mood::RejectFirst if is_whole => Mood::Refuse.answer(batch),
                    mood => mood.answer(batch),
                }
            });
            let one = Arc::get_mut(&mut scripted).unwrap();
            let mode = if is_whole { DeliveryMode::WHOLE } else { DeliveryMode::PER_RECORD };
            one.delivery = DeliveryMode { batching: Batching::OneGroupOnly, ..mode };
            one.before = Some(Box::new(|batch: &[Entry]| {
                assert!(batch[0].group.is_some() && batch.len() <= 7);
                assert!(batch.iter().all(|entry| entry.group == batch[0].group), "{batch:?}");
            }));
            let (forwarder, memory) = limited(&scripted, concurrency, None);
            let forwarder = forwarder.or_progress(Progress::Local(Local::default()));
            let text: String = links.iter().enumerate().map(|(number, link)| click(number, *link, 3)).collect();
            memory.put("clicks", "k", text);
            prop_assert!(until_done(&forwarder, "k", 30, 60).await);
            let took = scripted.state.lock().unwrap();
            let kept = rows(&memory).len();
            prop_assert!(took.clicks.values().all(|times| *times == 1), "{:?}", &took.clicks);
            prop_assert_eq!(took.clicks.len() + kept, links.len());
            prop_assert!(took.most <= concurrency);
            Ok(())
        })?;
    }

    #[test]
    fn an_object_is_cut_alike_whatever_was_sent_before(
        hours in prop::collection::vec((0_usize..5, 0_usize..300), 1..120),
        moods in prop::collection::vec(mood(), 0..20),
        seconds in 1_u64..20,
    ) {
        let text: String = hours.iter().enumerate().map(|(number, (hour, blanks))| click(number, 1, *hour) + &" ".repeat(*blanks)).collect();
        let runtime = crate::support::paused_runtime();
        runtime.block_on(async {
            let whole = windows(Vec::new(), &text, 3600).await;
            let cut = windows(moods, &text, seconds).await;
            for window in &cut {
                prop_assert!(whole.contains(window), "{window:?} is none of {whole:?}");
            }
            let ids = |windows: &Seen| windows.iter().flat_map(|(_, at)| at.clone()).collect::<BTreeSet<_>>();
            prop_assert_eq!(ids(&whole).len(), hours.len());
            prop_assert_eq!(ids(&cut), ids(&whole));
            Ok(())
        })?;
    }
}

#[tokio::test(start_paused = true)]
async fn requests_of_several_groups_go_side_by_side() {
    let mut scripted = takes_all();
    let one = Arc::get_mut(&mut scripted).unwrap();
    one.delivery.batching = Batching::OneGroupOnly;
    let (forwarder, memory) = limited(&scripted, 8, None);
    let text: String = (0..80).map(|number| click(number, number % 8, 3)).collect();
    memory.put("clicks", "k", text);
    assert!(until_done(&forwarder, "k", 1, 60).await);
    let took = scripted.state.lock().unwrap();
    assert!(took.most > 1, "one after the other");
    assert_eq!(took.sizes, [10; 8]);
}

/// The windows that a target was sent, each with its digest and its clicks, until everything was
/// taken.
async fn windows(moods: Vec<Mood>, text: &str, seconds: u64) -> Seen {
    let seen: Arc<Mutex<Seen>> = Arc::default();
    let noted = seen.clone();
    let mut lake = target(usize::MAX, move |number, batch| {
        let digest = batch[0]
            .window
            .as_ref()
            .unwrap()
            .digest
            .get()
            .unwrap()
            .to_string();
        noted.lock().unwrap().insert((
            digest,
            batch.iter().map(|entry| entry.record_offset).collect(),
        ));
        // A window is taken whole or not at all.
        match moods.get(number % (moods.len() + 1)).unwrap_or(&Mood::Take) {
            Mood::Throttle | Mood::TakeHalf => Err(SendError::Throttled(None, "503".into())),
            Mood::Down | Mood::Refuse => Err(SendError::Unavailable("500".into())),
            _ => Ok(vec![Verdict::Sent; batch.len()]),
        }
    });
    Arc::get_mut(&mut lake).unwrap().delivery = DeliveryMode {
        batching: Batching::Windows(WindowBounds {
            bytes: 2000,
            clicks: 20,
            hours: 3,
        }),
        ..DeliveryMode::WHOLE
    };
    let (forwarder, memory) = forwarder(&[lake, takes_all()]);
    let forwarder = forwarder.or_progress(Progress::Local(Local::default()));
    memory.put("clicks", "k", text.to_owned());
    assert!(until_done(&forwarder, "k", 60, seconds).await);
    let seen = seen.lock().unwrap();
    seen.clone()
}
