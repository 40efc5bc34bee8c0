//! Targets that answer by a script and keep what they took, and a forwarder over memory that sends
//! to them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use clicks::click::Form;
use clicks::decode::DecodeLimits;
use clickstream_forwarder::config::vars::Scope;
use clickstream_forwarder::config::{Config, QuarantineStore, S3Prefix, TargetConfig};
use clickstream_forwarder::forward::Forwarder;
use clickstream_forwarder::job::Job;
use clickstream_forwarder::object::{Memory, Store};
use clickstream_forwarder::progress::Document;
use clickstream_forwarder::targets::{
    Batching, DeliveryMode, EncodeError, Entry, Group, Limits, SendError, Target, Verdict, View,
};
use clickstream_forwarder::transform::Transform;
use tokio::time::Instant;

/// What a scripted target answers: the number of the request, and its entries.
pub type Script = Box<dyn Fn(usize, &[Entry]) -> Result<Vec<Verdict>, SendError> + Send + Sync>;

/// Sees the entries of a request.
pub type Before = Box<dyn Fn(&[Entry]) + Send + Sync>;

/// A target that answers by a script and keeps what it took.
pub struct Scripted {
    pub limits: Limits,
    pub delivery: DeliveryMode,
    pub script: Script,
    /// Sees each request before it is on its way.
    pub before: Option<Before>,
    pub delay: Duration,
    /// Whether what authorises its requests can be renewed.
    pub renews: bool,
    pub state: Mutex<Took>,
}

#[derive(Default)]
pub struct Took {
    pub requests: usize,
    pub renewals: usize,
    pub sizes: Vec<usize>,
    /// How often each click was taken, by its id.
    pub clicks: BTreeMap<String, usize>,
    /// The same by the offset in the object.
    pub offsets: BTreeMap<u64, usize>,
    /// Requests that are not answered, and the most there were.
    pub in_flight: usize,
    pub most: usize,
}

impl Scripted {
    /// Returns the offsets of the records that it took, in their order.
    pub fn taken(&self) -> Vec<u64> {
        let state = self.state.lock().unwrap();
        state.offsets.keys().copied().collect()
    }
}

#[async_trait]
impl Target for Scripted {
    fn limits(&self) -> Limits {
        self.limits
    }

    fn delivery(&self) -> DeliveryMode {
        self.delivery
    }

    fn encode(&self, view: &View<'_>) -> Result<Entry, EncodeError> {
        let body = view.form(Form::Click);
        let link = || view.text(&["route", "id"]).unwrap();
        let group = || Group::new(vec![("route.id".into(), link().into())]);
        let batching = self.delivery.batching;
        let ordering_key = (batching == Batching::OneOfEachGroup).then(|| link().into());
        let group = (batching == Batching::OneGroupOnly).then(|| Arc::new(group()));
        if memmem(&body, b"\"unfit\"") {
            Err(EncodeError::Never("it says so".into()))
        } else if memmem(&body, b"\"unruly-") {
            Err(EncodeError::Rule("_HEADER_X: no value".into()))
        } else {
            Ok(Entry {
                ordering_key,
                group,
                ..Entry::new(view, body)
            })
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a slow target, in tokio's paused time"
    )]
    async fn send(&self, batch: &[Entry]) -> Result<Vec<Verdict>, SendError> {
        let number = {
            let mut took = self.state.lock().unwrap();
            took.requests += 1;
            took.sizes.push(batch.len());
            took.in_flight += 1;
            took.most = took.most.max(took.in_flight);
            took.requests
        };
        self.before.iter().for_each(|before| before(batch));
        tokio::time::sleep(self.delay).await;
        self.state.lock().unwrap().in_flight -= 1;
        let verdicts = (self.script)(number, batch)?;
        let mut took = self.state.lock().unwrap();
        for (entry, _) in batch
            .iter()
            .zip(&verdicts)
            .filter(|(_, verdict)| **verdict == Verdict::Sent)
        {
            *took.clicks.entry(entry.id.to_string()).or_default() += 1;
            *took.offsets.entry(entry.record_offset).or_default() += 1;
        }
        Ok(verdicts)
    }

