//! Describes a configuration as it was understood.

use crate::config::{Config, QuarantineStore, S3Prefix, TargetConfig};
use crate::platform::words::ShownUrl;
use crate::targets::Batching;

/// Names and values, for people.
pub(super) type Rows = Vec<(&'static str, String)>;

/// Describes a configuration but for its targets, as names and values.
pub(super) fn rows(config: &Config) -> Rows {
    let mut rows = Rows::new();
    let store = config.directory.as_ref().map_or("S3".to_owned(), |path| {
        format!("the directory {} instead of S3", path.display())
    });
    let sources = config
        .sources
        .as_deref()
        .map_or("any bucket".into(), describe_sources);
    let limits = config.decode_limits;
    let mut line = |name, value: String| rows.push((name, value));
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
    if let Some(rule) = &config.qr_rule {
        line("QR codes", format!("clicks with {rule}"));
    }
    rows
}

/// Describes a target.
pub(super) fn target_rows(target: &TargetConfig) -> Rows {
    let limits = target.limits;
    let mut rows = target.target.describe();
    rows.extend(target.transform.describe());
    rows.push(match target.delivery.batching.windows() {
        None => {
            let alike = match target.delivery.batching {
                Batching::OneGroupOnly => ", with the same values in their placeholders",
                _ => "",
            };
            (
                "per request",
                format!("{} clicks, {} bytes{alike}", limits.records, limits.bytes),
            )
        }
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
    rows
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
