//! The kinds of file that a lake holds.

use std::fmt;

use bytes::Bytes;

use super::parquet::{self, Codec};
use crate::config::vars::Scope;
use crate::targets::support::body;
use clicks::click::Form;

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum File {
    /// Apache Parquet, with the columns of the flat form.
    Parquet(Codec),
    /// One click per line, compressed with gzip.
    Lines(Form),
}

impl File {
    /// Reads the variables; `None` if they are wrong.
    pub(super) fn read(scope: &Scope<'_>) -> Option<File> {
        let kind = scope.parse("FILE", |text| match text {
            "parquet" => Ok(true),
            "lines" => Ok(false),
            _ => Err("parquet or lines".into()),
        });
        let parquet = kind.unwrap_or(true);
        let codec = scope.parse("COMPRESSION", |text| match text {
            "zstd" => Ok(Codec::Zstd),
            "snappy" => Ok(Codec::Snappy),
            _ => Err("zstd or snappy".into()),
        });
        let form: Option<Form> = scope.parsed("FORMAT");
        match (parquet, codec, form) {
            (true, _, Some(form)) if form != Form::Flat => {
                scope.conflict(
                    "FORMAT",
                    format!(
                        "found {:?}; Parquet files hold the flat form alone: leave it out, or set _FILE=lines",
                        form.to_string()
                    ),
                );
            }
            (false, Some(_), _) => scope.conflict(
                "COMPRESSION",
                "is for Parquet files; lines are always compressed with gzip",
            ),
            _ => {}
        }
        Some(if parquet {
            File::Parquet(codec.unwrap_or(Codec::Zstd))
        } else {
            File::Lines(form.unwrap_or(Form::Flat))
        })
    }

    /// Returns the form of a click in it.
    pub(super) fn form(self) -> Form {
        match self {
            File::Parquet(_) => Form::Flat,
            File::Lines(form) => form,
        }
    }

    pub(super) fn extension(self) -> &'static str {
        match self {
            File::Parquet(_) => "parquet",
            File::Lines(_) => "jsonl.gz",
        }
    }

    pub(super) fn media_type(self) -> &'static str {
        match self {
            File::Parquet(_) => "application/vnd.apache.parquet",
            File::Lines(_) => "application/x-ndjson",
        }
    }

    /// Returns the file that holds `rows`: always the same bytes for the same rows.
    pub(super) fn write(self, rows: &[Bytes]) -> Result<Vec<u8>, String> {
        match self {
            File::Parquet(codec) => parquet::write(rows.iter().map(|row| &**row), codec),
            File::Lines(_) => {
                let mut lines = Vec::with_capacity(rows.iter().map(|row| row.len() + 1).sum());
                for row in rows {
                    lines.extend_from_slice(row);
                    lines.push(b'\n');
                }
                Ok(body::gzip(&lines))
            }
        }
    }
}

impl fmt::Display for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            File::Parquet(codec) => write!(f, "parquet, {}", format!("{codec:?}").to_lowercase()),
            File::Lines(form) => write!(f, "lines, {form}, gzip"),
        }
    }
}
