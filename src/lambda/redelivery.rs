//! Schedules redelivery of whatever is left of a message: a fresh message for the rest of an
//! object, a longer visibility time-out for a message that failed.

use std::time::Duration;

use fastrand::Rng;
use tokio::time::{Instant, timeout_at};

use super::delays::{continuation_delay, visibility_delay};
use super::response::{JobResult, MessageResult};
use crate::job::{Continuation, Job};
use crate::outcome::Outcome;
use crate::platform::queue;
use crate::platform::sqs::Sqs;
use crate::trigger::{Message, ResponseKind};

/// Schedules redelivery, for as long as the process lives.
pub(super) struct Redelivery {
    /// Amazon SQS; `None` where `STORE` is a directory, since no queue is called then.
    pub(super) sqs: Option<Sqs>,
    /// `CONTINUE_QUEUE_URL`, where continuations go; else they go to their message's own queue.
    pub(super) continue_queue: Option<String>,
    /// Whether progress is kept where the next run finds it; else its message carries it.
    pub(super) progress_is_shared: bool,
}

impl Redelivery {
    /// Schedules redelivery of whatever is left of `message`, until `respond_by`. `outcomes` are
    /// those of its jobs, in order.
    ///
    /// The objects' progress is written by now and their leases are given up, so the next run may
    /// begin before this one has responded.
    pub(super) async fn schedule(
        &self,
        kind: &ResponseKind,
        message: Message,
        outcomes: Vec<Outcome>,
        respond_by: Instant,
    ) -> MessageResult {
        let mut jobs = Vec::with_capacity(outcomes.len());
        for (job, outcome) in message.jobs.iter().zip(outcomes) {
            let delay = continuation_delay(kind, job, &outcome, &mut Rng::new());
            jobs.push(match delay {
                Some(delay) if outcome.continues() || self.can_continue(&message) => {
                    let continuation = self.continuation(job, &outcome, &message.id);
                    let sent = self.send(&message, &continuation, delay);
                    let sent = before(respond_by, sent).await;
                    handed_over(outcome, &continuation, delay, sent)
                }
                _ => JobResult::of(outcome),
            });
        }
        let result = MessageResult { message, jobs };
        if *kind == ResponseKind::SqsBatch && !result.failures().is_empty() {
            self.delay(&result, respond_by).await;
        }
        result
    }

    fn can_continue(&self, message: &Message) -> bool {
        self.sqs.is_some() && (self.continue_queue.is_some() || message.queue_arn.is_some())
    }

    fn continuation(&self, job: &Job, outcome: &Outcome, message_id: &str) -> Continuation {
        Continuation::new(
            job,
            &outcome.object,
            outcome.resume_point.as_ref(),
            message_id,
            self.progress_is_shared,
        )
    }

    /// Sends a continuation and returns the id of its message. The error says what to do.
    async fn send(
        &self,
        message: &Message,
        continuation: &Continuation,
        delay: Duration,
    ) -> Result<String, String> {
        let url = self.continue_queue.clone().or_else(|| queue_of(message));
        let url = url.ok_or(
            "no queue to continue in: set CONTINUE_QUEUE_URL to an SQS queue that wakes this \
             function",
        )?;
        let body = serde_json::to_string(continuation).map_err(|e| e.to_string())?;
        self.sqs()?.send(&url, body, delay).await
    }

    /// Has SQS hide a message that failed for as long as its failures ask for.
    async fn delay(&self, result: &MessageResult, respond_by: Instant) {
        let message = &result.message;
        let failed = result.jobs.iter().filter(|job| job.failure.is_some());
        let delay = visibility_delay(
            message.receive_count.max(1),
            failed.map(|job| &job.outcome),
            &mut Rng::new(),
        );
        match before(respond_by, self.hide(message, delay)).await {
            Ok(()) => tracing::warn!(
                message_id = message.id,
                receives = message.receive_count,
                delay_s = delay.as_secs(),
                "message comes back"
            ),
            Err(problem) => tracing::warn!(
                message_id = message.id,
                receives = message.receive_count,
                problem = problem,
                "message comes back when its queue's visibility time-out is over"
            ),
        }
    }

    async fn hide(&self, message: &Message, delay: Duration) -> Result<(), String> {
        let (Some(url), Some(receipt)) = (queue_of(message), &message.receipt) else {
            return Err("the event does not name its queue or its receipt".into());
        };
        self.sqs()?.hide(&url, receipt, delay).await
    }

    fn sqs(&self) -> Result<&Sqs, String> {
        let no_queue = || "STORE is a directory, so no queue is called".into();
        self.sqs.as_ref().ok_or_else(no_queue)
    }
}

/// Returns the URL of the queue that a message came from.
fn queue_of(message: &Message) -> Option<String> {
    message.queue_arn.as_deref().and_then(queue::url_of_arn)
}

/// Runs a call to SQS; an error once `respond_by` has passed.
async fn before<T>(
    respond_by: Instant,
    call: impl Future<Output = Result<T, String>>,
) -> Result<T, String> {
    timeout_at(respond_by, call)
        .await
        .unwrap_or_else(|_| Err("no answer from SQS until the time was up".into()))
}

/// Logs whether a continuation was sent, and returns what became of its job.
fn handed_over(
    outcome: Outcome,
    continuation: &Continuation,
    delay: Duration,
    sent: Result<String, String>,
) -> JobResult {
    let object = outcome.object.to_string();
    match sent {
        Ok(message_id) => {
            tracing::info!(
                object = object,
                hop = continuation.chain_length,
                origin = continuation.first_message_id,
                message_id = message_id,
                delay_s = delay.as_secs(),
                "object continues in a fresh message"
            );
            JobResult {
                outcome,
                failure: None,
                handed_over: true,
            }
        }
        Err(problem) => {
            tracing::error!(
                object = object,
                hop = continuation.chain_length,
                origin = continuation.first_message_id,
                problem = problem,
                "the rest of the object cannot be handed over"
            );
            let cause = outcome.unfinished().unwrap_or_default();
            JobResult {
                failure: Some(format!(
                    "{cause}; its rest cannot be handed over: {problem}"
                )),
                outcome,
                handed_over: false,
            }
        }
    }
}
