//! The Lambda function: an event in, every object of it to every target, the answer that the event wants.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use crate::config::settings::Settings;
use crate::config::vars::{self, Vars};
use crate::config::{self, Config, ConfigErrors};
use crate::deliver::{Deadlines, RunControl};
use crate::forward::Forwarder;
use crate::job::Job;
use crate::outcome::{End, Outcome};
use crate::platform::aws::Aws;
use crate::platform::log;
use crate::platform::metrics::Report;
use crate::platform::tls::Trust;
use crate::progress::{Local, Progress};
use crate::targets::Context;
use crate::trigger::{self, Message, Queues, Redelivery};
use futures::future::join_all;
use futures::{StreamExt, stream};
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::OnceCell;
use tokio::time::Instant;

/// Objects forwarded side by side: the largest batch that SQS sends by default.
const SIDE_BY_SIDE: usize = 10;
/// What it takes to end in order, whatever `DEADLINE_MARGIN` says.
const LEAST_MARGIN: Duration = Duration::from_millis(300);
/// Lambda's longest time-out. A deadline further off, or past, is a local emulator's mistake.
const LONGEST: Duration = Duration::from_secs(900);

/// Serves events until Lambda ends the process.
pub fn run() -> ExitCode {
    let vars = vars::environment();
    log::json(vars.get("LOG_LEVEL").map(String::as_str));
    let trust = Trust::of(&vars);
    let context = Context {
        clock: now,
        trust,
        aws: Aws::new(trust),
    };
    match runtime(config::processors(&vars)) {
        Ok(runtime) => runtime.block_on(serve(vars, context)),
        Err(error) => {
            tracing::error!(error = %error, "no threads to run on");
            ExitCode::FAILURE
        }
    }
}

/// On little more than one processor one thread does all: others would only wake each other.
fn runtime(processors: f64) -> std::io::Result<Runtime> {
    let mut builder = if processors < 1.5 {
        Builder::new_current_thread()
    } else {
        Builder::new_multi_thread()
    };
    builder.enable_all().build()
}

async fn serve(vars: Vars, context: Context) -> ExitCode {
    let started = Started::new(vars, context).await.inspect_err(tell);
    let Ok(started) = started.map(Arc::new) else {
        return ExitCode::FAILURE;
    };
    let handler = service_fn(move |event| {
        let started = started.clone();
        async move { started.function().await?.handle(event).await }
    });
    match lambda_runtime::run(handler).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = %error, "the Lambda runtime ended; outside Lambda use the clickstream command");
            ExitCode::FAILURE
        }
    }
}

/// Logs every mistake of a configuration.
fn tell(errors: &ConfigErrors) {
    for mistake in &errors.0 {
        tracing::error!(
            variable = mistake.variable,
            problem = mistake.problem,
            "configuration mistake"
        );
    }
}

/// A process whose variables are sound as far as can be seen without following what they refer to.
struct Started {
    settings: Arc<Settings>,
    function: OnceCell<Function>,
}

impl Started {
    /// Only a path of settings is asked for.
    async fn new(vars: Vars, context: Context) -> Result<Started, ConfigErrors> {
        let settings = Arc::new(Settings::read(vars, context).await?);
        let function = OnceCell::new();
        if settings.references().is_empty() {
            let _ = function.set(Function::new(settings.config().await?));
        }
        Ok(Started { settings, function })
    }

    /// The function. What variables refer to is asked for at the first event, and again at the next if that fails.
    async fn function(&self) -> Result<&Function, Diagnostic> {
        let made = || async { self.settings.config().await.map(Function::new) };
        self.function.get_or_try_init(made).await.map_err(|errors| {
            tell(&errors);
            Diagnostic {
                error_type: "ConfigurationMistakes".into(),
                error_message: errors.to_string(),
            }
        })
    }
}

/// What lives as long as the process.
struct Function {
    forwarder: Arc<Forwarder>,
    queues: Queues,
    /// `DEADLINE_MARGIN`.
    margin: Option<Duration>,
    /// Whether progress is kept where every copy of the function sees it.
    shared: bool,
    /// Whether and how metrics are told.
    metrics: Option<Metrics>,
}

/// The metrics of this process.
struct Metrics {
    /// The function's name.
    name: String,
    /// Whether this process has not handled an event yet.
    cold: AtomicBool,
}

impl Metrics {
    /// Writes what became of the objects into the log, where it does not mix with clicks.
    fn tell<'o>(&self, outcomes: impl Iterator<Item = &'o Outcome>) {
        let mut report = Report::default();
        outcomes.for_each(|outcome| report.add(outcome));
        let lines = report
            .documents(&self.name, now(), self.cold.swap(false, Ordering::Relaxed))
            .join("\n")
            + "\n";
        // A log that cannot be written is no reason to fail.
        let _ = std::io::stderr().lock().write_all(lines.as_bytes());
    }
}

