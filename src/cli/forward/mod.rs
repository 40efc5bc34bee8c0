//! `clickstream forward`.

mod total;

use std::collections::HashSet;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::config::vars::parse_duration;
use crate::deliver::{Cancellation, RunControl};
use crate::forward::Forwarder;
use crate::job::Job;
use crate::progress::{Local, Progress};
use clicks::click::Form;
use futures::{StreamExt, future, stream};
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

use crate::cli::{BROKEN, FAILED, OK, WRONG, paths};
use total::Total;

/// Longer than any run; `--give-up` ends a run that hangs.
const NO_DEADLINE: Duration = Duration::from_secs(365 * 86_400);

/// How often the progress bar is drawn.
const TICK: Duration = Duration::from_millis(200);

#[derive(clap::Args)]
pub struct Args {
    /// Files, directories, globs, - for standard input, s3://bucket/key or s3://bucket/prefix/
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
    /// Form of the clicks on standard output: click, flat, raw or webhook
    #[arg(long)]
    format: Option<Form>,
    /// Objects read side by side
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..))]
    jobs: u16,
    /// How long a target that fails is tried again: 500ms, 30s, 2m …
    #[arg(long, default_value = "60s", value_parser = parse_duration)]
    give_up: Duration,
    /// Remember in FILE how far each target got with each object: an interrupted run goes on where it stopped, and
    /// what is done is not sent again
    #[arg(long, value_name = "FILE")]
    progress: Option<PathBuf>,
    /// No summary
    #[arg(long, short)]
    quiet: bool,
}

/// Bytes of memory that glibc asks for by themselves, and half of what must be free at once before it gives any back.
const KEPT: usize = 4 << 20;

/// Lets glibc keep the memory of a batch for the next one. By itself it gives back all above 128 KiB and pays for the same
/// pages again; it takes the largest piece that was ever freed for the measure of what is usual.
fn keep_memory() {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(KEPT)));
}

/// Forwards everything that the arguments name.
pub fn run(args: Args) -> u8 {
    keep_memory();
    let configured = crate::cli::settings(args.format).and_then(|(runtime, settings)| {
        let config = runtime
            .block_on(settings.config())
            .map_err(|errors| errors.to_string())?;
        Ok((runtime, config))
    });
    let (runtime, config) = match configured {
        Ok(configured) => configured,
        Err(mistakes) => {
            eprintln!("{mistakes}");
            return WRONG;
        }
    };
    if args.progress.is_some() && config.progress_table.is_some() {
        eprintln!("--progress goes without PROGRESS_TABLE: one of the two remembers");
        return WRONG;
    }
    let mut forwarder = Forwarder::new(config);
    if let Some(path) = &args.progress {
        match Local::in_file(path) {
            Ok(local) => forwarder = forwarder.or_progress(Progress::Local(local)),
            Err(busy) => {
                eprintln!("{busy}");
                return WRONG;
            }
        }
    }
    let code = runtime.block_on(forward(args, Arc::new(forwarder)));
    // A read of standard input cannot be interrupted.
    runtime.shutdown_background();
    code
}

async fn forward(args: Args, forwarder: Arc<Forwarder>) -> u8 {
    let mut objects = Vec::new();
    for path in &args.paths {
        match paths::expand(path, &forwarder).await {
            Ok(found) => objects.extend(found),
            Err(wrong) => {
                eprintln!("{wrong}");
                return WRONG;
            }
        }
    }
    // The same file named twice, by a glob say, is one object.
    let mut seen = HashSet::new();
    objects.retain(|object| seen.insert(object.clone()));
    if args.progress.is_some()
        && objects
            .iter()
            .any(|object| object.bucket.is_empty() && object.key == "-")
    {
        eprintln!("standard input cannot be read again: --progress does not remember it");
    }
    let started = Instant::now();
    let cancellation = cancelled_by_signals();
    let control = RunControl {
        retry_budget: args.give_up,
        cancellation: cancellation.clone(),
        ..RunControl::until(started + NO_DEADLINE)
    };
    let bar = progress(objects.len() as u64);
    let named = objects.len() as u64;
    let objects = stream::iter(objects).take_while(|_| future::ready(!cancellation.is_cancelled()));
    let outcomes = objects.map(|object| {
        let (forwarder, control) = (forwarder.clone(), control.clone());
        tokio::spawn(async move { forwarder.forward(&Job::named(object), control).await })
    });
    let mut outcomes = outcomes.buffer_unordered(args.jobs.into());
    let mut total = Total::default();
    loop {
        bar.set_message(HumanBytes(forwarder.bytes()).to_string());
        let outcome = match tokio::time::timeout(TICK, outcomes.next()).await {
            Ok(Some(outcome)) => outcome,
            Ok(None) => break,
            Err(_) => continue,
        };
        bar.inc(1);
        match outcome {
            Ok(outcome) => total.add(&outcome),
            Err(error) => {
                total.failed += 1;
                total.lost += 1;
                total.trouble.push(format!("a task ended early: {error}"));
            }
        }
        if total.closed {
            return OK;
        }
    }
    bar.finish_and_clear();
    total.skip(named);
    eprint!("{}", total.trouble());
    if !args.quiet {
        eprint!("{}", total.summary(started.elapsed()));
    }
    match total {
        Total { failed: 1.., .. } => FAILED,
        Total { broken: 1.., .. } => BROKEN,
        _ => OK,
    }
}

/// A token that the first Ctrl-C or SIGTERM cancels, so that requests in flight are awaited and progress is written. The
/// second one ends the process.
fn cancelled_by_signals() -> Cancellation {
    let cancellation = Cancellation::default();
    let cancelled = cancellation.clone();
    tokio::spawn(async move {
        asked().await;
        cancelled.cancel();
        eprintln!("stopping; once more ends it at once");
        asked().await;
        std::process::exit(FAILED.into());
    });
    cancellation
}

/// Returns at the next Ctrl-C or SIGTERM.
async fn asked() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return drop(tokio::signal::ctrl_c().await);
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

/// A bar on a terminal; nothing elsewhere.
fn progress(objects: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() || std::io::stdout().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(objects);
    if let Ok(style) =
        ProgressStyle::with_template("{bar:40} {pos}/{len} objects  {msg}  {elapsed}")
    {
        bar.set_style(style);
    }
    bar.enable_steady_tick(TICK);
    bar
}
