//! Sees that whatever an invocation leaves undone is delivered again: in a fresh message, or by its
//! sender.

use std::collections::BTreeMap;
use std::time::Duration;

use fastrand::Rng;
use futures::StreamExt;
use futures::stream;
use tokio::time::{Instant, timeout_at};

use super::delays::{continuation_delay, visibility_delay};
use super::handover::{Remainder, hand_over};
use super::response::{JobResult, MessageResult};
use crate::job::{Continuation, Job, JobIdentity};
use crate::outcome::{End, Outcome};
use crate::platform::queue;
use crate::platform::sqs::{LONGEST_DELAY, Sqs};
use crate::trigger::{Message, ResponseKind};

/// Messages that are hidden at the same time.
const CALLS: usize = 10;

/// Schedules redelivery, for as long as the process lives.
pub(super) struct Redelivery {
    /// Amazon SQS; `None` where `STORE` is a directory, since no queue is called then.
    pub(super) sqs: Option<Sqs>,
    /// `CONTINUE_QUEUE_URL`, where continuations go; else they go to their message's own queue.
    pub(super) continue_queue: Option<String>,
    /// Whether progress is kept where the next run finds it; else its message carries it.
    pub(super) progress_is_shared: bool,
}

/// The times of the end of an invocation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    /// The time now, in milliseconds since 1970.
    pub(super) now: u64,
    /// When the response must be given.
    pub(super) respond_by: Instant,
}

/// What is left of the jobs of an event, by the URL of the queue that it goes to; without a URL it
/// goes nowhere.
type Leftovers = BTreeMap<Option<String>, Vec<(JobIdentity, Remainder)>>;
/// The id of the message in which each job goes on, or why it does not.
type Sent = BTreeMap<JobIdentity, Result<String, String>>;

impl Redelivery {
    /// Schedules redelivery of whatever is left of `messages`. `outcomes` are those of their jobs.
    ///
    /// The objects' progress is written by now and their leases are given up, so the next run may
    /// begin before this one has responded.
    pub(super) async fn schedule(
        &self,
        kind: &ResponseKind,
        messages: Vec<Message>,
        outcomes: &BTreeMap<JobIdentity, Outcome>,
        times: Times,
    ) -> Vec<MessageResult> {
        let mut sent = Sent::new();
        for (url, left) in self.leftovers(kind, &messages, outcomes, times.now) {
            let (identities, left): (Vec<_>, Vec<_>) = left.into_iter().unzip();
            let results = self.send(url.as_deref(), &left, times.respond_by).await;
            log_handed_over(&left, &results);
            sent.extend(identities.into_iter().zip(results));
        }
        let results: Vec<_> = messages
            .into_iter()
            .map(|message| result(message, outcomes, &sent))
            .collect();
        if *kind == ResponseKind::SqsBatch {
            let mut delays = Vec::new();
            for result in &results {
                if !result.failures().is_empty() {
                    delays.push(self.delay(result, times.respond_by));
                }
            }
            stream::iter(delays)
                .buffer_unordered(CALLS)
                .collect::<()>()
                .await;
        }
        results
    }

    /// Returns what must go on in fresh messages, each job once, in whatever messages it came.
    fn leftovers(
        &self,
        kind: &ResponseKind,
        messages: &[Message],
        outcomes: &BTreeMap<JobIdentity, Outcome>,
        now: u64,
    ) -> Leftovers {
        let mut rng = Rng::new();
        let mut seen = std::collections::BTreeSet::new();
        let mut leftovers = Leftovers::new();
        let jobs = messages
            .iter()
            .flat_map(|message| message.jobs.iter().map(move |job| (message, job)));
        for (message, job) in jobs {
            let identity = job.identity();
            let Some(outcome) = outcomes.get(&identity) else {
                continue;
            };
            let url = self.queue_for(message);
            let delay = continuation_delay(kind, message, job, outcome, &mut rng);
            let delay = delay.filter(|_| outcome.continues() || url.is_some());
            if let Some(delay) = delay.filter(|_| seen.insert(identity.clone())) {
                let continuation = self.continuation(job, outcome, &message.id);
                let until = now + delay.as_millis() as u64;
                let remainder = Remainder {
                    continuation: continuation
                        .not_before(Some(until).filter(|_| delay > LONGEST_DELAY)),
                    delay,
                    may_share: outcome.end == End::NotStarted,
                };
                leftovers
                    .entry(url)
                    .or_default()
                    .push((identity, remainder));
            }
        }
        leftovers
    }

