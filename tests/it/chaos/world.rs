//! What is outside the function's processes: buckets, the table, the queue, and what the targets
//! took.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use serde_json::Value;
use tokio::time::Instant;

/// The world of one schedule.
pub struct World {
    pub seed: u64,
    pub faults: Faults,
    state: Mutex<State>,
    rng: Mutex<Rng>,
    begin: Instant,
    /// From when on nothing goes wrong any more.
    calm: Instant,
}

/// Whom a request goes to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Service {
    S3,
    Table,
    Queue,
    Target,
}

/// How often things go wrong, each as a share of the calls.
#[derive(Clone, Copy, Debug)]
pub struct Faults {
    pub s3: f64,
    pub table: f64,
    pub queue: f64,
    pub targets: f64,
    /// Calls that take up to half a minute.
    pub slow: f64,
    /// Invocations in which the process dies.
    pub kills: f64,
    /// Invocations in which the process is cut off for up to two minutes.
    pub freezes: f64,
    /// Notifications that come twice.
    pub duplicates: f64,
}

impl Faults {
    pub const NONE: Faults = Faults {
        s3: 0.0,
        table: 0.0,
        queue: 0.0,
        targets: 0.0,
        slow: 0.0,
        kills: 0.0,
        freezes: 0.0,
        duplicates: 0.0,
    };

    /// The share of a service's calls that fail.
    pub fn of(&self, service: Service) -> f64 {
        match service {
            Service::S3 => self.s3,
            Service::Table => self.table,
            Service::Queue => self.queue,
            // Targets have moods too.
            Service::Target => self.targets / 4.0,
        }
    }

    pub fn random(rng: &mut Rng) -> Faults {
        let mut up_to = |most: f64| if rng.bool() { most * rng.f64() } else { 0.0 };
        Faults {
            s3: up_to(0.3),
            table: up_to(0.3),
            queue: up_to(0.3),
            targets: up_to(0.6),
            slow: up_to(0.1),
            kills: up_to(0.5),
            freezes: up_to(0.3),
            duplicates: up_to(0.5),
        }
    }
}

#[derive(Default)]
pub struct State {
    /// Objects by bucket and key.
    pub objects: BTreeMap<(String, String), Object>,
    /// Items of the table by their key.
    pub items: BTreeMap<String, Value>,
    pub queue: Queue,
    pub takes: Vec<Take>,
    /// Invocations that died, were cut off, or could not write their progress.
    pub troubled: BTreeSet<usize>,
    pub invocations: usize,
}

#[derive(Clone)]
pub struct Object {
    pub bytes: Bytes,
    pub etag: String,
    pub metadata: Vec<(String, String)>,
}

/// A click that a target took.
pub struct Take {
    pub target: &'static str,
    pub key: String,
    pub offset: u64,
    pub id: String,
    pub invocation: usize,
    /// Whether the function learned of it.
    pub answered: bool,
}

impl World {
    pub fn new(seed: u64, faults: Faults, calm_after: Duration) -> World {
        World {
            seed,
            begin: Instant::now(),
            faults,
            state: Mutex::default(),
            rng: Mutex::new(Rng::with_seed(seed)),
            calm: Instant::now() + calm_after,
        }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Draws a number.
    pub fn draw(&self, range: Range<u64>) -> u64 {
        self.rng.lock().unwrap().u64(range)
    }

    pub fn elapsed(&self) -> Duration {
        self.begin.elapsed()
    }

    pub fn is_calm(&self) -> bool {
        Instant::now() >= self.calm
    }

    /// Whether something with this probability happens.
    pub fn happens(&self, probability: f64) -> bool {
        !self.is_calm() && self.rng.lock().unwrap().f64() < probability
    }
}

impl State {
    pub fn put(
        &mut self,
        bucket: &str,
        key: &str,
        bytes: Bytes,
        metadata: Vec<(String, String)>,
    ) -> String {
        let etag = format!("\"{}-{}\"", bytes.len(), self.objects.len());
        let object = Object {
            bytes,
            etag: etag.clone(),
            metadata,
        };
        self.objects.insert((bucket.into(), key.into()), object);
        etag
    }

    /// The objects of a bucket, by their keys.
    pub fn bucket(&self, bucket: &str) -> impl Iterator<Item = (&str, &Object)> {
        let of_bucket = move |((of, _), _): &(&(String, String), &Object)| of == bucket;
        let objects = self.objects.iter().filter(of_bucket);
        objects.map(|((_, key), object)| (key.as_str(), object))
    }
}

/// A queue of SQS's.
#[derive(Default)]
pub struct Queue {
    messages: Vec<Message>,
    next: usize,
}

pub struct Message {
    pub id: usize,
    pub body: String,
    visible: Instant,
    pub receives: usize,
}

/// A message as it was received.
#[derive(Clone)]
pub struct Received {
    pub id: usize,
    pub body: String,
    pub receives: usize,
}

impl Received {
    pub fn receipt(&self) -> String {
        format!("{}-{}", self.id, self.receives)
    }
}

impl Queue {
    pub fn send(&mut self, body: String, delay: Duration) -> usize {
        self.next += 1;
        self.messages.push(Message {
            id: self.next,
            body,
            visible: Instant::now() + delay,
            receives: 0,
        });
        self.next
    }

    /// Hands out up to `most` messages, and hides them for `hidden`.
    pub fn receive(&mut self, most: usize, hidden: Duration) -> Vec<Received> {
        let now = Instant::now();
        let visible = self.messages.iter_mut().filter(|m| m.visible <= now);
        let hand_out = |message: &mut Message| {
            message.visible = now + hidden;
            message.receives += 1;
            Received {
                id: message.id,
                body: message.body.clone(),
                receives: message.receives,
            }
        };
        visible.take(most).map(hand_out).collect()
    }

    pub fn delete(&mut self, received: &Received) {
        self.messages
            .retain(|message| (message.id, message.receives) != (received.id, received.receives));
    }

    pub fn hide(&mut self, receipt: &str, delay: Duration) {
        let of_receipt =
            |message: &&mut Message| format!("{}-{}", message.id, message.receives) == receipt;
        if let Some(message) = self.messages.iter_mut().find(of_receipt) {
            message.visible = Instant::now() + delay;
        }
    }

    /// When the next message can be received; `None` if the queue is empty.
    pub fn next_visible(&self) -> Option<Instant> {
        self.messages.iter().map(|message| message.visible).min()
    }
}
