//! The configuration, from variables. Every mistake of a deployment is reported in one start.

mod names;
pub mod settings;
mod target;
pub mod vars;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::object::ObjectRef;
use crate::platform::aws::Aws;
use crate::platform::log::LEVELS;
use crate::targets::Context;
use clicks::decode::DecodeLimits;
use names::target_names;
pub(crate) use names::{listed, prefix_of};
pub use target::TargetConfig;
use target::known_keys;
use vars::{Mistake, Scope, Vars};

/// Variables that belong to no target: name, default, what it does.
pub const GLOBALS: &[(&str, &str, &str)] = &[
    (
        "TARGETS",
        "",
        "names of the targets, separated by commas: `hook,lake`; required in Lambda",
    ),
    (
        "SOURCES",
        "any",
        "buckets that may be read, each `bucket` or `bucket/prefix`, separated by commas",
    ),
    (
        "QUARANTINE",
        "the log",
        "where bad and rejected records go: `s3://bucket/prefix/` or a directory",
    ),
    (
        "STORE",
        "s3",
        "where objects are read: `s3`, or a directory whose sub-directories are buckets",
    ),
    (
        "PROGRESS_TABLE",
        "this process",
        "DynamoDB table, by name or ARN, that remembers how far each target got with each file",
    ),
    (
        "CONTINUE_QUEUE_URL",
        "the message's queue",
        "SQS queue for the rest of a file that one invocation could not finish",
    ),
    (
        "DEADLINE_MARGIN",
        "a fifth, at most 30s",
        "how long before the end of the invocation reading stops",
    ),
    (
        "MAX_CONCURRENCY",
        "1",
        "copies of the function that run at a time; they share each `_RATE`",
    ),
    (
        "SETTINGS_PATH",
        "",
        "a path of Parameter Store, read at the start: the parameter `HOOK_URL` right below it is the variable `HOOK_URL`",
    ),
    (
        "METRICS",
        "on",
        "`off` keeps the function's metrics out of the log, and so out of CloudWatch",
    ),
    (
        "LOG_LEVEL",
        "info",
        "`error`, `warn`, `info`, `debug` or `trace`",
    ),
    (
        "MAX_RECORD_BYTES",
        "8MiB",
        "a longer record is quarantined; 1 GiB at most",
    ),
    (
        "MAX_DEPTH",
        "128",
        "a deeper record is quarantined; 1000 at most",
    ),
    (
        "MAX_OBJECT_BYTES",
        "32GiB",
        "plain bytes of an object; beyond them its tail is quarantined",
    ),
    (
        "MAX_INFLATE_RATIO",
        "250",
        "plain bytes per compressed byte; beyond it the object's tail is quarantined",
    ),
];

/// Most targets: the progress of as many fits an item of a table.
pub const MOST_TARGETS: usize = 20;

/// What the variables say.
pub struct Config {
    /// The targets, in the order of `TARGETS`.
    pub targets: Vec<TargetConfig>,
    /// What may be read; everything if there is none.
    pub sources: Option<Vec<S3Prefix>>,
    /// Where bad and rejected records go.
    pub quarantine: Place,
    /// The directory that stands for S3, if one does.
    pub directory: Option<PathBuf>,
    /// The decoder's limits.
    pub decode_limits: DecodeLimits,
    /// The table that keeps progress.
    pub progress_table: Option<String>,
    /// The queue for continuations.
    pub continue_queue: Option<String>,
    /// How long before the end of an invocation reading stops.
    pub deadline_margin: Option<Duration>,
    /// The function's name, if its metrics go into the log.
    pub metrics: Option<String>,
    /// The clock, as milliseconds of leases need it.
    pub clock: fn() -> std::time::SystemTime,
    /// What clients of AWS share.
    pub aws: Aws,
    /// Bytes of the objects that are read side by side: a sixteenth of the function's memory.
    pub room: u64,
}

/// Keys of a bucket that begin alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Prefix {
    /// The bucket.
    pub bucket: String,
    /// How the keys begin, without a leading slash.
    pub prefix: String,
}

/// Where rows are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Into a bucket.
    S3(S3Prefix),
    /// Into a directory.
    Directory(PathBuf),
    /// Into the log, without the records' bytes.
    Log,
}

/// All that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<Mistake>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.0.len();
        write!(
            f,
            "{number} {} in the configuration:",
            if number == 1 { "mistake" } else { "mistakes" }
        )?;
        self.0
            .iter()
            .try_for_each(|mistake| write!(f, "\n  {mistake}"))
    }
}

impl std::error::Error for ConfigErrors {}

impl S3Prefix {
    /// `bucket`, `bucket/prefix` or `s3://bucket/prefix`.
    pub fn parse(text: &str) -> Result<S3Prefix, String> {
        let text = text.strip_prefix("s3://").unwrap_or(text);
        let (bucket, prefix) = text.split_once('/').unwrap_or((text, ""));
        if bucket.is_empty() || bucket.contains([':', ' ', '*']) {
            return Err("a bucket's name, with or without /prefix".into());
        }
        Ok(S3Prefix {
            bucket: bucket.into(),
            prefix: prefix.trim_start_matches('/').into(),
        })
    }

    /// Whether `object` lies in it. Leading slashes do not count: Rebrandly's keys have one.
    pub fn holds(&self, object: &ObjectRef) -> bool {
        self.bucket == object.bucket && object.key.trim_start_matches('/').starts_with(&self.prefix)
    }
}

/// Lambda's word for the megabytes that the function has.
const MEMORY: &str = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE";
/// Lambda's word for the function's name.
const FUNCTION: &str = "AWS_LAMBDA_FUNCTION_NAME";
/// Megabytes for which Lambda gives one processor.
const PROCESSOR: f64 = 1769.0;
/// Bytes of objects side by side outside of Lambda.
const ROOM: u64 = 64 << 20;