    /// Returns the URL of the queue where what is left of a message goes on.
    fn queue_for(&self, message: &Message) -> Option<String> {
        self.sqs.as_ref()?;
        self.continue_queue.clone().or_else(|| queue_of(message))
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

    /// Sends what is left to the queue at `url`.
    async fn send(
        &self,
        url: Option<&str>,
        left: &[Remainder],
        respond_by: Instant,
    ) -> Vec<Result<String, String>> {
        match (self.sqs(), url) {
            (Err(problem), _) => vec![Err(problem); left.len()],
            (_, None) => vec![
                Err(
                    "no queue to continue in: set CONTINUE_QUEUE_URL to an SQS queue that wakes \
                     this function"
                        .into()
                );
                left.len()
            ],
            (Ok(sqs), Some(url)) => {
                hand_over(left, respond_by, |messages| sqs.send(url, messages)).await
            }
        }
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
        match self.hide(message, delay, respond_by).await {
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

    async fn hide(
        &self,
        message: &Message,
        delay: Duration,
        respond_by: Instant,
    ) -> Result<(), String> {
        let (Some(url), Some(receipt)) = (queue_of(message), &message.receipt) else {
            return Err("the event does not name its queue or its receipt".into());
        };
        if Instant::now() >= respond_by {
            return Err("the time was up".into());
        }
        timeout_at(respond_by, self.sqs()?.hide(&url, receipt, delay))
            .await
            .unwrap_or_else(|_| Err("no answer from SQS until the time was up".into()))
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

/// Returns what became of each job of `message`.
fn result(
    message: Message,
    outcomes: &BTreeMap<JobIdentity, Outcome>,
    sent: &Sent,
) -> MessageResult {
    let of_job = |job: &Job| {
        let identity = job.identity();
        let outcome = outcomes.get(&identity)?.clone();
        Some(match sent.get(&identity) {
            None => JobResult::of(outcome),
            Some(Ok(_)) => JobResult {
                outcome,
                failure: None,
                handed_over: true,
            },
            Some(Err(problem)) => JobResult {
                failure: Some(format!(
                    "{}; its rest cannot be handed over: {problem}",
                    outcome.unfinished().unwrap_or_default()
                )),
                outcome,
                handed_over: false,
            },
        })
    };
    let jobs = message.jobs.iter().filter_map(of_job).collect();
    MessageResult { message, jobs }
}

/// Logs where each remainder goes on: a line for each message, and one for each reason why some go
/// on in none. The response names these.
fn log_handed_over(left: &[Remainder], results: &[Result<String, String>]) {
    let mut messages: BTreeMap<&Result<String, String>, Vec<&Remainder>> = BTreeMap::new();
    for (remainder, result) in left.iter().zip(results) {
        messages.entry(result).or_default().push(remainder);
    }
    for (result, remainders) in messages {
        let Some(first) = remainders.first() else {
            continue;
        };
        let continuation = &first.continuation;
        let (object, objects) = (continuation.object().to_string(), remainders.len());
        match result {
            Ok(message_id) => tracing::info!(
                object = object,
                objects = objects,
                hop = continuation.chain_length,
                origin = continuation.first_message_id,
                message_id = message_id,
                delay_s = first.delay.as_secs(),
                "object continues in a fresh message"
            ),
            Err(problem) => tracing::error!(
                object = object,
                objects = objects,
                hop = continuation.chain_length,
                origin = continuation.first_message_id,
                problem = problem,
                "the rest of the object cannot be handed over"
            ),
        }
    }
}
