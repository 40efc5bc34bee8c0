//! Events as AWS sends them, and the responses to them.

use std::fmt::Write;
use std::time::Duration;

use clickstream_forwarder::lambda::response::{JobResult, MessageResult, render};
use clickstream_forwarder::object::ObjectRef;
use clickstream_forwarder::outcome::{End, Failure, Outcome, Tally, TargetOutcome};
use clickstream_forwarder::trigger::{Event, Message, parse};
use serde_json::{Value, json};

use crate::golden;
use crate::support::{clock, root};

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
        let parsed =
            parse(&event(&name), "request", clock()).unwrap_or_else(|e| panic!("{name}: {e}"));
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
                        "      again {:?} (or {:?}) for {:?}",
                        again.token, again.an_hour_earlier, again.targets
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
    parse(event, "request", clock()).unwrap().messages[0].jobs[0]
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
    let parsed = parse(&event, "request", clock()).unwrap();
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
        let parsed = parse(&event, "request", clock()).unwrap();
        assert!(parsed.messages[0].jobs.is_empty() && parsed.messages[0].notices.len() == 1);
        assert_eq!(
            answer(parsed, refused).unwrap(),
            json!({"objects": 0, "records": 0})
        );
    }
}

/// Returns CloudTrail's record of a call to S3, as EventBridge sends it.
fn logged(call: &str, key: Option<&str>, error: Option<&str>) -> Value {
    json!({"detail-type": "AWS API Call via CloudTrail", "source": "aws.s3",
        "detail": {"eventSource": "s3.amazonaws.com", "eventName": call, "errorCode": error,
            "requestParameters": {"bucketName": "b", "key": key}}})
}

/// Wraps a body in a message of SQS's.
fn in_sqs(body: &Value) -> Value {
    json!({"Records": [{"eventSource": "aws:sqs", "messageId": "1", "body": body.to_string()}]})
}

#[test]
fn an_object_that_cloudtrail_names_is_a_job_by_whatever_road() {
    for call in ["PutObject", "CompleteMultipartUpload", "CopyObject"] {
        let event = logged(call, Some("a b+c.json"), None);
        for event in [event.clone(), in_sqs(&event)] {
            let message = parse(&event, "request", clock())
                .unwrap()
                .messages
                .remove(0);
            assert_eq!(message.error, None, "{call}");
            let [job] = &message.jobs[..] else {
                panic!("{call}: {message:?}")
            };
            assert_eq!((&*job.bucket, &*job.keys[0]), ("b", "a b+c.json"));
        }
    }
}

#[test]
fn only_what_is_known_to_name_no_new_object_is_acknowledged_without_one() {
    let event_bridge = |kind: &str| {
        json!({"detail-type": kind, "source": "aws.s3",
            "detail": {"bucket": {"name": "b"}, "object": {"key": "k"}}})
    };
    let notice = |kind: &str| {
        json!({"Records": [{"eventName": kind,
            "s3": {"bucket": {"name": "b"}, "object": {"key": "k"}}}]})
    };
    let (key, denied) = (Some("k"), Some("AccessDenied"));
    let harmless = [
        logged("DeleteObject", key, None),
        logged("DeleteObjects", None, None),
        logged("GetObject", key, None),
        logged("CreateMultipartUpload", key, None),
        logged("UploadPart", key, None),
        logged("PutObjectTagging", key, None),
        logged("PutBucketPolicy", None, None),
        logged("PutObject", key, denied),
        event_bridge("Object Deleted"),
        event_bridge("Object Tags Added"),
        notice("ObjectRemoved:Delete"),
        notice("s3:ObjectTagging:Put"),
        notice("LifecycleExpiration:Delete"),
    ];
    for event in harmless {
        let message = parse(&event, "request", clock())
            .unwrap()
            .messages
            .remove(0);
        let (jobs, notices) = (message.jobs.len(), message.notices.len());
        assert_eq!((jobs, notices, message.error), (0, 1, None), "{event}");
    }
    let unknown = [
        logged("PutObject", None, None),
        logged("RenameObject", key, None),
        logged("", key, None),
        event_bridge("Object Renamed"),
        event_bridge("AWS Service Event via CloudTrail"),
        json!({"detail-type": "Object Created", "source": "aws.s3"}),
        json!({"detail-type": "AWS API Call via CloudTrail", "source": "aws.s3"}),
        notice("ObjectRenamed:Put"),
        json!({"Records": [{"eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": ""}, "object": {"key": "k"}}}]}),
        json!({"bucket": "", "key": "k"}),
        json!({"bucket": "b", "key": ""}),
    ];
    for event in unknown {
        let said = parse(&event, "request", clock()).unwrap_err().to_string();
        assert!(said.starts_with("unrecognised event ("), "{event}: {said}");
        let in_queue = parse(&in_sqs(&event), "request", clock()).unwrap();
        assert!(in_queue.messages[0].error.is_some(), "{event}");
    }
}

