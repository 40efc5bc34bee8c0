//! After the runs of a unit: its rest goes into fresh messages, and a message that failed stays away for a while.

use fastrand::Rng;
use tokio::time::{Instant, timeout_at};

use super::again::{Continuation, away, fresh};
use super::answer::{Fate, failures};
use super::{Answer, Job, Queues, Unit};
use crate::outcome::Outcome;

/// What bringing work back needs.
pub struct Bring<'b> {
    /// What woke the function.
    pub answer: &'b Answer,
    /// The queues.
    pub queues: &'b Queues,
    /// Whether progress is kept where the next run sees it; else its message carries it.
    pub shared: bool,
    /// When the answer must be given.
    pub by: Instant,
}

impl Bring<'_> {
    /// Sees to it that what is left of a unit comes back. `outcomes` are those of its jobs, in order.
    ///
    /// The objects' progress is written by now and their leases are given up, so the next run may begin before
    /// this one has answered.
    pub async fn back(&self, unit: Unit, outcomes: Vec<Outcome>) -> (Unit, Vec<Fate>) {
        let mut fates = Vec::with_capacity(outcomes.len());
        for (job, outcome) in unit.jobs.iter().zip(outcomes) {
            fates.push(self.fate(&unit, job, outcome).await);
        }
        if *self.answer == Answer::Sqs && !failures(&unit, &fates).is_empty() {
            self.delay(&unit, &fates).await;
        }
        (unit, fates)
    }

    async fn fate(&self, unit: &Unit, job: &Job, outcome: Outcome) -> Fate {
        let Some(delay) = fresh(self.answer, job, &outcome, &mut Rng::new()) else {
            return Fate::of(outcome);
        };
        if !outcome.continues() && !self.queues.can_continue(unit) {
            return Fate::of(outcome);
        }
        let rest = Continuation::new(job, &outcome, &unit.id, self.shared);
        let (object, hop, origin) = (outcome.object.to_string(), rest.hop, &rest.origin);
        match self.in_time(self.queues.send(unit, &rest, delay)).await {
            Ok(message_id) => {
                tracing::info!(
                    object = object,
                    hop = hop,
                    origin = origin,
                    message_id = message_id,
                    delay_s = delay.as_secs(),
                    "object continues in a fresh message"
                );
                Fate {
                    failure: None,
                    handed_over: true,
                    outcome,
                }
            }
            Err(problem) => {
                tracing::error!(
                    object = object,
                    hop = hop,
                    origin = origin,
                    problem = problem,
                    "the rest of the object cannot be handed over"
                );
                let cause = Fate::of(outcome.clone()).failure.unwrap_or_default();
                Fate {
                    failure: Some(format!(
                        "{cause}; its rest cannot be handed over: {problem}"
                    )),
                    handed_over: false,
                    outcome,
                }
            }
        }
    }

    async fn in_time<T>(&self, call: impl Future<Output = Result<T, String>>) -> Result<T, String> {
        timeout_at(self.by, call)
            .await
            .unwrap_or_else(|_| Err("no answer from SQS until the time was up".into()))
    }

    async fn delay(&self, unit: &Unit, fates: &[Fate]) {
        let failed = fates
            .iter()
            .filter(|fate| fate.failure.is_some())
            .map(|fate| &fate.outcome);
        let delay = away(unit.receives.max(1), failed, &mut Rng::new());
        let (message_id, receives) = (&unit.id, unit.receives);
        match self.in_time(self.queues.delay(unit, delay)).await {
            Ok(()) => tracing::warn!(
                message_id = message_id,
                receives = receives,
                delay_s = delay.as_secs(),
                "message comes back"
            ),
            Err(problem) => {
                tracing::warn!(
                    message_id = message_id,
                    receives = receives,
                    problem = problem,
                    "message comes back when its queue's visibility time-out is over"
                );
            }
        }
    }
}
