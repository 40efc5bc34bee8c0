//! Where click files are read and rows are written: S3, a directory, or memory.

pub mod file_name;
mod memory;
mod new_file;
#[cfg(feature = "aws")]
mod s3;
mod store;

use std::fmt;

#[cfg(not(feature = "aws"))]
use crate::without_aws as s3;
pub use clicks::ObjectRef;
pub use memory::Memory;
pub use s3::S3;
pub use store::{Directory, Reader, Store};

/// Why an object cannot be read or written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObjectError {
    /// There is no such object or version.
    Missing,
    /// The credentials do not allow it.
    Denied(String),
    /// The object was replaced while it was read.
    Changed,
    /// The store does not answer, or its answer cannot be used.
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
