//! Limits the requests in flight to one target (AIMD): the limit doubles each round trip until it
//! is first too high; after that it grows by one while answers are prompt, loses a tenth when they
//! become slow, and half when the target throttles. Pure: time comes as an argument.
//!
//! A round lasts one mean round trip; its average round trip is compared with those of the rounds
//! before. Simulated with round trips of 0.3 to 200 ms that are constant, +-20 %, log-normal (sigma
//! 0.3, 0.6), exponential, or tenfold 1 time in 100, with or without two more for a handshake, 200
//! runs of 2000 requests each: on average a ceiling of 16 is reached after 3 to 9 round trips, one
//! of 64 after 5 to 14, within 125 requests. Up to 8 % of the runs never reach 64, as noise ends
//! the doubling early; the mean limit is 55 to 63, and a run takes 1.2 to 1.6 times as long as with
//! 64 in flight throughout (2.0 to 3.2 if the limit only ever grows by one). In the long run, at
//! 100 ms, it is at least 15.6 of 16 and 60 of 64.
//!
//! A target that queues is noticed only where its queue grows by steps above the noise; the queue
//! is bounded, not avoided. Simulated with a ceiling of 200, 100 ms a request, and 2, 8, and 32
//! workers: the limit settles near 55, 56, and 114, and answers take 2.9, 0.7, and 0.4 s. With a
//! ceiling of 64 it is 54, 54, and 64; with 5 ms a request always 64. There the ceiling or
//! throttling must end it.

use std::time::{Duration, Instant};

/// The first limit, where the ceiling allows it. `_CONCURRENCY` is at least this by default, so
/// that no target starts lower.
const START: usize = 4;
/// The weight of the newest round in the mean and the variance. This, the next two, and the rule
/// that uses them are those of Vector's adaptive concurrency (`ewma_alpha`, `rtt_deviation_scale`,
/// `decrease_ratio`), found there by simulation.
const WEIGHT: f64 = 0.4;
/// Standard deviations above the mean from which a round is slow.
const DEVIATIONS: f64 = 2.5;
/// The part of the limit that is left after a slow round.
const SLOWED: f64 = 0.9;
/// The part of the limit that is left after throttling: the usual half, as in TCP (RFC 5681).
const THROTTLED: f64 = 0.5;
/// Seconds of round trip that do not matter: a round of shorter answers always allows a higher
/// limit, and one is not slow that is above the mean by less. Scheduling alone delays loopback
/// answers by milliseconds.
const MARGIN: f64 = 0.02;
/// Rounds before a slow one lowers the limit; the first ones include handshakes.
const ROUNDS: u32 = 10;
/// The assumed round trip in seconds while none is known.
const UNKNOWN_TRIP: f64 = 0.1;

/// Additive increase, multiplicative decrease of the requests in flight to one target.
#[derive(Debug)]
pub(super) struct ConcurrencyLimit {
    /// The highest limit, from 1.
    ceiling: usize,
    /// From 1 to the ceiling.
    limit: usize,
    /// Whether nothing has lowered the limit yet.
    fresh: bool,
    past_rtt: PastRtt,
    current_rtt: CurrentRtt,
    /// The last halving.
    halved: Option<Instant>,
}

/// Statistics of the rounds before, in seconds.
#[derive(Debug, Default)]
struct PastRtt {
    /// How many there were.
    count: u32,
    /// The exponentially weighted mean of their average round trips.
    mean: f64,
    /// The exponentially weighted variance of these.
    variance: f64,
}

/// The answers since the limit was last judged.
#[derive(Debug, Default)]
struct CurrentRtt {
    /// When that was, if ever.
    since: Option<Instant>,
    /// How many there are.
    count: u32,
    /// Their round trips together.
    total: Duration,
    /// Whether it was ever the limit that held requests back.
    full: bool,
}

impl ConcurrencyLimit {
    /// At most `ceiling` in flight; 0 counts as 1.
    pub(super) fn new(ceiling: usize) -> ConcurrencyLimit {
        let ceiling = ceiling.max(1);
        let limit = ceiling.min(START);
        ConcurrencyLimit {
            ceiling,
            limit,
            fresh: true,
            past_rtt: PastRtt::default(),
            current_rtt: CurrentRtt::default(),
            halved: None,
        }
    }

