//! Verdicts on the entries of a request, for every kind whose answers speak of each entry.

use crate::targets::{Entry, SendError, Verdict};

/// Why one entry of a request was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Where the fault lies.
    pub fault: Fault,
    /// The target's reason.
    pub reason: String,
}

/// Where the fault lies if one entry of a request was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// In the target, for now.
    Passing,
    /// In too many requests.
    Throttled,
    /// In the target's configuration: it does not allow any entry.
    Denied,
    /// In the entry, which the target will never take.
    Entry,
}

/// Returns the verdicts on a request's entries, of which `None` were taken. `Err` if every entry
/// failed for one reason that is not its own: then the request has failed as a whole.
pub fn judge(results: Vec<Option<Failed>>) -> Result<Vec<Verdict>, SendError> {
    let all = |fault: Fault| {
        results
            .iter()
            .all(|one| one.as_ref().is_some_and(|failed| failed.fault == fault))
    };
    if let Some(first) = results.iter().flatten().next() {
        if all(Fault::Throttled) {
            return Err(SendError::Throttled(None, first.reason.clone()));
        } else if all(Fault::Denied) {
            return Err(SendError::Misconfigured(first.reason.clone()));
        }
    }
    let verdict = |result: Option<Failed>| match result {
        None => Verdict::Sent,
        Some(failed) if failed.fault == Fault::Entry => Verdict::Rejected(failed.reason),
        Some(_) => Verdict::Retry,
    };
    Ok(results.into_iter().map(verdict).collect())
}

/// Orders the results of a request in which an entry is named by its index in `batch`. An entry
/// that the answer does not name was not taken, as far as anyone knows.
pub fn by_index<'n>(
    batch: &[Entry],
    taken: impl Iterator<Item = &'n str>,
    failed: impl Iterator<Item = (String, Failed)>,
) -> Vec<Option<Failed>> {
    let unanswered = || Failed {
        fault: Fault::Passing,
        reason: "the answer does not name it".into(),
    };
    let mut results: Vec<_> = batch.iter().map(|_| Some(unanswered())).collect();
    let taken = taken.map(|name| (name.to_owned(), None));
    for (name, result) in taken.chain(failed.map(|(name, failed)| (name, Some(failed)))) {
        let place = name.parse().ok();
        if let Some(place) = place.and_then(|index: usize| results.get_mut(index)) {
            *place = result;
        }
    }
    results
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(fault: Fault) -> Option<Failed> {
        let reason = "it says why".into();
        Some(Failed { fault, reason })
    }

    #[test]
    fn entries_have_verdicts_of_their_own() {
        let results = vec![None, failed(Fault::Passing), failed(Fault::Entry)];
        let rejected = Verdict::Rejected("it says why".into());
        assert_eq!(
            judge(results).unwrap(),
            [Verdict::Sent, Verdict::Retry, rejected]
        );
        assert_eq!(
            judge(vec![None, failed(Fault::Denied)]).unwrap(),
            [Verdict::Sent, Verdict::Retry]
        );
    }

    #[test]
    fn what_is_wrong_with_all_of_them_is_wrong_with_the_target() {
        let denied = judge(vec![failed(Fault::Denied); 2]);
        assert_eq!(denied, Err(SendError::Misconfigured("it says why".into())));
        let throttled = judge(vec![failed(Fault::Throttled)]);
        assert_eq!(
            throttled,
            Err(SendError::Throttled(None, "it says why".into()))
        );
    }
}
