//! The entries of one request by what its target did with each.

use crate::targets::{Entry, Verdict};

/// The entries of one request by what its target did with each.
#[derive(Default)]
pub(super) struct Sorted {
    /// The offsets of the records of those that it took.
    pub(super) taken: Vec<u64>,
    /// How many of those were to replace what is stored of a click by nothing.
    pub(super) left_out: u64,
    /// Those that are to be sent again.
    pub(super) rest: Vec<Entry>,
    pub(super) rejected: Vec<Rejected>,
}

/// An entry that the target does not take.
pub(super) struct Rejected {
    pub(super) entry: Entry,
    pub(super) reason: String,
}

impl Sorted {
    /// Sorts the entries of `batch` by the verdicts on them, which are in the same order.
    pub(super) fn by(verdicts: Vec<Verdict>, batch: Vec<Entry>) -> Sorted {
        let mut sorted = Sorted::default();
        // A target that answers for fewer entries than it was given has not taken the others.
        let verdicts = verdicts
            .into_iter()
            .chain(std::iter::repeat(Verdict::Retry));
        for (entry, verdict) in batch.into_iter().zip(verdicts) {
            match verdict {
                Verdict::Sent => {
                    sorted.left_out += u64::from(entry.is_left_out);
                    sorted.taken.push(entry.record_offset);
                }
                Verdict::Retry => sorted.rest.push(entry),
                Verdict::Rejected(reason) => sorted.rejected.push(Rejected { entry, reason }),
            }
        }
        sorted
    }
}