    /// How many requests may be in flight now, from 1 to the ceiling.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// A request was answered `took` after it was sent; `in_flight` includes it. The first answer a
    /// mean round trip or more after the last round ends the next one, whose average moves the
    /// limit by a step, or not.
    pub(super) fn success(&mut self, took: Duration, now: Instant, in_flight: usize) {
        self.current_rtt.add(took, in_flight >= self.limit);
        if !self.past_rtt.has_passed(self.current_rtt.since, now) {
            return;
        }
        let average = self.current_rtt.average();
        if self.past_rtt.is_slow(average) {
            self.decrease(SLOWED);
        } else if self.current_rtt.full && self.past_rtt.is_prompt(average) {
            let step = if self.fresh { self.limit } else { 1 };
            self.limit = self.limit.saturating_add(step).min(self.ceiling);
        }
        self.past_rtt.add(average);
        self.current_rtt = CurrentRtt::new(now);
    }

    /// The target asked for fewer requests. Halves the limit, at most once a mean round trip: the
    /// answers to what was in flight before the last halving say nothing about it. The round begins
    /// anew: one with such answers raises nothing.
    pub(super) fn throttled(&mut self, now: Instant) {
        if self.past_rtt.has_passed(self.halved, now) {
            self.decrease(THROTTLED);
            self.halved = Some(now);
        }
        self.current_rtt = CurrentRtt::new(now);
    }

    /// Leaves `ratio` of the limit, rounded down so that it is lower by one at least, but never
    /// under 1.
    fn decrease(&mut self, ratio: f64) {
        self.limit = ((self.limit as f64 * ratio) as usize).max(1);
        self.fresh = false;
    }
}

impl PastRtt {
    /// Whether a round of this average, in seconds, is no longer than those before it, or too short
    /// to matter.
    fn is_prompt(&self, average: f64) -> bool {
        self.count > 0 && average <= self.mean.max(MARGIN)
    }

    /// Whether it is well above those before it.
    fn is_slow(&self, average: f64) -> bool {
        self.count >= ROUNDS
            && average > self.mean + (DEVIATIONS * self.variance.sqrt()).max(MARGIN)
    }

    /// Takes it into the mean and the variance (Finch, "Incremental calculation of weighted mean
    /// and variance", 2009).
    fn add(&mut self, average: f64) {
        if self.count == 0 {
            self.mean = average;
        }
        let error = average - self.mean;
        self.mean += WEIGHT * error;
        self.variance = (1.0 - WEIGHT) * (self.variance + WEIGHT * error * error);
        self.count = self.count.saturating_add(1);
    }

    /// Whether a mean round trip has passed since `then`, if that ever was.
    fn has_passed(&self, then: Option<Instant>, now: Instant) -> bool {
        let trip = if self.count == 0 {
            UNKNOWN_TRIP
        } else {
            self.mean
        };
        then.is_none_or(|then| now.saturating_duration_since(then).as_secs_f64() >= trip)
    }
}

impl CurrentRtt {
    /// One that begins now.
    fn new(now: Instant) -> CurrentRtt {
        CurrentRtt {
            since: Some(now),
            ..CurrentRtt::default()
        }
    }

    fn add(&mut self, took: Duration, full: bool) {
        self.total = self.total.saturating_add(took);
        self.count = self.count.saturating_add(1);
        self.full |= full;
    }

