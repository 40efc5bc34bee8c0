//! The delay before the next attempt. Pure: randomness comes as an argument.

use std::time::Duration;

use fastrand::Rng;

/// The shortest delay: a second attempt at once finds what the first one found.
const BASE: Duration = Duration::from_millis(100);
/// The longest.
const CAP: Duration = Duration::from_secs(20);

/// The delay after `failures` failures in a row, from 1: anywhere between 0.1 s and a bound that
/// doubles from 0.2 s to 20 s, so that many functions do not come back at the same moment.
pub fn delay(failures: u32, rng: &mut Rng) -> Duration {
    let bound = BASE.saturating_mul(1 << failures.min(16)).min(CAP);
    BASE + (bound - BASE).mul_f64(rng.f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use fastrand::Rng;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_delay_stays_in_its_bounds(failures in 1u32.., seed: u64) {
            let delay = delay(failures, &mut Rng::with_seed(seed));
            prop_assert!(delay >= BASE && delay <= CAP);
            prop_assert!(failures > 16 || delay <= BASE * (1 << failures));
        }
    }
}
