//! Limits the requests a second to one target, spaced evenly in time. Pure: time comes as an
//! argument.
//!
//! This is the generic cell rate algorithm with a burst of 1: a target that counts requests in
//! windows of its own, of whatever length, is sent no more in one than the rate allows, and one.

use std::time::{Duration, Instant};

/// Hands out turns to send a request.
#[derive(Debug)]
pub(super) struct Rate {
    /// Between two turns.
    interval: Duration,
    /// The latest turn taken; it may lie in the future.
    last: Option<Instant>,
}

impl Rate {
    /// Allows `per_second` requests a second. A number that is no rate, or too low for a
    /// `Duration`, allows the first turn only.
    pub(super) fn new(per_second: f64) -> Rate {
        Rate {
            interval: Duration::try_from_secs_f64(per_second.recip()).unwrap_or(Duration::MAX),
            last: None,
        }
    }

    /// Takes the next turn, and returns how long to wait for it. Idle time earns nothing: after it
    /// one request goes at once, and the next an interval later.
    pub(super) fn reserve(&mut self, now: Instant) -> Duration {
        let wait = self.next(now);
        // A turn beyond the end of time is never reached: nothing comes after it.
        self.last = now.checked_add(wait).or(self.last);
        wait
    }

    /// How long a turn taken now would have to wait.
    pub(super) fn next(&self, now: Instant) -> Duration {
        let Some(last) = self.last else {
            return Duration::ZERO;
        };
        let (ahead, since) = (
            last.saturating_duration_since(now),
            now.saturating_duration_since(last),
        );
        ahead.saturating_add(self.interval.saturating_sub(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Knuth's MMIX generator: the next number, from 0 to `below` - 1.
    fn draw(seed: &mut u64, below: u64) -> u64 {
        *seed = seed
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (*seed >> 33) % below
    }

    #[test]
    fn turns_are_an_interval_apart() {
        let (mut rate, now) = (Rate::new(10.0), Instant::now());
        let waits: Vec<_> = (0..4).map(|_| rate.reserve(now).as_millis()).collect();
        assert_eq!(waits, [0, 100, 200, 300]);
        assert_eq!(
            rate.reserve(now + Duration::from_millis(250)).as_millis(),
            150
        );
        assert_eq!(Rate::new(0.5).interval, Duration::from_secs(2));
        assert_eq!(Rate::new(100_000.0).interval, Duration::from_micros(10));
    }

    #[test]
    fn idle_time_earns_nothing() {
        let (mut rate, now) = (Rate::new(10.0), Instant::now());
        rate.reserve(now);
        let later = now + Duration::from_secs(3600);
        let waits: Vec<_> = (0..3).map(|_| rate.reserve(later).as_millis()).collect();
        assert_eq!(waits, [0, 100, 200]);
    }

    #[test]
    fn looking_takes_no_turn() {
        let (mut rate, now) = (Rate::new(10.0), Instant::now());
        assert_eq!(rate.next(now), Duration::ZERO);
        rate.reserve(now);
        assert_eq!(
            [rate.next(now), rate.next(now), rate.reserve(now)],
            [Duration::from_millis(100); 3]
        );
    }

    #[test]
    fn what_is_no_rate_stops_after_one() {
        for per_second in [0.0, -1.0, f64::NAN, 1e-300] {
            let (mut rate, now) = (Rate::new(per_second), Instant::now());
            let waits: Vec<_> = (0..3).map(|_| rate.reserve(now)).collect();
            assert_eq!(
                waits,
                [Duration::ZERO, Duration::MAX, Duration::MAX],
                "{per_second}"
            );
        }
    }

    #[test]
    fn whenever_turns_are_asked_for_they_are_spaced_and_none_is_wasted() {
        for start in 0..200 {
            let mut seed = start;
            let per_second = (1 + draw(&mut seed, 100_000)) as f64 / 100.0;
            let (mut rate, origin) = (Rate::new(per_second), Instant::now());
            let (mut asked, mut last): (Instant, Option<Instant>) = (origin, None);
            for _ in 0..300 {
                // Clocks read by several tasks may be handed in out of order.
                asked += Duration::from_micros(draw(&mut seed, 200_000));
                let now = asked - Duration::from_micros(draw(&mut seed, 1000)).min(asked - origin);
                let expected = rate.next(now);
                assert_eq!(rate.reserve(now), expected);
                let turn = now + expected;
                let due = last.map_or(now, |last| now.max(last + rate.interval));
                assert_eq!(turn, due);
                last = Some(turn);
            }
        }
    }
}
