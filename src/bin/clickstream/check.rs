//! `clickstream check`.

use std::io::Write;

use clickstream_forwarder::config::{Config, Place, vars};

use crate::{OK, WRONG};

/// Prints what was understood, or every mistake.
pub fn run() -> u8 {
    match crate::configuration(None) {
        Ok(config) => {
            // A closed pipe is not an error of the configuration.
            let _ = std::io::stdout().write_all(describe(&config).as_bytes());
            OK
        }
        Err(mistakes) => {
            eprintln!("{mistakes}");
            WRONG
        }
    }
}

fn describe(config: &Config) -> String {
    let mut text = String::new();
    for target in &config.targets {
        let limits = target.limits;
        text += &format!("target {} (kind {})\n", target.name, target.kind);
        let mut rows = target.target.describe();
        rows.push(match limits.cut {
            None => ("per request", format!("{} clicks, {} bytes", limits.records, limits.bytes)),
            Some(cut) => {
                ("cut", format!("every {} plain bytes of a click file, or once its clicks are of {} hours", cut.bytes, cut.hours))
            }
        });
        rows.push(("in flight", format!("{} requests, {:?} each", target.concurrency, target.timeout)));
        rows.extend(target.rate.map(|rate| ("rate", format!("{rate} requests a second for each copy of the function"))));
        for (name, value) in rows {
            text += &format!("  {name:<12} {value}\n");
        }
    }
    let sources = config.sources.as_ref().map_or("any bucket".to_owned(), |areas| {
        areas.iter().map(|area| format!("s3://{}/{}*", area.bucket, area.prefix)).collect::<Vec<_>>().join(", ")
    });
    let quarantine = match &config.quarantine {
        Place::S3(area) => format!("s3://{}/{}", area.bucket, area.prefix),
        Place::Directory(path) => path.display().to_string(),
        Place::Log => "the log, without the records' bytes (set QUARANTINE to keep them)".to_owned(),
    };
    let progress = match &config.progress_table {
        Some(table) => format!("table {table}"),
        None => "not kept beyond one process: a file that comes again may go to every target again (set PROGRESS_TABLE)".to_owned(),
    };
    let caps = config.caps;
    let store = config.directory.as_ref().map_or("S3".to_owned(), |path| format!("the directory {} instead of S3", path.display()));
    text += &format!("reads          {sources}, from {store}\n");
    text += &format!("quarantine     {quarantine}\n");
    text += &format!("progress       {progress}\n");
    if let Some(queue) = &config.continue_queue {
        text += &format!("continues in   {queue}\n");
    }
    if let Some(margin) = config.deadline_margin {
        text += &format!("margin         reading stops {margin:?} before the end of an invocation\n");
    }
    text += &format!(
        "caps           record {} bytes, depth {}, object {} bytes, inflation {} : 1\n",
        caps.record_bytes, caps.depth, caps.object_bytes, caps.ratio
    );
    if vars::environment().get("TARGETS").is_none_or(|targets| targets.trim().is_empty()) {
        text += "TARGETS is not set: the command line writes to standard output, the Lambda function would refuse to start.\n";
    }
    text + "The configuration is valid.\n"
}
