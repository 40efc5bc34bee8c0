//! A lake whose target's rules change: what was stored under others is left, and replaced on
//! request.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clickstream_forwarder::config::Config;
use clickstream_forwarder::deliver::RunControl;
use clickstream_forwarder::forward::Forwarder;
use clickstream_forwarder::job::{Job, ReplayRequest};
use clickstream_forwarder::object::{Memory, Store};
use clickstream_forwarder::outcome::{Outcome, Tally};
use clickstream_forwarder::targets::{Context, Entry, SendError, StoreTerms, Verdict, Window};
use tokio::time::Instant;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::scripted::job;
use crate::support::{aws, context, lines, vars};
use crate::target::entries;

/// A file as S3 has it.
#[derive(Clone, Debug, PartialEq)]
struct Stored {
    etag: String,
    /// Its metadata, by name.
    metadata: BTreeMap<String, String>,
    body: Vec<u8>,
}

/// A bucket that takes files on their conditions.
#[derive(Clone, Default)]
struct Bucket(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    files: BTreeMap<String, Stored>,
    /// Files that were stored, by which each gets an ETag of its own.
    puts: usize,
    /// Whether somebody else stores the file again just before the next one that is replaced.
    interferes: bool,
}

impl State {
    fn answer(&mut self, request: &Request) -> ResponseTemplate {
        let key = request.url.path().to_owned();
        let header = |name: &str| {
            let value = request.headers.get(name)?;
            Some(value.to_str().unwrap().to_owned())
        };
        let error = |status: u16, code: &str| {
            let body = format!("<Error><Code>{code}</Code></Error>");
            ResponseTemplate::new(status).set_body_string(body)
        };
        let is_real = header("if-match").is_some_and(|etag| etag != "\"none\"");
        if is_real && std::mem::take(&mut self.interferes) {
            self.files.get_mut(&key).unwrap().etag = "\"another\"".into();
        }
        let there = self.files.get(&key);
        let answer = ResponseTemplate::new(200).insert_header("x-amz-request-id", "R");
        if request.method.as_str() == "HEAD" {
            let Some(there) = there else {
                return ResponseTemplate::new(404);
            };
            let metadata = there.metadata.iter();
            return metadata.fold(
                answer.insert_header("etag", there.etag.as_str()),
                |answer, (name, value)| {
                    answer.insert_header(format!("x-amz-meta-{name}"), value.as_str())
                },
            );
        }
        match (there, header("if-none-match"), header("if-match")) {
            (Some(_), Some(_), _) => return error(412, "PreconditionFailed"),
            (None, _, Some(_)) => return error(404, "NoSuchKey"),
            (Some(there), _, Some(etag)) if there.etag != etag => {
                return error(412, "PreconditionFailed");
            }
            _ => {}
        }
        self.puts += 1;
        let metadata = request.headers.iter().filter_map(|(name, value)| {
            let name = name.as_str().strip_prefix("x-amz-meta-")?;
            Some((name.to_owned(), value.to_str().unwrap().to_owned()))
        });
        let stored = Stored {
            etag: format!("\"{}\"", self.puts),
            metadata: metadata.collect(),
            body: request.body.clone(),
        };
        self.files.insert(key, stored);
        answer
    }
}

impl Respond for Bucket {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        self.0.lock().unwrap().answer(request)
    }
}

impl Bucket {
    fn files(&self) -> BTreeMap<String, Stored> {
        self.0.lock().unwrap().files.clone()
    }
}

/// A lake in a bucket, and clicks of one hour to store there.
struct World {
    server: MockServer,
    bucket: Bucket,
    memory: Memory,
}

impl World {
    async fn new(text: String) -> World {
        let (server, bucket) = (MockServer::start().await, Bucket::default());
        Mock::given(any())
            .respond_with(bucket.clone())
            .mount(&server)
            .await;
        let memory = Memory::default();
        memory.put("clicks", "k", text);
        World {
            server,
            bucket,
            memory,
        }
    }

    async fn config(&self, rules: &str) -> Config {
        let context = Context {
            aws: aws(&self.server.uri()).await,
            ..context()
        };
        let text = format!("TARGETS=t T_KIND=s3 T_BUCKET=lake T_FILE=lines {rules}");
        Config::load(&vars(&text), context).unwrap_or_else(|errors| panic!("{errors}"))
    }

    async fn forward(&self, rules: &str, again: bool) -> Outcome {
        let config = self.config(rules).await;
        let forwarder = Forwarder::with_store(config, Store::Memory(self.memory.clone()));
        let control = RunControl::until(Instant::now() + Duration::from_secs(60));
        let replay = again.then(|| ReplayRequest::given("token", Vec::new()));
        let job = Job { replay, ..job("k") };
        let outcome = forwarder.forward(&job, control).await;
        assert!(outcome.targets[0].tally.is_conserved(), "{outcome:?}");
        outcome
    }

    /// The only file.
    fn file(&self) -> Stored {
        let files = self.bucket.files();
        assert_eq!(files.len(), 1);
        files.into_values().next().unwrap()
    }
}

fn tally(outcome: &Outcome) -> Tally {
    outcome.targets[0].tally
}

