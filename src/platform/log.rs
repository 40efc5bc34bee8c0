//! Logs, and errors in words: JSON lines for Lambda, plain lines for people. Both go to standard
//! error, since standard output may carry clicks.

use std::error::Error;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{MakeWriter, layer};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

use super::stdio::Stderr;

/// Starts logging as JSON at `level`; at `info` if it is `None`.
pub fn json(level: Option<&str>) {
    tracing_subscriber::registry()
        .with(json_layer(SystemTime, Stderr))
        .with(filter(level.unwrap_or("info")))
        .init();
}

/// Writes each event as one JSON object on a line: `timestamp`, `level`, then its fields.
fn json_layer<T, W>(timer: T, writer: W) -> impl Layer<Registry>
where
    T: FormatTime + Send + Sync + 'static,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_timer(timer)
        .with_target(false)
        .with_writer(writer)
}

/// Returns the lines that `work` logs, without their time.
#[cfg(test)]
pub(crate) fn captured(work: impl FnOnce()) -> String {
    let file = std::sync::Arc::new(tempfile::tempfile().unwrap());
    let log = tracing_subscriber::registry().with(json_layer((), file.clone()));
    tracing::subscriber::with_default(log, work);
    std::io::Seek::rewind(&mut &*file).unwrap();
    std::io::read_to_string(&*file).unwrap()
}

/// Starts logging for a person at `level`. Without one only what is out of the ordinary is logged,
/// and nothing of the module `quiet`, whose news a summary gives.
pub fn plain(level: Option<&str>, quiet: &str) {
    let log = layer()
        .without_time()
        .with_target(false)
        .with_ansi(false)
        .with_writer(Stderr);
    let level = level.map_or_else(|| format!("warn,{quiet}=off"), str::to_owned);
    tracing_subscriber::registry()
        .with(log)
        .with(filter(&level))
        .init();
}

/// Lets this program log at `level`, the libraries below it only warnings, and those that look for
/// credentials only errors: they print whole what they try in vain.
fn filter(level: &str) -> Targets {
    let others = if level == SILENT {
        SILENT
    } else {
        "warn,aws_config=error"
    };
    let text = format!("{others},clickstream_forwarder={level}");
    text.parse()
        .unwrap_or_else(|_| Targets::new().with_default(tracing::Level::INFO))
}

/// The level at which nothing is logged.
pub const SILENT: &str = "off";

/// The levels that `LOG_LEVEL` may name.
pub const LEVELS: &[&str] = &["error", "warn", "info", "debug", "trace"];

/// Renders an error with its causes: the first alone may say "error sending request".
pub fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    for cause in chain(error) {
        let cause_text = cause.to_string();
        if text.is_empty() {
            text = cause_text;
        } else if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
    }
    text
}

/// Iterates over an error and its causes; also over what stands in an `io::Error`, which does not
/// count that among its causes.
pub fn chain<'e>(
    error: &'e (dyn Error + 'static),
) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        let io: Option<&std::io::Error> = error.downcast_ref();
        match io.and_then(std::io::Error::get_ref) {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
}
