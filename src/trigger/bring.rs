//! After the runs of a message: its rest goes into fresh messages, and a message that failed stays away for a while.

use fastrand::Rng;
use tokio::time::{Instant, timeout_at};

use super::again::{Continuation, continuation_delay, visibility_delay};
use super::answer::{JobResult, failures};
use super::{Message, Queues, ResponseKind};
use crate::job::Job;
use crate::outcome::Outcome;

/// What bringing work back needs.
pub struct Redelivery<'b> {
    /// What woke the function.
    pub answer: &'b ResponseKind,
    /// The queues.
    pub queues: &'b Queues,
    /// Whether progress is kept where the next run sees it; else its message carries it.
    pub shared: bool,
    /// When the answer must be given.
    pub by: Instant,
}

impl Redelivery<'_> {
    /// Sees to it that what is left of a message comes back. `outcomes` are those of its jobs, in order.
    ///
    /// The objects' progress is written by now and their leases are given up, so the next run may begin before
    /// this one has answered.
    pub async fn schedule(
        &self,
        message: Message,
        outcomes: Vec<Outcome>,
    ) -> (Message, Vec<JobResult>) {
        let mut results = Vec::with_capacity(outcomes.len());
        for (job, outcome) in message.jobs.iter().zip(outcomes) {
            results.push(self.result(&message, job, outcome).await);
        }
        if *self.answer == ResponseKind::SqsBatch && !failures(&message, &results).is_empty() {
            self.delay(&message, &results).await;
        }
        (message, results)
    }

    async fn result(&self, message: &Message, job: &Job, outcome: Outcome) -> JobResult {
        let Some(delay) = continuation_delay(self.answer, job, &outcome, &mut Rng::new()) else {
            return JobResult::of(outcome);
        };
        if !outcome.continues() && !self.queues.can_continue(message) {
            return JobResult::of(outcome);
        }
        let rest = Continuation::new(job, &outcome, &message.id, self.shared);
        let (object, chain_length, first_message_id) = (
            outcome.object.to_string(),
            rest.chain_length,
            &rest.first_message_id,
        );
        match self.in_time(self.queues.send(message, &rest, delay)).await {
            Ok(message_id) => {
                tracing::info!(
                    object = object,
                    hop = chain_length,
                    origin = first_message_id,
                    message_id = message_id,
                    delay_s = delay.as_secs(),
                    "object continues in a fresh message"
                );
                JobResult {
                    failure: None,
                    handed_over: true,
                    outcome,
                }
            }
            Err(problem) => {
                tracing::error!(
                    object = object,
                    hop = chain_length,
                    origin = first_message_id,
                    problem = problem,
                    "the rest of the object cannot be handed over"
                );
                let cause = JobResult::of(outcome.clone()).failure.unwrap_or_default();
                JobResult {
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

    async fn delay(&self, message: &Message, results: &[JobResult]) {
        let failed = results
            .iter()
            .filter(|result| result.failure.is_some())
            .map(|result| &result.outcome);
        let delay = visibility_delay(message.receive_count.max(1), failed, &mut Rng::new());
        let (message_id, receive_count) = (&message.id, message.receive_count);
        match self.in_time(self.queues.delay(message, delay)).await {
            Ok(()) => tracing::warn!(
                message_id = message_id,
                receives = receive_count,
                delay_s = delay.as_secs(),
                "message comes back"
            ),
            Err(problem) => {
                tracing::warn!(
                    message_id = message_id,
                    receives = receive_count,
                    problem = problem,
                    "message comes back when its queue's visibility time-out is over"
                );
            }
        }
    }
}
