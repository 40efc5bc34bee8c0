//! Targets with moods, that take clicks into the world.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use clicks::click::Form;
use clickstream_forwarder::config::TargetConfig;
use clickstream_forwarder::targets::{
    Batching, DeliveryMode, EncodeError, Entry, Limits, SendError, Target, Verdict, View,
};
use tokio::time::{Instant, sleep_until};

use super::process::{Lost, Process};
use super::world::{Service, State, Take};
use crate::scripted::memmem;

/// How a target takes requests for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Takes,
    TakesHalf,
    RefusesAll,
    Throttles,
    IsDown,
    IsMisconfigured,
    TakesAndIsSilent,
    IsSilent,
}

const MOODS: [Mood; 8] = [
    Mood::Takes,
    Mood::TakesHalf,
    Mood::RefusesAll,
    Mood::Throttles,
    Mood::IsDown,
    Mood::IsMisconfigured,
    Mood::TakesAndIsSilent,
    Mood::IsSilent,
];

/// A target of the function, as one process sees it.
pub struct Moody {
    name: &'static str,
    delivery: DeliveryMode,
    records: usize,
    process: Arc<Process>,
}

/// The targets of a process.
pub fn targets(process: &Arc<Process>) -> Vec<TargetConfig> {
    let by_group = DeliveryMode {
        batching: Batching::OneOfEachGroup,
        ..DeliveryMode::PER_RECORD
    };
    [
        ("whole", DeliveryMode::WHOLE, 20),
        ("each", DeliveryMode::PER_RECORD, 10),
        ("grouped", by_group, 10),
    ]
    .map(|(name, delivery, records)| {
        let target = Moody {
            name,
            delivery,
            records,
            process: process.clone(),
        };
        TargetConfig {
            name: name.into(),
            kind: "moody",
            transform: Arc::default(),
            reloading: None,
            limits: target.limits(),
            delivery,
            target: Arc::new(target),
            concurrency: 3,
            timeout: Duration::from_secs(10),
            rate: None,
        }
    })
    .into()
}

/// Whether `target` never takes a click with this body.
pub fn refuses(target: &str, body: &[u8]) -> bool {
    memmem(body, format!("\"refused-by-{target}\"").as_bytes())
}

impl Moody {
    /// Its mood now: one for each 20 s, and now and then another.
    fn mood(&self) -> Mood {
        let world = &self.process.world;
        if world.is_calm() {
            return Mood::Takes;
        }
        let slot = world.elapsed().as_secs() / 20;
        let name = self.name.len() as u64;
        let mut of_slot = fastrand::Rng::with_seed(world.seed ^ (slot * 8 + name));
        let share = world.faults.targets;
        if of_slot.f64() < share || world.happens(share / 8.0) {
            let at = world.draw(0..MOODS.len() as u64) as usize;
            let at = if of_slot.bool() {
                of_slot.usize(..MOODS.len())
            } else {
                at
            };
            return MOODS[at];
        }
        Mood::Takes
    }

    /// Takes some of a request's entries, and returns a verdict on each.
    fn take(&self, state: &mut State, batch: &[Entry], half: bool) -> Vec<Verdict> {
        let verdict = |(at, entry): (usize, &Entry)| {
            if refuses(self.name, &entry.body) {
                return Verdict::Rejected("it never takes this one".into());
            }
            if half && at % 2 == 1 {
                return Verdict::Retry;
            }
            state.takes.push(Take {
                target: self.name,
                key: entry.object.key.clone(),
                offset: entry.record_offset,
                id: entry.id.to_string(),
                invocation: self.process.invocation(),
                answered: false,
            });
            Verdict::Sent
        };
        batch.iter().enumerate().map(verdict).collect()
    }

    fn answer(&self, state: &mut State, batch: &[Entry], mood: Mood) -> Answer {
        let refuses_one = batch.iter().any(|entry| refuses(self.name, &entry.body));
        let is_whole = self.delivery == DeliveryMode::WHOLE;
        let first = state.takes.len();
        let result = match mood {
            Mood::Takes | Mood::TakesHalf | Mood::TakesAndIsSilent if is_whole && refuses_one => {
                Err(SendError::PayloadRejected("HTTP 422".into()))
            }
            Mood::TakesHalf if !is_whole => Ok(self.take(state, batch, true)),
            Mood::Takes | Mood::TakesHalf | Mood::TakesAndIsSilent => {
                Ok(self.take(state, batch, false))
            }
            Mood::RefusesAll if is_whole => Err(SendError::PayloadRejected("HTTP 400".into())),
            Mood::RefusesAll => Ok(vec![Verdict::Rejected("HTTP 400".into()); batch.len()]),
            Mood::Throttles => {
                let after = Duration::from_millis(batch.len() as u64 * 500);
                Err(SendError::Throttled(Some(after), "HTTP 429".into()))
            }
            Mood::IsDown | Mood::IsSilent => Err(SendError::Unavailable("HTTP 503".into())),
            Mood::IsMisconfigured => Err(SendError::Misconfigured("HTTP 401".into())),
        };
        let took = first..state.takes.len();
        Answer { result, took }
    }
}

/// The answer to a request, and which takes it tells of.
struct Answer {
    result: Result<Vec<Verdict>, SendError>,
    took: std::ops::Range<usize>,
}

#[async_trait]
impl Target for Moody {
    fn limits(&self) -> Limits {
        Limits {
            records: self.records,
            bytes: 1 << 20,
            record_bytes: 10_000,
            overhead: 0,
            per_record: 1,
        }
    }

    fn delivery(&self) -> DeliveryMode {
        self.delivery
    }

    fn encode(&self, view: &View<'_>) -> Result<Entry, EncodeError> {
        let ordering_key = (self.delivery.batching == Batching::OneOfEachGroup)
            .then(|| view.text(&["route", "id"]).unwrap_or_default().into());
        Ok(Entry {
            ordering_key,
            ..Entry::new(view, view.form(Form::Click))
        })
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a silent target, in tokio's paused clock"
    )]
    async fn send(&self, batch: &[Entry]) -> Result<Vec<Verdict>, SendError> {
        let mood = self.mood();
        let answer = self
            .process
            .exchange(Service::Target, |state| self.answer(state, batch, mood));
        let lost = |Lost| SendError::Unavailable("the connection was reset".into());
        let Answer { result, took } = answer.await.map_err(lost)?;
        if matches!(mood, Mood::IsSilent | Mood::TakesAndIsSilent) {
            sleep_until(Instant::now() + Duration::from_secs(3600)).await;
        }
        let mut state = self.process.world.state();
        took.for_each(|at| state.takes[at].answered = true);
        result
    }

    fn describe(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}
