//! Events as AWS sends them, and the responses to them.

use std::fmt::Write;

use clickstream_forwarder::lambda::response::{JobResult, MessageResult, render};
use clickstream_forwarder::object::ObjectRef;
use clickstream_forwarder::outcome::{End, Failure, Outcome, Tally, TargetOutcome};
use clickstream_forwarder::trigger::{Event, Message, parse};
use serde_json::{Value, json};

use crate::golden;
use crate::support::root;

fn event(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(root().join("events").join(name)).unwrap()).unwrap()
}

fn names() -> Vec<String> {
    let entries = std::fs::read_dir(root().join("events"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = entries.filter(|name| name.ends_with(".json")).collect();
    names.sort();
    names
}

fn outcome(key: &str, end: End) -> Outcome {
    Outcome {
        records: 3,
        bytes: 9,
        ..Outcome::unread(ObjectRef::new("b", key), end)
    }
}

fn refused(key: &str) -> Outcome {
    let tally = Tally {
        read: 3,
        failed: 3,
        ..Tally::default()
    };
    let failure = Some(Failure::GaveUp("HTTP 503".into()));
    Outcome {
        targets: vec![TargetOutcome {
            target: "hook".into(),
            tally,
            failure,
            ..TargetOutcome::default()
        }],
        ..outcome(key, End::Complete)
    }
}

/// Renders the response when every job ends as `end` says.
fn answer(event: Event, end: impl Fn(&str) -> Outcome) -> Result<Value, String> {
    let result = |message: Message| MessageResult {
        jobs: message
            .jobs
            .iter()
            .map(|job| JobResult::of(end(&job.keys[0])))
            .collect(),
        message,
    };
    let messages: Vec<_> = event.messages.into_iter().map(result).collect();
    render(&event.response, &messages).map_err(|failed| failed.to_string())
}

#[test]
fn every_event_of_the_folder_becomes_its_golden_jobs_and_answers() {
    let mut text = String::new();
    for name in names() {
        let parsed = parse(&event(&name), "request").unwrap_or_else(|e| panic!("{name}: {e}"));
        writeln!(text, "{name}").unwrap();
        for message in &parsed.messages {
            writeln!(
                text,
                "  unit {:?} notices {:?} error {:?}",
                message.id, message.notices, message.error
            )
            .unwrap();
            for job in &message.jobs {
                writeln!(
                    text,
                    "    {} {:?} version {:?} size {:?}",
                    job.bucket, job.keys, job.version, job.size
                )
                .unwrap();
                if let Some(again) = &job.replay {
                    writeln!(
                        text,
                        "      again {:?} for {:?}",
                        again.token, again.targets
                    )
                    .unwrap();
                }
                if let Some(first_message_id) = &job.first_message_id {
                    writeln!(
                        text,
                        "      hop {} from {first_message_id}",
                        job.chain_length
                    )
                    .unwrap();
                }
            }
        }
        writeln!(
            text,
            "  all well: {:?}",
            answer(parsed.clone(), |key| outcome(key, End::Complete)).map(|v| v.to_string())
        )
        .unwrap();
        writeln!(
            text,
            "  all failed: {:?}",
            answer(parsed, refused).map(|v| v.to_string())
        )
        .unwrap();
    }
    golden::check("events.txt", &text);
}

fn s3(key: &str) -> Value {
    json!({"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": "b"}, "object": {"key": key, "size": 1}}}]})
}

fn keys(event: &Value) -> Vec<String> {
    parse(event, "request").unwrap().messages[0].jobs[0]
        .keys
        .clone()
}

#[test]
fn keys_are_form_decoded_where_the_sender_encodes_and_tried_both_ways_where_it_is_unknown() {
    assert_eq!(
        keys(&s3("/2026/a+b%2Bc%25%C3%A9%2Fd")),
        ["/2026/a b+c%é/d", "/2026/a+b%2Bc%25%C3%A9%2Fd"]
    );
    assert_eq!(keys(&s3("100%")), ["100%"], "not encoded at all");
    assert_eq!(keys(&s3("%ff+x")), ["%ff+x"], "no UTF-8");
    assert_eq!(
        keys(&json!({"bucket": "b", "key": "a+b%20c"})),
        ["a+b%20c", "a b c"]
    );
    assert_eq!(keys(&json!({"bucket": "b", "key": "/plain"})), ["/plain"]);
}

