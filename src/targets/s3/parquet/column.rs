//! One column: its values of a row group before they are written.

use std::mem::take;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::{ParquetError, Result};
use parquet::schema::types::{Type as Schema, TypePtr};

use super::time::micros;
use clicks::click::fields::Type;
use clicks::json::{Kind, Tape, text};

/// The columns that every row has.
const REQUIRED: [&str; 4] = ["click_id", "batch_key", "source_object", "source_index"];

/// A column.
pub(super) struct Column {
    pub(super) name: &'static str,
    /// Whether every row has it.
    pub(super) required: bool,
    /// For each row up to the last that has a value, 1 if it has one.
    levels: Vec<i16>,
    values: Values,
}

enum Values {
    /// One behind the other, and their lengths.
    Text(Vec<u8>, Vec<u32>),
    Time(Vec<i64>),
    Integer(Vec<i64>),
    Number(Vec<f64>),
    Bool(Vec<bool>),
}

impl Column {
    pub(super) fn new(name: &'static str, kind: Type) -> Column {
        let values = match kind {
            Type::String | Type::Strings | Type::Json | Type::Object(_) => {
                Values::Text(Vec::new(), Vec::new())
            }
            Type::Time => Values::Time(Vec::new()),
            Type::Integer => Values::Integer(Vec::new()),
            Type::Number => Values::Number(Vec::new()),
            Type::Bool => Values::Bool(Vec::new()),
        };
        Column {
            name,
            required: REQUIRED.contains(&name),
            levels: Vec::new(),
            values,
        }
    }

    pub(super) fn schema(&self) -> Result<TypePtr> {
        let (physical, logical) = match self.values {
            Values::Text(..) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Values::Time(_) => (
                Physical::INT64,
                Some(LogicalType::timestamp(true, TimeUnit::MICROS)),
            ),
            Values::Integer(_) => (Physical::INT64, None),
            Values::Number(_) => (Physical::DOUBLE, None),
            Values::Bool(_) => (Physical::BOOLEAN, None),
        };
        let repetition = if self.required {
            Repetition::REQUIRED
        } else {
            Repetition::OPTIONAL
        };
        let builder =
            Schema::primitive_type_builder(self.name, physical).with_logical_type(logical);
        builder.with_repetition(repetition).build().map(Arc::new)
    }

    /// Whether there is a value for `row`, the last one.
    pub(super) fn has(&self, row: usize) -> bool {
        self.levels.len() > row
    }

    /// Takes the value at `index` for `row`; `false` if not all of it is in the column.
    pub(super) fn put(&mut self, row: usize, tape: Tape<'_>, index: u32) -> bool {
        let (kind, raw, inner) = (tape.node(index).kind, tape.raw(index), tape.inner(index));
        if kind == Kind::Null || self.has(row) {
            return kind == Kind::Null;
        }
        let put = match (&mut self.values, kind) {
            (Values::Text(..), Kind::String) if tape.node(index).escaped => {
                let mut text = text::unescape(inner);
                let whole = !replace_surrogates(&mut text);
                self.put_text(row, &text);
                return whole;
            }
            (Values::Text(..), Kind::String) => {
                self.put_text(row, inner);
                return true;
            }
            (Values::Time(times), Kind::String) => micros(inner).map(|time| times.push(time)),
            (Values::Integer(values), Kind::Number) => parsed(raw).map(|value| values.push(value)),
            (Values::Number(values), Kind::Number) => parsed(raw)
                .filter(|n: &f64| n.is_finite())
                .map(|n| values.push(n)),
            (Values::Bool(values), Kind::Bool) => parsed(raw).map(|value| values.push(value)),
            _ => None,
        };
        put.is_some_and(|()| {
            self.filled(row);
            true
        })
    }

    /// Takes a text for `row`.
    pub(super) fn put_text(&mut self, row: usize, text: &[u8]) {
        if let Values::Text(texts, lengths) = &mut self.values {
            texts.extend_from_slice(text);
            // A tape has no longer ones.
            lengths.push(text.len() as u32);
            self.filled(row);
        }
    }

    /// Gives back the text of `row`, the last one, if it has one.
    pub(super) fn take_text(&mut self, row: usize) -> Option<Vec<u8>> {
        match &mut self.values {
            Values::Text(texts, lengths) if self.levels.len() > row => {
                self.levels.pop();
                let length = lengths.pop()? as usize;
                Some(texts.split_off(texts.len().saturating_sub(length)))
            }
            _ => None,
        }
    }

    fn filled(&mut self, row: usize) {
        self.levels.resize(row, 0);
        self.levels.push(1);
    }

    /// Writes the values of `rows` rows and gives back the memory they took; `texts` is a place to
    /// work in.
    pub(super) fn write(
        &mut self,
        rows: usize,
        writer: &mut ColumnWriter<'_>,
        texts: &mut Vec<ByteArray>,
    ) -> Result<()> {
        let mut levels = take(&mut self.levels);
        levels.resize(rows, 0);
        let levels = (!self.required).then_some(levels.as_slice());
        let written = match (&mut self.values, writer) {
            (Values::Text(all, lengths), ColumnWriter::ByteArrayColumnWriter(writer)) => {
                let mut all = Bytes::from(take(all));
                texts.extend(
                    take(lengths)
                        .into_iter()
                        .map(|length| all.split_to(all.len().min(length as usize)).into()),
                );
                let written = writer.write_batch(texts, levels, None);
                texts.clear();
                written
            }
            (
                Values::Time(values) | Values::Integer(values),
                ColumnWriter::Int64ColumnWriter(writer),
            ) => writer.write_batch(&take(values), levels, None),
            (Values::Number(values), ColumnWriter::DoubleColumnWriter(writer)) => {
                writer.write_batch(&take(values), levels, None)
            }
            (Values::Bool(values), ColumnWriter::BoolColumnWriter(writer)) => {
                writer.write_batch(&take(values), levels, None)
            }
            _ => Err(ParquetError::General(format!(
                "{} is of another type in the schema",
                self.name
            ))),
        };
        written.map(|_| ())
    }
}

/// Puts U+FFFD, which is as long, for each lone surrogate as [`text::unescape`] spells it; `true`
/// if there is one.
fn replace_surrogates(text: &mut [u8]) -> bool {
    let (mut found, mut from) = (false, 0);
    while let Some(at) = memchr::memchr(0xED, text.get(from..).unwrap_or_default()) {
        from += at + 1;
        if let Some([first, second @ 0xA0..=0xFF, third]) = text.get_mut(from - 1..from + 2) {
            (*first, *second, *third, found) = (0xEF, 0xBF, 0xBD, true);
        }
    }
    found
}

fn parsed<T: FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.parse().ok()
}