#[tokio::test]
async fn files_of_other_rules_are_left_by_a_plain_run_and_replaced_by_one_that_was_asked_for_again()
{
    let world = World::new(lines(0..3)).await;
    let (one, two) = ("T_LINKS=link-0", "T_LINKS=link-0,LINK-1");
    for (before, now, clicks) in [("", one, 1), (one, two, 2), (two, "", 3)] {
        assert_eq!(world.forward(before, false).await.failure(), None);
        let old = world.file();
        let plain = world.forward(now, false).await;
        let failure = plain.failure().unwrap();
        for part in [
            "under other rules",
            "\"again\": true",
            "_PREFIX",
            "s3://lake/dt=",
        ] {
            assert!(failure.contains(part), "{failure}");
        }
        assert_eq!(tally(&plain).failed, clicks);
        assert_eq!(world.file(), old, "it is left");

        assert_eq!(world.forward(now, true).await.failure(), None);
        let new = world.file();
        assert_eq!(new.metadata["clicks"], clicks.to_string());
        assert_ne!(new.metadata.get("rules"), old.metadata.get("rules"));
        // The same again writes nothing.
        for again in [false, true] {
            assert_eq!(world.forward(now, again).await.failure(), None);
            assert_eq!(world.file(), new);
        }
    }
}

#[tokio::test]
async fn the_spelling_of_rules_does_not_count_and_without_rules_there_is_no_fingerprint() {
    let world = World::new(lines(0..3)).await;
    world.forward("", false).await;
    let names: Vec<_> = world.file().metadata.into_keys().collect();
    assert_eq!(
        names,
        ["clicks", "digest", "first-index", "form", "last-index"]
    );

    let fingerprint =
        async |rules: &str| world.config(rules).await.targets[0].transform.fingerprint();
    let same = [
        "T_LINKS=link-1,link-0 T_COUNTRIES=DE,AT T_AGENTS=human T_SINCE=2026-01-01",
        "T_COUNTRIES=at,de,AT T_SINCE=2026-01-01T00:00:00Z T_LINKS=Link-0,LINK-1 T_AGENTS=human T_SAMPLE=1",
    ];
    assert!(fingerprint(same[0]).await.is_some());
    assert_eq!(fingerprint(same[0]).await, fingerprint(same[1]).await);
    let others = [
        "",
        "T_AGENTS=human",
        "T_AGENTS=bot",
        "T_LINKS=link-0",
        "T_LINKS=!link-0",
        "T_TAGS=link-0",
        "T_LINKS=link-*",
        "T_COUNTRIES=DE",
        "T_COUNTRIES=!DE",
        "T_SINCE=2026-01-01",
        "T_UNTIL=2026-01-01",
        "T_SAMPLE=0.5",
        "T_FIRST_ONLY=true",
    ];
    let mut ids = Vec::new();
    for rules in others {
        ids.push(fingerprint(rules).await);
    }
    let distinct: std::collections::HashSet<_> = ids.iter().collect();
    assert_eq!(distinct.len(), others.len());
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_replaced_is_looked_at_again() {
    let world = World::new(lines(0..3)).await;
    world.forward("", false).await;
    let target = world.config("T_LINKS=link-0").await.targets[0]
        .target
        .clone();
    let rules = world.config("T_LINKS=link-0").await.targets[0]
        .transform
        .fingerprint();
    let file = world.bucket.files().into_keys().next().unwrap();
    let digest = clicks::Uuid8::parse(&file[file.len() - 45..][..36]).unwrap();
    let window = Arc::new(Window {
        digest: digest.into(),
        terms: StoreTerms {
            rules,
            replaces: true,
        },
    });
    let text = lines(0..1);
    let batch: Vec<Entry> = entries(&*target, &text)
        .into_iter()
        .map(|entry| Entry {
            window: Some(window.clone()),
            ..entry
        })
        .collect();

    world.bucket.0.lock().unwrap().interferes = true;
    let first = target.send(&batch).await;
    assert!(
        matches!(&first, Err(SendError::Unavailable(cause)) if cause.contains("replaced just now")),
        "{first:?}"
    );
    assert_eq!(world.file().metadata["clicks"], "3", "the other's is left");
    assert_eq!(target.send(&batch).await, Ok(vec![Verdict::Sent]));
    assert_eq!(world.file().metadata["clicks"], "1");
}

#[tokio::test]
async fn a_file_of_which_every_click_is_filtered_now_is_replaced_by_one_without_clicks() {
    let earlier = r#"{"timestamp":"2026-11-21T22:10:00Z","route":{"id":"early"}}"#;
    let world = World::new(lines(0..3) + earlier).await;
    let counts = || -> Vec<String> {
        let files = world.bucket.files().into_values();
        files.map(|file| file.metadata["clicks"].clone()).collect()
    };
    let none = "T_LINKS=another";
    assert_eq!(world.forward(none, true).await.failure(), None);
    assert!(counts().is_empty(), "there is nothing to replace");

    world.forward("", false).await;
    assert_eq!(counts(), ["1", "3"]);
    let outcome = world.forward("T_LINKS=link-0", true).await;
    assert_eq!(outcome.failure(), None);
    let found = tally(&outcome);
    assert_eq!((found.read, found.sent, found.filtered), (4, 1, 3));
    assert_eq!(counts(), ["0", "1"]);

    let outcome = world.forward(none, true).await;
    let found = tally(&outcome);
    assert_eq!((found.read, found.sent, found.filtered), (4, 0, 4));
    assert_eq!(counts(), ["0", "0"]);
    let emptied = world.bucket.files();
    world.forward(none, true).await;
    assert_eq!(world.bucket.files(), emptied);

    assert_eq!(world.forward("", true).await.failure(), None);
    assert_eq!(counts(), ["1", "3"]);
}
