//! Bounds how long a store may take.

use std::time::Duration;

use tokio::time::timeout;

use crate::object::ObjectError;

/// Runs `work`; `Err` if the store does not answer within `allowed`.
pub(super) async fn within<T>(
    allowed: Duration,
    work: impl Future<Output = Result<T, ObjectError>>,
) -> Result<T, ObjectError> {
    let late = |_| {
        Err(ObjectError::Unavailable(format!(
            "no answer within {} ms",
            allowed.as_millis()
        )))
    };
    timeout(allowed, work).await.unwrap_or_else(late)
}
