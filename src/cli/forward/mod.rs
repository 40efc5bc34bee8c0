//! `clickstream forward`.

mod bar;
mod hints;
mod outputs;
pub(super) mod paths;
mod report;
mod resume;
mod signals;
mod summary;

use std::collections::HashSet;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clicks::click::Form;
use futures::{Stream, StreamExt};
use tokio::time::{Instant, timeout};

use super::session::Session;
use super::{Exit, Reply, not_written};
use crate::config::settings::Settings;
use crate::config::units::parse_duration;
use crate::config::vars::VarSet;
use crate::deliver::RunControl;
use crate::forward::{Forwarder, forward_all};
use crate::job::{Job, ReplayRequest};
use crate::object::ObjectRef;
use crate::outcome::Outcome;
use crate::platform::{clock, stdio};
use crate::progress::{Local, Progress, milliseconds};
use bar::{Bar, TICK};
use outputs::Outputs;
use resume::Memory;
use signals::Interrupts;
use summary::Summary;

/// Longer than any run; `--give-up` ends a run that hangs.
const NO_DEADLINE: Duration = Duration::from_secs(365 * 86_400);

/// Most objects that are read side by side. More of them only wait for each other: for the memory
/// that they share, and for their targets.
const MOST_JOBS: u16 = 64;

const EXAMPLES: &str = "\
Where clicks go is read from the environment. TARGETS names the targets, and each has variables that \
begin with its name; `clickstream variables` lists them. Without TARGETS, clicks go to standard \
output.

Examples:
  clickstream forward clicks.json.gz > clicks.jsonl
  clickstream forward --format flat s3://my-clicks//2026/11/ > rows.jsonl
  TARGETS=hook HOOK_KIND=http HOOK_URL=https://example.com/clicks \\
    clickstream forward --progress done.jsonl clicks/";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Files, directories, globs, - for standard input, s3://bucket/key or s3://bucket/prefix/
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
    /// Form of the clicks on standard output, where TARGETS is not set
    #[arg(long, value_parser = form())]
    format: Option<Form>,
    /// Objects read side by side; more than 64 count as 64
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..))]
    jobs: u16,
    /// How long a target that fails is tried again: 500ms, 30s, 2m …
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_duration)]
    give_up: Duration,
    /// Remember in FILE how far each target got with each object: an interrupted run goes on where
    /// it stopped, and what is done is not sent again
    #[arg(long, value_name = "FILE")]
    progress: Option<PathBuf>,
    /// Forward again what was forwarded before, and replace files of a lake that were stored under
    /// other rules; within an hour and the next it is one request, which an interrupted run goes on
    /// with, unless TOKEN is another
    #[arg(
        long,
        value_name = "TOKEN",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = ""
    )]
    again: Option<String>,
    /// Print the summary as one line of JSON: on standard output, or on standard error if a target
    /// writes to standard output
    #[arg(long)]
    json: bool,
}

impl Args {
    /// The request to forward again what was forwarded before, for all targets.
    fn replay(&self) -> Option<ReplayRequest> {
        Some(match self.again.as_deref()? {
            "" => ReplayRequest::of_the_hour(milliseconds(clock::now()), Vec::new()),
            token => ReplayRequest::given(token, Vec::new()),
        })
    }
}

fn form() -> impl TypedValueParser<Value = Form> {
    let names = Form::ALL.map(|form| PossibleValue::new(form.as_str()).help(form.about()));
    PossibleValuesParser::new(names).try_map(|name| name.parse())
}

