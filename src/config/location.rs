//! Places that variables name: prefixes of buckets, directories, queues.

use std::path::PathBuf;

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
        let text = text.strip_prefix("s3://").unwrap_or(text);
        let (bucket, prefix) = text.split_once('/').unwrap_or((text, ""));
        if bucket.is_empty() || bucket.contains([':', ' ', '*']) {
            return Err("a bucket's name, with or without /prefix".into());
        }
        Ok(S3Prefix {
            bucket: bucket.into(),
            prefix: prefix.trim_start_matches('/').into(),
        })
    }

    /// Returns whether `object` lies below it. Leading slashes do not count, since Rebrandly's keys
    /// have one.
    pub fn holds(&self, object: &ObjectRef) -> bool {
        self.bucket == object.bucket && object.key.trim_start_matches('/').starts_with(&self.prefix)
    }
}

impl QuarantineStore {
    /// Reads the value of `QUARANTINE`. The error says what is expected.
    pub(super) fn parse(text: &str) -> Result<QuarantineStore, String> {
        let expected = || {
            "s3://bucket/prefix/ (the prefix keeps rows apart from clicks), or a directory's path \
             with a / in it"
        };
        if let Some(rest) = text.strip_prefix("s3://") {
            let location = S3Prefix::parse(rest).map_err(|_| expected())?;
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

/// Reads the value of `SOURCES`.
pub(super) fn sources(text: &str) -> Result<Vec<S3Prefix>, String> {
    text.split(',')
        .map(|location| S3Prefix::parse(location.trim()))
        .collect()
}

/// Reads the value of `STORE`: `None` for S3, else the directory that stands for it.
pub(super) fn store(text: &str) -> Result<Option<PathBuf>, String> {
    match text {
        "s3" => Ok(None),
        path if path.contains('/') || path.starts_with('.') => Ok(Some(path.into())),
        _ => Err("s3, or a directory's path with a / in it".into()),
    }
}

/// Reads the value of `CONTINUE_QUEUE_URL`.
pub(super) fn queue(text: &str) -> Result<String, String> {
    let address = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    match address.map(|rest| rest.matches('/').count()) {
        Some(2..) => Ok(text.to_owned()),
        _ => Err(
            "a queue's URL such as https://sqs.eu-west-1.amazonaws.com/123456789012/clicks".into(),
        ),
    }
}
