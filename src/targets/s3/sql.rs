//! The statements that make a table of a lake in Amazon Athena, and few large files of many small
//! ones. Pure.
//!
//! Written after Athena's documentation of partition projection, of the types of Parquet and JSON
//! tables, and of `INSERT`; not run there.

use std::fmt::Write;

use crate::config::S3Prefix;
use clicks::click::columns;
use clicks::click::fields::Type;

/// The files of a lake, as a table reads them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// `_FILE=parquet`.
    Parquet,
    /// `_FILE=lines` with the flat form.
    Lines,
}

/// The name of a table, perhaps with its database's before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableName {
    parts: Vec<String>,
}

impl TableName {
    /// Reads `clicks` or `analytics.clicks`; `None` if a part is empty, or holds what no name can.
    pub fn parse(text: &str) -> Option<TableName> {
        let parts: Vec<_> = text.split('.').map(str::to_owned).collect();
        let is_name = |part: &String| !part.trim().is_empty() && !part.contains(char::is_control);
        parts.iter().all(is_name).then_some(TableName { parts })
    }

    /// The table of this name and `suffix`.
    pub fn with_suffix(&self, suffix: &str) -> TableName {
        let mut parts = self.parts.clone();
        if let Some(last) = parts.last_mut() {
            last.push_str(suffix);
        }
        TableName { parts }
    }

    /// Quotes the name as Hive does, in whose language Athena defines tables.
    fn in_definition(&self) -> String {
        self.quoted('`')
    }

    /// Quotes the name as Trino does, in whose language Athena queries.
    fn in_query(&self) -> String {
        self.quoted('"')
    }

    /// Puts each part in quotes; one that is in it is doubled.
    fn quoted(&self, quote: char) -> String {
        let double = format!("{quote}{quote}");
        let quoted = |part: &String| format!("{quote}{}{quote}", part.replace(quote, &double));
        let parts: Vec<_> = self.parts.iter().map(quoted).collect();
        parts.join(".")
    }
}

/// Escapes what is to stand in a string of Hive: to it, two quotes in a row are the end of a string
/// and the beginning of the next.
fn in_definition(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\'', "\\'")
}

/// Escapes what is to stand in a string of Trino or DuckDB.
fn in_query(text: &str) -> String {
    text.replace('\'', "''")
}

/// Returns the statement that creates a table over a lake. Its partitions are projected, so none
/// has to be added. Days before `first`, for example `2026-11-01`, are not looked for.
pub fn table(name: &TableName, lake: &S3Prefix, rows: Rows, first: &str) -> String {
    let place = in_definition(&location(lake));
    let name = name.in_definition();
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

/// Returns the statements that create a second table with few large files a day and copy the clicks
/// of `day` into it, each once; running them again adds what came late.
pub fn compact(name: &TableName, into: &TableName, daily: &S3Prefix, day: &str) -> String {
    let place = in_definition(&location(daily));
    let columns = defined(Rows::Parquet);
    let (defined_into, name, into) = (into.in_definition(), name.in_query(), into.in_query());
    let names = columns_of_the_row().collect::<Vec<_>>().join(", ");
    format!(
        "-- Once.
CREATE EXTERNAL TABLE {defined_into} (\n{columns}\n)
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

/// Returns the same for DuckDB, over the files themselves; running it again replaces the day's
/// file.
pub fn compact_duckdb(lake: &S3Prefix, daily: &S3Prefix, day: &str) -> String {
    let (from, to) = (in_query(&location(lake)), in_query(&location(daily)));
    format!(
        "SET threads = 1;  -- one file
COPY (
  SELECT * EXCLUDE (hour)
  FROM read_parquet('{from}dt={day}/*/*.parquet', union_by_name = true, hive_partitioning = true, hive_types = {{'dt': VARCHAR, 'hour': VARCHAR}})
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

/// Returns the columns and their types.
fn defined(rows: Rows) -> String {
    let mut text = String::new();
    for (name, kind, _) in columns() {
        let kind = match kind {
            // In lines, Athena cannot read a time as RFC 3339 spells it.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_places_stay_what_they_are_whatever_is_in_them() {
        let name = TableName::parse("db.my`cl\"icks").unwrap();
        let lake = S3Prefix::parse("lake/it's/").unwrap();
        let table = table(&name, &lake, Rows::Parquet, "2026-11-01");
        assert!(
            table.starts_with("CREATE EXTERNAL TABLE `db`.`my``cl\"icks` (\n"),
            "{table}"
        );
        assert!(table.contains(r"LOCATION 's3://lake/it\'s/'"), "{table}");
        let daily = name.with_suffix("_daily");
        let compact = compact(&name, &daily, &lake, "2026-11-21");
        for part in [
            "CREATE EXTERNAL TABLE `db`.`my``cl\"icks_daily` (",
            "INSERT INTO \"db\".\"my`cl\"\"icks_daily\"\n",
            "FROM \"db\".\"my`cl\"\"icks\"\n",
            "(SELECT click_id FROM \"db\".\"my`cl\"\"icks_daily\" WHERE",
        ] {
            assert!(compact.contains(part), "{part} is missing in\n{compact}");
        }
        let duckdb = compact_duckdb(&lake, &lake, "2026-11-21");
        assert!(
            duckdb.contains("'s3://lake/it''s/dt=2026-11-21/*/*.parquet'")
                && duckdb.contains("TO 's3://lake/it''s' ("),
            "{duckdb}"
        );
        for wrong in ["", "a.", "a\nb"] {
            assert_eq!(TableName::parse(wrong), None, "{wrong:?}");
        }
    }
}
