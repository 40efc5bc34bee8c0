//! Reads the rows of a Parquet file that would be stored.

use bytes::Bytes;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use serde_json::{Value, json};

/// Returns a line of JSON for each row, without columns that have no value.
pub(super) fn rows(file: &Bytes) -> String {
    let reader = match SerializedFileReader::new(file.clone()) {
        Ok(reader) => reader,
        Err(error) => return format!("a Parquet file that cannot be read: {error}"),
    };
    let rows = match reader.get_row_iter(None) {
        Ok(rows) => rows,
        Err(error) => return format!("a Parquet file that cannot be read: {error}"),
    };
    let line = |row: Result<Row, _>| match row {
        Ok(row) => line(&row),
        Err(error) => format!("a row that cannot be read: {error}\n"),
    };
    rows.map(line).collect()
}

/// Writes a row with its columns in their order.
fn line(row: &Row) -> String {
    let columns = row.get_column_iter();
    let columns = columns.filter(|(_, field)| !matches!(field, Field::Null));
    let columns = columns.map(|(name, field)| format!("{}:{}", json!(name), value(field)));
    format!("{{{}}}\n", columns.collect::<Vec<_>>().join(","))
}

fn value(field: &Field) -> Value {
    match field {
        Field::Bool(value) => json!(value),
        Field::Int(value) => json!(value),
        Field::Long(value) => json!(value),
        Field::Double(value) => json!(value),
        Field::Str(value) => json!(value),
        other => json!(other.to_string()),
    }
}
