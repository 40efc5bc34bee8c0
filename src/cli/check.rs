//! `clickstream check`.

use std::sync::Arc;

use crate::config::settings::Settings;
use crate::config::{Config, Place, vars};
use crate::forward::{Forwarder, Probe};
use crate::trigger::Queues;

use crate::cli::FAILED;

/// Prints what was understood, or every mistake.
pub fn run(live: bool) -> u8 {
    let settings = match crate::cli::settings(None) {
        Ok((runtime, settings)) if live => return runtime.block_on(ask(&settings)),
        Ok((_, settings)) => settings,
        Err(mistakes) => return crate::cli::show(Err(mistakes)),
    };
    let mut text = match settings.unresolved() {
        Ok(config) => describe(&config),
        // What is wrong is so for want of the values that are referred to.
        Err(_) => String::from(
            "Some values stand elsewhere; what depends on them is checked when they are read.\n",
        ),
    };
    for (variable, reference) in settings.references() {
        text += &format!("{variable} is read from {reference} at the first event.\n");
    }
    crate::cli::show(Ok(text + "The configuration is valid.\n"))
}

/// Asks everything that is named, and prints what is missing.
async fn ask(settings: &Arc<Settings>) -> u8 {
    let config = match settings.config().await {
        Ok(config) => config,
        Err(mistakes) => return crate::cli::show(Err(mistakes.to_string())),
    };
    let queues = Queues::new(
        config.directory.is_none().then(|| config.aws.clone()),
        config.continue_queue.clone(),
    );
    let queue = config
        .continue_queue
        .is_some()
        .then_some("queue for the rest of files");
    let mut probes = Forwarder::new(config).probe().await;
    if let Some(what) = queue {
        probes.push(Probe {
            what: what.into(),
            needs: "sqs:SendMessage".into(),
            answer: queues.probe().await,
        });
    }
    let mut text = String::new();
    for Probe {
        what,
        needs,
        answer,
    } in &probes
    {
        text += &match answer {
            Ok(()) => format!("ok      {what} ({needs})\n"),
            Err(cause) => format!("FAILED  {what} ({needs}): {cause}\n"),
        };
    }
    let shown = crate::cli::show(Ok(text));
    if probes.iter().all(|probe| probe.answer.is_ok()) {
        shown
    } else {
        FAILED
    }
}

fn describe(config: &Config) -> String {
    let mut text = String::new();
    for target in &config.targets {
        let limits = target.limits;
        text += &format!("target {} (kind {})\n", target.name, target.kind);
        let mut rows = target.target.describe();
        rows.push(match target.delivery.batching.windows() {
            None => ("per request", format!("{} clicks, {} bytes", limits.records, limits.bytes)),
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
        for (name, value) in rows {
            text += &format!("  {name:<12} {value}\n");
        }
    }
    let sources = config
        .sources
        .as_ref()
        .map_or("any bucket".to_owned(), |prefixes| {
            prefixes
                .iter()
                .map(|location| format!("s3://{}/{}*", location.bucket, location.prefix))
                .collect::<Vec<_>>()
                .join(", ")
        });
    let quarantine = match &config.quarantine {
        Place::S3(location) => format!("s3://{}/{}", location.bucket, location.prefix),
        Place::Directory(path) => path.display().to_string(),
        Place::Log => {
            "the log, without the records' bytes (set QUARANTINE to keep them)".to_owned()
        }
    };
    let progress = match &config.progress_table {
        Some(table) => format!("table {table}"),
        None => "not kept beyond one process: a file that comes again may go to every target again (set PROGRESS_TABLE)".to_owned(),
    };
    let limits = config.decode_limits;
    let store = config.directory.as_ref().map_or("S3".to_owned(), |path| {
        format!("the directory {} instead of S3", path.display())
    });
    text += &format!("reads          {sources}, from {store}\n");
    text += &format!("quarantine     {quarantine}\n");
    text += &format!("progress       {progress}\n");
    if let Some(queue) = &config.continue_queue {
        text += &format!("continues in   {queue}\n");
    }
    if let Some(margin) = config.deadline_margin {
        text +=
            &format!("margin         reading stops {margin:?} before the end of an invocation\n");
    }
    text += &format!(
        "caps           record {} bytes, depth {}, object {} bytes, inflation {} : 1\n",
        limits.record_bytes, limits.depth, limits.object_bytes, limits.ratio
    );
    let unset = |name: &str| {
        vars::environment()
            .get(name)
            .is_none_or(|text| text.trim().is_empty())
    };
    if unset("TARGETS") && unset("SETTINGS_PATH") {
        text += "TARGETS is not set: the command line writes to standard output, the Lambda function would refuse to start.\n";
    }
    text
}
