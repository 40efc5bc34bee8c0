//! `clickstream check`.

use std::fmt::Write;
use std::sync::Arc;

use super::session::{Session, names_no_target};
use super::{Exit, Reply};
use crate::config::settings::Settings;
use crate::config::vars::VarSet;
use crate::config::{Config, QuarantineStore, S3Prefix, TargetConfig};
use crate::forward::{Forwarder, Probe};
use crate::platform::sqs::Sqs;
use crate::platform::words::ShownUrl;
use crate::targets::Proof;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Ask every source, target and store too, with requests that change nothing
    #[arg(long)]
    live: bool,
    /// Check what the command line does without TARGETS, by which the function would not start
    #[arg(long)]
    cli: bool,
}

/// Says that a function needs targets.
const NO_TARGETS: &str = "TARGETS is not set: the function would not start. Set it, for example to \
                          hook; or check with --cli what the command line does without it";

/// Prints what was understood, or every mistake.
pub(super) fn run(args: &Args, vars: VarSet) -> Reply {
    let writes_to_stdout = names_no_target(&vars.vars);
    if writes_to_stdout && !args.cli {
        return Reply::wrong_usage(NO_TARGETS);
    }
    let session = match Session::open(vars, None) {
        Ok(session) => session,
        Err(mistakes) => return Reply::wrong_usage(mistakes),
    };
    if args.live {
        let reply = session.runtime.block_on(ask(&session.settings));
        return Reply {
            stderr: session.warnings() + &reply.stderr,
            ..reply
        };
    }
    let mut text = match session.settings.unresolved() {
        Ok(config) => describe(&config),
        // What is wrong is so for want of the values that are referred to.
        Err(_) => String::from(
            "Some values stand elsewhere; what depends on them is checked when they are read.\n",
        ),
    };
    if writes_to_stdout {
        text += "TARGETS is not set: the command line writes to standard output.\n";
    }
    for (variable, reference) in session.settings.references() {
        text += &format!("{variable} is read from {reference} at the first event.\n");
    }
    Reply {
        stderr: session.warnings(),
        ..Reply::ok(text + "The configuration is valid.\n")
    }
}

/// Asks everything that is named, and prints what is missing.
async fn ask(settings: &Arc<Settings>) -> Reply {
    let config = match settings.config().await {
        Ok(config) => config,
        Err(mistakes) => return Reply::wrong_usage(mistakes),
    };
    let queue = ask_queue(&config).await;
    let mut probes = Forwarder::new(config).probe().await;
    probes.extend(queue);
    let line = |probe: &Probe| {
        let Probe {
            what,
            needs,
            answer,
        } = probe;
        match answer {
            Ok(Proof::Whole) => format!("ok      {what} ({needs})\n"),
            Ok(proof) => format!("ok      {what} ({needs}): {proof}\n"),
            Err(cause) => format!("FAILED  {what} ({needs}): {cause}\n"),
        }
    };
    let all_well = probes.iter().all(|probe| probe.answer.is_ok());
    Reply {
        stdout: probes.iter().map(line).collect(),
        stderr: String::new(),
        exit: if all_well { Exit::Ok } else { Exit::Failed },
    }
}

/// Asks the queue for continuations, if one is named.
async fn ask_queue(config: &Config) -> Option<Probe> {
    let url = config.continue_queue.as_deref()?;
    let answer = match config.directory {
        Some(_) => Err("STORE is a directory, so no queue is called".into()),
        None => Sqs::new(config.aws.clone())
            .may_send(url)
            .await
            .map(|()| Proof::Whole),
    };
    Some(Probe {
        what: "queue for the rest of files".into(),
        needs: "sqs:SendMessage".into(),
        answer,
    })
}

/// Describes a configuration, a line for each thing.
fn describe(config: &Config) -> String {
    let mut text: String = config.targets.iter().map(describe_target).collect();
    let store = config.directory.as_ref().map_or("S3".to_owned(), |path| {
        format!("the directory {} instead of S3", path.display())
    });
    let sources = config
        .sources
        .as_deref()
        .map_or("any bucket".into(), describe_sources);
    let limits = config.decode_limits;
    let mut line = |name: &str, value: String| text += &format!("{name:<14} {value}\n");
    line("reads", format!("{sources}, from {store}"));
    line("quarantine", describe_quarantine(&config.quarantine));
    line(
        "progress",
        match &config.progress_table {
            Some(table) => format!("table {table}"),
            None => "not kept beyond one process: a file that comes again may go to every target \
                     again (set PROGRESS_TABLE)"
                .to_owned(),
        },
    );
    if let Some(queue) = &config.continue_queue {
        line("continues in", ShownUrl(queue).to_string());
    }
    if let Some(margin) = config.deadline_margin {
        line(
            "margin",
            format!("reading stops {margin:?} before the end of an invocation"),
        );
    }
    line(
        "caps",
        format!(
            "record {} bytes, depth {}, object {} bytes, inflation {} : 1",
            limits.record_bytes, limits.depth, limits.object_bytes, limits.ratio
        ),
    );
    text
}

