//! What a lane tells of itself to whoever stores rows and progress.

use std::sync::Arc;

use super::state::LaneState;
use crate::progress::{CheckpointSource, TargetProgress};
use crate::quarantine::Row;

impl CheckpointSource for LaneState {
    fn target(&self) -> &Arc<str> {
        &self.name
    }

    fn progress(&self) -> TargetProgress {
        let counts = self.counts();
        TargetProgress {
            accepted: counts.accepted,
            ..counts.ledger.progress()
        }
    }

    fn take_rows(&self) -> Vec<(u64, Row)> {
        std::mem::take(&mut self.counts().rows)
    }

    fn stored(&self, offsets: &[u64]) {
        let mut counts = self.counts();
        offsets.iter().for_each(|at| counts.ledger.stored(*at));
    }

    fn put_back(&self, rows: Vec<(u64, Row)>) {
        self.counts().rows.extend(rows);
    }
}
