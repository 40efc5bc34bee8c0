//! What became of an object for one target, in numbers that add up.

use super::{Lane, Offered};
use crate::deliver::stats::LaneStats;
use crate::outcome::{Failure, TargetOutcome};

impl Lane {
    /// Awaits what is in flight, and says what the target got.
    pub async fn close(self) -> TargetOutcome {
        self.state.leave(self.pending.len());
        drop(self.queue);
        let _ = self.worker.await;
        let LaneStats {
            sent,
            rejected,
            left,
            retries,
            throttles,
            latency,
            failure,
            late,
            ..
        } = self.state.finish();
        let Offered { mut tally, resumed } = self.offered;
        tally.sent += sent;
        tally.quarantined += rejected;
        // A task that panicked has settled nothing: its entries are not delivered.
        let lost = tally
            .read
            .saturating_sub(tally.sent + tally.filtered + tally.quarantined + left);
        let moved = sent + rejected > 0 || self.state.has_moved();
        let late = late.filter(|_| !moved).map(Failure::GaveUp);
        let panicked = (lost > 0)
            .then(|| Failure::GaveUp("a task of this target ended early; see the log".into()));
        let failure = failure.or(panicked).or(late);
        let unsettled = left + lost;
        let continued = failure.is_none() && !(self.end && unsettled == 0);
        if continued {
            // What the time was not enough for counts as not read.
            tally.read -= unsettled;
        } else {
            tally.failed += unsettled;
        }
        let target = self.state.name.clone();
        TargetOutcome {
            target,
            tally,
            resumed,
            retries,
            throttles,
            latency,
            lag: None,
            moved,
            continued,
            failure,
        }
    }
}
