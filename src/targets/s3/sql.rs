//! The statements that make a lake a table of Amazon Athena, and many small files few large ones. Pure.
//!
//! Written after Athena's own documentation of partition projection, of the types of Parquet and of JSON tables, and of
//! `INSERT`; not run there.

use std::fmt::Write;

use crate::config::S3Prefix;
use clicks::click::columns;
use clicks::click::fields::Type;

/// What the files of a lake are, for a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// `_FILE=parquet`.
    Parquet,
    /// `_FILE=lines` with the flat form.
    Lines,
}

/// `CREATE TABLE` over a lake, whose partitions are projected: none has to be added. Days before `first`,
/// `2026-11-01` say, are not looked for.
pub fn table(name: &str, lake: &S3Prefix, rows: Rows, first: &str) -> String {
    let place = location(lake);
    let stored = match rows {
        Rows::Parquet => "STORED AS PARQUET",
        Rows::Lines => "ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'\nSTORED AS TEXTFILE",
    };
    let columns = defined(rows);
    format!(
        "CREATE EXTERNAL TABLE {name} (\n{columns}\n)
PARTITIONED BY (dt string, hour int)
{stored}
LOCATION '{place}'
TBLPROPERTIES (
  'projection.enabled'          = 'true',
  'projection.dt.type'          = 'date',
  'projection.dt.format'        = 'yyyy-MM-dd',
  'projection.dt.range'         = '{first},NOW+1DAY',
  'projection.dt.interval'      = '1',
  'projection.dt.interval.unit' = 'DAYS',
  'projection.hour.type'        = 'integer',
  'projection.hour.range'       = '0,23',
  'projection.hour.digits'      = '2',
  'storage.location.template'   = '{place}dt=${{dt}}/hour=${{hour}}/'
);
"
    )
}

/// A second table, with a few large files a day, and the statement that brings the clicks of `day` into it, each
/// once; running that again adds what came late.
pub fn compact(name: &str, into: &str, daily: &S3Prefix, day: &str) -> String {
    let (place, columns) = (location(daily), defined(Rows::Parquet));
    let names = columns_of_the_row().collect::<Vec<_>>().join(", ");
    format!(
        "-- Once.
CREATE EXTERNAL TABLE {into} (\n{columns}\n)
PARTITIONED BY (dt string)
STORED AS PARQUET
LOCATION '{place}'
TBLPROPERTIES ('parquet.compression' = 'ZSTD');

-- For each day that is over. Run again, it adds the clicks that came since; not two at a time.
INSERT INTO {into}
SELECT {names}, dt
FROM (
  SELECT *, row_number() OVER (PARTITION BY click_id ORDER BY source_object, source_index) AS copy
  FROM {name}
  WHERE dt = '{day}'
)
WHERE copy = 1 AND click_id NOT IN (SELECT click_id FROM {into} WHERE dt = '{day}');
"
    )
}

/// The same in DuckDB, straight over the files; running it again replaces the day's file.
pub fn compact_duckdb(lake: &S3Prefix, daily: &S3Prefix, day: &str) -> String {
    let (from, to) = (location(lake), location(daily));
    format!(
        "SET threads = 1;  -- one file
COPY (
  SELECT * EXCLUDE (hour)
  FROM read_parquet('{from}dt={day}/*/*.parquet', hive_partitioning = true, hive_types = {{'dt': VARCHAR, 'hour': VARCHAR}})
  QUALIFY row_number() OVER (PARTITION BY click_id ORDER BY source_object, source_index) = 1
  ORDER BY clicked_at
) TO '{}' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (dt), FILENAME_PATTERN 'clicks', OVERWRITE_OR_IGNORE);
",
        to.trim_end_matches('/')
    )
}

fn location(area: &S3Prefix) -> String {
    let slash = if area.prefix.is_empty() || area.prefix.ends_with('/') {
        ""
    } else {
        "/"
    };
    format!("s3://{}/{}{slash}", area.bucket, area.prefix)
}

fn columns_of_the_row() -> impl Iterator<Item = &'static str> {
    columns().into_iter().map(|(name, ..)| name)
}

/// The columns and their types.
fn defined(rows: Rows) -> String {
    let mut text = String::new();
    for (name, kind, _) in columns() {
        let kind = match kind {
            // Of lines, Athena reads no time in the spelling of RFC 3339.
            Type::Time if rows == Rows::Parquet => "timestamp",
            Type::Bool => "boolean",
            Type::Number => "double",
            Type::Integer => "bigint",
            _ => "string",
        };
        let comma = if text.is_empty() { "" } else { ",\n" };
        // Writing to a string cannot fail.
        let _ = write!(text, "{comma}  `{name}` {kind}");
    }
    text
}
