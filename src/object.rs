//! The objects that clicks are read from and rows are written to.

mod s3;
mod store;

use std::fmt;

pub use s3::S3;
pub use store::{Directory, Memory, Reader, Store};

/// One object, by name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectRef {
    /// The bucket; empty for a file named by its path.
    pub bucket: String,
    /// The key, decoded; Rebrandly's begin with a slash.
    pub key: String,
    /// The version asked for.
    pub version: Option<String>,
}

impl ObjectRef {
    /// The latest version of `key` in `bucket`.
    pub fn new(bucket: impl Into<String>, key: impl Into<String>) -> ObjectRef {
        ObjectRef {
            bucket: bucket.into(),
            key: key.into(),
            version: None,
        }
    }

    /// The key after its last slash: what Rebrandly's webhooks send as `key`.
    pub fn base_name(&self) -> &str {
        self.key.rsplit('/').next().unwrap_or(&self.key)
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.bucket.as_str() {
            "" => f.write_str(&self.key),
            bucket => write!(f, "s3://{bucket}/{}", self.key),
        }
    }
}

/// Why an object cannot be read or written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObjectError {
    /// There is no such object or version.
    Missing,
    /// The credentials do not allow it.
    Denied(String),
    /// The object was replaced while it was read.
    Changed,
    /// The store does not answer, or answers nonsense.
    Unavailable(String),
}

impl fmt::Display for ObjectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ObjectError::Missing => f.write_str("the object does not exist"),
            ObjectError::Denied(cause) => write!(
                f,
                "access denied ({cause}): grant s3:GetObject (s3:GetObjectVersion for a version), and s3:ListBucket, without \
                 which a missing key is reported as denied; an object written by another account needs BucketOwnerEnforced"
            ),
            ObjectError::Changed => f.write_str(
                "the object was replaced while it was read; the new one has its own event",
            ),
            ObjectError::Unavailable(cause) => write!(f, "the store cannot be used: {cause}"),
        }
    }
}

impl std::error::Error for ObjectError {}
