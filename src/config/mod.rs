//! Reads the configuration from variables. Every mistake of a deployment is reported in one start.

pub mod aws_names;
pub mod env_file;
mod globals;
mod location;
mod lookalikes;
mod mistakes;
mod names;
pub mod settings;
mod target;
pub mod units;
pub mod vars;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use clicks::click::QrRule;
use clicks::decode::DecodeLimits;

use crate::platform::aws::Aws;
use crate::platform::log::LEVELS;
use crate::platform::proxy;
use crate::platform::words::ShownUrl;
use crate::targets::Context;
pub use globals::{GLOBALS, Global};
pub use location::{QuarantineStore, S3Prefix};
pub use mistakes::{ConfigErrors, Mistake, Problem};
use names::target_names;
pub(crate) use names::{listed, prefix_of};
pub use target::TargetConfig;
use target::target_variables;
use vars::{Scope, Vars};

/// The most targets: the progress of as many fits an item of a table.
pub const MOST_TARGETS: usize = 20;

/// Memory in bytes for objects that are read side by side, where nothing is known of the machine.
const OBJECT_MEMORY: u64 = 64 << 20;

/// The configuration of a process.
pub struct Config {
    /// The targets, in the order of `TARGETS`.
    pub targets: Vec<TargetConfig>,
    /// The prefixes that may be read; `None` if all may.
    pub sources: Option<Vec<S3Prefix>>,
    /// Where rows of bad and rejected records go.
    pub quarantine: QuarantineStore,
    /// The directory that stands for S3, if one does.
    pub directory: Option<PathBuf>,
    /// The decoder's limits.
    pub decode_limits: DecodeLimits,
    /// Tells which clicks came from QR codes.
    pub qr_rule: Option<Arc<QrRule>>,
    /// The table that keeps progress, by name or ARN.
    pub progress_table: Option<String>,
    /// The URL of the queue for continuations.
    pub continue_queue: Option<String>,
    /// How long before the end of an invocation reading stops.
    pub deadline_margin: Option<Duration>,
    /// Whether metrics are written.
    pub metrics: bool,
    /// The clock, for leases and lags.
    pub clock: fn() -> SystemTime,
    /// The settings that clients of AWS share.
    pub aws: Aws,
    /// Memory in bytes for objects that are read side by side.
    pub object_memory: u64,
}

impl Config {
    /// Reads `vars`, or lists every mistake in them. Touches nothing else.
    pub fn load(vars: &Vars, context: Context) -> Result<Config, ConfigErrors> {
        let globals = Scope::new(vars, "");
        let mut of_targets = Vec::new();
        let targets = read_targets(vars, &globals, &context, &mut of_targets);
        let directory = globals.parse("STORE", location::store).flatten();
        let read = location::reader(directory.as_ref());
        let config = Config {
            targets,
            sources: location::sources(&globals, read),
            quarantine: globals
                .parse("QUARANTINE", |text| QuarantineStore::parse(text, read))
                .unwrap_or(QuarantineStore::Log),
            directory,
            decode_limits: decode_limits(&globals),
            qr_rule: globals.parsed("QR_WHEN").map(Arc::new),
            progress_table: globals.checked("PROGRESS_TABLE", aws_names::table),
            continue_queue: queue_url(&globals, "CONTINUE_QUEUE_URL"),
            deadline_margin: globals.duration("DEADLINE_MARGIN"),
            metrics: globals.parse("METRICS", on_or_off).unwrap_or(true),
            clock: context.clock,
            aws: context.aws,
            object_memory: OBJECT_MEMORY,
        };
        globals.parse("LOG_LEVEL", log_level);
        check_proxies(&globals);
        let mut mistakes = globals.into_mistakes();
        mistakes.append(&mut of_targets);
        if mistakes.is_empty() {
            Ok(config)
        } else {
            Err(ConfigErrors(mistakes))
        }
    }
}