#[test]
fn members_that_are_not_needed_may_be_anything() {
    let odd = [
        json!(null),
        json!([]),
        json!({"T": null}),
        json!({"T": {"stringValue": "x", "stringListValues": null, "dataType": "String"}}),
        json!({"T": {"binaryValue": "no Base64!", "dataType": 7}}),
    ];
    let bodies = [
        json!({"Records": [{"eventName": "ObjectCreated:Put", "userIdentity": null, "eventTime": 7,
            "s3": {"bucket": {"name": "b", "ownerIdentity": []}, "configurationId": {},
                "object": {"key": "k", "size": "12", "versionId": null, "eTag": 5}}}]}),
        json!({"Type": "Notification", "Message": s3("k").to_string(), "MessageAttributes": 7,
            "Timestamp": null}),
        json!({"detail-type": "Object Created", "source": "aws.s3", "time": null, "resources": 1,
            "detail": {"bucket": {"name": "b"}, "object": {"key": "k", "size": -1, "etag": null}}}),
    ];
    for attributes in &odd {
        for body in &bodies {
            let event = json!({"Records": [{"eventSource": "aws:sqs", "messageId": "1",
                "body": body.to_string(), "messageAttributes": attributes, "md5OfBody": null,
                "awsRegion": 7, "receiptHandle": "r", "eventSourceARN": "arn:aws:sqs:r:1:q",
                "attributes": {"ApproximateReceiveCount": "3", "SenderId": null, "More": {}}}]});
            let message = parse(&event, "request", clock())
                .unwrap()
                .messages
                .remove(0);
            assert_eq!(message.error, None, "{event}");
            assert_eq!(message.jobs[0].keys, ["k"], "{event}");
            assert_eq!(message.receive_count, 3);
            assert_eq!(message.receipt.as_deref(), Some("r"));
            assert_eq!(message.queue_arn.as_deref(), Some("arn:aws:sqs:r:1:q"));
        }
    }
    // What is needed and odd is as if it were not there; without attributes it came once.
    for attributes in [json!(null), json!({"ApproximateReceiveCount": null})] {
        let event = json!({"Records": [{"eventSource": "aws:sqs", "messageId": "1",
            "body": s3("k").to_string(), "attributes": attributes, "receiptHandle": 7}]});
        let message = parse(&event, "request", clock())
            .unwrap()
            .messages
            .remove(0);
        assert_eq!((message.error, message.receive_count), (None, 1));
        assert_eq!(message.receipt, None);
    }
}

/// Returns the token of a replay, and the one that counts as the same.
fn tokens(event: &Value, hours: u64) -> (String, Option<String>) {
    let now = clock() + Duration::from_secs(hours * 3600);
    let replay = parse(event, "request", now).unwrap().messages[0].jobs[0]
        .replay
        .clone()
        .unwrap();
    (replay.token, replay.an_hour_earlier)
}

