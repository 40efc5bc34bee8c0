//! How many gaps a lane's requests in flight may leave in its progress.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::targets::{Answers, Entry};

/// Gaps that requests in flight may leave: 4 requests of 500 records, each taken in every second
/// one. Beyond 64 they are stored packed.
const GAPS: u32 = 1024;

/// The gaps that the requests of one lane may leave.
pub(super) struct GapBudget {
    free: Arc<Semaphore>,
    answers: Answers,
}

impl GapBudget {
    /// For requests with answers of this scope.
    pub(super) fn new(answers: Answers) -> GapBudget {
        GapBudget {
            free: Arc::new(Semaphore::new(GAPS as usize)),
            answers,
        }
    }

    /// Waits until so many gaps are allowed as a request of these entries may leave.
    pub(super) async fn reserve(&self, batch: &[Entry]) -> Option<OwnedSemaphorePermit> {
        let gaps = match self.answers {
            Answers::PerRecord => batch.len().div_ceil(2),
            Answers::Whole => 1,
        };
        let gaps = (gaps as u32).min(GAPS);
        self.free.clone().acquire_many_owned(gaps).await.ok()
    }
}
