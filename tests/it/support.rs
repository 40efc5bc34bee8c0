//! What several themes need: configurations, a clock, small clicks.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clickstream_forwarder::config::Config;
use clickstream_forwarder::config::vars::Vars;
use clickstream_forwarder::targets::Context;

/// The repository's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Variables from `NAME=value` lines or words.
pub fn vars(text: &str) -> Vars {
    text.split_whitespace()
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

/// A fixed clock: 2026-11-22T00:00:00Z.
pub fn clock() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_305_600)
}

/// The surroundings of a test: a fixed clock, and AWS as nobody has set it up.
pub fn context() -> Context {
    Context {
        clock,
        trust: Default::default(),
        aws: Default::default(),
    }
}

/// A configuration that must be valid.
pub fn config(text: &str) -> Config {
    Config::load(&vars(text), context()).unwrap_or_else(|errors| panic!("{errors}"))
}

/// A click as small as they come, with its number.
pub fn click(number: usize) -> String {
    format!(
        r#"{{"timestamp":"2026-11-21T23:54:50.{number:06}Z","route":{{"id":"link-{number}"}}}}"#
    )
}

/// Lines of the clicks `numbers`.
pub fn lines(numbers: std::ops::Range<usize>) -> String {
    numbers.map(|number| click(number) + "\n").collect()
}

/// A directory that goes with its value.
pub fn temporary() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_owned();
    (directory, path)
}
