//! How long what is left of a job waits until the function is woken for it again. Pure.

use std::time::Duration;

use fastrand::Rng;

use super::deadlines::LONGEST_INVOCATION;
use crate::job::Job;
use crate::outcome::{End, Outcome};
use crate::platform::sqs::{LONGEST_DELAY, LONGEST_HIDING};
use crate::trigger::{Message, ResponseKind};

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

/// Returns how long a fresh message with what is left of `job` waits, which came in `message`.
/// `None` if nothing is left, or if the event's sender delivers the object again by itself.
pub(super) fn continuation_delay(
    response: &ResponseKind,
    message: &Message,
    job: &Job,
    outcome: &Outcome,
    rng: &mut Rng,
) -> Option<Duration> {
    if outcome.continues() {
        return Some(outcome.retry_after().unwrap_or_default());
    }
    let is_left = outcome.failure().is_some() && !matches!(outcome.end, End::Refused(_));
    if !is_left || !sender_forgets(response, message, job) {
        return None;
    }
    Some(idle_wait(outcome).unwrap_or_else(|| {
        let delay = backoff(job.chain_length + 1, rng).min(LONGEST_DELAY);
        delay.max(outcome.retry_after().unwrap_or_default())
    }))
}

/// Whether the event's sender, if it were told that `job` failed, would not deliver it again, or
/// not it alone.
fn sender_forgets(response: &ResponseKind, message: &Message, job: &Job) -> bool {
    match response {
        // Lambda tries an asynchronous event twice more, and then forgets it.
        ResponseKind::Async => true,
        ResponseKind::SqsBatch => {
            // A message comes back with all that it asks for, and from the dead letters, after days,
            // as another message: then what was forwarded again would be so once more.
            let replay = job.replay.as_ref().filter(|_| !job.is_continuation());
            let has_no_token = replay.is_some_and(|replay| replay.an_hour_earlier.is_some());
            message.jobs.len() > 1 || has_no_token
        }
        ResponseKind::BatchOperations { .. } => false,
    }
}

/// Returns for how long SQS hides a message that failed and was received `receive_count` times.
/// `outcomes` are those of its jobs.
pub(super) fn visibility_delay<'o>(
    receive_count: u32,
    outcomes: impl Iterator<Item = &'o Outcome>,
    rng: &mut Rng,
) -> Duration {
    let failed: Vec<_> = outcomes
        .filter(|outcome| outcome.failure().is_some())
        .collect();
    let longest = |most: Duration, wait: Option<Duration>| wait.map(|wait| most.max(wait));
    // `None` if something is wrong with one of them.
    let idle = failed
        .iter()
        .map(|outcome| idle_wait(outcome))
        .try_fold(Duration::ZERO, longest);
    let asked = failed.iter().map(|outcome| outcome.retry_after());
    let asked = asked.min().flatten().unwrap_or_default();
    let delay = match idle.filter(|idle| !idle.is_zero()) {
        Some(idle) if receive_count <= EAGER_RECEIVES => idle + LEASE_JITTER.mul_f64(rng.f64()),
        Some(idle) => backoff(receive_count - EAGER_RECEIVES, rng).max(idle),
        None => backoff(receive_count, rng).max(asked),
    };
    delay.min(LONGEST_HIDING - LONGEST_INVOCATION)
}

