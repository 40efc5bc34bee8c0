//! Random schedules of everything that can go wrong, against the whole function: the real handler,
//! the real clients of AWS and the real `s3` kind, with S3, DynamoDB, SQS, the targets and Lambda
//! itself simulated in tokio's time. Whatever happens, once everything is repaired every click is at
//! every target or in its quarantine.
//!
//! `make chaos` runs more schedules; `CHAOS_SEED` and `CHAOS_SCHEDULES` choose them,
//! `CHAOS_LOG=1` prints the function's log.

mod aws;
mod check;
mod files;
mod moody;
mod process;
mod service;
mod world;

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use clickstream_forwarder::config::vars::environment;
use fastrand::Rng;
use serde_json::json;
use tokio::time::Instant;

use files::File;
use world::{Faults, World};

/// Schedules of the short run.
const SCHEDULES: u64 = 200;
/// How long things go wrong.
const TROUBLE: Duration = Duration::from_secs(900);

/// For how many hours a good click comes each hour once everything is repaired: of clicks that a
/// target refuses, what it takes afterwards tells whether they are wrong.
const HOURS: u32 = 24;

thread_local! {
    /// The beginning of the schedule that this thread runs.
    static BEGIN: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// The time of a schedule, which goes by with tokio's.
fn clock() -> SystemTime {
    let begin = BEGIN.get().unwrap();
    crate::support::clock() + begin.elapsed()
}

#[test]
fn whatever_goes_wrong_every_click_arrives_once_everything_is_repaired() {
    let vars = environment();
    let number = |name: &str, default| vars.get(name).map_or(default, |text| text.parse().unwrap());
    let (first, schedules) = (
        number("CHAOS_SEED", 1),
        number("CHAOS_SCHEDULES", SCHEDULES),
    );
    let failed: Vec<_> = (first..first + schedules)
        .filter(|seed| std::panic::catch_unwind(|| schedule(*seed)).is_err())
        .collect();
    assert!(
        failed.is_empty(),
        "schedules that failed, by CHAOS_SEED: {failed:?}"
    );
}

/// Runs one schedule with faults, and compares it with a run without.
fn schedule(seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let files: Vec<_> = (0..rng.usize(1..6))
        .map(|number| files::random(number, &mut rng))
        .collect();
    let clean = simulate(seed, Faults::NONE, Duration::ZERO, &files);
    let faults = Faults::random(&mut rng);
    let world = logged(|| simulate(seed, faults, TROUBLE, &files));
    check::clean(&clean);
    check::repaired(&world, &clean, faults);
}

/// Runs `f`, and prints the function's log if `CHAOS_LOG` is set.
fn logged<T>(f: impl FnOnce() -> T) -> T {
    if !environment().contains_key("CHAOS_LOG") {
        return f();
    }
    let log = tracing_subscriber::fmt().with_max_level(tracing::Level::INFO);
    tracing::subscriber::with_default(log.with_ansi(false).finish(), f)
}

/// Runs one schedule until nothing is left to do.
fn simulate(seed: u64, faults: Faults, trouble: Duration, files: &[File]) -> Arc<World> {
    let runtime = crate::support::paused_runtime();
    runtime.block_on(async {
        BEGIN.set(Some(Instant::now()));
        // Delays between attempts are drawn from this generator.
        fastrand::seed(seed);
        let world = Arc::new(World::new(seed, faults, trouble));
        for file in files {
            notify(&world, file, trouble);
        }
        for hour in 0..HOURS {
            let delay = trouble + Duration::from_secs(3600 * u64::from(hour));
            put(&world, &files::good(hour), &[delay]);
        }
        service::run(&world, clock).await;
        world
    })
}

/// Puts a file into its bucket and tells the queue, perhaps twice.
fn notify(world: &World, file: &File, trouble: Duration) {
    let times = if world.happens(world.faults.duplicates) {
        2
    } else {
        1
    };
    let most = (trouble.as_millis() as u64 / 3).max(1);
    let delay = |_| Duration::from_millis(world.draw(0..most));
    let delays: Vec<_> = (0..times).map(delay).collect();
    put(world, file, &delays);
}

/// Puts a file into its bucket and tells the queue after each of `delays`.
fn put(world: &World, file: &File, delays: &[Duration]) {
    let etag = world.state().put(
        "rebrandly-clicks",
        &file.key,
        file.bytes.clone(),
        Vec::new(),
    );
    for delay in delays {
        let body = json!({"Records": [{
            "eventSource": "aws:s3",
            "eventName": "ObjectCreated:Put",
            "s3": {
                "bucket": {"name": "rebrandly-clicks"},
                "object": {"key": file.key, "size": file.bytes.len(), "eTag": etag.trim_matches('"')},
            },
        }]});
        world.state().queue.send(body.to_string(), *delay);
    }
}
