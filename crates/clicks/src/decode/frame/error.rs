//! The reasons for which bytes are no record.

use crate::json::SyntaxError;

/// Why a record is bad, as far as its syntax goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// Not JSON.
    Syntax {
        /// Offset of the offending byte from the start of the record.
        at: usize,
        /// The problem.
        error: SyntaxError,
    },
    /// Longer than the limit.
    TooLong,
    /// Still open at the object's end, though its line ended long before.
    CutShort,
    /// A closing bracket that closes nothing.
    StrayCloser(u8),
}
