//! How the rest of the work comes back: what a continuation says, and how long a message stays away. Pure.

use std::time::Duration;

use fastrand::Rng;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ResponseKind;
use crate::job::{Job, ReplayRequest, ResumePoint};
use crate::outcome::{End, Outcome};

/// The member that marks a continuation, and its version.
const MARK: &str = "clickstream_continuation";
const VERSION: u64 = 1;

/// The delay after the first failure, and the longest. A target that is down for a day costs some 40 receives.
const FIRST: Duration = Duration::from_secs(30);
const LONGEST: Duration = Duration::from_secs(3600);
/// Receives in which an object that another run has is asked for as soon as its lease may be over.
const EAGER: u32 = 5;
/// What a lease's end is missed by at most, so that those who wait for it do not come together.
const MISS: Duration = Duration::from_secs(5);
/// The longest delay of a new message that SQS takes.
pub(super) const LONGEST_DELAY: Duration = Duration::from_secs(900);

/// The rest of an object, as a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Continuation {
    #[serde(rename = "clickstream_continuation")]
    format: u64,
    #[serde(rename = "bucket")]
    bucket: String,
    #[serde(rename = "key")]
    key: String,
    /// Other spellings of the key, as long as none was found.
    #[serde(rename = "spellings", default, skip_serializing_if = "Vec::is_empty")]
    spellings: Vec<String>,
    /// The message or the request that named the object first.
    #[serde(rename = "origin")]
    pub(super) first_message_id: String,
    /// How many runs there were before.
    #[serde(rename = "hop")]
    pub(super) chain_length: u32,
    #[serde(rename = "version", default, skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(rename = "revision", default, skip_serializing_if = "Option::is_none")]
    revision: Option<String>,
    #[serde(rename = "progress", default, skip_serializing_if = "Option::is_none")]
    progress: Option<crate::progress::Carried>,
    #[serde(rename = "again", default, skip_serializing_if = "Option::is_none")]
    replay: Option<ReplayRequest>,
}

impl Continuation {
    /// Of a job, after its outcome. `shared`: progress is kept where the next run sees it.
    pub(super) fn new(job: &Job, outcome: &Outcome, message: &str, shared: bool) -> Continuation {
        let rest = outcome
            .resume_point
            .clone()
            .or_else(|| job.resume_point.clone());
        // Once claimed, the item knows of the replay.
        let replay = job
            .replay
            .clone()
            .filter(|_| !shared || outcome.resume_point.is_none());
        let first_message_id = job
            .first_message_id
            .clone()
            .unwrap_or_else(|| message.to_owned());
        let (version, revision, progress) = match rest {
            Some(ResumePoint {
                version,
                revision,
                progress,
            }) => (
                version.or_else(|| job.version.clone()),
                Some(revision),
                progress.filter(|_| !shared),
            ),
            None => (job.version.clone(), None, None),
        };
        let (bucket, key) = (outcome.object.bucket.clone(), outcome.object.key.clone());
        let others = job
            .keys
            .iter()
            .filter(|other| revision.is_none() && **other != key);
        let spellings = others.cloned().collect();
        Continuation {
            format: VERSION,
            bucket,
            key,
            spellings,
            first_message_id,
            chain_length: job.chain_length + 1,
            version,
            revision,
            progress,
            replay,
        }
    }

    /// Whether `value` is one.
    pub(super) fn marks(value: &Value) -> bool {
        value.get(MARK).is_some()
    }

    /// The job it asks for.
    pub(super) fn read(value: &Value) -> Result<Job, String> {
        if value.get(MARK).and_then(Value::as_u64) != Some(VERSION) {
            return Err(format!(
                "a continuation of another version than {VERSION}: deploy the newer version"
            ));
        }
        let it = Continuation::deserialize(value)
            .map_err(|e| format!("a continuation that cannot be read: {e}"))?;
        let resume_point = it.revision.map(|revision| ResumePoint {
            version: it.version.clone(),
            revision,
            progress: it.progress,
        });
        Ok(Job {
            version: it.version,
            first_message_id: Some(it.first_message_id),
            chain_length: it.chain_length,
            resume_point,
            replay: it.replay,
            ..Job::new(
                it.bucket,
                std::iter::once(it.key).chain(it.spellings).collect(),
            )
        })
    }
}

/// After how long a fresh message with a job's rest should wake the function; nothing if there is no rest, or if
/// its trigger brings it back by itself.
pub(super) fn continuation_delay(
    answer: &ResponseKind,
    job: &Job,
    outcome: &Outcome,
    rng: &mut Rng,
) -> Option<Duration> {
    if outcome.continues() {
        return Some(Duration::ZERO);
    }
    // Lambda tries an asynchronous event twice more, and then forgets it.
    let forgets = *answer == ResponseKind::Async
        && outcome.failure().is_some()
        && !matches!(outcome.end, End::Refused(_));
    forgets.then(|| {
        lease_wait(outcome)
            .unwrap_or_else(|| delay(job.chain_length + 1, rng))
            .min(LONGEST_DELAY)
    })
}

/// How long an object must wait that nothing is wrong with.
fn lease_wait(outcome: &Outcome) -> Option<Duration> {
    match outcome.end {
        End::LeasedElsewhere(left) => Some(left),
        End::NotStarted => Some(Duration::from_secs(1)),
        _ => None,
    }
}