/// Returns how long an object must wait with which nothing is wrong; `None` if something is.
fn idle_wait(outcome: &Outcome) -> Option<Duration> {
    match outcome.end {
        End::LeasedElsewhere(left) | End::Postponed(left) => Some(left),
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
    use crate::job::ReplayRequest;
    use crate::object::ObjectRef;
    use crate::outcome::{Failure, TargetOutcome};
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

        #[test]
        fn a_target_that_asks_for_a_wait_gets_it_up_to_half_a_day(
            seed: u64,
            receive_count in 1u32..200,
            asked in 1u64..1_000_000,
        ) {
            let mut rng = Rng::with_seed(seed);
            let asked = Duration::from_secs(asked);
            let most = LONGEST_HIDING - LONGEST_INVOCATION;
            let outcome = asking(asked, false);
            let hidden = visibility_delay(receive_count, std::iter::once(&outcome), &mut rng);
            prop_assert!(hidden >= asked.min(most) && hidden <= asked.max(LONGEST).min(most));
            for moved in [false, true] {
                let outcome = asking(asked, moved);
                let message = Message::default();
                let job = Job::new("b", vec!["k".into()]);
                let kind = ResponseKind::Async;
                let delay = continuation_delay(&kind, &message, &job, &outcome, &mut rng);
                prop_assert!(delay >= Some(asked));
            }
        }
    }

    /// Returns an object at two targets, one of which has all of it and one asks for a wait; with
    /// `moved`, after some of it was sent in time.
    fn asking(asked: Duration, moved: bool) -> Outcome {
        let done = TargetOutcome::default();
        let waits = TargetOutcome {
            continued: moved,
            failure: (!moved).then(|| Failure::GaveUp("HTTP 429".into())),
            retry_after: Some(asked),
            ..TargetOutcome::default()
        };
        Outcome {
            targets: vec![done, waits],
            moved,
            ..ended(End::Complete)
        }
    }

    #[test]
    fn a_target_that_goes_on_does_not_wait_for_one_that_asks_to() {
        let mut outcome = asking(Duration::from_secs(3600), true);
        outcome.targets[0].continued = true;
        let (message, job) = (Message::default(), Job::new("b", vec!["k".into()]));
        let kind = ResponseKind::SqsBatch;
        let delay = continuation_delay(&kind, &message, &job, &outcome, &mut Rng::with_seed(1));
        assert_eq!(delay, Some(Duration::ZERO));
    }

    #[test]
    fn a_message_that_asks_for_several_objects_does_not_come_back_for_one() {
        let job = |key: &str| Job::new("b", vec![key.into()]);
        let of = |jobs: Vec<Job>| Message {
            jobs,
            ..Message::default()
        };
        let delay = |message: &Message| {
            let kind = ResponseKind::SqsBatch;
            let job = &message.jobs[0];
            continuation_delay(&kind, message, job, &failed(), &mut Rng::with_seed(1))
        };
        assert_eq!(delay(&of(vec![job("1")])), None, "it comes back by itself");
        assert!(delay(&of(vec![job("1"), job("2")])).is_some());
    }

    #[test]
    fn a_replay_without_a_token_of_its_own_goes_on_in_a_message_that_has_one() {
        let delay = |an_hour_earlier: Option<&str>, is_continuation: bool| {
            let replay = ReplayRequest {
                token: "2026-11-21T23Z".into(),
                an_hour_earlier: an_hour_earlier.map(str::to_owned),
                targets: Vec::new(),
            };
            let job = Job {
                replay: Some(replay),
                first_message_id: is_continuation.then(|| "message-1".into()),
                ..Job::new("b", vec!["k".into()])
            };
            let message = Message {
                jobs: vec![job.clone()],
                ..Message::default()
            };
            let kind = ResponseKind::SqsBatch;
            continuation_delay(&kind, &message, &job, &failed(), &mut Rng::with_seed(1))
        };
        assert!(delay(Some("2026-11-21T22Z"), false).is_some());
        assert_eq!(delay(Some("2026-11-21T22Z"), true), None, "it has one now");
        assert_eq!(delay(None, false), None, "its sender gave one");
    }

    #[test]
    fn what_only_its_sender_can_mend_is_not_handed_over() {
        let job = Job::new("b", vec!["k".into()]);
        let delay = |kind: ResponseKind, outcome: &Outcome| {
            let message = Message::default();
            continuation_delay(&kind, &message, &job, outcome, &mut Rng::with_seed(1))
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
