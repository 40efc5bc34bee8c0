//! A circuit breaker: after failures in a row nothing is sent to a target for a while, then one
//! probe. One per target and process, no more than a hint. Pure: time comes as an argument.

use std::time::{Duration, Instant};

/// Failures in a row that open the breaker: more than one request or two that met a restart.
const THRESHOLD: u32 = 5;
/// How long it is open at first: longer than the longest delay between two attempts, 20 s.
const FIRST: Duration = Duration::from_secs(30);
/// How long it is open at most.
const LONGEST: Duration = Duration::from_secs(300);
/// How long a probe may be out before it counts as lost and another is sent.
const PROBE: Duration = Duration::from_secs(60);
/// How soon to ask again while a probe is out: its answer may come at any moment.
const SOON: Duration = Duration::from_secs(5);

/// The breaker of one target.
#[derive(Debug)]
pub(super) struct Breaker {
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Requests go through; `downs` failed in a row.
    Closed { downs: u32 },
    /// None go through for `time` from `since`.
    Open { since: Instant, time: Duration },
    /// One probe is out since `since`; the breaker had been open for `time` before it.
    HalfOpen { since: Instant, time: Duration },
}

/// Whether a lane may send to the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// It may: the breaker is closed.
    Closed,
    /// It may, to find out whether the target is back: `up` or `down` must follow.
    Probe,
    /// It may not; asking again makes sense after this time.
    Open(Duration),
}

impl Breaker {
    /// Closed.
    pub(super) fn new() -> Breaker {
        Breaker {
            state: State::Closed { downs: 0 },
        }
    }

    /// Whether a lane that opens now may send to the target.
    pub(super) fn admit(&mut self, now: Instant) -> Admission {
        let (over, left, time) = match self.state {
            State::Closed { .. } => return Admission::Closed,
            State::Open { since, time } => {
                let left = time.saturating_sub(now.saturating_duration_since(since));
                (left.is_zero(), left, time)
            }
            State::HalfOpen { since, time } => {
                let out = now.saturating_duration_since(since);
                (out > PROBE, SOON, time)
            }
        };
        if !over {
            return Admission::Open(left);
        }
        self.state = State::HalfOpen { since: now, time };
        Admission::Probe
    }

    /// Notes an answer of the target, whatever it said and whoever asked: closes, and forgets all
    /// failures.
    pub(super) fn up(&mut self) {
        self.state = State::Closed { downs: 0 };
    }