/// Reads the URL of a queue. What was found is shown without what may be a secret.
pub(crate) fn queue_url(scope: &Scope<'_>, key: &str) -> Option<String> {
    let text = scope.text(key)?;
    aws_names::queue_url(text)
        .map_err(|expected| scope.wrong_value(key, shown_address(text), expected))
        .ok()?;
    Some(text.to_owned())
}

/// Returns a text that should be an address as mistakes show it: without what may be a password.
pub(crate) fn shown_address(text: &str) -> String {
    if text.contains(['@', '?', '#']) {
        format!("\"{}\"", ShownUrl(text))
    } else {
        format!("{text:?}")
    }
}

/// Reads every target in `TARGETS`, and adds their mistakes to `mistakes`.
fn read_targets(
    vars: &Vars,
    globals: &Scope<'_>,
    context: &Context,
    mistakes: &mut Vec<Mistake>,
) -> Vec<TargetConfig> {
    let list = globals.required("TARGETS", "names of targets, such as hook or hook,lake");
    let names = target_names(globals, list.unwrap_or_default());
    let copies = globals.count("MAX_CONCURRENCY").unwrap_or(1);
    let mut targets = Vec::new();
    for name in &names {
        let prefix = prefix_of(name);
        let longer = names.iter().map(|other| prefix_of(other));
        let longer = longer.filter(|other| other.len() > prefix.len()).collect();
        let scope = Scope::below(vars, prefix, longer);
        let read = target::read(&scope, name, context.clone());
        mistakes.extend(target::unknown_variables(&scope, name));
        if scope.has_mistakes() {
            mistakes.extend(scope.into_mistakes());
        } else {
            targets.extend(read.map(|target| target.shared_by(copies)));
        }
    }
    targets
}

fn on_or_off(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("on or off".into()),
    }
}

/// Checks a log level, which was used before the configuration is read.
fn log_level(text: &str) -> Result<(), String> {
    if LEVELS.contains(&text) {
        Ok(())
    } else {
        Err(format!("one of {}", LEVELS.join(", ")))
    }
}

/// The largest `MAX_RECORD_BYTES`.
const MOST_RECORD_BYTES: u64 = 1 << 30;
/// The largest `MAX_DEPTH`.
const MOST_DEPTH: u64 = 1000;

/// Notes each variable that names no proxy. Connections would be made without it, or not at all.
fn check_proxies(globals: &Scope<'_>) {
    for name in proxy::VARIABLES {
        let problem = globals.text(name).and_then(|text| proxy::parse(text).err());
        if let Some(expected) = problem {
            // It may hold a password.
            let found = globals.text(name).unwrap_or_default();
            globals.wrong_value(name, format!("\"{}\"", ShownUrl(found)), expected);
        }
    }
}

/// Reads the decoder's limits.
fn decode_limits(globals: &Scope<'_>) -> DecodeLimits {
    let default = DecodeLimits::default();
    let at_most = |key: &str, value: Option<u64>, most: u64| {
        if value.is_some_and(|value| value > most) {
            let found = globals.peek(key).unwrap_or_default();
            globals.wrong_value(key, found, format!("at most {most}"));
        }
        value.filter(|value| *value <= most)
    };
    let count = |key: &str| globals.count(key).map(|n| n as u64);
    let record_bytes = globals.bytes("MAX_RECORD_BYTES");
    let record_bytes = at_most("MAX_RECORD_BYTES", record_bytes, MOST_RECORD_BYTES);
    let depth = at_most("MAX_DEPTH", count("MAX_DEPTH"), MOST_DEPTH);
    DecodeLimits {
        record_bytes: record_bytes.map_or(default.record_bytes, |n| n as usize),
        depth: depth.map_or(default.depth, |n| n as u32),
        object_bytes: globals
            .bytes("MAX_OBJECT_BYTES")
            .unwrap_or(default.object_bytes),
        ratio: count("MAX_INFLATE_RATIO").unwrap_or(default.ratio),
        ..default
    }
}
