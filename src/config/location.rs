//! Places that variables name: prefixes of buckets, and directories.

use std::path::PathBuf;

use super::aws_names;
use super::vars::Scope;
use crate::object::ObjectRef;

/// The keys of a bucket that begin alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Prefix {
    /// The bucket.
    pub bucket: String,
    /// How the keys begin, without a leading slash.
    pub prefix: String,
}

/// Where rows of the quarantine are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuarantineStore {
    /// Into a bucket.
    S3(S3Prefix),
    /// Into a directory.
    Directory(PathBuf),
    /// Into the log, without the records' bytes.
    Log,
}

impl S3Prefix {
    /// Reads `bucket`, `bucket/prefix` or `s3://bucket/prefix`. The error says what is expected.
    pub fn parse(text: &str) -> Result<S3Prefix, String> {
        let location = S3Prefix::divide(text);
        if location.bucket.is_empty() {
            return Err("a bucket's name, with or without /prefix".into());
        }
        if text.starts_with("arn:") || text.contains("://") && !text.starts_with("s3://") {
            aws_names::bucket(text)?;
        }
        aws_names::bucket(&location.bucket)?;
        aws_names::key_prefix(&location.prefix)?;
        Ok(location)
    }

    /// Reads what [`parse`](Self::parse) reads where a directory stands for S3: its sub-directories
    /// may have any names.
    fn in_directory(text: &str) -> Result<S3Prefix, String> {
        let location = S3Prefix::divide(text);
        if location.bucket.is_empty() || location.bucket.contains([':', '*', '?']) {
            return Err("a sub-directory's name, with or without /prefix".into());
        }
        aws_names::key_prefix(&location.prefix)?;
        Ok(location)
    }

    fn divide(text: &str) -> S3Prefix {
        let text = text.strip_prefix("s3://").unwrap_or(text);
        let (bucket, prefix) = text.split_once('/').unwrap_or((text, ""));
        S3Prefix {
            bucket: bucket.into(),
            prefix: prefix.trim_start_matches('/').into(),
        }
    }

    /// Returns whether `object` lies below it. Leading slashes do not count, since Rebrandly's keys
    /// have one.
    pub fn holds(&self, object: &ObjectRef) -> bool {
        self.bucket == object.bucket && object.key.trim_start_matches('/').starts_with(&self.prefix)
    }
}

impl QuarantineStore {
    /// Reads the value of `QUARANTINE`. The error says what is expected.
    pub(super) fn parse(text: &str, read: ReadLocation) -> Result<QuarantineStore, String> {
        let expected = || {
            "s3://bucket/prefix/ (the prefix keeps rows apart from clicks), or a directory's path \
             with a / in it"
        };
        if text.starts_with("s3://") {
            let location = read(text)?;
            if location.prefix.is_empty() {
                return Err(expected().into());
            }
            return Ok(QuarantineStore::S3(S3Prefix {
                prefix: format!("{}/", location.prefix.trim_end_matches('/')),
                ..location
            }));
        }
        // A bucket's name alone would pass for a directory.
        if text.contains("://") || !text.contains(['/', '.']) {
            return Err(expected().into());
        }
        Ok(QuarantineStore::Directory(text.into()))
    }
}

/// Reads a bucket with or without a prefix.
pub(super) type ReadLocation = fn(&str) -> Result<S3Prefix, String>;

/// Returns how buckets are read where `directory` may stand for S3.
pub(super) fn reader(directory: Option<&PathBuf>) -> ReadLocation {
    directory.map_or(S3Prefix::parse, |_| S3Prefix::in_directory)
}

/// Reads the value of `SOURCES`, and notes what is wrong with each location in it.
pub(super) fn sources(globals: &Scope<'_>, read: ReadLocation) -> Option<Vec<S3Prefix>> {
    let text = globals.text("SOURCES")?;
    let mut locations = Vec::new();
    for location in text.split(',').map(str::trim) {
        match read(location) {
            Ok(location) => locations.push(location),
            Err(expected) => globals.wrong_value("SOURCES", format!("{location:?}"), expected),
        }
    }
    Some(locations)
}

/// Reads the value of `STORE`: `None` for S3, else the directory that stands for it.
pub(super) fn store(text: &str) -> Result<Option<PathBuf>, String> {
    match text {
        "s3" => Ok(None),
        path if path.contains('/') || path.starts_with('.') => Ok(Some(path.into())),
        _ => Err("s3, or a directory's path with a / in it".into()),
    }
}
