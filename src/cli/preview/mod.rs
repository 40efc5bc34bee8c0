//! `clickstream try`.

mod json;
mod layout;
#[cfg(feature = "aws")]
mod parquet;
mod text;

use tokio::runtime::Runtime;

use super::forward::paths;
use super::offline::Offline;
use super::{Exit, Reply, session};
use crate::config::vars::VarSet;
use crate::config::{TargetConfig, prefix_of};
use crate::forward::Forwarder;
use crate::forward::rehearsal::{Fate, RecordKind, Rehearsal, Rehearsed};
use crate::object::ObjectRef;
use crate::platform::aws::Aws;
use crate::platform::recorder::Recorder;
use crate::targets::Context;

const EXAMPLES: &str = "\
Each record is shown with what every target would do with it: keep it, and with which fields \
changed; drop it, and by which variable; or fail. Then come the very requests, without secrets. \
Values that stand in Secrets Manager or Parameter Store are not read. Only to read s3:// takes \
credentials.

Examples:
  clickstream try --env-file hook.env clicks.json.gz
  clickstream try --target hook --limit 3 --json clicks/ | jq 'select(.type == \"request\")'";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Files, directories, globs, - for standard input, s3://bucket/key or s3://bucket/prefix/
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
    /// Show this target alone; may be given several times
    #[arg(long = "target", value_name = "NAME")]
    only: Vec<String>,
    /// Records that are read
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Print a line of JSON for each record and each request, for programs
    #[arg(long)]
    json: bool,
}

/// A rehearsal, and the configuration that it was of.
struct Preview<'p> {
    offline: &'p Offline,
    /// The targets that are shown.
    targets: Vec<&'p TargetConfig>,
    rehearsed: Rehearsed,
}

/// Shows what would be sent.
pub(super) fn run(args: &Args, vars: VarSet) -> Reply {
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return Reply::wrong_usage(format!("no threads to run on: {error}")),
    };
    let reply = runtime.block_on(preview(args, vars));
    // A read of standard input cannot be interrupted.
    runtime.shutdown_background();
    reply.unwrap_or_else(Reply::wrong_usage)
}

async fn preview(args: &Args, mut vars: VarSet) -> Result<Reply, String> {
    session::name_stdout(&mut vars);
    let real = session::context(&vars.vars);
    let recorder = Recorder::default();
    let offline = read(&vars, recording(&real, &recorder)).await?;
    let targets = chosen(&args.only, &offline)?;
    // The targets of this one are never sent to.
    let forwarder = Forwarder::new(read(&vars, real).await?.config);
    let mut objects: Vec<ObjectRef> = Vec::new();
    for path in &args.paths {
        objects.extend(paths::expand(path, &forwarder).await?);
    }
    let rehearsal = Rehearsal {
        forwarder: &forwarder,
        targets: targets.clone(),
        recorder,
        limits: offline.config.decode_limits,
        most: args.limit as usize,
    };
    let preview = Preview {
        rehearsed: rehearsal.run(&objects).await,
        offline: &offline,
        targets,
    };
    Ok(preview.reply(args.json))
}

async fn read(vars: &VarSet, context: Context) -> Result<Offline, String> {
    let offline = Offline::read(vars.clone(), context).await;
    offline.map_err(|problem| problem.to_string())
}

/// Returns `real` with a network whose requests go to `recorder`.
fn recording(real: &Context, recorder: &Recorder) -> Context {
    let mut network = real.network.clone();
    network.recorder = Some(recorder.clone());
    Context {
        clock: real.clock,
        aws: Aws::new(network.clone()),
        network,
    }
}

/// Returns the targets named `only`, or all. The error says which is none, or which cannot be
/// judged.
fn chosen<'o>(only: &[String], offline: &'o Offline) -> Result<Vec<&'o TargetConfig>, String> {
    let targets = &offline.config.targets;
    let names: Vec<_> = targets.iter().map(|target| &*target.name).collect();
    if let Some(unknown) = only.iter().find(|name| !names.contains(&name.as_str())) {
        let names = names.join(", ");
        return Err(format!("--target {unknown:?} is none of TARGETS: {names}"));
    }
    let is_wanted =
        |target: &&TargetConfig| only.is_empty() || only.iter().any(|name| *name == *target.name);
    let targets: Vec<_> = targets.iter().filter(is_wanted).collect();
    let rules = targets
        .iter()
        .flat_map(|target| offline.unknown_rules(target));
    let unknown: Vec<_> = rules
        .filter(|rule| !rule.is_key)
        .map(|rule| rule.text)
        .collect();
    if unknown.is_empty() {
        Ok(targets)
    } else {
        Err(format!(
            "{}, which is not read here: give its value as a variable, or leave the target out \
             with --target",
            unknown.join(", and ")
        ))
    }
}

/// Returns the whole name of a target's variable.
fn variable(target: &str, bare: &str) -> String {
    format!("{}{bare}", prefix_of(target))
}

impl Preview<'_> {
    fn reply(&self, is_json: bool) -> Reply {
        let warnings = self.offline.warnings.iter();
        let warnings = warnings.map(|one| format!("warning: {one}\n"));
        let problems = self.rehearsed.problems.iter();
        let problems = problems.map(|problem| format!("{problem}\n"));
        Reply {
            stdout: if is_json {
                json::lines(self)
            } else {
                text::text(self)
            },
            stderr: warnings.chain(problems).collect(),
            exit: self.exit(),
        }
    }

    fn exit(&self) -> Exit {
        let clicks = self.rehearsed.records.iter();
        let mut fates = clicks.flat_map(|record| match &record.kind {
            RecordKind::Click(click) => &*click.fates,
            RecordKind::Bad(_) | RecordKind::Row => &[],
        });
        let mut sent = self
            .rehearsed
            .targets
            .iter()
            .flat_map(|target| &target.sent);
        if fates.any(|fate| matches!(fate, Fate::Failed(_) | Fate::Never(_)))
            || sent.any(|sent| sent.problem.is_some())
        {
            Exit::Failed
        } else if !self.rehearsed.problems.is_empty() {
            Exit::Corrupt
        } else {
            Exit::Ok
        }
    }

    /// Says what has to be known of what is shown.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let count = self.rehearsed.records.len();
        if self.rehearsed.is_cut {
            let noun = if count == 1 {
                "record was"
            } else {
                "records were"
            };
            notes.push(format!("Only {count} {noun} read; --limit reads more."));
            let cut = self.rehearsed.targets.iter();
            let cut = cut.filter(|target| target.has_windows);
            notes.extend(cut.map(|target| {
                format!(
                    "The files of {} end where reading ended: of the whole input they have other \
                     names and more rows.",
                    target.name
                )
            }));
        }
        let rules = self.targets.iter();
        let rules = rules.flat_map(|target| self.offline.unknown_rules(target));
        notes.extend(rules.map(|rule| {
            format!(
                "{}, which is not read here: the hashes shown are made with another key.",
                rule.text
            )
        }));
        notes
    }
}
