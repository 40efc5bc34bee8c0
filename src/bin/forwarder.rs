//! The Lambda function: an event in, every object of it to every target, the answer that the event wants.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use clickstream_forwarder::config::{Config, vars};
use clickstream_forwarder::deliver::Patience;
use clickstream_forwarder::forward::Forwarder;
use clickstream_forwarder::log;
use clickstream_forwarder::outcome::{End, Outcome};
use clickstream_forwarder::target::Context;
use clickstream_forwarder::trigger::{self, Job, Unit};
use futures::{StreamExt, stream};
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::Value;
use tokio::time::Instant;

/// Objects forwarded side by side: the largest batch that SQS sends by default.
const SIDE_BY_SIDE: usize = 10;
/// Lambda's longest time-out. A deadline further off, or past, is a local emulator's mistake.
const LONGEST: Duration = Duration::from_secs(900);

#[tokio::main]
async fn main() -> ExitCode {
    let vars = vars::environment();
    log::json(vars.get("LOG_LEVEL").map(String::as_str));
    let config = match Config::load(&vars, Context { clock: now }) {
        Ok(config) => config,
        Err(errors) => {
            for mistake in &errors.0 {
                tracing::error!(variable = mistake.variable, problem = mistake.problem, "configuration mistake");
            }
            return ExitCode::FAILURE;
        }
    };
    let forwarder = Arc::new(Forwarder::new(config));
    let handler = service_fn(move |event| handle(forwarder.clone(), event));
    match lambda_runtime::run(handler).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the Lambda runtime ended; outside Lambda use the clickstream command");
            ExitCode::FAILURE
        }
    }
}

async fn handle(forwarder: Arc<Forwarder>, event: LambdaEvent<Value>) -> Result<Value, Diagnostic> {
    let parsed = trigger::parse(&event.payload).map_err(|error| {
        tracing::error!(%error, "event refused");
        Diagnostic { error_type: "UnknownEvent".into(), error_message: error.to_string() }
    })?;
    let patience = Patience::until(deadline(event.context.deadline));
    for Unit { id, notices, error, .. } in &parsed.units {
        for notice in notices {
            tracing::info!(message_id = id, notice, "acknowledged without an object");
        }
        if let Some(error) = error {
            tracing::error!(message_id = id, error, "message refused");
        }
    }
    // The same notice twice in one batch is one object.
    let mut jobs: Vec<Job> = parsed.units.iter().flat_map(|unit| unit.jobs.iter().cloned()).collect();
    jobs.sort_by(|a, b| a.identity().cmp(&b.identity()));
    jobs.dedup_by(|a, b| a.identity() == b.identity());
    let outcomes = stream::iter(jobs).map(|job| {
        let forwarder = forwarder.clone();
        async move {
            // A task each, so that two processors decode two objects.
            let running = job.clone();
            let ended = tokio::spawn(async move { forwarder.forward(&running, patience).await }).await;
            let early = |error| Outcome::unread(job.object(), End::Failed(format!("a task ended early: {error}")));
            (job.clone(), ended.unwrap_or_else(early))
        }
    });
    let mut outcomes: Vec<_> = outcomes.buffer_unordered(SIDE_BY_SIDE).collect().await;
    outcomes.sort_by(|(a, _), (b, _)| a.identity().cmp(&b.identity()));
    let of = |job: &Job| {
        let found = outcomes.binary_search_by(|(other, _)| other.identity().cmp(&job.identity())).ok()?;
        outcomes.get(found).map(|(_, outcome)| outcome.clone())
    };
    let answered = |unit: Unit| {
        let outcomes = unit.jobs.iter().filter_map(of).collect();
        (unit, outcomes)
    };
    let units: Vec<_> = parsed.units.into_iter().map(answered).collect();
    parsed.answer.give(&units).map_err(|error| {
        tracing::error!(%error, "invocation failed");
        Diagnostic { error_type: "ObjectsFailed".into(), error_message: error.to_string() }
    })
}

/// When everything must be done: a tenth of the time left, at most 10 s, before Lambda ends the process.
fn deadline(epoch_ms: u64) -> Instant {
    let end = SystemTime::UNIX_EPOCH + Duration::from_millis(epoch_ms);
    let left = end.duration_since(now()).ok().filter(|left| *left <= LONGEST).unwrap_or(LONGEST);
    Instant::now() + left - (left / 10).min(Duration::from_secs(10))
}

#[expect(clippy::disallowed_methods, reason = "the one clock of this program")]
fn now() -> SystemTime {
    SystemTime::now()
}