impl Function {
    fn new(config: Config) -> Function {
        let there = config.directory.is_none().then(|| config.aws.clone());
        let (queues, margin) = (
            Queues::new(there, config.continue_queue.clone()),
            config.deadline_margin,
        );
        let metrics = config.metrics.clone().map(|name| Metrics {
            name,
            cold: AtomicBool::new(true),
        });
        let shared = config.progress_table.is_some();
        let forwarder =
            Arc::new(Forwarder::new(config).or_progress(Progress::Local(Local::default())));
        Function {
            forwarder,
            queues,
            margin,
            shared,
            metrics,
        }
    }

    async fn handle(&self, event: LambdaEvent<Value>) -> Result<Value, Diagnostic> {
        let parsed =
            trigger::parse(&event.payload, &event.context.request_id).map_err(|error| {
                tracing::error!(error = %error, "event refused");
                Diagnostic {
                    error_type: "UnknownEvent".into(),
                    error_message: error.to_string(),
                }
            })?;
        let (deadlines, by) = deadlines(event.context.deadline, self.margin);
        let control = RunControl {
            deadlines,
            ..RunControl::until(deadlines.stop_reading)
        };
        parsed.messages.iter().for_each(announce);
        let outcomes = self.forward(&parsed.messages, control).await;
        if let Some(metrics) = &self.metrics {
            metrics.tell(outcomes.iter().map(|(_, outcome)| outcome));
        }
        let of = |job: &Job| {
            let found = outcomes
                .binary_search_by(|(other, _)| other.identity().cmp(&job.identity()))
                .ok()?;
            outcomes.get(found).map(|(_, outcome)| outcome.clone())
        };
        let answered = parsed.messages.into_iter().map(|message| {
            let outcomes = message.jobs.iter().filter_map(of).collect();
            (message, outcomes)
        });
        let bring = Redelivery {
            answer: &parsed.answer,
            queues: &self.queues,
            shared: self.shared,
            by,
        };
        let messages: Vec<_> =
            join_all(answered.map(|(message, outcomes)| bring.schedule(message, outcomes))).await;
        parsed.answer.render(&messages).map_err(|error| {
            tracing::error!(error = %error, "invocation failed");
            Diagnostic {
                error_type: "ObjectsFailed".into(),
                error_message: error.to_string(),
            }
        })
    }

    /// Forwards every object of an event, side by side, in the order of their identities.
    async fn forward(&self, messages: &[Message], control: RunControl) -> Vec<(Job, Outcome)> {
        // The same notice twice in one batch is one object.
        let mut jobs: Vec<Job> = messages
            .iter()
            .flat_map(|message| message.jobs.iter().cloned())
            .collect();
        jobs.sort_by(|a, b| a.identity().cmp(&b.identity()));
        jobs.dedup_by(|a, b| a.identity() == b.identity());
        let outcomes = stream::iter(jobs).map(|job| {
            let (forwarder, control) = (self.forwarder.clone(), control.clone());
            async move {
                // A task each, so that two processors decode two objects.
                let running = job.clone();
                let ended =
                    tokio::spawn(async move { forwarder.forward(&running, control).await }).await;
                let early = |error| {
                    Outcome::unread(
                        job.object(),
                        End::Failed(format!("a task ended early: {error}")),
                    )
                };
                (job.clone(), ended.unwrap_or_else(early))
            }
        });
        let mut outcomes: Vec<_> = outcomes.buffer_unordered(SIDE_BY_SIDE).collect().await;
        outcomes.sort_by(|(a, _), (b, _)| a.identity().cmp(&b.identity()));
        outcomes
    }
}

/// Logs what a message holds beside objects.
fn announce(message: &Message) {
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

/// The deadlines of a run, and when the answer must be given, before Lambda ends the process. The margin is a fifth of
/// the time left, at most 30 s: as long as a request may take by default.
fn deadlines(epoch_ms: u64, margin: Option<Duration>) -> (Deadlines, Instant) {
    let end = SystemTime::UNIX_EPOCH + Duration::from_millis(epoch_ms);
    let left = end
        .duration_since(now())
        .ok()
        .filter(|left| *left <= LONGEST)
        .unwrap_or(LONGEST);
    let margin = margin
        .unwrap_or_else(|| (left / 5).min(Duration::from_secs(30)))
        .clamp(LEAST_MARGIN.min(left / 2), left / 2);
    // Rows and progress take a second or two, and so does the message that brings the rest back.
    let store = (margin / 2).min(Duration::from_secs(4));
    let end = Instant::now() + left;
    let deadlines = Deadlines {
        stop_reading: end - margin,
        abort_requests: end - store,
        commit_by: end - store / 2,
    };
    (deadlines, end - store / 8)
}

#[expect(clippy::disallowed_methods, reason = "the one clock of this program")]
fn now() -> SystemTime {
    SystemTime::now()
}
