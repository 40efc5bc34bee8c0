//! Helpers of several themes: configurations, a clock, small clicks.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use clickstream_forwarder::config::Config;
use clickstream_forwarder::config::vars::Vars;
use clickstream_forwarder::platform::aws::Aws;
use clickstream_forwarder::targets::Context;

/// Returns the repository's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Reads variables from `NAME=value` lines or words.
pub fn vars(text: &str) -> Vars {
    text.split_whitespace()
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

/// Returns a fixed time, 2026-11-22T00:00:00Z.
pub fn clock() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_305_600)
}

/// Returns the context of a test: a fixed clock, and AWS without any settings.
pub fn context() -> Context {
    Context {
        clock,
        network: Default::default(),
        aws: Default::default(),
    }
}

/// Returns settings of AWS clients that call the server at `url`.
pub async fn aws(url: &str) -> Aws {
    let plain = aws_smithy_http_client::Builder::new().build_http();
    let config = aws_config::defaults(BehaviorVersion::latest())
        .credentials_provider(Credentials::new("testing", "testing", None, None, "tests"))
        .region(Region::new("eu-west-1"))
        .endpoint_url(url)
        .http_client(plain);
    Aws::of(config.load().await)
}

/// Returns the configuration of variables that must be valid.
pub fn config(text: &str) -> Config {
    Config::load(&vars(text), context()).unwrap_or_else(|errors| panic!("{errors}"))
}

/// Returns the smallest click there is, with its number.
pub fn click(number: usize) -> String {
    format!(
        r#"{{"timestamp":"2026-11-21T23:54:50.{number:06}Z","route":{{"id":"link-{number}"}}}}"#
    )
}

/// Returns the clicks `numbers`, a line each.
pub fn lines(numbers: std::ops::Range<usize>) -> String {
    numbers.map(|number| click(number) + "\n").collect()
}

/// Returns a directory that is deleted when its guard is dropped.
pub fn temporary() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_owned();
    (directory, path)
}

/// Returns a runtime of one thread whose clock passes only in waits.
pub fn paused_runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
}
