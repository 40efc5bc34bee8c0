//! The times at which a run stores what it has done.

use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use crate::deliver::Cancellation;
use crate::progress::SAVE;

/// The times at which something is stored while a run goes on.
pub(super) struct Ticks(Interval);

impl Ticks {
    /// Starts now; the first tick comes after the first interval.
    pub(super) fn new() -> Ticks {
        let mut ticks = interval_at(Instant::now() + SAVE, SAVE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ticks(ticks)
    }

    /// Waits for the next tick; `false` if `stop` comes first.
    pub(super) async fn next(&mut self, stop: &Cancellation) -> bool {
        tokio::select! {
            _ = self.0.tick() => true,
            () = stop.cancelled() => false,
        }
    }
}