/// Forwards everything that the arguments name. A quiet run prints no summary for people.
pub(super) fn run(args: &Args, vars: VarSet, is_quiet: bool) -> Exit {
    keep_memory();
    let session = match Session::open(vars, args.format) {
        Ok(session) => session,
        Err(mistakes) => return Reply::wrong_usage(mistakes).print(),
    };
    session.warn();
    let runtime = session.runtime;
    let exit = runtime.block_on(async {
        match Forwarding::prepare(&session.settings, args).await {
            Ok(forwarding) => forwarding.run(args, is_quiet).await,
            Err(wrong) => Reply::wrong_usage(wrong).print(),
        }
    });
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

/// What a run needs, and the objects that it forwards.
struct Forwarding {
    forwarder: Arc<Forwarder>,
    objects: Vec<ObjectRef>,
    /// What remembers which clicks were delivered.
    memory: Memory,
    /// Whether a target writes to standard output.
    writes_to_stdout: bool,
}

impl Forwarding {
    /// Reads the configuration and expands the arguments. The error is for the person who runs the
    /// command.
    async fn prepare(settings: &Arc<Settings>, args: &Args) -> Result<Forwarding, String> {
        let config = settings.config().await.map_err(|e| e.to_string())?;
        let memory = match (&config.progress_table, &args.progress) {
            (Some(_), Some(_)) => {
                return Err(
                    "--progress goes without PROGRESS_TABLE: one of the two remembers".into(),
                );
            }
            (Some(_), None) => Memory::Table,
            (None, Some(_)) => Memory::File,
            (None, None) => Memory::None,
        };
        let writes_to_stdout = config.targets.iter().any(|target| target.kind == "stdout");
        let quarantine = config.quarantine.clone();
        let mut forwarder = Forwarder::new(config);
        if let Some(path) = &args.progress {
            let local = Local::in_file(path).map_err(|busy| busy.to_string())?;
            forwarder = forwarder.or_progress(Progress::Local(local));
        }
        // After the file of --progress is there: it is one of the outputs.
        let outputs = Outputs::of(args.progress.as_deref(), &quarantine);
        Ok(Forwarding {
            objects: objects(&args.paths, &forwarder, &outputs).await?,
            forwarder: Arc::new(forwarder),
            memory,
            writes_to_stdout,
        })
    }

    async fn run(self, args: &Args, is_quiet: bool) -> Exit {
        let is_stdin = |object: &ObjectRef| object.bucket.is_empty() && object.key == "-";
        if self.memory == Memory::File && self.objects.iter().any(is_stdin) {
            tracing::warn!("standard input cannot be read again: --progress does not remember it");
        }
        let started = Instant::now();
        let interrupts = Interrupts::listen();
        let control = RunControl {
            retry_budget: args.give_up,
            cancellation: interrupts.cancellation.clone(),
            ..RunControl::until(started + NO_DEADLINE)
        };
        let named = self.objects.len() as u64;
        let bar = Bar::new(&self.objects, self.writes_to_stdout);
        let cancellation = control.cancellation.clone();
        let replay = args.replay();
        let jobs = self
            .objects
            .into_iter()
            .take_while(move |_| !cancellation.is_cancelled())
            .map(|object| {
                let replay = replay.clone();
                let job = Job::named(object);
                ((), Job { replay, ..job })
            });
        let concurrency = args.jobs.min(MOST_JOBS).into();
        let outcomes = forward_all(&self.forwarder, jobs, concurrency, &control);
        let outcomes = outcomes.map(|((), outcome)| outcome);
        let mut summary = sum_up(outcomes, &self.forwarder, bar).await;
        if summary.reader_is_gone() {
            return Exit::Ok;
        }
        summary.close(named, interrupts.first());
        if args.json {
            return print_json(&summary, started.elapsed(), self.writes_to_stdout);
        }
        stdio::say(&summary.problems());
        if summary.is_interrupted() {
            stdio::say(&self.memory.advice());
        }
        if !is_quiet {
            stdio::say(&summary.text(started.elapsed()));
        }
        summary.exit()
    }
}

/// Prints the summary for programs, where no clicks go.
fn print_json(summary: &Summary, took: Duration, writes_to_stdout: bool) -> Exit {
    let line = summary.json(took) + "\n";
    if writes_to_stdout {
        stdio::say(&line);
        return summary.exit();
    }
    match stdio::print(&line) {
        Ok(()) => summary.exit(),
        Err(error) => not_written("standard output", &error),
    }
}

/// Returns the objects that the arguments name, each once: a glob may name a file again. What the
/// run itself writes is not among them.
async fn objects(
    paths: &[String],
    forwarder: &Forwarder,
    outputs: &Outputs,
) -> Result<Vec<ObjectRef>, String> {
    let mut objects = Vec::new();
    for path in paths {
        let found = paths::expand(path, forwarder).await?;
        objects.extend(outputs.leave_out(path, found)?);
    }
    if objects.is_empty() {
        return Err("nothing is left to forward".into());
    }
    let mut seen = HashSet::new();
    objects.retain(|object| seen.insert(object.clone()));
    Ok(objects)
}

/// Sums the outcomes up as they come, and draws the bar; stops early if the reader of standard
/// output has gone away.
async fn sum_up(
    outcomes: impl Stream<Item = Outcome>,
    forwarder: &Forwarder,
    mut bar: Bar,
) -> Summary {
    let mut outcomes = pin!(outcomes);
    let mut summary = Summary::new(forwarder.keeps_rows());
    while !summary.reader_is_gone() {
        bar.show(forwarder.meter());
        match timeout(TICK, outcomes.next()).await {
            Ok(Some(outcome)) => {
                bar.object_done();
                summary.add(&outcome);
            }
            Ok(None) => break,
            Err(_) => {}
        }
    }
    bar.finish();
    summary
}