fn describe_target(target: &TargetConfig) -> String {
    let limits = target.limits;
    let mut rows = target.target.describe();
    rows.push(match target.delivery.batching.windows() {
        None => (
            "per request",
            format!("{} clicks, {} bytes", limits.records, limits.bytes),
        ),
        Some(cut) => (
            "cut",
            format!(
                "every {} plain bytes or {} clicks of a click file, or once they are of {} hours",
                cut.bytes, cut.clicks, cut.hours
            ),
        ),
    });
    rows.push((
        "in flight",
        format!("{} requests, {:?} each", target.concurrency, target.timeout),
    ));
    rows.extend(target.rate.map(|rate| {
        (
            "rate",
            format!("{rate} requests per second for each copy of the function"),
        )
    }));
    let mut text = format!("target {} (kind {})\n", target.name, target.kind);
    for (name, value) in rows {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {name:<12} {value}");
    }
    text
}

fn describe_sources(sources: &[S3Prefix]) -> String {
    let of_one = |source: &S3Prefix| format!("s3://{}/{}*", source.bucket, source.prefix);
    sources.iter().map(of_one).collect::<Vec<_>>().join(", ")
}

fn describe_quarantine(store: &QuarantineStore) -> String {
    match store {
        QuarantineStore::S3(location) => format!("s3://{}/{}", location.bucket, location.prefix),
        QuarantineStore::Directory(path) => path.display().to_string(),
        QuarantineStore::Log => {
            "the log, without the records' bytes (set QUARANTINE to keep them)".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pairs: &[(&str, &str)]) -> Reply {
        check_with(
            Args {
                live: false,
                cli: false,
            },
            pairs,
        )
    }

    fn check_with(args: Args, pairs: &[(&str, &str)]) -> Reply {
        let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        run(&args, VarSet::of_shell(pairs.iter().map(owned).collect()))
    }

    #[test]
    fn a_configuration_is_described_and_a_mistake_is_wrong_usage() {
        let reply = check(&[
            ("TARGETS", "out"),
            ("OUT_KIND", "stdout"),
            ("SOURCES", "clicks/b,others"),
        ]);
        assert_eq!(reply.exit, Exit::Ok);
        for line in [
            "target out (kind stdout)",
            "reads          s3://clicks/b*, s3://others/*, from S3",
            "quarantine     the log, without the records' bytes (set QUARANTINE to keep them)",
            "The configuration is valid.",
        ] {
            assert!(reply.stdout.lines().any(|found| found == line), "{line}");
        }
        let reply = check(&[("TARGETS", "out"), ("OUT_KIND", "pigeon")]);
        assert_eq!((reply.exit, reply.stdout.as_str()), (Exit::WrongUsage, ""));
        assert!(reply.stderr.contains("OUT_KIND: found \"pigeon\""));
    }

    #[cfg(feature = "aws")]
    #[test]
    fn no_address_shows_its_password_or_its_query() {
        for queue in [
            "https://host/1/q?t=s3cret",
            "https://user:s3cret@host/1/q?t=s3cret",
            "sqs://user:s3cret@host/q",
        ] {
            let reply = check(&[
                ("TARGETS", "q"),
                ("Q_KIND", "sqs"),
                ("Q_QUEUE_URL", queue),
                ("Q_ENDPOINT_URL", queue),
                (
                    "CONTINUE_QUEUE_URL",
                    "https://user:s3cret@host/1/q?t=s3cret",
                ),
            ]);
            assert!(!format!("{reply:?}").contains("s3cret"), "{reply:?}");
        }
    }

    #[test]
    fn what_stands_elsewhere_is_said() {
        let reply = check(&[
            ("TARGETS", "hook"),
            ("HOOK_KIND", "http"),
            ("HOOK_URL", "ssm:/url"),
        ]);
        assert!(
            reply
                .stdout
                .contains("HOOK_URL is read from ssm:/url at the first event.")
        );
    }

    #[test]
    fn without_targets_only_the_command_line_is_valid() {
        let reply = check(&[]);
        assert_eq!((reply.exit, &*reply.stdout), (Exit::WrongUsage, ""));
        assert!(reply.stderr.starts_with("TARGETS is not set: the function"));
        let cli = Args {
            live: false,
            cli: true,
        };
        let reply = check_with(cli, &[]);
        assert_eq!(reply.exit, Exit::Ok);
        let said = "TARGETS is not set: the command line writes to standard output.";
        assert!(reply.stdout.contains(said));
    }

    #[test]
    fn what_the_shell_has_for_others_is_a_warning() {
        let reply = check(&[
            ("TARGETS", "out"),
            ("OUT_KIND", "stdout"),
            ("TARGET", "x86_64"),
            ("DB_KIND", "postgres"),
        ]);
        assert_eq!(reply.exit, Exit::Ok);
        let lines: Vec<_> = reply.stderr.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].starts_with("warning: DB_KIND: is the kind of a target"));
        assert!(lines[1].starts_with("warning: TARGET: "));
        assert!(lines[1].contains("nearly TARGETS"));
    }
}
