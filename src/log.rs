//! Logs: JSON lines for Lambda, plain lines for people. Always on standard error, since standard output
//! may carry clicks.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::SystemTime;

/// Starts logging as JSON at `level`, `info` if none is given.
pub fn json(level: Option<&str>) {
    let log = tracing_subscriber::fmt().json().flatten_event(true).with_current_span(false).with_span_list(false);
    log.with_timer(SystemTime)
        .with_target(false)
        .with_env_filter(filter(level.unwrap_or("info")))
        .with_writer(std::io::stderr)
        .init();
}

/// Starts logging for a person, at `level`, `error` if none is given: a summary says the rest.
pub fn plain(level: Option<&str>) {
    let log = tracing_subscriber::fmt().without_time().with_target(false).with_ansi(false);
    log.with_env_filter(filter(level.unwrap_or("warn"))).with_writer(std::io::stderr).init();
}

/// This program at `level`; the libraries below it speak only of what is wrong.
fn filter(level: &str) -> EnvFilter {
    EnvFilter::try_new(format!("warn,clickstream_forwarder={level},forwarder={level},clickstream={level}"))
        .unwrap_or_else(|_| EnvFilter::new("info"))
}