/// Processors that the function has, by its memory; as many as the machine has outside of Lambda.
pub fn processors(vars: &Vars) -> f64 {
    let megabytes: Option<f64> = vars.get(MEMORY).and_then(|text| text.trim().parse().ok());
    megabytes.map_or(f64::INFINITY, |megabytes| megabytes / PROCESSOR)
}

impl Config {
    /// Reads `vars`, or lists every mistake in them. Touches nothing else.
    pub fn load(vars: &Vars, context: Context) -> Result<Config, ConfigErrors> {
        let globals = Scope::new(vars, "");
        let list = globals
            .required("TARGETS", "names of targets, such as hook or hook,lake")
            .unwrap_or_default();
        let names = target_names(&globals, list);
        let copies = globals.count("MAX_CONCURRENCY").unwrap_or(1);
        let mut mistakes = Vec::new();
        let mut targets = Vec::new();
        for name in &names {
            let others = names
                .iter()
                .map(|other| prefix_of(other))
                .filter(|other| other.len() > prefix_of(name).len())
                .collect();
            let scope = Scope::below(vars, prefix_of(name), others);
            let target =
                target::read(&scope, name, context.clone()).map(|target| target.shared_by(copies));
            for variable in scope.unread() {
                let known = known_keys(&scope).join(", ");
                mistakes.push(Mistake {
                    variable,
                    problem: format!("is not a variable of target {name}; it has {known}"),
                });
            }
            if scope.has_mistakes() {
                mistakes.extend(scope.into_mistakes());
            } else {
                targets.extend(target);
            }
        }
        let sources = globals.parse("SOURCES", |text| {
            text.split(',')
                .map(|area| S3Prefix::parse(area.trim()))
                .collect()
        });
        let quarantine = globals.parse("QUARANTINE", place).unwrap_or(Place::Log);
        let directory = globals.parse("STORE", store).flatten();
        globals.parse("LOG_LEVEL", |text| {
            LEVELS
                .contains(&text)
                .then_some(())
                .ok_or_else(|| format!("one of {}", LEVELS.join(", ")))
        });
        globals.text("SETTINGS_PATH");
        let memory = globals.count(MEMORY);
        let metrics = globals.parse("METRICS", |text| match text {
            "on" => Ok(true),
            "off" => Ok(false),
            _ => Err("on or off".into()),
        });
        let config = Config {
            targets,
            sources,
            quarantine,
            directory,
            decode_limits: decode_limits(&globals),
            progress_table: globals.text("PROGRESS_TABLE").map(str::to_owned),
            continue_queue: globals.parse("CONTINUE_QUEUE_URL", queue),
            deadline_margin: globals.duration("DEADLINE_MARGIN"),
            metrics: globals
                .text(FUNCTION)
                .filter(|_| metrics.unwrap_or(true))
                .map(str::to_owned),
            clock: context.clock,
            aws: context.aws,
            room: memory.map_or(ROOM, |megabytes| (megabytes as u64) << 16),
        };
        let mut all = globals.into_mistakes();
        all.append(&mut mistakes);
        if all.is_empty() {
            Ok(config)
        } else {
            Err(ConfigErrors(all))
        }
    }
}

fn queue(text: &str) -> Result<String, String> {
    let address = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    match address.map(|rest| rest.matches('/').count()) {
        Some(2..) => Ok(text.to_owned()),
        _ => Err(
            "a queue's URL such as https://sqs.eu-west-1.amazonaws.com/123456789012/clicks".into(),
        ),
    }
}

fn store(text: &str) -> Result<Option<PathBuf>, String> {
    match text {
        "s3" => Ok(None),
        path if path.contains('/') || path.starts_with('.') => Ok(Some(path.into())),
        _ => Err("s3, or a directory's path with a / in it".into()),
    }
}

fn place(text: &str) -> Result<Place, String> {
    let expected = "s3://bucket/prefix/ (the prefix keeps rows apart from clicks), or a directory's path with a / in it";
    match text.strip_prefix("s3://") {
        Some(rest) => match S3Prefix::parse(rest) {
            Ok(area) if area.prefix.is_empty() => Err(expected.into()),
            Ok(area) => Ok(Place::S3(S3Prefix {
                prefix: format!("{}/", area.prefix.trim_end_matches('/')),
                ..area
            })),
            Err(_) => Err(expected.into()),
        },
        // A bucket's name alone would pass for a directory.
        None if text.contains("://") || !text.contains(['/', '.']) => Err(expected.into()),
        None => Ok(Place::Directory(text.into())),
    }
}

fn decode_limits(globals: &Scope<'_>) -> DecodeLimits {
    let default = DecodeLimits::default();
    let range = |key: &str, value: Option<u64>, most: u64| {
        let fits = value.is_none_or(|value| value <= most);
        if !fits {
            globals.mistake(
                key,
                format!(
                    "found {}; expected at most {most}",
                    globals.peek(key).unwrap_or_default()
                ),
            );
        }
        value.filter(|_| fits)
    };
    let record = range(
        "MAX_RECORD_BYTES",
        globals.bytes("MAX_RECORD_BYTES"),
        1 << 30,
    );
    let depth = range(
        "MAX_DEPTH",
        globals.count("MAX_DEPTH").map(|n| n as u64),
        1000,
    );
    DecodeLimits {
        record_bytes: record.map_or(default.record_bytes, |n| n as usize),
        depth: depth.map_or(default.depth, |n| n as u32),
        object_bytes: globals
            .bytes("MAX_OBJECT_BYTES")
            .unwrap_or(default.object_bytes),
        ratio: globals
            .count("MAX_INFLATE_RATIO")
            .map_or(default.ratio, |n| n as u64),
    }
}
