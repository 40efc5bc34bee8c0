//! How many gaps a lane's requests in flight may leave in its progress.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::targets::{Answers, Entry};

/// Gaps that requests in flight may leave: 4 requests of 500 records, each taken in every second
/// one. Beyond 64 they are stored packed.
const GAPS: usize = 1024;

/// Most runs of entries of one group in a batch: if every second run is taken, they leave all the
/// gaps there may be.
pub(super) const MOST_RUNS: usize = 2 * GAPS;

/// The gaps that the requests of one lane may leave.
pub(super) struct GapBudget {
    free: Arc<Semaphore>,
    answers: Answers,
}

/// A request's share of the gaps that its batch may leave, until it is dropped.
#[derive(Debug)]
pub(super) struct GapShare {
    batch: Arc<Mutex<Reserved>>,
    /// The gaps that this request may leave by itself.
    gaps: usize,
}

/// The gaps of the requests of one batch. Those of requests that stand next to each other are one:
/// together they leave half as many as each by itself.
#[derive(Debug)]
struct Reserved {
    permit: OwnedSemaphorePermit,
    /// The gaps that the requests left to send may leave, each by itself.
    gaps: usize,
}

impl GapBudget {
    /// For requests with answers of this scope.
    pub(super) fn new(answers: Answers) -> GapBudget {
        GapBudget {
            free: Arc::new(Semaphore::new(GAPS)),
            answers,
        }
    }

    /// Waits until so many gaps are allowed as these requests of one batch may leave together.
    /// Returns the share of each.
    pub(super) async fn reserve(&self, requests: &[Vec<Entry>]) -> Option<Vec<GapShare>> {
        let of_request = |request: &Vec<Entry>| match self.answers {
            Answers::PerRecord => request.len(),
            Answers::Whole if requests.len() > 1 => runs(request),
            Answers::Whole => 1,
        };
        let shares: Vec<_> = requests.iter().map(of_request).collect();
        let gaps = shares.iter().sum();
        let together = usize::div_ceil(gaps, 2).min(GAPS);
        let permit = self.free.clone().acquire_many_owned(together as u32);
        let permit = permit.await.ok()?;
        let batch = Arc::new(Mutex::new(Reserved { permit, gaps }));
        let share = |gaps| GapShare {
            batch: batch.clone(),
            gaps,
        };
        Some(shares.into_iter().map(share).collect())
    }
}

/// How many runs of a batch a request has: entries with nothing between them.
fn runs(request: &[Entry]) -> usize {
    let breaks = request.windows(2).filter(
        |pair| matches!(pair, [one, next] if one.sequence.checked_add(1) != Some(next.sequence)),
    );
    1 + breaks.count()
}

impl GapShare {
    /// Gives back what so many entries do not need.
    pub(super) fn shrink(&mut self, entries: usize) {
        let unneeded = self.gaps.saturating_sub(entries);
        if unneeded == 0 {
            return;
        }
        self.gaps -= unneeded;
        let mut batch = self.batch.lock().unwrap_or_else(PoisonError::into_inner);
        batch.gaps = batch.gaps.saturating_sub(unneeded);
        let free = batch.permit.num_permits().saturating_sub(batch.gaps);
        drop(batch.permit.split(free));
    }
}

impl Drop for GapShare {
    fn drop(&mut self) {
        self.shrink(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliver::ledger::tests::entry;

    /// Requests of the entries with these numbers.
    fn requests<const N: usize>(numbers: [&[u64]; N]) -> Vec<Vec<Entry>> {
        let of_one = |numbers: &[u64]| numbers.iter().map(|n| entry(n * 10, *n)).collect();
        numbers.into_iter().map(of_one).collect()
    }

    #[tokio::test]
    async fn a_batch_of_groups_may_leave_a_gap_for_every_second_run() {
        let budget = GapBudget::new(Answers::Whole);
        let taken = || GAPS - budget.free.available_permits();
        let batch = requests([&[1, 2, 3, 4]]);
        let one = budget.reserve(&batch).await.unwrap();
        assert_eq!(taken(), 1, "a batch of one request leaves one");
        drop(one);
        let batch = requests([&[1, 3, 5], &[2, 4, 6, 7], &[8, 9]]);
        let mut shares = budget.reserve(&batch).await.unwrap();
        assert_eq!(taken(), 4, "of seven runs");
        drop(shares.remove(0));
        assert_eq!(taken(), 4, "2, 4, 6 to 7, and 8 to 9");
        shares[0].shrink(1);
        assert_eq!(taken(), 2);
        drop(shares);
        assert_eq!(taken(), 0);
    }

    #[tokio::test]
    async fn answers_for_each_entry_leave_a_gap_for_every_second_one() {
        let budget = GapBudget::new(Answers::PerRecord);
        let batch = requests([&[1, 2, 3, 4, 5]]);
        let mut shares = budget.reserve(&batch).await.unwrap();
        assert_eq!(budget.free.available_permits(), GAPS - 3);
        shares[0].shrink(2);
        assert_eq!(budget.free.available_permits(), GAPS - 2);
    }
}
