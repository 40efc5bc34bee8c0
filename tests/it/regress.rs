//! Defects of the past, each by what it cost. A new one goes here if it belongs to no theme.

use clickstream_forwarder::config::{Config, S3Prefix};
use clickstream_forwarder::deliver::RunControl;
use clickstream_forwarder::forward::Forwarder;
use clickstream_forwarder::job::Job;
use clickstream_forwarder::object::{Directory, Memory, ObjectError, ObjectRef, Store};
use clickstream_forwarder::outcome::End;
use clickstream_forwarder::trigger::parse;
use serde_json::json;
use tokio::time::{Duration, Instant};

use crate::support::{clock, config, context, lines, temporary, vars};

fn mistakes(text: &str) -> String {
    Config::load(&vars(text), context())
        .map_or_else(|errors| errors.to_string(), |_| "valid".into())
}

#[tokio::test]
async fn a_key_that_s3_encodes_lies_inside_its_source() {
    let memory = Memory::default();
    memory.put("bkt", "clicks/dt=2026-11-22/a+b.json", lines(0..1));
    let mut config = config("TARGETS=t T_KIND=stdout");
    config.sources = Some(vec![S3Prefix::parse("bkt/clicks/dt=2026-11-22/").unwrap()]);
    let forwarder = Forwarder::with_store(config, Store::Memory(memory));
    let notice = json!({"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "bkt"},
        "object": {"key": "clicks/dt%3D2026-11-22/a%2Bb.json", "size": 9}}}]});
    let job = parse(&notice, "request", clock())
        .unwrap()
        .messages
        .remove(0)
        .jobs
        .remove(0);
    let control = RunControl::until(Instant::now() + Duration::from_secs(9));
    assert_eq!(
        forwarder.forward(&job, control.clone()).await.end,
        End::Complete
    );
    let outside = Job {
        keys: vec!["other/a.json".into()],
        ..job
    };
    assert!(matches!(
        forwarder.forward(&outside, control).await.end,
        End::Skipped(_)
    ));
}

#[test]
fn an_unreadable_part_of_an_event_leaves_the_others() {
    let good = json!({"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "bkt"}, "object": {"key": "k"}}});
    let event = json!({"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "bkt"}, "object": {}}}, good]});
    let direct = parse(&event, "request", clock()).unwrap();
    assert_eq!(
        (
            direct.messages[0].jobs.len(),
            direct.messages[0].error.is_some()
        ),
        (1, true)
    );
    let sqs = json!({"Records": [
        {"eventSource": "aws:sqs", "messageId": "1", "body": event.to_string()},
        {"eventSource": "aws:sqs", "messageId": "2", "attributes": {"a": 1}, "body": "{}"},
    ]});
    let messages = parse(&sqs, "request", clock()).unwrap().messages;
    assert_eq!(
        (messages[0].jobs.len(), messages[0].error.is_some()),
        (1, true)
    );
    assert_eq!(
        (messages[1].id.as_str(), messages[1].error.is_some()),
        ("2", true),
        "an empty id would fail the whole batch"
    );
}

#[test]
fn a_variable_belongs_to_the_target_with_the_longest_name() {
    let both = "TARGETS=hook,hook_header HOOK_KIND=http HOOK_URL=http://a/ HOOK_HEADER_KIND=http HOOK_HEADER_URL=https://b/ \
                HOOK_HEADER_BEARER=hidden";
    let config = config(both);
    let headers = format!("{:?}", config.targets[0].target.describe());
    assert!(
        headers.contains("\"none\"") && !headers.contains("bearer"),
        "{headers}"
    );
}

#[test]
fn variables_that_would_break_requests_are_mistakes() {
    let with = |more: &str| {
        mistakes(&format!(
            "TARGETS=hook HOOK_KIND=http HOOK_URL=http://a/ {more}"
        ))
    };
    assert_eq!(with(""), "valid");
    assert!(with("HOOK_HEADER_CONTENT_LENGTH=3").contains("sets content-length itself"));
    assert!(with("HOOK_CONCURRENCY=18446744073709551615").contains("expected 1 to 500"));
    assert!(with("HOOK_MAX_BYTES=2").contains("is quarantined"));
    assert!(mistakes("TARGETS=,").contains("names no target"));
    let secret =
        mistakes("TARGETS=hook HOOK_KIND=http HOOK_URL=http://user:hidden@a/?token=hidden");
    assert!(
        secret.contains("HOOK_URL: holds a user and password") && !secret.contains("hidden"),
        "{secret}"
    );
}

#[tokio::test]
async fn a_directory_that_stands_for_s3_is_not_left() {
    let (_keep, root) = temporary();
    std::fs::create_dir_all(root.join("store/bucket")).unwrap();
    std::fs::write(root.join("outside.json"), "x").unwrap();
    let store = Store::Directory(Directory {
        root: Some(root.join("store")),
    });
    let bucket = root.to_string_lossy().into_owned();
    for (bucket, key) in [
        ("bucket", "../../outside.json"),
        ("bucket", "a/../../../outside.json"),
        (&*bucket, "outside.json"),
        ("..", "outside.json"),
    ] {
        assert!(
            matches!(
                store.open(&ObjectRef::new(bucket, key)).await,
                Err(ObjectError::Missing)
            ),
            "{bucket} {key}"
        );
    }
    let misspelt = store.open(&ObjectRef::new("buckett", "k")).await;
    assert!(
        matches!(misspelt, Err(ObjectError::Unavailable(_))),
        "a bucket that is not there is no missing object"
    );
}

#[test]
fn an_object_that_was_empty_is_not_the_one_that_came_after_it() {
    let job = |size| Job {
        size: Some(size),
        ..Job::new("b", vec!["k".into()])
    };
    let (empty, later, latest) = (job(0), job(900), job(901));
    assert!(
        empty.identity() != later.identity(),
        "the second would be lost as a repetition of the first"
    );
    assert!(
        later.identity() == latest.identity(),
        "one read of what is there now serves both"
    );
}
