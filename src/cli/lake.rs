//! `clickstream lake`.

use std::time::{Duration, UNIX_EPOCH};

use crate::config::S3Prefix;
use crate::targets::s3::sql::{self, Rows};
use clap::{Args, Subcommand, ValueEnum};
use clicks::click::from_epoch;

#[derive(Args)]
pub struct Lake {
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
        #[arg(long, default_value = "clicks")]
        name: String,
        /// The day of the first click; earlier ones are not looked for [default: a year ago]
        #[arg(long, value_parser = day)]
        first: Option<String>,
    },
    /// Print the statements that put the many small Parquet files of a day into a few large ones, each click once
    Compact {
        /// Where the lake is: s3://bucket/prefix/
        lake: String,
        /// Where the large files go: s3://bucket/other-prefix/
        into: String,
        /// The day, 2026-11-21 say [default: yesterday]
        #[arg(long, value_parser = day)]
        day: Option<String>,
        /// Who runs them
        #[arg(long, value_enum, default_value = "athena")]
        engine: Engine,
        /// The name of the lake's table; that of the second one is the same with _daily
        #[arg(long, default_value = "clicks")]
        name: String,
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
pub fn run(lake: Lake) -> u8 {
    crate::cli::show(text(lake.command))
}

fn text(command: Command) -> Result<String, String> {
    Ok(match command {
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
            sql::table(
                &name,
                &location(&lake)?,
                rows,
                &first.unwrap_or_else(|| days_ago(365)),
            )
        }
        Command::Compact {
            lake,
            into,
            day,
            engine,
            name,
        } => {
            let (lake, into) = (location(&lake)?, location(&into)?);
            let folder =
                |location: &S3Prefix| format!("{}/", location.prefix.trim_end_matches('/'));
            let (to, from) = (folder(&into), folder(&lake));
            if into.bucket == lake.bucket && (to == from || (from != "/" && to.starts_with(&from)))
            {
                return Err(
                    "the large files must not lie within the lake: they would be its rows too"
                        .into(),
                );
            }
            let day = day.unwrap_or_else(|| days_ago(1));
            match engine {
                Engine::Athena => sql::compact(&name, &format!("{name}_daily"), &into, &day),
                Engine::Duckdb => sql::compact_duckdb(&lake, &into, &day),
            }
        }
    })
}

fn location(text: &str) -> Result<S3Prefix, String> {
    let found = text
        .strip_prefix("s3://")
        .ok_or("a bucket and prefix such as s3://my-lake/clicks/".to_owned())
        .and_then(S3Prefix::parse);
    found.map_err(|expected| format!("found {text:?}; expected {expected}"))
}

/// A day as `2026-11-21`.
fn day(text: &str) -> Result<String, String> {
    let shape = text.len() == 10
        && text.bytes().enumerate().all(|(at, c)| {
            if at == 4 || at == 7 {
                c == b'-'
            } else {
                c.is_ascii_digit()
            }
        });
    if shape {
        Ok(text.to_owned())
    } else {
        Err("expected a day such as 2026-11-21".into())
    }
}

fn days_ago(days: u64) -> String {
    let then = crate::cli::now() - Duration::from_secs(days * 86_400);
    let seconds = then
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    from_epoch(&format!("{seconds:010}"))
        .unwrap_or_default()
        .chars()
        .take(10)
        .collect()
}
