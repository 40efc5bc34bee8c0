//! The stored item of one object, and who may claim it. Pure.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{ClaimRequest, Document, LEASE, ProgressError, ReplayRequest};
use crate::object::ObjectRef;

/// The version of the format; an item of a later version is not touched.
pub(super) const FORMAT: u64 = 1;
/// Replays that are remembered: the oldest of more is forgotten, and would count as new.
const REPLAYS: usize = 16;
/// Longest key that DynamoDB takes, in bytes.
const KEY: usize = 2048;
/// Most targets whose progress is kept. Those that are no longer configured go first.
const TARGETS: usize = crate::config::MOST_TARGETS;

/// The stored state of one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Item {
    #[serde(rename = "format")]
    pub(super) format: u64,
    #[serde(rename = "state")]
    pub(super) state: State,
    /// The run that has claimed it last.
    #[serde(rename = "owner")]
    pub(super) owner: String,
    /// How many runs have claimed it.
    #[serde(rename = "epoch")]
    pub(super) epoch: u64,
    /// How often it was written: a write that was held up on its way must not undo a later one.
    #[serde(rename = "writes")]
    pub(super) writes: u64,
    /// When the claim ends, in milliseconds since 1970; 0 if it was given up.
    #[serde(rename = "lease")]
    pub(super) lease: u64,
    /// How often it was asked to be forwarded, from 1.
    #[serde(rename = "generation")]
    pub(super) generation: u64,
    /// The last requests to forward it again.
    #[serde(rename = "replays", default, skip_serializing_if = "Vec::is_empty")]
    pub(super) replays: Vec<String>,
    /// The targets that those asked for.
    #[serde(rename = "again", default, skip_serializing_if = "Vec::is_empty")]
    pub(super) again: Vec<String>,
    #[serde(rename = "progress")]
    pub(super) document: Document,
}

/// The state of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// A run has it, unless its lease is over.
    #[serde(rename = "running")]
    Running,
    /// No run has it, and something is left to do.
    #[serde(rename = "open")]
    Open,
    /// Every target has all of it.
    #[serde(rename = "done")]
    Done,
}

/// How a claim to an item is decided.
pub(super) enum ClaimDecision {
    /// It may be claimed, by writing this item.
    Claim(Item),
    /// Every target that was asked for has all of the object.
    AlreadyDone,
    /// Another run's lease stands, for this long at most.
    HeldByOther(Duration),
}

