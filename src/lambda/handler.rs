//! Handles one event: its jobs side by side, the redelivery of what is left, and the response.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures::StreamExt;
use futures::future::join_all;
use lambda_runtime::{Diagnostic, LambdaEvent};
use serde_json::Value;
use tokio::time::Instant;

use super::deadlines::Schedule;
use super::environment::Environment;
use super::metrics::InvocationMetrics;
use super::redelivery::Redelivery;
use super::response;
use crate::config::Config;
use crate::deliver::RunControl;
use crate::forward::{Forwarder, forward_all};
use crate::job::{Job, JobIdentity};
use crate::outcome::Outcome;
use crate::platform::sqs::Sqs;
use crate::progress::{Local, Progress};
use crate::trigger::{self, Message};

/// Objects forwarded side by side: as many as SQS sends in a batch by default.
const CONCURRENT_JOBS: usize = 10;

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
        let parsed = trigger::parse(&event.payload, event_id).map_err(|error| {
            tracing::error!(error = %error, "event refused");
            diagnostic("UnknownEvent", &error)
        })?;
        let begin = Instant::now();
        let schedule = Schedule::new((self.clock)(), event.context.deadline, self.margin);
        parsed.messages.iter().for_each(log_message);
        let control = RunControl {
            deadlines: schedule.deadlines(begin),
            ..RunControl::until(begin + schedule.stop_reading)
        };
        let outcomes = self.forward(&parsed.messages, &control).await;
        if let Some(metrics) = &self.metrics {
            metrics.write(outcomes.values());
        }
        let redeliveries = parsed.messages.into_iter().map(|message| {
            let of_job = |job: &Job| outcomes.get(&job.identity()).cloned();
            let outcomes = message.jobs.iter().filter_map(of_job).collect();
            let respond_by = begin + schedule.respond_by;
            self.redelivery
                .schedule(&parsed.response, message, outcomes, respond_by)
        });
        let results = join_all(redeliveries).await;
        response::render(&parsed.response, &results).map_err(|error| {
            tracing::error!(error = %error, "invocation failed");
            diagnostic("ObjectsFailed", &error)
        })
    }

    /// Forwards every object that `messages` name, once.
    async fn forward(
        &self,
        messages: &[Message],
        control: &RunControl,
    ) -> BTreeMap<JobIdentity, Outcome> {
        // The same notification twice in one batch is one object.
        let mut jobs = BTreeMap::new();
        for job in messages.iter().flat_map(|message| &message.jobs) {
            jobs.entry(job.identity()).or_insert_with(|| job.clone());
        }
        forward_all(&self.forwarder, jobs, CONCURRENT_JOBS, control)
            .collect()
            .await
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
