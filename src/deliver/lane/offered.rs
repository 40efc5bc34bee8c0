//! The counts of a lane before anything is sent.

use crate::deliver::ledger::Watermark;
use crate::outcome::Tally;

/// The counts of a lane before anything is sent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Offered {
    /// `read`, `filtered`, and what was quarantined without a request.
    pub(super) tally: Tally,
    /// Records that earlier runs had settled.
    pub(super) resumed: u64,
}

impl Offered {
    /// The watermark at `at`, before which these records were offered.
    pub(super) fn watermark(self, at: u64) -> Watermark {
        Watermark {
            at,
            filtered: self.tally.filtered,
        }
    }
}