/// The key of an object's item, readable so that people can search for it.
pub(super) fn key(object: &ObjectRef, revision: &str) -> String {
    let plain = ObjectRef {
        version: None,
        ..object.clone()
    };
    let key = format!("{plain}#{}", revision.trim_matches('"'));
    if key.len() <= KEY {
        key
    } else {
        Sha256::digest(key)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// Decides whether `owner` may claim the object whose item is `found`.
pub(super) fn decide(
    found: Option<&Item>,
    request: &ClaimRequest<'_>,
    owner: &str,
) -> Result<ClaimDecision, ProgressError> {
    if let Some(newer) = found
        .map(|item| item.format)
        .filter(|format| *format > FORMAT)
    {
        return Err(ProgressError::Newer {
            found: newer,
            place: "the file".into(),
        });
    }
    let left = |item: &Item| Duration::from_millis(item.lease.saturating_sub(request.now));
    // A lease that ends later than any can was written by a clock that is wrong, and must not hold
    // for hours.
    let held = found
        .filter(|item| item.state == State::Running && item.owner != owner)
        .map(left);
    if let Some(left) = held.filter(|left| !left.is_zero() && *left <= LEASE * 2) {
        return Ok(ClaimDecision::HeldByOther(left));
    }
    let mut item = found.cloned().unwrap_or_else(|| Item::fresh(owner));
    // What is kept here may be of a time before the replay whose progress is carried.
    let stale = |item: &Item| {
        request
            .replay
            .is_some_and(|replay| !replay.is_known(item, request.targets))
    };
    if let Some(carried) = request
        .carried
        .filter(|carried| found.is_none_or(|found| found.epoch < carried.epoch || stale(found)))
    {
        (item.epoch, item.document) = (item.epoch.max(carried.epoch), carried.document.clone());
        item.replays.extend(
            request
                .replay
                .filter(|_| stale(&item))
                .map(|replay| replay.token.clone()),
        );
    }
    if let Some(replay) = request.replay.filter(|_| stale(&item)) {
        let known = |name: &str| request.targets.iter().any(|target| **target == *name);
        if let Some(name) = replay.targets.iter().find(|name| !known(name)) {
            return Err(ProgressError::Unknown(name.clone()));
        }
        item.start_replay(replay, request.targets, found.is_some());
    }
    if item
        .document
        .is_done(request.targets.iter().map(|target| &**target))
    {
        return Ok(ClaimDecision::AlreadyDone);
    }
    item.forget(request);
    let epoch = item.epoch + 1;
    let lease = request.now + LEASE.as_millis() as u64;
    Ok(ClaimDecision::Claim(Item {
        owner: owner.to_owned(),
        state: State::Running,
        epoch,
        lease,
        writes: item.writes + 1,
        ..item
    }))
}

impl Item {
    /// Whether `self` and `other` are the same write.
    pub(super) fn is_same(&self, other: &Item) -> bool {
        (self.epoch, self.writes) == (other.epoch, other.writes)
    }

    /// The item of an object that was never seen.
    fn fresh(owner: &str) -> Item {
        Item {
            format: FORMAT,
            state: State::Open,
            owner: owner.to_owned(),
            epoch: 0,
            writes: 0,
            lease: 0,
            generation: 1,
            replays: Vec::new(),
            again: Vec::new(),
            document: Document::default(),
        }
    }

    /// Takes back that the replay's targets, of those that are `configured`, have it.
    fn start_replay(&mut self, replay: &ReplayRequest, configured: &[Arc<str>], seen: bool) {
        self.replays.push(replay.token.clone());
        if self.replays.len() > REPLAYS {
            self.replays.remove(0);
        }
        self.generation += u64::from(seen);
        for target in configured.iter().filter(|name| replay.asks_for(name)) {
            if !self.again.iter().any(|known| **known == **target) {
                self.again.push(target.to_string());
            }
        }
        if replay.targets.is_empty() {
            (self.document.targets, self.document.bad) = Default::default();
        }
        self.document
            .targets
            .retain(|name, _| !replay.targets.contains(name));
    }

    /// Drops targets that are not configured, if there are too many.
    fn forget(&mut self, request: &ClaimRequest<'_>) {
        let known = |name: &str| request.targets.iter().any(|target| **target == *name);
        let all = self.document.targets.len()
            + request
                .targets
                .iter()
                .filter(|t| !self.document.targets.contains_key(&***t))
                .count();
        if all > TARGETS {
            self.document.targets.retain(|name, _| known(name));
            self.again.retain(|name| known(name));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::{Carried, TargetProgress};

    fn request(targets: &[Arc<str>]) -> ClaimRequest<'_> {
        ClaimRequest {
            targets,
            replay: None,
            carried: None,
            now: 1_000_000,
        }
    }

    fn done(names: &[&str]) -> Item {
        let progress = TargetProgress {
            done: true,
            ..TargetProgress::default()
        };
        let targets = names
            .iter()
            .map(|name| ((*name).to_owned(), progress.clone()))
            .collect();
        Item {
            state: State::Done,
            epoch: 4,
            document: Document {
                targets,
                bad: 9,
                rules: 0,
            },
            ..Item::fresh("old")
        }
    }

    fn claimed(decision: Result<ClaimDecision, ProgressError>) -> Option<Item> {
        match decision {
            Ok(ClaimDecision::Claim(item)) => Some(item),
            _ => None,
        }
    }

    #[test]
    fn an_object_that_is_done_for_every_target_of_today_is_done() {
        let (a, both) = ([Arc::from("a")], [Arc::from("a"), Arc::from("b")]);
        assert!(matches!(
            decide(Some(&done(&["a"])), &request(&a), "me"),
            Ok(ClaimDecision::AlreadyDone)
        ));
        let item = claimed(decide(Some(&done(&["a"])), &request(&both), "me")).unwrap();
        assert_eq!(
            (item.epoch, item.document.targets.len(), item.generation),
            (5, 1, 1),
            "b alone is left to do"
        );
    }

    #[test]
    fn a_lease_holds_until_it_is_over_and_never_against_its_owner() {
        let targets = [Arc::from("a")];
        let item = Item {
            epoch: 3,
            state: State::Running,
            lease: 1_010_000,
            ..Item::fresh("other")
        };
        assert!(
            matches!(decide(Some(&item), &request(&targets), "me"), Ok(ClaimDecision::HeldByOther(left)) if left == Duration::from_secs(10))
        );
        assert!(claimed(decide(Some(&item), &request(&targets), "other")).is_some());
        let over = Item {
            lease: 1_000_000,
            ..item.clone()
        };
        assert_eq!(
            claimed(decide(Some(&over), &request(&targets), "me"))
                .unwrap()
                .epoch,
            4
        );
        let ahead = Item {
            lease: 9_000_000,
            ..item
        };
        assert!(
            claimed(decide(Some(&ahead), &request(&targets), "me")).is_some(),
            "by a clock that is hours ahead"
        );
    }

    #[test]
    fn a_replay_starts_a_generation_once() {
        let targets = [Arc::from("a"), Arc::from("b")];
        let replay = ReplayRequest {
            token: "message-1".into(),
            an_hour_earlier: None,
            targets: vec!["b".into()],
        };
        let request = ClaimRequest {
            replay: Some(&replay),
            ..request(&targets)
        };
        let first = claimed(decide(Some(&done(&["a", "b"])), &request, "me")).unwrap();
        assert_eq!(
            (first.generation, first.document.targets.len()),
            (2, 1),
            "b starts anew, a does not"
        );
        assert_eq!(first.again, ["b"]);
        let settled = Item {
            state: State::Done,
            lease: 0,
            document: done(&["a", "b"]).document,
            ..first
        };
        assert!(
            matches!(
                decide(Some(&settled), &request, "me"),
                Ok(ClaimDecision::AlreadyDone)
            ),
            "the same message again"
        );
        let a_alone = ClaimRequest {
            targets: &targets[..1],
            ..request
        };
        assert!(
            matches!(
                decide(Some(&settled), &a_alone, "me"),
                Ok(ClaimDecision::AlreadyDone)
            ),
            "b was taken out in mid-chain"
        );
        let whole = ReplayRequest {
            token: "message-2".into(),
            an_hour_earlier: None,
            targets: Vec::new(),
        };
        let anew = claimed(decide(
            Some(&settled),
            &ClaimRequest {
                replay: Some(&whole),
                ..request
            },
            "me",
        ))
        .unwrap();
        assert_eq!(
            (anew.document, anew.again),
            (Document::default(), vec!["b".into(), "a".into()]),
            "bad records are kept again too"
        );
    }

    /// Returns a request without a token of its sender's, of an hour of one day.
    fn of_hour(hour: u32, targets: &[&str]) -> ReplayRequest {
        let suffix = if targets.is_empty() {
            String::new()
        } else {
            format!(" {}", targets.join(","))
        };
        let token = |hour| format!("2026-11-21T{hour:02}Z{suffix}");
        ReplayRequest {
            token: token(hour),
            an_hour_earlier: Some(token(hour - 1)),
            targets: targets.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn what_is_asked_without_a_token_in_this_hour_or_the_next_is_one_request() {
        let targets = [Arc::from("a"), Arc::from("b")];
        let ask = |item: &Item, replay: &ReplayRequest| {
            let request = ClaimRequest {
                replay: Some(replay),
                ..request(&targets)
            };
            claimed(decide(Some(item), &request, "me"))
        };
        let first = ask(&done(&["a", "b"]), &of_hour(10, &[])).unwrap();
        assert_eq!(first.generation, 2);
        let over = Item {
            state: State::Done,
            lease: 0,
            document: done(&["a", "b"]).document,
            ..first
        };
        for hour in [10, 11] {
            assert!(ask(&over, &of_hour(hour, &[])).is_none(), "{hour} h");
        }
        assert!(ask(&over, &of_hour(12, &[])).is_some(), "later");
        assert!(ask(&over, &of_hour(10, &["a"])).is_some(), "another");
    }

    #[test]
    fn a_request_without_a_token_that_comes_back_after_days_goes_on_with_what_it_began() {
        let targets = [Arc::from("a"), Arc::from("b")];
        let ask = |item: &Item, replay: &ReplayRequest| {
            let request = ClaimRequest {
                replay: Some(replay),
                ..request(&targets)
            };
            claimed(decide(Some(item), &request, "me"))
        };
        let half = Item {
            state: State::Open,
            lease: 0,
            document: done(&["a"]).document,
            ..ask(&done(&["a", "b"]), &of_hour(3, &[])).unwrap()
        };
        let later = ask(&half, &of_hour(20, &[])).unwrap();
        let names: Vec<_> = later.document.targets.keys().map(String::as_str).collect();
        assert_eq!((later.generation, names), (2, vec!["a"]), "a is not anew");
        let other = ask(&half, &of_hour(20, &["a"])).unwrap();
        assert_eq!(other.generation, 3, "a request of its own");
        let begun = ask(&half, &of_hour(3, &["a"])).unwrap();
        assert_eq!(begun.generation, 3);
    }

    #[test]
    fn a_replay_for_a_target_that_is_not_configured_is_refused() {
        let targets = [Arc::from("a"), Arc::from("b")];
        let strange = ReplayRequest {
            token: "m".into(),
            an_hour_earlier: None,
            targets: vec!["c".into()],
        };
        let request = ClaimRequest {
            replay: Some(&strange),
            ..request(&targets)
        };
        assert_eq!(
            decide(None, &request, "me").err(),
            Some(ProgressError::Unknown("c".into()))
        );
    }

    #[test]
    fn of_carried_and_kept_progress_the_later_counts() {
        let targets = [Arc::from("a")];
        let carried = |epoch| Carried {
            epoch,
            document: Document {
                bad: 77,
                ..Document::default()
            },
        };
        let kept = Item {
            epoch: 5,
            ..Item::fresh("old")
        };
        for (epoch, bad) in [(5, 0), (6, 77)] {
            let carried = carried(epoch);
            let item = claimed(decide(
                Some(&kept),
                &ClaimRequest {
                    carried: Some(&carried),
                    ..request(&targets)
                },
                "me",
            ))
            .unwrap();
            assert_eq!(item.document.bad, bad);
        }
    }

    #[test]
    fn a_replay_that_is_carried_is_not_started_anew_nor_taken_for_done() {
        let targets = [Arc::from("a")];
        let replay = ReplayRequest {
            token: "message-1".into(),
            an_hour_earlier: None,
            targets: Vec::new(),
        };
        let halfway = TargetProgress {
            high_watermark: 50,
            ..TargetProgress::default()
        };
        let document = Document {
            targets: [("a".to_owned(), halfway)].into(),
            bad: 0,
            rules: 0,
        };
        let carried = Carried {
            epoch: 2,
            document: document.clone(),
        };
        let request = ClaimRequest {
            replay: Some(&replay),
            carried: Some(&carried),
            ..request(&targets)
        };
        for kept in [None, Some(&done(&["a"]))] {
            let item = claimed(decide(kept, &request, "me")).unwrap();
            assert_eq!(
                (&item.document, &item.replays),
                (&document, &vec!["message-1".to_owned()])
            );
        }
    }

    #[test]
    fn an_item_of_a_later_format_is_left_alone() {
        let item = Item {
            format: 2,
            ..Item::fresh("old")
        };
        assert_eq!(
            decide(Some(&item), &request(&[Arc::from("a")]), "me").err(),
            Some(ProgressError::Newer {
                found: 2,
                place: "the file".into()
            })
        );
    }

    #[test]
    fn a_key_names_the_object_and_fits_the_table() {
        let object = ObjectRef {
            bucket: "b".into(),
            key: "/k".into(),
            version: Some("v".into()),
        };
        assert_eq!(key(&object, "\"etag\""), "s3://b//k#etag");
        assert_eq!(
            key(&ObjectRef::new("b", "k".repeat(1024)), &"v".repeat(1024)).len(),
            64
        );
    }
}
