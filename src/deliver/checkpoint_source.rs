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
        let stats = self.stats();
        TargetProgress {
            accepted: stats.accepted,
            ..stats.ledger.progress()
        }
    }

    fn take_rows(&self) -> Vec<(u64, Row)> {
        std::mem::take(&mut self.stats().rows)
    }

    fn stored(&self, offsets: &[u64]) {
        let mut stats = self.stats();
        offsets.iter().for_each(|at| stats.ledger.stored(*at));
    }

    fn put_back(&self, rows: Vec<(u64, Row)>) {
        self.stats().rows.extend(rows);
    }
}
