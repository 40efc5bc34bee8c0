//! The name of an object that clicks are read from.

use std::fmt;

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
    /// Returns the latest version of `key` in `bucket`.
    pub fn new(bucket: impl Into<String>, key: impl Into<String>) -> ObjectRef {
        ObjectRef {
            bucket: bucket.into(),
            key: key.into(),
            version: None,
        }
    }

    /// Returns the key after its last slash: what Rebrandly's webhooks send as `key`.
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