    /// Seconds an answer took on average.
    fn average(&self) -> f64 {
        self.total
            .checked_div(self.count)
            .unwrap_or_default()
            .as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cmp::Reverse;
    use std::collections::BinaryHeap;

    const TRIP: Duration = Duration::from_millis(100);

    /// Knuth's MMIX generator: the next number, from 0 to `below` - 1.
    fn draw(seed: &mut u64, below: u64) -> u64 {
        *seed = seed
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (*seed >> 33) % below
    }

    /// A target with room for `ceiling`, and the time after `count` rounds of one prompt answer.
    fn steady(ceiling: usize, count: u32, in_flight: usize) -> (ConcurrencyLimit, Instant) {
        let (mut limit, mut now) = (ConcurrencyLimit::new(ceiling), Instant::now());
        for _ in 0..count {
            now += TRIP;
            limit.success(TRIP, now, in_flight);
        }
        (limit, now)
    }

    #[test]
    fn starts_with_four_or_the_ceiling() {
        let limits: Vec<_> = [0, 1, 3, 4, 100, usize::MAX]
            .map(|ceiling| ConcurrencyLimit::new(ceiling).limit())
            .into();
        assert_eq!(limits, [1, 1, 3, 4, 4, 4]);
    }

    #[test]
    fn doubles_each_round_up_to_the_ceiling() {
        let limits: Vec<_> = (1..=7)
            .map(|count| steady(100, count, 100).0.limit())
            .collect();
        assert_eq!(limits, [4, 8, 16, 32, 64, 100, 100]);
        assert_eq!(steady(7, 1000, 9).0.limit(), 7);
        assert_eq!(
            steady(100, 1000, 3).0.limit(),
            4,
            "something else holds requests back"
        );
        assert_eq!(steady(100, 1000, 6).0.limit(), 8, "and beyond 6");
        assert_eq!(steady(usize::MAX, 1000, usize::MAX).0.limit(), usize::MAX);
    }

    #[test]
    fn one_more_a_round_once_lowered() {
        let (mut limit, mut now) = steady(100, 20, 100);
        limit.throttled(now);
        for expected in [51, 52, 53] {
            for _ in 0..10 {
                now += TRIP / 10;
                limit.success(TRIP, now, 100);
            }
            assert_eq!(limit.limit(), expected);
        }
    }

    #[test]
    fn slow_rounds_take_a_tenth_each() {
        let (mut limit, mut now) = steady(100, 20, 100);
        now += TRIP;
        limit.success(TRIP * 10, now, 100);
        assert_eq!(limit.limit(), 90);
        for _ in 0..9 {
            now += TRIP / 10;
            limit.success(TRIP * 100, now, 100);
            assert_eq!(limit.limit(), 90, "neither fewer nor more within a round");
        }
        now += TRIP * 1000;
        limit.success(TRIP * 1000, now, 100);
        assert_eq!(limit.limit(), 81);
    }

    #[test]
    fn one_slow_answer_is_not_a_slow_round() {
        let (mut limit, now) = steady(100, 20, 1);
        for _ in 0..49 {
            limit.success(TRIP, now + TRIP / 2, 100);
        }
        limit.success(TRIP * 9, now + TRIP, 100);
        assert_eq!(
            limit.limit(),
            4,
            "116 ms on average neither lower nor raise"
        );
    }

    #[test]
    fn a_lasting_change_becomes_the_new_mean() {
        let (mut limit, mut now) = steady(100, 20, 100);
        let (mut seed, mut least) = (7, 100);
        for _ in 0..1000 {
            let took = TRIP * 10 + Duration::from_millis(draw(&mut seed, 10));
            now += took * 2;
            limit.success(took, now, 100);
            least = least.min(limit.limit());
        }
        assert_eq!((least, limit.limit()), (90, 100));
    }

    #[test]
    fn the_first_rounds_are_not_slow() {
        let (mut limit, now) = steady(100, 9, 1);
        limit.success(TRIP * 100, now + TRIP, 100);
        assert_eq!(limit.limit(), 4, "too few to judge by");
        let (mut limit, now) = steady(100, 10, 1);
        limit.success(TRIP * 100, now + TRIP, 100);
        assert_eq!(limit.limit(), 3);
    }

    #[test]
    fn what_jitters_by_less_than_20_ms_is_never_slow() {
        for base in [0, 1, 50, 1000] {
            let (mut limit, mut now, mut seed) = (ConcurrencyLimit::new(64), Instant::now(), 7);
            let mut last = 0;
            for _ in 0..10_000 {
                let took = Duration::from_micros(base * 1000 + 1 + draw(&mut seed, 19_999));
                now += took / 10;
                limit.success(took, now, 64);
                assert!(limit.limit() >= last);
                last = limit.limit();
            }
            assert_eq!(last, 64);
        }
        let (mut limit, mut now) = (ConcurrencyLimit::new(64), Instant::now());
        for expected in [4, 8, 16, 32, 64] {
            now += Duration::from_millis(20);
            limit.success(Duration::from_millis(expected / 4), now, 64);
            assert_eq!(
                limit.limit(),
                expected as usize,
                "raised though ever longer"
            );
        }
    }

    /// 2000 requests to a target whose answers take `trip` +-20 %, and the first on a connection
    /// thrice that: the requests and round trips until the limit is the ceiling.
    fn reach(ceiling: usize, trip: Duration, mut seed: u64) -> (usize, f64) {
        let (mut limit, start, mut connections) =
            (ConcurrencyLimit::new(ceiling), Instant::now(), 0);
        let (mut answers, mut now) = (BinaryHeap::new(), start);
        for count in 0..2000 {
            if limit.limit() == ceiling {
                return (count, (now - start).as_secs_f64() / trip.as_secs_f64());
            }
            while answers.len() < limit.limit() {
                let percent = 80
                    + draw(&mut seed, 41) as u32
                    + if answers.len() < connections { 0 } else { 200 };
                connections = connections.max(answers.len() + 1);
                answers.push(Reverse((now + trip * percent / 100, trip * percent / 100)));
            }
            let Reverse((then, took)) = answers.pop().expect("one in flight");
            now = then;
            limit.success(took, now, answers.len() + 1);
        }
        panic!("{limit:?} never reaches {ceiling}");
    }

    #[test]
    fn a_healthy_target_soon_has_all_it_may_have() {
        for trip in [1, 5, 20, 50, 200].map(Duration::from_millis) {
            for seed in 0..50 {
                assert_eq!(reach(4, trip, seed), (0, 0.0));
                let (requests, trips) = reach(16, trip, seed);
                assert!(
                    requests < 50 && trips < 15.0,
                    "16 after {requests} requests, {trips:.1} trips of {trip:?}"
                );
                let (requests, trips) = reach(64, trip, seed);
                assert!(
                    requests < 500 && trips < 25.0,
                    "64 after {requests} requests, {trips:.1} trips of {trip:?}"
                );
            }
        }
    }

    #[test]
    fn throttling_halves_once_a_round_trip() {
        let (mut limit, mut now) = steady(100, 20, 100);
        let mut limits = Vec::new();
        for _ in 0..9 {
            limit.throttled(now);
            limit.throttled(now + TRIP / 2);
            limit.throttled(now - TRIP);
            limits.push(limit.limit());
            now += TRIP + TRIP / 100;
        }
        assert_eq!(limits, [50, 25, 12, 6, 3, 1, 1, 1, 1]);
        for _ in 0..5 {
            now += TRIP;
            limit.success(TRIP, now, 2);
        }
        assert_eq!(limit.limit(), 3, "and up again");
    }

    #[test]
    fn throttled_before_any_answer_counts_every_100_ms() {
        let (mut limit, now) = (ConcurrencyLimit::new(4), Instant::now());
        limit.throttled(now);
        limit.throttled(now + Duration::from_millis(99));
        assert_eq!(limit.limit(), 2);
        limit.throttled(now + Duration::from_millis(101));
        assert_eq!(limit.limit(), 1);
    }

    #[test]
    fn throttling_outweighs_the_answers_around_it() {
        let (mut limit, now) = steady(100, 20, 100);
        limit.success(TRIP * 10, now + TRIP, 100);
        limit.throttled(now + TRIP);
        assert_eq!(limit.limit(), 45, "halved though just lowered");
        let (mut limit, now) = steady(100, 20, 100);
        limit.throttled(now);
        limit.success(TRIP * 10, now, 100);
        limit.success(TRIP, now + TRIP / 2, 100);
        assert_eq!(limit.limit(), 50, "these were sent before");
        limit.throttled(now + TRIP * 9 / 10);
        limit.success(TRIP, now + TRIP, 100);
        assert_eq!(limit.limit(), 50, "neither halved again nor raised");
    }

    #[test]
    fn absurd_times_do_no_harm() {
        let (mut limit, now) = steady(100, 20, 100);
        limit.success(Duration::MAX, now, 100);
        limit.success(Duration::MAX, now + TRIP, 100);
        limit.success(Duration::ZERO, now - TRIP, usize::MAX);
        assert_eq!(limit.limit(), 90);
    }

    #[test]
    fn whatever_comes_the_limit_keeps_to_its_bounds_and_steps() {
        for start in 0..200 {
            let mut seed = start;
            let ceiling = draw(&mut seed, 100) as usize;
            let (mut limit, mut now, mut lowered) =
                (ConcurrencyLimit::new(ceiling), Instant::now(), false);
            for _ in 0..500 {
                let (before, in_flight) = (limit.limit(), draw(&mut seed, 150) as usize);
                now += Duration::from_millis(draw(&mut seed, 300));
                match draw(&mut seed, 20) {
                    0 => limit.throttled(now),
                    1 => limit.success(Duration::ZERO, now, in_flight),
                    _ => {
                        limit.success(Duration::from_millis(draw(&mut seed, 1000)), now, in_flight)
                    }
                }
                let after = limit.limit();
                assert!(after >= 1 && after <= ceiling.max(1));
                assert!(
                    after >= before / 2 && after <= if lowered { before + 1 } else { before * 2 }
                );
                lowered |= after < before;
            }
        }
    }
}
