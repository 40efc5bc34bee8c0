//! What S3's errors mean. Only S3's own code has the last word where the consequence is that a file
//! is acknowledged: a gateway in between answers with the same statuses.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::object::{ObjectError, ObjectRef};
use crate::platform::aws::{ErrorKind, describe_sdk_error};

/// Whether S3 says that there is no such object: by its code for a missing key or version, or, for a
/// version, by the one for a delete marker.
pub(super) fn is_gone<E: ProvideErrorMetadata>(error: &SdkError<E>, object: &ObjectRef) -> bool {
    match (error.code(), status(error)) {
        (Some("NoSuchKey" | "NoSuchVersion"), Some(404)) => true,
        (Some("MethodNotAllowed"), Some(405)) => object.version.is_some(),
        _ => false,
    }
}

/// Returns what an error means that does not say that the object is gone.
pub(super) fn classify<E>(error: &SdkError<E>) -> ObjectError
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let cause = || describe_sdk_error(error, |_| None);
    match (error.code(), status(error)) {
        // An archived object, a clock that is wrong or a key that is denied has its own way out.
        (_, Some(403)) => match ErrorKind::of(error) {
            ErrorKind::Denied | ErrorKind::Other => ObjectError::Denied(cause()),
            _ => ObjectError::Unavailable(cause()),
        },
        (_, Some(412)) => ObjectError::Changed,
        _ => ObjectError::Unavailable(cause()),
    }
}

/// Returns the status of the answer, if there is one.
fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error.raw_response().map(|r| r.status().as_u16())
}
