//! The times of an invocation, from the time that Lambda leaves it. Pure.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::deliver::Deadlines;

/// The share of the time left that is the margin, if `DEADLINE_MARGIN` does not say: a fifth.
const MARGIN_SHARE: u32 = 5;
/// The longest margin, if `DEADLINE_MARGIN` does not say: as long as a request may take by default.
const LONGEST_MARGIN: Duration = Duration::from_secs(30);
/// The least margin, whatever `DEADLINE_MARGIN` says: to end in order takes as long.
const LEAST_MARGIN: Duration = Duration::from_millis(300);
/// Lambda's longest time-out. A deadline further off, or past, is a local emulator's mistake, or
/// the clock's.
pub(super) const LONGEST_INVOCATION: Duration = Duration::from_secs(900);
/// The time that is taken to be left where the deadline cannot be right: most functions have more,
/// and one that stops too early goes on in a fresh message, where one that is killed waits for it.
const UNKNOWN: Duration = Duration::from_secs(30);
/// The longest time at the end of the margin for rows, progress and messages: storing them takes a
/// second or two.
const LONGEST_COMMIT: Duration = Duration::from_secs(4);

/// How long after its beginning what of an invocation must be over. Each is at most the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// No more is read and no request begins.
    pub stop_reading: Duration,
    /// Requests in flight are given up.
    pub abort_requests: Duration,
    /// Rows of the quarantine and progress must be stored.
    pub commit_by: Duration,
    /// The response must be given.
    pub respond_by: Duration,
}

impl Schedule {
    /// Plans an invocation that begins at `now` and that Lambda ends at `deadline_ms`, in
    /// milliseconds since 1970. Reading stops `margin` before that; by default a fifth of the time
    /// left before it, at most 30 s.
    pub fn new(now: SystemTime, deadline_ms: u64, margin: Option<Duration>) -> Schedule {
        let left = time_left(now, deadline_ms);
        let most = left / 2;
        let margin = margin
            .unwrap_or_else(|| (left / MARGIN_SHARE).min(LONGEST_MARGIN))
            .clamp(LEAST_MARGIN.min(most), most);
        let commit = (margin / 2).min(LONGEST_COMMIT);
        Schedule {
            stop_reading: left - margin,
            abort_requests: left - commit,
            commit_by: left - commit / 2,
            respond_by: left - commit / 8,
        }
    }

    /// Ends the runs earlier by `time`, at most by half of the time to read: it is needed between
    /// their end and the response.
    pub fn reserve(self, time: Duration) -> Schedule {
        let time = time.min(self.stop_reading / 2);
        Schedule {
            stop_reading: self.stop_reading - time,
            abort_requests: self.abort_requests - time,
            commit_by: self.commit_by - time,
            respond_by: self.respond_by,
        }
    }

    /// Returns the deadlines of the runs of an invocation that began at `begin`.
    pub fn deadlines(&self, begin: Instant) -> Deadlines {
        Deadlines {
            stop_reading: begin + self.stop_reading,
            abort_requests: begin + self.abort_requests,
            commit_by: begin + self.commit_by,
        }
    }
}

/// Returns the time from `now` to the deadline, or a short one if that cannot be right.
fn time_left(now: SystemTime, deadline_ms: u64) -> Duration {
    let deadline = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(deadline_ms));
    let left = deadline.and_then(|deadline| deadline.duration_since(now).ok());
    left.filter(|left| *left <= LONGEST_INVOCATION)
        .unwrap_or(UNKNOWN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW_MS: u64 = 1_795_305_600_000;

    fn schedule(left_ms: i64, margin: Option<Duration>) -> Schedule {
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(NOW_MS);
        Schedule::new(now, NOW_MS.saturating_add_signed(left_ms), margin)
    }

    fn milliseconds(schedule: Schedule) -> [u128; 4] {
        let Schedule {
            stop_reading,
            abort_requests,
            commit_by,
            respond_by,
        } = schedule;
        [stop_reading, abort_requests, commit_by, respond_by].map(|time| time.as_millis())
    }

    fn margin_ms(left_ms: i64, margin: Option<Duration>) -> i64 {
        left_ms - schedule(left_ms, margin).stop_reading.as_millis() as i64
    }

    #[test]
    fn the_margin_is_a_fifth_of_the_time_left_and_at_most_30_s() {
        assert_eq!(margin_ms(60_000, None), 12_000);
        assert_eq!(margin_ms(150_000, None), 30_000);
        assert_eq!(margin_ms(900_000, None), 30_000);
        assert_eq!(
            milliseconds(schedule(60_000, None)),
            [48_000, 56_000, 58_000, 59_500]
        );
    }

    #[test]
    fn a_margin_that_is_set_counts_unless_it_is_too_short_or_over_half_of_the_time() {
        let set = |ms| Some(Duration::from_millis(ms));
        assert_eq!(margin_ms(60_000, set(5000)), 5000);
        assert_eq!(margin_ms(60_000, set(1)), 300);
        assert_eq!(margin_ms(60_000, set(60_000)), 30_000);
        assert_eq!(
            milliseconds(schedule(60_000, set(1))),
            [59_700, 59_850, 59_925, 59_981],
            "the least margin is shared like any other"
        );
    }

    #[test]
    fn a_deadline_that_cannot_be_is_taken_for_a_near_one() {
        let near = schedule(30_000, None);
        for left_ms in [-1, -86_400_000, 900_001, i64::MAX] {
            assert_eq!(schedule(left_ms, None), near, "{left_ms} ms left");
        }
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(NOW_MS);
        assert_eq!(Schedule::new(now, 0, None), near);
        assert_eq!(Schedule::new(now, u64::MAX, None), near);
    }

    #[test]
    fn a_tiny_invocation_keeps_half_of_its_time_to_end_in_order() {
        assert_eq!(margin_ms(100, None), 50);
        assert_eq!(
            milliseconds(schedule(100, None)),
            [50, 75, 87, 96],
            "each step has its share"
        );
        assert_eq!(milliseconds(schedule(0, None)), [0; 4]);
    }

    proptest! {
        #[test]
        fn times_are_in_order_and_within_the_invocation(
            left_ms in 0i64..900_000,
            margin_ms in proptest::option::of(0u64..2_000_000),
            reserved_ms in 0u64..1_000_000,
        ) {
            let unreserved = schedule(left_ms, margin_ms.map(Duration::from_millis));
            let times = unreserved.reserve(Duration::from_millis(reserved_ms));
            prop_assert!(times.stop_reading <= times.abort_requests);
            prop_assert!(times.abort_requests <= times.commit_by);
            prop_assert!(times.commit_by <= times.respond_by);
            prop_assert!(times.respond_by <= Duration::from_millis(left_ms as u64));
            prop_assert!(unreserved.stop_reading >= Duration::from_millis(left_ms as u64 / 2));
            prop_assert!(times.stop_reading >= unreserved.stop_reading / 2);
            let between = |times: Schedule| times.respond_by - times.commit_by;
            let reserved = between(times) - between(unreserved);
            let most = unreserved.stop_reading / 2;
            prop_assert_eq!(reserved, most.min(Duration::from_millis(reserved_ms)));
        }
    }
}
