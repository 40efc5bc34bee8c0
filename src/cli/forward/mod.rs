//! `clickstream forward`.

mod paths;
mod signals;
mod summary;

use std::collections::HashSet;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use clicks::click::Form;
use futures::{Stream, StreamExt};
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use tokio::time::{Instant, timeout};

use super::session::Session;
use super::{Exit, Reply};
use crate::config::units::parse_duration;
use crate::config::vars::Vars;
use crate::deliver::RunControl;
use crate::forward::{Forwarder, forward_all};
use crate::job::Job;
use crate::object::ObjectRef;
use crate::outcome::Outcome;
use crate::progress::{Local, Progress};
use summary::Summary;

/// Longer than any run; `--give-up` ends a run that hangs.
const NO_DEADLINE: Duration = Duration::from_secs(365 * 86_400);

/// How often the progress bar is drawn.
const TICK: Duration = Duration::from_millis(200);

#[derive(clap::Args)]
pub(super) struct Args {
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
    /// Remember in FILE how far each target got with each object: an interrupted run goes on where
    /// it stopped, and what is done is not sent again
    #[arg(long, value_name = "FILE")]
    progress: Option<PathBuf>,
    /// No summary
    #[arg(long, short)]
    quiet: bool,
}

/// Forwards everything that the arguments name.
pub(super) fn run(args: Args, vars: Vars) -> Exit {
    keep_memory();
    let session = match Session::open(vars, args.format) {
        Ok(session) => session,
        Err(mistakes) => return Reply::wrong_usage(mistakes).print(),
    };
    let runtime = session.runtime;
    let forwarder = match runtime.block_on(forwarder(&session.settings, &args)) {
        Ok(forwarder) => forwarder,
        Err(wrong) => return Reply::wrong_usage(wrong).print(),
    };
    let exit = runtime.block_on(forward(args, Arc::new(forwarder)));
    // A read of standard input cannot be interrupted.
    runtime.shutdown_background();
    exit
}

/// The size in bytes from which glibc asks for memory in pieces of their own; half as much again
/// may be free at the end of its heap before it gives any back.
const LARGE_PIECE: usize = 4 << 20;

/// Lets glibc keep the memory of a batch for the next one. By itself it gives back all above 128
/// KiB and pays for the same pages again; it takes the largest piece that was ever freed for the
/// measure of what is usual.
fn keep_memory() {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(LARGE_PIECE)));
}

/// Prepares the forwarder. The error is for the person who runs the command.
async fn forwarder(
    settings: &Arc<crate::config::settings::Settings>,
    args: &Args,
) -> Result<Forwarder, String> {
    let config = settings.config().await.map_err(|e| e.to_string())?;
    let has_table = config.progress_table.is_some();
    let forwarder = Forwarder::new(config);
    match &args.progress {
        None => Ok(forwarder),
        Some(_) if has_table => {
            Err("--progress goes without PROGRESS_TABLE: one of the two remembers".into())
        }
        Some(path) => {
            let local = Local::in_file(path).map_err(|busy| busy.to_string())?;
            Ok(forwarder.or_progress(Progress::Local(local)))
        }
    }
}

async fn forward(args: Args, forwarder: Arc<Forwarder>) -> Exit {
    let objects = match objects(&args.paths, &forwarder).await {
        Ok(objects) => objects,
        Err(wrong) => return Reply::wrong_usage(wrong).print(),
    };
    let is_stdin = |object: &ObjectRef| object.bucket.is_empty() && object.key == "-";
    if args.progress.is_some() && objects.iter().any(is_stdin) {
        eprintln!("standard input cannot be read again: --progress does not remember it");
    }
    let started = Instant::now();
    let control = RunControl {
        retry_budget: args.give_up,
        cancellation: signals::cancellation(),
        ..RunControl::until(started + NO_DEADLINE)
    };
    let named = objects.len() as u64;
    let cancellation = control.cancellation.clone();
    let jobs = objects
        .into_iter()
        .take_while(move |_| !cancellation.is_cancelled())
        .map(|object| ((), Job::named(object)));
    let outcomes = forward_all(&forwarder, jobs, args.jobs.into(), &control);
    let mut summary = Summary::new(forwarder.keeps_rows());
    let outcomes = outcomes.map(|((), outcome)| outcome);
    sum_up(outcomes, &forwarder, &mut summary, named).await;
    if summary.reader_is_gone() {
        return Exit::Ok;
    }
    summary.add_not_started(named);
    eprint!("{}", summary.problems());
    if !args.quiet {
        eprint!("{}", summary.text(started.elapsed()));
    }
    summary.exit()
}

/// Returns the objects that the arguments name, each once: a glob may name a file again.
async fn objects(paths: &[String], forwarder: &Forwarder) -> Result<Vec<ObjectRef>, String> {
    let mut objects = Vec::new();
    for path in paths {
        objects.extend(paths::expand(path, forwarder).await?);
    }
    let mut seen = HashSet::new();
    objects.retain(|object| seen.insert(object.clone()));
    Ok(objects)
}

/// Adds the outcomes to `summary` as they come and draws a progress bar; stops early if the reader
/// of standard output has gone away.
async fn sum_up(
    outcomes: impl Stream<Item = Outcome>,
    forwarder: &Forwarder,
    summary: &mut Summary,
    named: u64,
) {
    let mut outcomes = pin!(outcomes);
    let bar = progress_bar(named);
    while !summary.reader_is_gone() {
        bar.set_message(HumanBytes(forwarder.bytes()).to_string());
        match timeout(TICK, outcomes.next()).await {
            Ok(Some(outcome)) => {
                bar.inc(1);
                summary.add(&outcome);
            }
            Ok(None) => break,
            Err(_) => {}
        }
    }
    bar.finish_and_clear();
}

/// Creates a bar if standard error is a terminal and clicks do not go to one; else a hidden one.
fn progress_bar(objects: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() || std::io::stdout().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(objects);
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} objects  {msg}  {elapsed}");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.enable_steady_tick(TICK);
    bar
}
