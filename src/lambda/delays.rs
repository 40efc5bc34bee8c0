//! How long what is left of a job waits until the function is woken for it again. Pure.

use std::time::Duration;

use fastrand::Rng;

use crate::job::Job;
use crate::outcome::{End, Outcome};
use crate::platform::sqs::LONGEST_DELAY;
use crate::trigger::ResponseKind;

/// The delay after the first failure. It doubles up to [`LONGEST`].
const FIRST: Duration = Duration::from_secs(30);
/// The longest delay. A target that is down for a day costs some 40 receives of a message.
const LONGEST: Duration = Duration::from_secs(3600);
/// The number of receives in which an object that another run leases is asked for as soon as that
/// lease may be over.
const EAGER_RECEIVES: u32 = 5;
/// The most that is added to the rest of a lease, so that runs that wait for it do not come
/// together.
const LEASE_JITTER: Duration = Duration::from_secs(5);
/// The delay of an object for which the time was over before it was opened.
const NOT_STARTED: Duration = Duration::from_secs(1);

/// Returns the delay of a fresh message with what is left of `job`. `None` if nothing is left, or
/// if the event's sender delivers the object again by itself.
pub(super) fn continuation_delay(
    response: &ResponseKind,
    job: &Job,
    outcome: &Outcome,
    rng: &mut Rng,
) -> Option<Duration> {
    if outcome.continues() {
        return Some(Duration::ZERO);
    }
    // Lambda tries an asynchronous event twice more, and then forgets it.
    let sender_forgets = *response == ResponseKind::Async
        && outcome.failure().is_some()
        && !matches!(outcome.end, End::Refused(_));
    sender_forgets.then(|| {
        lease_wait(outcome)
            .unwrap_or_else(|| backoff(job.chain_length + 1, rng))
            .min(LONGEST_DELAY)
    })
}

/// Returns for how long SQS hides a message that failed and was received `receive_count` times.
/// `outcomes` are those of its jobs.
pub(super) fn visibility_delay<'o>(
    receive_count: u32,
    outcomes: impl Iterator<Item = &'o Outcome>,
    rng: &mut Rng,
) -> Duration {
    let failed = outcomes.filter(|outcome| outcome.failure().is_some());
    let mut waits = failed.map(lease_wait);
    let longest = |most: Duration, wait: Option<Duration>| wait.map(|wait| most.max(wait));
    // `None` if anything else than a lease is in the way.
    let lease = waits.try_fold(Duration::ZERO, longest);
    match lease.filter(|lease| !lease.is_zero()) {
        Some(lease) if receive_count <= EAGER_RECEIVES => lease + LEASE_JITTER.mul_f64(rng.f64()),
        Some(lease) => backoff(receive_count - EAGER_RECEIVES, rng).max(lease),
        None => backoff(receive_count, rng),
    }
}

/// Returns how long an object must wait with which nothing is wrong; `None` if something is.
fn lease_wait(outcome: &Outcome) -> Option<Duration> {
    match outcome.end {
        End::LeasedElsewhere(left) => Some(left),
        End::NotStarted => Some(NOT_STARTED),
        _ => None,
    }
}

/// Returns the delay after so many failures, from 1: it doubles from 30 s to 1 h, less up to a
/// quarter by chance.
fn backoff(failures: u32, rng: &mut Rng) -> Duration {
    let doublings = (failures.max(1) - 1).min(16);
    let bound = FIRST.saturating_mul(1 << doublings).min(LONGEST);
    bound.mul_f64(1.0 - rng.f64() / 4.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::ObjectRef;
    use fastrand::Rng;
    use proptest::prelude::*;

    fn ended(end: End) -> Outcome {
        Outcome::unread(ObjectRef::new("b", "k"), end)
    }

    fn failed() -> Outcome {
        ended(End::Failed("down".into()))
    }

    fn leased(seconds: u64) -> Outcome {
        ended(End::LeasedElsewhere(Duration::from_secs(seconds)))
    }

    proptest! {
        #[test]
        fn a_day_of_failures_costs_few_receives_and_two_weeks_suffice_for_a_hundred(seed: u64) {
            let (mut rng, outcome) = (Rng::with_seed(seed), failed());
            let mut passed = Duration::ZERO;
            let mut at_a_day = 0;
            for receive_count in 1..100 {
                let delay = visibility_delay(receive_count, std::iter::once(&outcome), &mut rng);
                prop_assert!((Duration::from_secs(22)..=LONGEST).contains(&delay));
                passed += delay;
                at_a_day += u32::from(passed < Duration::from_secs(86_400));
            }
            prop_assert!(at_a_day < 45, "{at_a_day} receives in a day");
            // The dead-letter queue gets it while both queues still keep it.
            let days = |days: u64| Duration::from_secs(days * 86_400);
            prop_assert!(passed > days(2) && passed < days(5), "{passed:?}");
        }

        #[test]
        fn a_lease_is_waited_for_and_less_and_less_eagerly(
            seed: u64,
            receive_count in 1u32..200,
            left in 1u64..30,
        ) {
            let mut rng = Rng::with_seed(seed);
            let lease = Duration::from_secs(left);
            let delay = visibility_delay(receive_count, std::iter::once(&leased(left)), &mut rng);
            prop_assert!(delay >= lease);
            prop_assert!(receive_count > EAGER_RECEIVES || delay <= lease + LEASE_JITTER);
            prop_assert!(receive_count < 20 || delay > Duration::from_secs(2600));
        }
    }

    #[test]
    fn what_only_its_sender_can_mend_is_not_handed_over() {
        let job = Job::new("b", vec!["k".into()]);
        let delay = |kind: ResponseKind, outcome: &Outcome| {
            continuation_delay(&kind, &job, outcome, &mut Rng::with_seed(1))
        };
        let refused = ended(End::Refused("no such target".into()));
        assert_eq!(delay(ResponseKind::Async, &refused), None);
        assert!(delay(ResponseKind::Async, &failed()).is_some());
        assert_eq!(
            delay(ResponseKind::SqsBatch, &failed()),
            None,
            "its message comes back by itself"
        );
    }

    #[test]
    fn one_object_that_failed_outweighs_another_that_is_held() {
        let both = [leased(5), failed()];
        let delay = visibility_delay(3, both.iter(), &mut Rng::with_seed(1));
        assert!(delay > Duration::from_secs(80));
    }
}
