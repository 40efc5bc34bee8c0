//! Flat rows as one Parquet file.
//!
//! Pure: the same rows make the same bytes. What a column cannot hold, a text in a column of times
//! or a number beyond a double, is kept in `extra` under the column's name: an odd value is not
//! lost, and stops no file.

mod column;
mod time;

use std::sync::Arc;

use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::Result as Written;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{ColumnPath, Type as Schema, TypePtr};

use clicks::click::columns;
use clicks::click::fields::EXTRA;
use clicks::json::{Kind, Parser, Progress, text};
use column::Column;

/// Rows of a row group. Readers want few groups, and real clicks make one: 8 MiB of them are 7,000.
/// Of clicks so small that more would fit, saying which columns they lack takes more memory than
/// the columns they have.
const GROUP: usize = 1 << 16;

/// Columns in which nearly every value is another: a dictionary holds them all and numbers besides,
/// a twelfth of a file.
const DISTINCT: [&str; 4] = [
    "click_id",
    "clicked_at",
    "session_started_at",
    "source_index",
];

/// How the pages of a file are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    /// A third smaller, in nearly the same time.
    Zstd,
    /// For readers that do not know zstd.
    Snappy,
}

/// `rows`, each a flat click as JSON text, as one Parquet file. Error: says why the rows cannot be
/// written.
pub(super) fn write<'r>(
    rows: impl Iterator<Item = &'r [u8]>,
    codec: Codec,
) -> Result<Vec<u8>, String> {
    let mut table = Table::new();
    let properties = properties(codec).map(Arc::new);
    let file = table
        .schema()
        .and_then(|schema| SerializedFileWriter::new(Vec::new(), schema, properties?));
    let mut file = file.map_err(|e| e.to_string())?;
    for (number, row) in rows.enumerate() {
        table
            .add(row)
            .map_err(|why| format!("row {number}: {why}"))?;
        if table.rows == GROUP {
            table.flush(&mut file).map_err(|e| e.to_string())?;
        }
    }
    table
        .flush(&mut file)
        .and_then(|()| file.into_inner())
        .map_err(|e| e.to_string())
}

fn properties(codec: Codec) -> Written<WriterProperties> {
    let compression = match codec {
        // Level 1 makes files a tenth larger, level 6 takes half as long again to make them a
        // thirtieth smaller.
        Codec::Zstd => Compression::ZSTD(ZstdLevel::try_new(3)?),
        Codec::Snappy => Compression::SNAPPY,
    };
    let builder = WriterProperties::builder()
        .set_compression(compression)
        // A column is mostly one page: an index of pages would repeat what is known of the column.
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true);
    let plain = DISTINCT.iter().fold(builder, |builder, &name| {
        builder.set_column_dictionary_enabled(ColumnPath::from(name), false)
    });
    Ok(plain.build())
}

/// Rows on their way into a row group.
struct Table {
    parser: Parser,
    columns: Vec<Column>,
    /// Which column followed each one in an earlier row: rows name theirs in much the same order.
    /// The last stands for the start of a row.
    next: Vec<usize>,
    rows: usize,
    /// Members of the row that go to `extra`, with a comma before each.
    odd: Vec<u8>,
}

impl Table {
    fn new() -> Table {
        let columns: Vec<_> = columns()
            .into_iter()
            .map(|(name, kind, _)| Column::new(name, kind))
            .collect();
        let next = (1..columns.len()).chain([0, 0]).collect();
        Table {
            parser: Parser::new(u32::MAX),
            columns,
            next,
            rows: 0,
            odd: Vec::new(),
        }
    }

    fn schema(&self) -> Written<TypePtr> {
        let fields = self
            .columns
            .iter()
            .map(Column::schema)
            .collect::<Written<_>>()?;
        Schema::group_type_builder("click")
            .with_fields(fields)
            .build()
            .map(Arc::new)
    }

    fn add(&mut self, row: &[u8]) -> Result<(), String> {
        if simdutf8::basic::from_utf8(row).is_err() {
            return Err("not UTF-8".into());
        }
        self.parser.reset();
        match self.parser.run(row, true) {
            Progress::Done(end)
                if row
                    .get(end..)
                    .is_some_and(|rest| rest.trim_ascii().is_empty()) => {}
            _ => return Err("not one JSON value".into()),
        }
        let tape = self.parser.tape(row);
        if tape.node(0).kind != Kind::Object {
            return Err("not a JSON object".into());
        }
        let mut last = self.columns.len();
        for member in tape.members(0) {
            let name = text::unescaped(tape.inner(member.name), tape.node(member.name).escaped);
            let found = find(&self.columns, &mut self.next, last, &name);
            last = found.unwrap_or(last);
            let column = found.and_then(|at| self.columns.get_mut(at));
            if !column.is_some_and(|column| column.put(self.rows, tape, member.value)) {
                for part in [b",", tape.raw(member.name), b":", tape.raw(member.value)] {
                    self.odd.extend_from_slice(part);
                }
            }
        }
        if !self.odd.is_empty() {
            self.keep()?;
        }
        if let Some(column) = self
            .columns
            .iter()
            .find(|column| column.required && !column.has(self.rows))
        {
            return Err(format!(
                "{} is missing, or not what its column holds",
                column.name
            ));
        }
        self.rows += 1;
        Ok(())
    }

