//! Rows of the quarantine to whose clicks rules of their target were applied: they keep the id that
//! the row tells, whatever their bytes are.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use clickstream_forwarder::deliver::RunControl;
use clickstream_forwarder::outcome::Outcome;
use clickstream_forwarder::targets::{Entry, SendError, Verdict};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::scripted::{Scripted, forwarder, job, rows, target};
use crate::support::click;

const GIVEN: &str = "07070707-0707-8707-8707-070707070707";

/// A row of version 2 for target `a`, whose click is not the one that its id is of.
fn row(raw: &str) -> Value {
    json!({
        "clickstream_quarantine": 2, "id": "x", "kind": "rejected", "reason": "HTTP 422", "target": "a",
        "click_id": GIVEN, "batch_key": "batch", "raw": raw, "n": 3,
        "applied": {"filters": true, "privacy": true}, "length": raw.len(),
        "source": {"bucket": "b", "key": "k", "offset": 77, "index": 7},
    })
}

type Kept = Arc<Mutex<Vec<Entry>>>;

/// A target that keeps the entries it takes; it rejects those that `rejects` says.
fn keeping(rejects: fn(&Entry) -> bool) -> (Arc<Scripted>, Kept) {
    let kept = Kept::default();
    let keeps = kept.clone();
    let script = move |_, batch: &[Entry]| {
        let (rejected, taken): (Vec<_>, Vec<_>) = batch.iter().cloned().partition(rejects);
        keeps.lock().unwrap().extend(taken);
        if rejected.is_empty() {
            return Ok(vec![Verdict::Sent; batch.len()]);
        }
        if batch.len() > 1 {
            return Err(SendError::PayloadRejected("HTTP 422".into()));
        }
        Ok(vec![Verdict::Rejected("HTTP 422".into())])
    };
    (target(10, script), kept)
}

async fn forward(text: &str, targets: &[Arc<Scripted>]) -> (Outcome, Vec<Value>) {
    let (forwarder, memory) = forwarder(targets);
    memory.put("clicks", "k", text.to_owned());
    let control = RunControl::until(Instant::now() + Duration::from_secs(60));
    let outcome = forwarder.forward(&job("k"), control).await;
    for target in &outcome.targets {
        assert!(target.tally.is_conserved(), "{target:?}");
    }
    (outcome, rows(&memory))
}

fn ids(kept: &Kept) -> Vec<String> {
    let kept = kept.lock().unwrap();
    kept.iter().map(|entry| entry.id.to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn its_click_has_the_given_id_and_counts_as_no_repetition() {
    let ((a, kept), (b, others)) = (keeping(|_| false), keeping(|_| false));
    let line = click(5) + "\n";
    forward(&(line.clone() + &line), std::slice::from_ref(&b)).await;
    let plain = std::mem::take(&mut *others.lock().unwrap());
    let plain: Vec<_> = plain.iter().map(|entry| entry.id.to_string()).collect();

    let fed = format!("{line}{}\n{line}", row(&click(5)));
    let (outcome, kept_rows) = forward(&fed, &[a, b]).await;
    assert_eq!(ids(&others), plain, "the row is for a alone, and uncounted");
    assert_eq!(ids(&kept), [&plain[0], GIVEN, &plain[1]]);
    {
        let kept = kept.lock().unwrap();
        let fed = &kept[1];
        assert_eq!((fed.occurrence, fed.place.offset), (3, 77));
        assert_eq!((&*fed.batch_key, &*fed.object.key), ("batch", "k"));
    }
    assert_eq!(kept_rows, [Value::Null; 0]);
    let tally = outcome.targets[1].tally;
    assert_eq!((tally.read, tally.sent, tally.filtered), (3, 2, 1));
}

#[tokio::test(start_paused = true)]
async fn one_that_is_rejected_again_is_the_same_row() {
    let (a, _) = keeping(|entry| entry.id.to_string() == GIVEN);
    let raw = click(5);
    let fed = format!("{}\n{}\n", row(&raw), click(6));
    let (_, once) = forward(&fed, std::slice::from_ref(&a)).await;
    assert_eq!(once.len(), 1);
    for (member, value) in row(&raw).as_object().unwrap() {
        if !["id", "reason"].contains(&member.as_str()) {
            assert_eq!(&once[0][member], value, "{member}");
        }
    }
    let (_, twice) = forward(&format!("{}\n{}\n", once[0], click(6)), &[a]).await;
    assert_eq!(twice, once);
}

#[tokio::test(start_paused = true)]
async fn one_that_cannot_be_fed_back_says_why_and_stays_as_it_is() {
    let (b, _) = keeping(|_| false);
    let nobody = Value::from_iter([("target", "gone")]);
    for (edit, reason) in [
        (nobody, "its target gone is not among TARGETS"),
        (
            json!({"raw": "{\"timestamp\":\"2026-11-21T23:54:50Z\"}"}),
            "not a click: ",
        ),
        (json!({"raw": "{"}), "its raw bytes are not one JSON value"),
    ] {
        let mut edited = row(&click(5));
        for (member, value) in edit.as_object().unwrap() {
            edited[member] = value.clone();
        }
        let (outcome, kept) = forward(&format!("{edited}\n"), std::slice::from_ref(&b)).await;
        assert_eq!(outcome.bad, 1);
        for member in ["clickstream_quarantine", "click_id", "n", "applied", "raw"] {
            assert_eq!(kept[0][member], edited[member], "{member}");
        }
        let told = kept[0]["reason"].as_str().unwrap();
        assert!(
            told.starts_with(&format!("fed back, but {reason}")),
            "{told}"
        );
    }
}
