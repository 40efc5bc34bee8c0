//! `clickstream lake`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Subcommand, ValueEnum};
use clicks::click::{from_epoch, millis};

use super::Reply;
use crate::config::S3Prefix;
use crate::platform::clock;
use crate::targets::s3::sql::{self, Rows, TableName};

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print the statement that makes the lake a table of Amazon Athena
    Table {
        /// Where the lake is: s3://bucket/prefix/
        lake: String,
        /// What its files are
        #[arg(long, value_enum, default_value = "parquet")]
        file: Kind,
        /// The table's name
        #[arg(long, default_value = "clicks", value_parser = table)]
        name: TableName,
        /// The day of the first click; earlier ones are not looked for [default: a year ago]
        #[arg(long, value_parser = day)]
        first: Option<String>,
    },
    /// Print the statements that put the many small Parquet files of a day into a few large ones,
    /// each click once
    Compact {
        /// Where the lake is: s3://bucket/prefix/
        lake: String,
        /// Where the large files go: s3://bucket/other-prefix/
        into: String,
        /// The day, for example 2026-11-21 [default: yesterday]
        #[arg(long, value_parser = day)]
        day: Option<String>,
        /// Who runs them
        #[arg(long, value_enum, default_value = "athena")]
        engine: Engine,
        /// The name of the lake's table; that of the second one is the same with _daily
        #[arg(long, default_value = "clicks", value_parser = table)]
        name: TableName,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Parquet,
    Lines,
}

#[derive(Clone, Copy, ValueEnum)]
enum Engine {
    Athena,
    Duckdb,
}

/// Prints the statements.
pub(super) fn run(args: Args) -> Reply {
    match statements(args.command, clock::now()) {
        Ok(text) => Reply::ok(text),
        Err(wrong) => Reply::wrong_usage(wrong),
    }
}

/// Writes the statements as of `now`. The error says what is wrong with the arguments.
fn statements(command: Command, now: SystemTime) -> Result<String, String> {
    match command {
        Command::Table {
            lake,
            file,
            name,
            first,
        } => {
            let rows = match file {
                Kind::Parquet => Rows::Parquet,
                Kind::Lines => Rows::Lines,
            };
            let first = first.unwrap_or_else(|| days_before(now, 365));
            Ok(sql::table(&name, &location(&lake)?, rows, &first))
        }
        Command::Compact {
            lake,
            into,
            day,
            engine,
            name,
        } => {
            let (lake, into) = (location(&lake)?, location(&into)?);
            if lies_within(&into, &lake) {
                return Err(
                    "the large files must not lie within the lake: they would be its rows too"
                        .into(),
                );
            }
            let day = day.unwrap_or_else(|| days_before(now, 1));
            Ok(match engine {
                Engine::Athena => sql::compact(&name, &name.with_suffix("_daily"), &into, &day),
                Engine::Duckdb => sql::compact_duckdb(&lake, &into, &day),
            })
        }
    }
}

/// Returns whether `inner` is the same folder as `outer`, or one below it; a lake that is a whole
/// bucket may have large files in a folder of it.
fn lies_within(inner: &S3Prefix, outer: &S3Prefix) -> bool {
    let folder = |location: &S3Prefix| format!("{}/", location.prefix.trim_end_matches('/'));
    let (inner_folder, outer_folder) = (folder(inner), folder(outer));
    let is_below = outer_folder != "/" && inner_folder.starts_with(&outer_folder);
    inner.bucket == outer.bucket && (inner_folder == outer_folder || is_below)
}

fn location(text: &str) -> Result<S3Prefix, String> {
    let found = text
        .strip_prefix("s3://")
        .ok_or("a bucket and prefix such as s3://my-lake/clicks/".to_owned())
        .and_then(S3Prefix::parse);
    found.map_err(|expected| format!("found {text:?}; expected {expected}"))
}

/// Checks that an argument is a day of the calendar, for example `2026-11-21`.
fn day(text: &str) -> Result<String, String> {
    let fits = |(at, c): (usize, u8)| match at {
        4 | 7 => c == b'-',
        _ => c.is_ascii_digit(),
    };
    if text.len() != 10 || !text.bytes().enumerate().all(fits) {
        return Err("expected a day such as 2026-11-21".into());
    }
    millis(&format!("{text}T00:00:00Z"))
        .map(|_| text.to_owned())
        .ok_or_else(|| "the calendar has no such day; expected one such as 2026-11-21".into())
}

/// Checks the name of a table, which may stand in a database: `clicks`, `analytics.clicks`.
fn table(text: &str) -> Result<TableName, String> {
    TableName::parse(text).ok_or_else(|| {
        "expected a name such as clicks or analytics.clicks, without control characters".into()
    })
}

/// Returns the day in UTC so many days before `now`.
fn days_before(now: SystemTime, days: u64) -> String {
    let then = now - Duration::from_secs(days * 86_400);
    let since_1970 = then.duration_since(UNIX_EPOCH).unwrap_or_default();
    let time = from_epoch(&format!("{:010}", since_1970.as_secs())).unwrap_or_default();
    time.chars().take(10).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_back_in_utc() {
        let now = UNIX_EPOCH + Duration::from_secs(1_795_305_600);
        assert_eq!(days_before(now, 0), "2026-11-22");
        assert_eq!(days_before(now, 1), "2026-11-21");
        assert_eq!(days_before(now, 365), "2025-11-22");
    }

    #[test]
    fn only_days_pass_for_days() {
        assert_eq!(day("2026-11-21"), Ok("2026-11-21".into()));
        assert_eq!(day("2028-02-29"), Ok("2028-02-29".into()));
        for wrong in [
            "2026-11-2",
            "2026/11/21",
            "yesterday!",
            "",
            "2026-13-45",
            "2026-02-29",
            "2026-11-31",
            "2026-00-01",
        ] {
            assert!(day(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_folder_lies_within_itself_and_its_parents() {
        let at = |text: &str| S3Prefix::parse(text).unwrap();
        assert!(lies_within(&at("lake/clicks/daily"), &at("lake/clicks/")));
        assert!(lies_within(&at("lake/clicks"), &at("lake/clicks/")));
        assert!(!lies_within(&at("lake/clicks-daily"), &at("lake/clicks/")));
        assert!(!lies_within(&at("other/clicks"), &at("lake/clicks/")));
    }
}