#[test]
fn one_broken_message_does_not_fail_its_neighbours() {
    let message =
        |id: &str, body: &str| json!({"eventSource": "aws:sqs", "messageId": id, "body": body});
    let good = s3("k").to_string();
    let event = json!({"Records": [message("1", &good), message("2", "hello"), message("3", "{\"a\":1}"), message("4", &good)]});
    let parsed = parse(&event, "request").unwrap();
    let said = answer(parsed, |key| outcome(key, End::Complete)).unwrap();
    assert_eq!(
        said,
        json!({"batchItemFailures": [{"itemIdentifier": "2"}, {"itemIdentifier": "3"}]})
    );
}

#[test]
fn what_makes_no_new_click_is_acknowledged() {
    let removed = json!({"Records": [{"eventName": "ObjectRemoved:Delete", "s3": {"bucket": {"name": "b"}, "object": {"key": "k"}}}]});
    let test = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"});
    for event in [removed, test] {
        let parsed = parse(&event, "request").unwrap();
        assert!(parsed.messages[0].jobs.is_empty() && parsed.messages[0].notices.len() == 1);
        assert_eq!(
            answer(parsed, refused).unwrap(),
            json!({"objects": 0, "records": 0})
        );
    }
}

#[test]
fn an_event_of_no_known_shape_says_which_are_known() {
    for event in [
        json!({}),
        json!(null),
        json!([]),
        json!({"detail-type": "Scheduled Event", "source": "aws.events"}),
        json!({"Records": [{"a": 1}]}),
        json!({"key": "k"}),
    ] {
        let said = parse(&event, "request").unwrap_err().to_string();
        assert!(
            said.contains("supported: S3, SQS, SNS, EventBridge") && said.contains("\"bucket\""),
            "{said}"
        );
    }
}

#[test]
fn batch_operations_hear_what_became_of_each_task() {
    let task = |end: fn(&str) -> Outcome| {
        let said = answer(parse(&event("batch-2.0.json"), "request").unwrap(), end).unwrap();
        (
            said["results"][0]["resultCode"]
                .as_str()
                .unwrap()
                .to_owned(),
            said["results"][0]["resultString"]
                .as_str()
                .unwrap()
                .to_owned(),
        )
    };
    assert_eq!(task(|key| outcome(key, End::Complete)).0, "Succeeded");
    assert_eq!(task(refused).0, "TemporaryFailure");
    assert_eq!(
        task(|key| outcome(key, End::Missing)),
        (
            "PermanentFailure".into(),
            "the object does not exist".into()
        )
    );
    assert_eq!(
        task(|key| outcome(
            key,
            End::Corrupt {
                offset: 7,
                reason: "cut".into()
            }
        ))
        .0,
        "PermanentFailure"
    );
    assert_eq!(
        task(|key| outcome(key, End::Failed("access denied".into()))).0,
        "TemporaryFailure"
    );
}

#[test]
fn an_asynchronous_invocation_fails_if_anything_must_come_again() {
    let mut count = 0;
    let parsed = parse(&event("s3.json"), "request").unwrap();
    assert_eq!(
        parsed.messages[0].jobs.len(),
        2,
        "all records, not the first"
    );
    let first_fails = std::cell::RefCell::new(&mut count);
    let said = answer(parsed, |key| {
        **first_fails.borrow_mut() += 1;
        if **first_fails.borrow() == 1 {
            refused(key)
        } else {
            outcome(key, End::Complete)
        }
    });
    let said = said.unwrap_err();
    assert!(
        said.starts_with("1 object(s) must be delivered again: s3://b//2026/"),
        "{said}"
    );
    assert!(
        said.ends_with("target hook: gave up for now: HTTP 503"),
        "{said}"
    );
}

#[test]
fn two_replays_of_one_message_for_different_targets_are_two() {
    let one = |target: &str| json!({"bucket": "b", "key": "k", "again": true, "targets": [target]});
    let jobs = parse(&json!([one("a"), one("b")]), "request")
        .unwrap()
        .messages
        .remove(0)
        .jobs;
    let tokens: Vec<_> = jobs
        .iter()
        .map(|job| &job.replay.as_ref().unwrap().token)
        .collect();
    assert_ne!(
        tokens[0], tokens[1],
        "the second would be taken for the first, delivered twice"
    );
}