    async fn renew(&self, _began: Instant) -> bool {
        let mut took = self.state.lock().unwrap();
        took.renewals += 1;
        self.renews
    }

    fn describe(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

pub fn memmem(text: &[u8], wanted: &[u8]) -> bool {
    text.windows(wanted.len()).any(|window| window == wanted)
}

pub fn target(
    records: usize,
    script: impl Fn(usize, &[Entry]) -> Result<Vec<Verdict>, SendError> + Send + Sync + 'static,
) -> Arc<Scripted> {
    let limits = Limits {
        records,
        bytes: 1 << 20,
        record_bytes: 10_000,
        overhead: 0,
        per_record: 1,
    };
    Arc::new(Scripted {
        limits,
        delivery: DeliveryMode::PER_RECORD,
        script: Box::new(script),
        before: None,
        delay: Duration::from_millis(10),
        renews: false,
        state: Mutex::default(),
    })
}

pub fn takes_all() -> Arc<Scripted> {
    target(10, |_, batch| Ok(vec![Verdict::Sent; batch.len()]))
}

/// A forwarder over memory, with its targets named a, b, c and so on.
pub fn forwarder(targets: &[Arc<Scripted>]) -> (Forwarder, Memory) {
    forwarder_over(targets, Memory::default())
}

/// The same over a memory that is there.
pub fn forwarder_over(targets: &[Arc<Scripted>], memory: Memory) -> (Forwarder, Memory) {
    let named = targets
        .iter()
        .zip(["a", "b", "c", "d"])
        .map(|(target, name)| named(name, target, 2, None));
    with(named.collect(), memory)
}

/// A forwarder to targets named a, b, c and so on, each with rules: a variable or none, without
/// the target's prefix.
pub fn ruled(targets: &[(Arc<Scripted>, &str)], memory: &Memory) -> Forwarder {
    let targets = targets.iter().zip(["a", "b", "c", "d"]);
    let ruled = targets.map(|((target, rules), name)| {
        let (variable, value) = rules.split_once('=').unzip();
        let variable = variable.map(|variable| format!("A_{variable}"));
        let vars = variable.zip(value.map(str::to_owned)).into_iter().collect();
        let scope = Scope::new(&vars, "A_");
        let transform = Transform::read(&scope);
        assert!(!scope.has_mistakes(), "{rules}");
        TargetConfig {
            transform: transform.into(),
            ..named(name, target, 2, None)
        }
    });
    let config = configuration(ruled.collect());
    Forwarder::with_store(config, Store::Memory(memory.clone()))
}

/// What a progress file says of the one object in it.
pub fn last_document(path: &Path) -> Document {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let progress = |line: &str| {
        serde_json::from_str(
            &serde_json::from_str::<serde_json::Value>(line).ok()?["progress"].to_string(),
        )
        .ok()
    };
    text.lines().rev().find_map(progress).unwrap_or_default()
}

/// A forwarder to targets named a, b, c and so on, with a clock that follows tokio's.
pub fn ticking(targets: &[Arc<Scripted>], memory: &Memory) -> Forwarder {
    let targets = targets
        .iter()
        .zip(["a", "b", "c", "d", "e"])
        .map(|(target, name)| named(name, target, 2, None));
    let config = Config {
        clock: ticking_clock,
        ..configuration(targets.collect())
    };
    Forwarder::with_store(config, Store::Memory(memory.clone()))
}

fn ticking_clock() -> SystemTime {
    static START: OnceLock<Instant> = OnceLock::new();
    crate::support::clock() + START.get_or_init(Instant::now).elapsed()
}

/// A forwarder to one target with a ceiling and a rate.
pub fn limited(
    target: &Arc<Scripted>,
    concurrency: usize,
    rate: Option<f64>,
) -> (Forwarder, Memory) {
    with(
        vec![named("a", target, concurrency, rate)],
        Memory::default(),
    )
}

/// A forwarder to one target that keeps rows in a directory, and takes records of so many bytes at
/// most.
pub fn quarantining(
    target: &Arc<Scripted>,
    (directory, record_bytes): (&Path, usize),
) -> (Forwarder, Memory) {
    let memory = Memory::default();
    let (targets, limits) = (
        vec![named("a", target, 2, None)],
        DecodeLimits {
            record_bytes,
            ..DecodeLimits::default()
        },
    );
    let quarantine = QuarantineStore::Directory(directory.into());
    let config = Config {
        targets,
        quarantine,
        decode_limits: limits,
        ..crate::support::config("TARGETS=t T_KIND=stdout")
    };
    (
        Forwarder::with_store(config, Store::Memory(memory.clone())),
        memory,
    )
}

/// A forwarder to one target that takes records of so many bytes at most.
pub fn capped(target: &Arc<Scripted>, memory: Memory, record_bytes: usize) -> (Forwarder, Memory) {
    let quarantine = QuarantineStore::S3(S3Prefix {
        bucket: "rows".into(),
        prefix: "q/".into(),
    });
    let (targets, limits) = (
        vec![named("a", target, 2, None)],
        DecodeLimits {
            record_bytes,
            ..DecodeLimits::default()
        },
    );
    let config = Config {
        targets,
        quarantine,
        decode_limits: limits,
        ..crate::support::config("TARGETS=t T_KIND=stdout")
    };
    (
        Forwarder::with_store(config, Store::Memory(memory.clone())),
        memory,
    )
}

fn named(
    name: &str,
    target: &Arc<Scripted>,
    concurrency: usize,
    rate: Option<f64>,
) -> TargetConfig {
    TargetConfig {
        name: name.into(),
        kind: "scripted",
        transform: Arc::default(),
        reloading: None,
        target: target.clone(),
        limits: target.limits,
        delivery: target.delivery,
        concurrency,
        timeout: Duration::from_secs(30),
        rate,
    }
}

fn with(targets: Vec<TargetConfig>, memory: Memory) -> (Forwarder, Memory) {
    let config = configuration(targets);
    (
        Forwarder::with_store(config, Store::Memory(memory.clone())),
        memory,
    )
}

fn configuration(targets: Vec<TargetConfig>) -> Config {
    let quarantine = QuarantineStore::S3(S3Prefix {
        bucket: "rows".into(),
        prefix: "q/".into(),
    });
    Config {
        targets,
        quarantine,
        ..crate::support::config("TARGETS=t T_KIND=stdout")
    }
}

pub fn job(key: &str) -> Job {
    Job::new("clicks", vec![key.into()])
}

pub fn rows(memory: &Memory) -> Vec<serde_json::Value> {
    let files = memory
        .keys("rows", "q/", None)
        .into_iter()
        .map(|key| memory.get("rows", &key).unwrap());
    files
        .flat_map(|file| {
            file.split(|c| *c == b'\n')
                .filter(|l| !l.is_empty())
                .map(|l| serde_json::from_slice(l).unwrap())
                .collect::<Vec<_>>()
        })
        .collect()
}

/// What a random target does with a request.
#[derive(Clone, Debug)]
pub enum Mood {
    Take,
    TakeHalf,
    RejectFirst,
    Refuse,
    Throttle,
    Down,
    Misconfigured,
    /// It takes everything, and the answer is lost.
    TakeAndHang,
}

impl Mood {
    /// Its answer. What it took without an answer is for the test to note.
    pub fn answer(&self, batch: &[Entry]) -> Result<Vec<Verdict>, SendError> {
        let each = |verdict: fn(usize) -> Verdict| Ok((0..batch.len()).map(verdict).collect());
        match self {
            Mood::Take => each(|_| Verdict::Sent),
            Mood::TakeHalf => each(|at| {
                if at % 2 == 0 {
                    Verdict::Sent
                } else {
                    Verdict::Retry
                }
            }),
            Mood::RejectFirst => each(|at| {
                if at == 0 {
                    Verdict::Rejected("no".into())
                } else {
                    Verdict::Sent
                }
            }),
            Mood::Refuse => Err(SendError::PayloadRejected("400".into())),
            Mood::Throttle => Err(SendError::Throttled(
                Some(Duration::from_millis(300)),
                "429".into(),
            )),
            Mood::Down => Err(SendError::Unavailable("503".into())),
            Mood::Misconfigured => Err(SendError::Misconfigured("401".into())),
            Mood::TakeAndHang => Err(SendError::Unavailable("no answer".into())),
        }
    }
}
