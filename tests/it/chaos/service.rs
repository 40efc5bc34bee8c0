//! Lambda and its queue: hands messages to processes, kills some, and brings back what they did not
//! finish.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use clickstream_forwarder::config::Config;
use clickstream_forwarder::config::vars::Vars;
use clickstream_forwarder::lambda::{Environment, Handler};
use clickstream_forwarder::platform::aws::Aws;
use clickstream_forwarder::targets::Context;
use lambda_runtime::LambdaEvent;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::process::Process;
use super::world::{Received, World};
use super::{aws, moody};
use crate::support::vars;

/// The most invocations at a time.
const CONCURRENCY: usize = 3;
/// When an invocation ends at the latest, once nothing goes wrong any more.
const TIME_LIMIT: u64 = 60_000;
/// How long the queue hides a message that is being worked on.
const HIDDEN: Duration = Duration::from_secs(120);
/// Invocations after which a schedule is taken for endless.
const MOST_INVOCATIONS: usize = 3000;

const VARIABLES: &str = "TARGETS=lake LAKE_KIND=s3 LAKE_BUCKET=lake LAKE_FILE=lines \
    LAKE_FORMAT=click QUARANTINE=s3://rows/q/ PROGRESS_TABLE=clicks METRICS=off \
    CONTINUE_QUEUE_URL=https://sqs.eu-west-1.amazonaws.com/123456789012/clicks";

/// A process with the function in it.
struct Instance {
    process: Arc<Process>,
    handler: Handler,
}

impl Instance {
    fn start(world: &Arc<World>, clock: fn() -> SystemTime) -> Instance {
        let process = Arc::new(Process::new(world.clone()));
        let context = Context {
            clock,
            network: Default::default(),
            aws: Aws::of(aws::config(&process)),
        };
        let mut config =
            Config::load(&vars(VARIABLES), context).unwrap_or_else(|errors| panic!("{errors}"));
        config.targets.extend(moody::targets(&process));
        Instance {
            handler: Handler::new(config, &Environment::from_vars(&Vars::new())),
            process,
        }
    }

    /// Works on a batch; `None` if the process died.
    async fn invoke(&self, batch: &[Received], clock: fn() -> SystemTime) -> Option<Value> {
        let world = &self.process.world;
        let number = self.process.begin();
        let calm = world.is_calm();
        let limit = if calm {
            TIME_LIMIT
        } else {
            world.draw(3_000..TIME_LIMIT)
        };
        if world.happens(world.faults.freezes) {
            let (begin, time) = (world.draw(0..20_000), world.draw(1_000..120_000));
            let process = self.process.clone();
            tokio::spawn(async move {
                pause(begin).await;
                process.cut_off(Duration::from_millis(time));
            });
        }
        let dies = world.happens(world.faults.kills);
        let end = if dies { world.draw(0..limit) } else { limit };
        let deadline = clock() + Duration::from_millis(limit);
        let since = deadline.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let mut context = lambda_runtime::Context::default();
        context.request_id = format!("invocation-{number}");
        context.deadline = since.as_millis() as u64;
        let event = LambdaEvent::new(event(batch), context);
        tokio::select! {
            answer = self.handler.handle(event) => {
                Some(answer.unwrap_or_else(|error| panic!("{}", error.error_message)))
            }
            () = pause(end) => {
                assert!(!calm, "an invocation takes longer than Lambda leaves it");
                self.process.kill();
                None
            }
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "time passes, in tokio's paused clock"
)]
async fn pause(milliseconds: u64) {
    sleep(Duration::from_millis(milliseconds)).await;
}

/// The event of a batch of messages.
fn event(batch: &[Received]) -> Value {
    let record = |message: &Received| {
        json!({
            "messageId": message.id.to_string(),
            "receiptHandle": message.receipt(),
            "body": message.body,
            "attributes": {"ApproximateReceiveCount": message.receives.to_string()},
            "messageAttributes": {},
            "md5OfBody": "",
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:clicks",
            "awsRegion": "eu-west-1",
        })
    };
    json!({"Records": batch.iter().map(record).collect::<Vec<_>>()})
}

/// An invocation that ended.
struct Ended {
    instance: Instance,
    batch: Vec<Received>,
    answer: Option<Value>,
}

/// Invokes the function until its queue is empty.
#[expect(
    clippy::disallowed_methods,
    reason = "time passes, in tokio's paused clock"
)]
pub async fn run(world: &Arc<World>, clock: fn() -> SystemTime) {
    let (mut running, mut idle) = (JoinSet::new(), Vec::new());
    loop {
        let most = world.draw(1..4) as usize;
        let free = running.len() < CONCURRENCY;
        let batch = if free {
            world.state().queue.receive(most, HIDDEN)
        } else {
            Vec::new()
        };
        if !batch.is_empty() {
            let instance = idle.pop().unwrap_or_else(|| Instance::start(world, clock));
            running.spawn(async move {
                let answer = instance.invoke(&batch, clock).await;
                Ended {
                    instance,
                    batch,
                    answer,
                }
            });
            continue;
        }
        assert!(
            world.state().invocations < MOST_INVOCATIONS,
            "it never ends"
        );
        let next = world.state().queue.next_visible();
        let next = next.map(|next| next.max(Instant::now() + Duration::from_millis(1)));
        tokio::select! {
            Some(ended) = running.join_next() => {
                let Ended { instance, batch, answer } = ended.unwrap();
                if let Some(answer) = answer {
                    settle(world, &batch, &answer);
                    idle.push(instance);
                }
            }
            () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() && free => {}
            else => break,
        }
    }
}

/// Deletes the messages of a batch that did not fail.
fn settle(world: &World, batch: &[Received], answer: &Value) {
    let failures = answer["batchItemFailures"].as_array().unwrap();
    let failed = |message: &Received| {
        let id = message.id.to_string();
        failures
            .iter()
            .any(|failure| failure["itemIdentifier"] == id.as_str())
    };
    let mut state = world.state();
    batch
        .iter()
        .filter(|message| !failed(message))
        .for_each(|message| state.queue.delete(message));
}