    /// Notes that the target did not answer. While a probe is out any failure counts as its own,
    /// even one of a request sent before; while open none counts.
    pub(super) fn down(&mut self, now: Instant) {
        self.state = match self.state {
            State::Closed { downs } if downs + 1 < THRESHOLD => State::Closed { downs: downs + 1 },
            State::Closed { .. } => State::Open {
                since: now,
                time: FIRST,
            },
            State::HalfOpen { time, .. } => State::Open {
                since: now,
                time: time.saturating_mul(2).min(LONGEST),
            },
            open @ State::Open { .. } => open,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Knuth's MMIX generator: the next number, from 0 to `below` - 1.
    fn draw(seed: &mut u64, below: u64) -> u64 {
        *seed = seed
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (*seed >> 33) % below
    }

    /// Just opened.
    fn opened(now: Instant) -> Breaker {
        let mut breaker = Breaker::new();
        (0..THRESHOLD).for_each(|_| breaker.down(now));
        breaker
    }

    #[test]
    fn opens_after_five_in_a_row() {
        let (mut breaker, now) = (Breaker::new(), Instant::now());
        for _ in 0..10 {
            (1..THRESHOLD).for_each(|_| breaker.down(now));
            assert_eq!(breaker.admit(now), Admission::Closed, "four");
            breaker.up();
        }
        assert_eq!(opened(now).admit(now), Admission::Open(FIRST));
    }

    #[test]
    fn one_probe_after_the_time() {
        let now = Instant::now();
        let mut breaker = opened(now);
        assert_eq!(breaker.admit(now + SECOND * 29), Admission::Open(SECOND));
        assert_eq!(breaker.admit(now + FIRST), Admission::Probe);
        assert_eq!(breaker.admit(now + FIRST), Admission::Open(SOON));
        breaker.up();
        assert_eq!(breaker.admit(now + FIRST), Admission::Closed);
        breaker.down(now + FIRST);
        assert_eq!(
            breaker.admit(now + FIRST),
            Admission::Closed,
            "counts from 0 again"
        );
    }

    #[test]
    fn failures_while_open_change_nothing() {
        let now = Instant::now();
        let mut breaker = opened(now);
        (0..100).for_each(|_| breaker.down(now + SECOND * 20));
        breaker.down(now + SECOND * 3600);
        assert_eq!(
            breaker.admit(now + SECOND * 20),
            Admission::Open(SECOND * 10)
        );
        assert_eq!(breaker.admit(now + FIRST), Admission::Probe);
    }

    #[test]
    fn an_answer_closes_it_at_any_time() {
        let now = Instant::now();
        let mut breaker = opened(now);
        breaker.up();
        assert_eq!(breaker.admit(now), Admission::Closed);
    }

    #[test]
    fn failed_probes_double_the_time_up_to_five_minutes() {
        let mut now = Instant::now();
        let mut breaker = opened(now);
        let mut times = Vec::new();
        for _ in 0..6 {
            let Admission::Open(left) = breaker.admit(now) else {
                panic!("not open")
            };
            times.push(left.as_secs());
            now += left;
            assert_eq!(breaker.admit(now), Admission::Probe);
            breaker.down(now);
        }
        assert_eq!(times, [30, 60, 120, 240, 300, 300]);
        breaker.up();
        (0..THRESHOLD).for_each(|_| breaker.down(now));
        assert_eq!(
            breaker.admit(now),
            Admission::Open(FIRST),
            "from the start again"
        );
    }

    #[test]
    fn a_lost_probe_is_replaced() {
        let now = Instant::now();
        let mut breaker = opened(now);
        let first = now + FIRST;
        assert_eq!(breaker.admit(first), Admission::Probe);
        assert_eq!(breaker.admit(first + PROBE), Admission::Open(SOON));
        let second = first + PROBE + SECOND;
        assert_eq!(breaker.admit(second), Admission::Probe);
        assert_eq!(breaker.admit(second), Admission::Open(SOON));
        breaker.down(second);
        assert_eq!(
            breaker.admit(second),
            Admission::Open(FIRST * 2),
            "doubled for the failure, not for the loss"
        );
    }

    #[test]
    fn time_that_runs_backwards_does_no_harm() {
        let now = Instant::now() + SECOND * 100;
        let mut breaker = opened(now);
        assert_eq!(breaker.admit(now - SECOND), Admission::Open(FIRST));
        assert_eq!(breaker.admit(now + FIRST), Admission::Probe);
        assert_eq!(breaker.admit(now), Admission::Open(SOON));
    }

    #[test]
    fn probes_are_one_at_a_time_and_waits_are_bounded() {
        for start in 0..200 {
            let (mut seed, mut now, mut breaker) = (start, Instant::now(), Breaker::new());
            let (mut downs, mut probe): (u32, Option<Instant>) = (0, None);
            for _ in 0..1000 {
                now += Duration::from_millis(draw(&mut seed, 30_000));
                match draw(&mut seed, 10) {
                    0 => {
                        breaker.up();
                        (downs, probe) = (0, None);
                    }
                    1..=4 => {
                        breaker.down(now);
                        (downs, probe) = (downs + 1, None);
                    }
                    _ => match breaker.admit(now) {
                        Admission::Closed => assert!(downs < THRESHOLD),
                        Admission::Open(left) => {
                            assert!(downs >= THRESHOLD && !left.is_zero() && left <= LONGEST)
                        }
                        Admission::Probe => {
                            assert!(
                                downs >= THRESHOLD && probe.is_none_or(|out| now - out > PROBE)
                            );
                            probe = Some(now);
                        }
                    },
                }
            }
        }
    }
}
