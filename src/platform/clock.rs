//! The clock of this program. Stages are handed it, so that tests can give them another.

use std::time::SystemTime;

/// Returns the time now.
#[expect(clippy::disallowed_methods, reason = "the one clock of this program")]
pub fn now() -> SystemTime {
    SystemTime::now()
}