#[test]
fn a_replay_is_told_apart_by_its_token_or_its_hour_and_never_by_its_request() {
    let replay = json!({"bucket": "b", "key": "k", "again": true, "targets": ["y", "x"]});
    let (token, earlier) = tokens(&replay, 0);
    assert_eq!(token, "2026-11-22T00Z x,y");
    assert_eq!(earlier.as_deref(), Some("2026-11-21T23Z x,y"));
    assert_eq!(
        tokens(&replay, 1).1.as_deref(),
        Some(&*token),
        "asked again"
    );
    let given = json!({"bucket": "b", "key": "k", "again": true, "token": "repair 1"});
    assert_eq!(tokens(&given, 0), ("repair 1".into(), None));
    assert_eq!(tokens(&given, 90), ("repair 1".into(), None));
    // A message says when it was sent: it is one request however often it comes.
    let mut message = in_sqs(&replay);
    message["Records"][0]["attributes"] = json!({"SentTimestamp": "1795305600000"});
    assert_eq!(tokens(&message, 50).0, token);
    // A task that S3 Batch Operations tries again belongs to the same job.
    let mut task = event("batch-2.0.json");
    task["job"]["userArguments"] = json!({"again": "true"});
    let (token, earlier) = tokens(&task, 0);
    assert_eq!((Some(&*token), earlier), (task["job"]["id"].as_str(), None));
    task["job"]["userArguments"] = json!({"again": "true", "token": "mine", "targets": "a, b"});
    assert_eq!(tokens(&task, 9), ("mine a,b".into(), None));
    task["job"] = json!({"userArguments": {"again": "true"}});
    assert_eq!(tokens(&task, 0).0, "2026-11-22T00Z", "a job without an id");
}

#[test]
fn a_token_that_means_nothing_is_refused() {
    for (event, problem) in [
        (
            json!({"bucket": "b", "key": "k", "token": "t"}),
            "without \"again\"",
        ),
        (
            json!({"bucket": "b", "key": "k", "again": true, "token": ""}),
            "empty",
        ),
    ] {
        let said = parse(&event, "request", clock()).unwrap_err().to_string();
        assert!(said.contains(problem), "{said}");
    }
}

#[test]
fn a_replay_that_was_done_before_says_how_to_ask_for_another() {
    let said = |event: Value| {
        let parsed = parse(&event, "request", clock()).unwrap();
        let said = answer(parsed, |key| outcome(key, End::Done)).unwrap();
        assert_eq!(said["forwarded_before"], json!(["s3://b/k"]));
        said["hint"].as_str().unwrap().to_owned()
    };
    let plain = said(json!({"bucket": "b", "key": "k"}));
    assert!(plain.contains("\"again\": true"), "{plain}");
    let again = said(json!({"bucket": "b", "key": "k", "again": true}));
    assert!(
        again.contains("2026-11-22T00Z") && again.contains("another \"token\""),
        "{again}"
    );
    let given = said(json!({"bucket": "b", "key": "k", "again": true, "token": "one"}));
    assert!(
        given.contains("\"one\"") && given.contains("another \"token\""),
        "{given}"
    );
}

#[test]
fn what_one_invocation_left_of_a_list_is_one_message_of_many_jobs() {
    let one = |key: &str| json!({"clickstream_continuation": 1, "bucket": "b", "key": key, "origin": "o", "hop": 1});
    let list = json!([one("1"), {"clickstream_continuation": 9}, one("2")]);
    let message = parse(&in_sqs(&list), "request", clock())
        .unwrap()
        .messages
        .remove(0);
    let keys: Vec<_> = message.jobs.iter().map(|job| &*job.keys[0]).collect();
    assert_eq!(keys, ["1", "2"]);
    assert!(message.error.unwrap().contains("newer"));
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
        let said = parse(&event, "request", clock()).unwrap_err().to_string();
        assert!(
            said.contains("supported: S3, SQS, SNS, EventBridge") && said.contains("\"bucket\""),
            "{said}"
        );
    }
}

#[test]
fn batch_operations_hear_what_became_of_each_task() {
    let task = |end: fn(&str) -> Outcome| {
        let said = answer(
            parse(&event("batch-2.0.json"), "request", clock()).unwrap(),
            end,
        )
        .unwrap();
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
    let parsed = parse(&event("s3.json"), "request", clock()).unwrap();
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
    let jobs = parse(&json!([one("a"), one("b")]), "request", clock())
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