    /// Puts into `extra` what no column holds.
    fn keep(&mut self) -> Result<(), String> {
        let extra = self
            .columns
            .iter_mut()
            .find(|column| column.name == EXTRA.0)
            .ok_or("no column for the rest")?;
        let mut object = extra.take_text(self.rows).unwrap_or_else(|| b"{}".into());
        if object.pop() != Some(b'}') {
            return Err("extra is not a JSON object".into());
        }
        let comma = usize::from(object.ends_with(b"{"));
        object.extend_from_slice(self.odd.get(comma..).unwrap_or_default());
        object.push(b'}');
        extra.put_text(self.rows, &object);
        self.odd.clear();
        Ok(())
    }

    /// Writes the rows, if there are any, as one row group.
    fn flush(&mut self, file: &mut SerializedFileWriter<Vec<u8>>) -> Written<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let (mut group, mut texts) = (file.next_row_group()?, Vec::new());
        for column in &mut self.columns {
            let Some(mut writer) = group.next_column()? else {
                break;
            };
            column.write(self.rows, writer.untyped(), &mut texts)?;
            writer.close()?;
        }
        self.rows = 0;
        group.close().map(|_| ())
    }
}

/// The column called `name`, which comes after column `last` of a row.
fn find(columns: &[Column], next: &mut [usize], last: usize, name: &[u8]) -> Option<usize> {
    let is = |column: &Column| column.name.as_bytes() == name;
    let guess = next.get_mut(last)?;
    if !columns.get(*guess).is_some_and(is) {
        *guess = columns.iter().position(is)?;
    }
    Some(*guess)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use parquet::basic::{Encoding, Repetition, Type as Physical};
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;

    use super::*;
    use clicks::click::fields::Type;

    /// The members that every row has.
    const HEAD: &str = r#""click_id":"0","clicked_at":"1970-01-01T00:00:01.5Z","batch_key":"k","source_object":"s3://b/k","source_index":7"#;

    fn row(rest: &str) -> String {
        format!("{{{HEAD}{rest}}}")
    }

    fn reader(rows: &[String]) -> SerializedFileReader<Bytes> {
        let file = write(rows.iter().map(String::as_bytes), Codec::Zstd).unwrap();
        assert_eq!(
            file,
            write(rows.iter().map(String::as_bytes), Codec::Zstd).unwrap()
        );
        SerializedFileReader::new(file.into()).unwrap()
    }

    /// The fields that are not null of each row, but for those of `HEAD`.
    fn read(rows: &[String]) -> Vec<Vec<(String, Field)>> {
        let head = [
            "click_id",
            "clicked_at",
            "batch_key",
            "source_object",
            "source_index",
        ];
        let fields = |row: parquet::record::Row| {
            let fields = row.into_columns().into_iter();
            fields
                .filter(|(name, field)| *field != Field::Null && !head.contains(&name.as_str()))
                .collect()
        };
        reader(rows)
            .get_row_iter(None)
            .unwrap()
            .map(|row| fields(row.unwrap()))
            .collect()
    }

    fn refused(row: &str) -> String {
        write([row.as_bytes()].into_iter(), Codec::Snappy).unwrap_err()
    }

    fn text(text: &str) -> Field {
        Field::Str(text.into())
    }

    #[test]
    fn the_schema_is_the_list_of_columns() {
        let reader = reader(&[]);
        let schema = reader.metadata().file_metadata().schema_descr();
        assert_eq!(schema.num_columns(), columns().len());
        for (column, (name, kind, _)) in schema.columns().iter().zip(columns()) {
            let physical = match kind {
                Type::Time | Type::Integer => Physical::INT64,
                Type::Bool => Physical::BOOLEAN,
                Type::Number => Physical::DOUBLE,
                _ => Physical::BYTE_ARRAY,
            };
            assert_eq!((column.name(), column.physical_type()), (name, physical));
            // A time that not every reader can count is in `extra`.
            let required = HEAD.contains(&format!("\"{name}\":")) && name != "clicked_at";
            assert_eq!(
                column.self_type().get_basic_info().repetition() == Repetition::REQUIRED,
                required,
                "{name}"
            );
        }
        assert_eq!(reader.metadata().num_row_groups(), 0);
    }

    #[test]
    fn every_type_reads_back() {
        let rows = [
            row(
                r#","country":"DE","first_in_session":true,"latitude":-1.25e1,"link_created_at":"1969-12-31T23:59:59Z""#,
            ),
            row(""),
            row(
                r#","latitude":12345678901234567890,"first_in_session":false,"tags":"{\"a\":1}","country":null"#,
            ),
            row(
                r#","city":"caf\u00e9 \ud83d\ude00 \"\\\/\n","region":"😀","extra":"{\"a\":\"\\ud800\"}""#,
            ),
        ];
        let field = |name: &str, field| (name.to_owned(), field);
        let expected = [
            vec![
                field("country", text("DE")),
                field("latitude", Field::Double(-12.5)),
                field("first_in_session", Field::Bool(true)),
                field("link_created_at", Field::TimestampMicros(-1_000_000)),
            ],
            vec![],
            vec![
                field("latitude", Field::Double(12345678901234567890.0)),
                field("first_in_session", Field::Bool(false)),
                field("tags", text(r#"{"a":1}"#)),
            ],
            vec![
                field("region", text("😀")),
                field("city", text("café 😀 \"\\/\n")),
                field("extra", text(r#"{"a":"\ud800"}"#)),
            ],
        ];
        assert_eq!(read(&rows), expected);
        let first = reader(&rows)
            .get_row_iter(None)
            .unwrap()
            .next()
            .unwrap()
            .unwrap();
        let head: Vec<_> = first
            .into_columns()
            .into_iter()
            .filter(|(name, _)| HEAD.contains(&format!("\"{name}\":")))
            .collect();
        assert_eq!(head[0].1, text("0"));
        assert_eq!(head[1].1, Field::TimestampMicros(1_500_000));
        assert_eq!(head[4].1, Field::Long(7));
    }

    #[test]
    fn what_no_column_holds_goes_to_extra() {
        for (given, columns, extra) in [
            (r#","latitude":1e400"#, &[][..], r#"{"latitude":1e400}"#),
            (
                r#","latitude":1e400,"extra":"{}""#,
                &[],
                r#"{"latitude":1e400}"#,
            ),
            (
                r#","extra":"{\"a\":1}","session_started_at":"soon""#,
                &[],
                r#"{"a":1,"session_started_at":"soon"}"#,
            ),
            (
                r#","country":1,"more":[1,{"a":null}]"#,
                &[],
                r#"{"country":1,"more":[1,{"a":null}]}"#,
            ),
            (
                r#","country":"A","country":"B","city":null"#,
                &[("country", "A")],
                r#"{"country":"B"}"#,
            ),
            (
                r#","city":"<\uDC00\ud83d\ude00\ud800>\ud7ff""#,
                &[("city", "<\u{FFFD}😀\u{FFFD}>\u{D7FF}")],
                r#"{"city":"<\uDC00\ud83d\ude00\ud800>\ud7ff"}"#,
            ),
        ] {
            let columns = columns
                .iter()
                .copied()
                .chain([("extra", extra)])
                .map(|(name, value)| (name.to_string(), text(value)));
            let expected = columns.collect();
            assert_eq!(
                read(&[row(""), row(given), row("")]),
                [vec![], expected, vec![]],
                "{given}"
            );
        }
    }

    #[test]
    fn what_every_row_has_must_be_there() {
        assert_eq!(
            refused(r#"{"click_id":"0"}"#),
            "row 0: batch_key is missing, or not what its column holds"
        );
        assert_eq!(
            refused(&row("").replace(":7", ":7.5")),
            "row 0: source_index is missing, or not what its column holds"
        );
        assert_eq!(
            refused(&row("").replace("\"0\"", "null")),
            "row 0: click_id is missing, or not what its column holds"
        );
        assert_eq!(refused("[]"), "row 0: not a JSON object");
        assert_eq!(refused("{} {}"), "row 0: not one JSON value");
        let rows = [row("").into_bytes(), b"{\"\xFF\":0}".to_vec()];
        assert_eq!(
            write(rows.iter().map(Vec::as_slice), Codec::Zstd).unwrap_err(),
            "row 1: not UTF-8"
        );
    }

    #[test]
    fn many_rows_make_two_groups_and_one_long_text_no_trouble() {
        let mut rows = vec![row(",\"city\":\"x\""); GROUP + 1];
        rows[3] = row(&format!(",\"city\":\"{}\"", "long ".repeat(1 << 20)));
        let reader = reader(&rows);
        let groups = reader.metadata().row_groups();
        assert_eq!(
            groups
                .iter()
                .map(|group| group.num_rows())
                .collect::<Vec<_>>(),
            [GROUP as i64, 1]
        );
        let has_dictionary = |at: usize| {
            groups[0]
                .column(at)
                .encodings()
                .any(|encoding| encoding == Encoding::RLE_DICTIONARY)
        };
        assert!(!has_dictionary(0) && has_dictionary(3));
        let city = |at| {
            reader
                .get_row_iter(None)
                .unwrap()
                .nth(at)
                .unwrap()
                .unwrap()
                .into_columns()
                .remove(5)
                .1
        };
        assert_eq!(city(3), text(&"long ".repeat(1 << 20)));
        assert_eq!(city(GROUP), text("x"));
    }
}
