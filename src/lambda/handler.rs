//! Handles one event: its jobs side by side, the redelivery of what is left, and the response.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures::StreamExt;
use lambda_runtime::{Diagnostic, LambdaEvent};
use serde_json::Value;
use tokio::time::Instant;

use super::deadlines::Schedule;
use super::environment::Environment;
use super::handover;
use super::metrics::InvocationMetrics;
use super::redelivery::{Redelivery, Times};
use super::response;
use crate::config::Config;
use crate::deliver::RunControl;
use crate::forward::{Forwarder, forward_all};
use crate::job::{Job, JobIdentity};
use crate::outcome::{End, Outcome};
use crate::platform::sqs::Sqs;
use crate::progress::{Local, Progress, milliseconds};
use crate::trigger::{self, Event, Message, ResponseKind};

/// Objects forwarded side by side: as many as SQS sends in a batch by default.
const CONCURRENT_JOBS: usize = 10;
/// How many milliseconds before its time a job may run: SQS's clock is another.
const EARLY_MS: u64 = 2000;

/// Handles events, for as long as the process lives.
pub struct Handler {
    forwarder: Arc<Forwarder>,
    redelivery: Redelivery,
    /// `DEADLINE_MARGIN`.
    margin: Option<Duration>,
    clock: fn() -> SystemTime,
    /// `None` if no metrics are to go into the log.
    metrics: Option<InvocationMetrics>,
}

impl Handler {
    /// Prepares to handle events as configured. Opens no connection.
    pub fn new(mut config: Config, environment: &Environment) -> Handler {
        if let Some(bytes) = environment.object_memory() {
            config.object_memory = bytes;
        }
        let (margin, clock) = (config.deadline_margin, config.clock);
        let function_name = environment.function_name().filter(|_| config.metrics);
        let redelivery = Redelivery {
            sqs: config
                .directory
                .is_none()
                .then(|| Sqs::new(config.aws.clone())),
            continue_queue: config.continue_queue.clone(),
            progress_is_shared: config.progress_table.is_some(),
        };
        let of_process = Progress::Local(Local::default());
        Handler {
            forwarder: Arc::new(Forwarder::new(config).or_progress(of_process)),
            redelivery,
            margin,
            clock,
            metrics: function_name.map(|name| InvocationMetrics::new(name.to_owned())),
        }
    }

    /// Forwards every object of an event and returns the response to it. `Err` if the event, or an
    /// object that nobody else would bring again, must be delivered again.
    pub async fn handle(&self, event: LambdaEvent<Value>) -> Result<Value, Diagnostic> {
        let event_id = &event.context.request_id;
        let now = (self.clock)();
        let parsed = trigger::parse(&event.payload, event_id, now).map_err(|error| {
            tracing::error!(error = %error, "event refused");
            diagnostic("UnknownEvent", &error)
        })?;
        let begin = Instant::now();
        let jobs = Jobs::of(&parsed, milliseconds(now));
        let schedule = Schedule::new(now, event.context.deadline, self.margin)
            .reserve(handover::time_for(jobs.count()));
        parsed.messages.iter().for_each(log_message);
        let control = RunControl {
            deadlines: schedule.deadlines(begin),
            ..RunControl::until(begin + schedule.stop_reading)
        };
        let Jobs { due, mut outcomes } = jobs;
        let forwarded = forward_all(&self.forwarder, due, CONCURRENT_JOBS, &control);
        outcomes.extend(forwarded.collect::<Vec<_>>().await);
        if let Some(metrics) = &self.metrics {
            metrics.write(outcomes.values());
        }
        let times = Times {
            now: milliseconds((self.clock)()),
            respond_by: begin + schedule.respond_by,
        };
        let Event { response, messages } = parsed;
        let redelivery = &self.redelivery;
        let results = redelivery
            .schedule(&response, messages, &outcomes, times)
            .await;
        response::render(&response, &results).map_err(|error| {
            tracing::error!(error = %error, "invocation failed");
            diagnostic("ObjectsFailed", &error)
        })
    }
}

/// The jobs of an event: the same notification twice in one event is one object.
struct Jobs {
    /// Those to be run.
    due: BTreeMap<JobIdentity, Job>,
    /// The outcomes of those whose time has not come.
    outcomes: BTreeMap<JobIdentity, Outcome>,
}

impl Jobs {
    /// Takes the jobs of `event` at `now`, in milliseconds since 1970.
    fn of(event: &Event, now: u64) -> Jobs {
        let mut jobs = Jobs {
            due: BTreeMap::new(),
            outcomes: BTreeMap::new(),
        };
        for job in event.messages.iter().flat_map(|message| &message.jobs) {
            // Only a queue can keep what is not due.
            let left = job.not_before.map_or(0, |time| time.saturating_sub(now));
            if left > EARLY_MS && event.response == ResponseKind::SqsBatch {
                let end = End::Postponed(Duration::from_millis(left));
                let outcome = Outcome::unread(job.object(), end);
                outcome.log();
                jobs.outcomes.insert(job.identity(), outcome);
            } else {
                let first = jobs.due.entry(job.identity());
                first.or_insert_with(|| job.clone());
            }
        }
        jobs
    }

    fn count(&self) -> usize {
        self.due.len() + self.outcomes.len()
    }
}

/// Logs what a message holds beside objects.
fn log_message(message: &Message) {
    for notice in &message.notices {
        tracing::info!(
            message_id = message.id,
            notice = notice,
            "acknowledged without an object"
        );
    }
    if let Some(error) = &message.error {
        tracing::error!(message_id = message.id, error = error, "message refused");
    }
}

fn diagnostic(error_type: &str, error: &impl ToString) -> Diagnostic {
    Diagnostic {
        error_type: error_type.into(),
        error_message: error.to_string(),
    }
}