/// For how long a message stays away that was received `receive_count` times.
pub(super) fn visibility_delay<'o>(
    receive_count: u32,
    outcomes: impl Iterator<Item = &'o Outcome>,
    rng: &mut Rng,
) -> Duration {
    let mut failed = outcomes
        .filter(|outcome| outcome.failure().is_some())
        .map(lease_wait);
    let lease = failed.try_fold(Duration::ZERO, |most, held| held.map(|left| most.max(left)));
    match lease.filter(|lease| !lease.is_zero()) {
        // Only leases are in the way.
        Some(lease) if receive_count <= EAGER => lease + MISS.mul_f64(rng.f64()),
        Some(lease) => delay(receive_count - EAGER, rng).max(lease),
        None => delay(receive_count, rng),
    }
}

/// The delay after so many failures, from 1: it doubles from 30 s to 1 h, less up to a quarter by chance.
fn delay(failures: u32, rng: &mut Rng) -> Duration {
    let bound = FIRST
        .saturating_mul(1 << (failures.max(1) - 1).min(16))
        .min(LONGEST);
    bound.mul_f64(1.0 - rng.f64() / 4.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::ObjectRef;
    use fastrand::Rng;
    use proptest::prelude::*;

    fn failed() -> Outcome {
        Outcome::unread(ObjectRef::new("b", "k"), End::Failed("down".into()))
    }

    proptest! {
        #[test]
        fn a_day_of_failures_costs_few_receives_and_two_weeks_suffice_for_a_hundred(seed: u64) {
            let (mut rng, outcome) = (Rng::with_seed(seed), failed());
            let mut gone = Duration::ZERO;
            let mut at_a_day = 0;
            for receive_count in 1..100 {
                let away = visibility_delay(receive_count, std::iter::once(&outcome), &mut rng);
                prop_assert!((Duration::from_secs(22)..=LONGEST).contains(&away));
                gone += away;
                at_a_day += u32::from(gone < Duration::from_secs(86_400));
            }
            prop_assert!(at_a_day < 45, "{at_a_day} receives in a day");
            // The dead-letter queue gets it while both queues still keep it.
            prop_assert!(gone > Duration::from_secs(2 * 86_400) && gone < Duration::from_secs(5 * 86_400), "{gone:?}");
        }

        #[test]
        fn a_lease_is_waited_for_and_less_and_less_eagerly(seed: u64, receive_count in 1u32..200, left in 1u64..30) {
            let held = Outcome::unread(ObjectRef::new("b", "k"), End::LeasedElsewhere(Duration::from_secs(left)));
            let away = visibility_delay(receive_count, std::iter::once(&held), &mut Rng::with_seed(seed));
            prop_assert!(away >= Duration::from_secs(left));
            prop_assert!(receive_count > EAGER || away <= Duration::from_secs(left) + MISS);
            prop_assert!(receive_count < 20 || away > Duration::from_secs(2600));
        }
    }

    #[test]
    fn a_released_continuation_is_read_and_written_as_it_was() {
        let released = include_str!("../../tests/data/formats/continuation.json");
        let read: Continuation = serde_json::from_str(released).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap() + "\n", released);
        let job = Continuation::read(&serde_json::from_str(released).unwrap()).unwrap();
        assert_eq!(
            (job.keys.len(), job.chain_length, job.resume_point.is_some()),
            (2, 2, true),
            "{job:?}"
        );
    }

    #[test]
    fn a_continuation_of_an_object_that_was_not_found_keeps_all_spellings() {
        let job = Job::new("b", vec!["/a+b".into(), "/a b".into()]);
        let unread = Outcome::unread(job.object(), End::Failed("403".into()));
        let read = |outcome: &Outcome| {
            let message =
                serde_json::to_value(Continuation::new(&job, outcome, "origin", true)).unwrap();
            Continuation::read(&message).unwrap()
        };
        assert_eq!(read(&unread).keys, job.keys);
        let rest = ResumePoint {
            version: None,
            revision: "etag".into(),
            progress: None,
        };
        let found = Outcome {
            object: ObjectRef::new("b", "/a b"),
            resume_point: Some(rest),
            ..unread
        };
        let next = read(&found);
        assert_eq!(
            (next.keys.as_slice(), next.chain_length),
            (&["/a b".to_owned()][..], 1)
        );
        assert!(
            next.identity() != job.identity(),
            "the object that came after it is another"
        );
    }

    #[test]
    fn what_only_its_sender_can_mend_is_not_handed_over() {
        let (job, mut rng) = (Job::new("b", vec!["k".into()]), Rng::with_seed(1));
        let ended = |end| Outcome::unread(ObjectRef::new("b", "k"), end);
        assert_eq!(
            continuation_delay(
                &ResponseKind::Async,
                &job,
                &ended(End::Refused("no such target".into())),
                &mut rng
            ),
            None
        );
        assert!(continuation_delay(&ResponseKind::Async, &job, &failed(), &mut rng).is_some());
        assert_eq!(
            continuation_delay(&ResponseKind::SqsBatch, &job, &failed(), &mut rng),
            None,
            "its message comes back by itself"
        );
    }

    #[test]
    fn one_object_that_failed_outweighs_another_that_is_held() {
        let held = Outcome::unread(
            ObjectRef::new("b", "k"),
            End::LeasedElsewhere(Duration::from_secs(5)),
        );
        let both = [held, failed()];
        assert!(visibility_delay(3, both.iter(), &mut Rng::with_seed(1)) > Duration::from_secs(80));
    }
}
