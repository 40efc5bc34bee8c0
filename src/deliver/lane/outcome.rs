//! The outcome of an object for one target, in numbers that add up.

use tokio::time::Instant;

use super::Offered;
use crate::deliver::limiter::Hold;
use crate::deliver::state::LaneState;
use crate::outcome::{Failure, TargetOutcome};

/// The outcome of a lane that has nothing in flight. `complete` says whether the object was offered
/// to its end.
pub(super) fn of(state: &LaneState, offered: Offered, complete: bool) -> TargetOutcome {
    let mut stats = state.stats();
    stats.give_up_held();
    let has_moved = stats.ledger.has_moved();
    let Offered { mut tally, resumed } = offered;
    tally.sent += stats.sent;
    tally.filtered += stats.left_out;
    tally.quarantined += stats.rejected;
    // A task that panicked has settled nothing: its entries are not delivered.
    let lost = tally
        .read
        .saturating_sub(tally.sent + tally.filtered + tally.quarantined + stats.deferred);
    let moved = stats.sent + stats.rejected > 0 || has_moved;
    let panicked = || Failure::GaveUp("a task of this target ended early; see the log".into());
    let failure = stats
        .failure
        .take()
        .or_else(|| (lost > 0).then(panicked))
        .or_else(|| {
            stats
                .out_of_time
                .take()
                .filter(|_| !moved)
                .map(Failure::GaveUp)
        });
    let unsettled = stats.deferred + lost;
    let continued = failure.is_none() && !(complete && unsettled == 0);
    if continued {
        // What the time was not enough for counts as not read.
        tally.read -= unsettled;
    } else {
        tally.failed += unsettled;
    }
    let is_unfinished = continued || failure.is_some();
    let hold = state.limiter.hold().filter(|_| is_unfinished);
    let left = |hold: Hold| hold.until.saturating_duration_since(Instant::now());
    TargetOutcome {
        target: state.name.clone(),
        tally,
        resumed,
        refused: stats.rejected + stats.unfit,
        retries: stats.retries,
        throttles: stats.throttles,
        undecided: stats.undecided,
        latency: std::mem::take(&mut stats.latency),
        lag: None,
        moved,
        continued,
        retry_after: hold.map(left),
        failure,
    }
}
