//! Requests to forward an object again, and which of them are one. Pure.

use std::sync::Arc;

use clicks::calendar::Date;
use serde::{Deserialize, Serialize};

use super::item::Item;

/// A request to forward an object again that was forwarded before.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ReplayRequest {
    /// Identifies this request: a message that is delivered twice is one request.
    #[serde(rename = "token")]
    pub token: String,
    /// The token of the same request an hour before, if its sender gave none: then what is asked
    /// within the hour, or the next, is one request.
    #[serde(
        rename = "an_hour_earlier",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub an_hour_earlier: Option<String>,
    /// The targets that want it again; all if there are none.
    #[serde(rename = "targets", default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
}

/// The length of the hour that a token begins with whose sender gave none, `2026-11-21T23Z`.
const HOUR: usize = 14;

impl ReplayRequest {
    /// Asks under a token that the sender gave.
    pub fn given(token: &str, targets: Vec<String>) -> ReplayRequest {
        ReplayRequest {
            token: token.to_owned() + &of_targets(&targets),
            an_hour_earlier: None,
            targets,
        }
    }

    /// Asks for a sender that gave no token, at `sent` in milliseconds since 1970: the same request
    /// in the same hour, or in the next, is one. A client that hears no answer in time asks again,
    /// and so does whoever is not sure of it; the contents are the object, in whose progress the
    /// token is kept, and the targets.
    pub fn of_the_hour(sent: u64, targets: Vec<String>) -> ReplayRequest {
        let hour = sent / 3_600_000;
        let suffix = of_targets(&targets);
        ReplayRequest {
            token: spelled_hour(hour) + &suffix,
            an_hour_earlier: Some(spelled_hour(hour.saturating_sub(1)) + &suffix),
            targets,
        }
    }

    /// Whether this request is one that `item` knows, so that it does not start anew. `configured`
    /// are the names of all targets.
    pub(super) fn is_known(&self, item: &Item, configured: &[Arc<str>]) -> bool {
        let known = |token: &String| item.replays.contains(token);
        let has_begun = || {
            let asked = configured.iter().map(|name| &**name);
            let asked = asked.filter(|name| self.asks_for(name));
            let last = item.replays.last();
            last.is_some_and(|last| self.is_of_another_hour(last)) && !item.document.is_done(asked)
        };
        // One that comes back after days, for example from the dead letters, goes on with what it
        // began.
        known(&self.token)
            || self
                .an_hour_earlier
                .as_ref()
                .is_some_and(|earlier| known(earlier) || has_begun())
    }

    /// Whether it is for `target`, among others perhaps.
    pub fn asks_for(&self, target: &str) -> bool {
        self.targets.is_empty() || self.targets.iter().any(|name| name == target)
    }

    /// Whether `other` is the token of the same request in whatever hour.
    fn is_of_another_hour(&self, other: &str) -> bool {
        let letters = other.as_bytes();
        letters.get(HOUR - 4) == Some(&b'T')
            && letters.get(HOUR - 1) == Some(&b'Z')
            && other.get(HOUR..) == self.token.get(HOUR..)
    }
}

/// Tells requests for different targets apart, in whatever order they are named.
fn of_targets(targets: &[String]) -> String {
    let mut names: Vec<_> = targets.iter().map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        String::new()
    } else {
        format!(" {}", names.join(","))
    }
}

/// Spells an hour since 1970 as `2026-11-21T23Z`.
fn spelled_hour(hour: u64) -> String {
    let Date { year, month, day } = Date::from_days((hour / 24) as i64);
    format!("{year:04}-{month:02}-{day:02}T{:02}Z", hour % 24)
}
