//! Stores what is settled of one object, in the one order that loses nothing: first the rows of the
//! quarantine, then the progress that counts on them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::{join, join_all};
use tokio::sync::{Mutex as AsyncMutex, Semaphore};
use tokio::time::{Instant, timeout};

use super::ticks::Ticks;
use crate::deliver::Cancellation;
use crate::outcome::{Outcome, TargetOutcome};
use crate::progress::{
    Carried, CheckpointSource, CheckpointWriter, Document, Failing, FinalWrite, State,
    TargetProgress,
};
use crate::quarantine::{Quarantine, QuarantineError, Row, Writer};

/// The longest that storing rows may take. The lease is renewed meanwhile.
const ROWS: Duration = Duration::from_secs(60);
/// Targets whose rows are stored side by side.
const SIDE_BY_SIDE: usize = 8;
/// Bad records whose rows are not stored that progress may spell out: with more of them it waits
/// for their rows.
const UNSTORED: usize = 32;

/// Writes the checkpoints of one run over one object.
pub(super) struct Checkpointer<'f> {
    quarantine: &'f Quarantine,
    /// When everything must be stored.
    commit_by: Instant,
    /// A fingerprint of the rules for what is bad.
    rules: u32,
    lanes: Vec<Arc<dyn CheckpointSource>>,
    /// Collects the rows of bad records. Whoever stores rows, of any kind, holds it.
    bad: AsyncMutex<Writer<'f>>,
    marks: Mutex<Marks>,
    /// Writes the progress, if it is kept.
    writer: Option<CheckpointWriter>,
}

/// How far the rows of bad records are.
struct Marks {
    /// The rows of bad records before this offset are collected: a later pass over the object, and
    /// a later run, collect only those of the rest.
    collected: u64,
    /// The rows of bad records before this offset are stored, as `rules` tells bad records.
    stored: u64,
    rules: u32,
    /// Bad records whose rows are collected and not stored. A target must not count on them, should
    /// the rules change.
    unstored: Vec<u64>,
    /// Why rows are not stored: no target is done then, and the rows that are lost are collected
    /// anew.
    broken: Option<String>,
}

/// The last checkpoint of a run.
pub(super) struct FinalCheckpoint {
    /// The progress that a message to the next run must carry.
    pub(super) carried: Option<Carried>,
    /// Whether rows of bad records were stored that were not before.
    pub(super) moved: bool,
    /// Why rows or progress are not stored.
    pub(super) problem: Option<String>,
}

impl<'f> Checkpointer<'f> {
    /// Stores rows in `quarantine`, and everything by `commit_by`. `rules` identifies the rules for
    /// what is bad.
    pub(super) fn new(
        quarantine: &'f Quarantine,
        commit_by: Instant,
        rules: u32,
        lanes: Vec<Arc<dyn CheckpointSource>>,
        writer: Option<CheckpointWriter>,
    ) -> Checkpointer<'f> {
        let claimed = writer.as_ref().map(CheckpointWriter::claimed);
        let marks = Marks {
            collected: claimed.map_or(0, |claimed| stored_before(claimed, rules)),
            stored: claimed.map_or(0, |claimed| claimed.bad),
            rules: claimed.map_or(rules, |claimed| claimed.rules),
            unstored: Vec::new(),
            broken: None,
        };
        Checkpointer {
            quarantine,
            commit_by,
            rules,
            lanes,
            bad: AsyncMutex::new(quarantine.writer()),
            marks: Mutex::new(marks),
            writer,
        }
    }

    /// Keeps the row of the record at `at`, which is bad for every target; `Err` if rows cannot be
    /// stored.
    pub(super) async fn keep_bad(&self, row: &Row, at: u64) -> Result<(), String> {
        let mut bad = self.bad.lock().await;
        {
            let mut marks = self.marks();
            if at < marks.collected {
                return Ok(());
            }
            marks.collected = at + 1;
            if self.writer.is_some() {
                marks.unstored.push(at);
            }
        }
        let added = self.within(bad.add(row)).await;
        self.note(added)
    }

    /// Stores the rows of rejected records, before they pile up; `Err` if that fails.
    pub(super) async fn store_rejected(&self) -> Result<(), String> {
        let _bad = self.bad.lock().await;
        let stored = self.store_lanes().await;
        self.note(stored)
    }

    /// Stores rows and writes progress while there are some, until `stop`. Failures show in the
    /// last checkpoint, or the lease is lost.
    pub(super) async fn keep_up(&self, stop: &Cancellation) {
        let Some(writer) = self.writer.as_ref().filter(|writer| writer.is_durable()) else {
            return;
        };
        // Progress does not wait for rows: a record whose row is not stored is a gap in it.
        join(self.keep_rows(stop), self.keep_progress(writer, stop)).await;
    }

    /// Stores rows while there are some, until `stop`.
    async fn keep_rows(&self, stop: &Cancellation) {
        let mut ticks = Ticks::new();
        while ticks.next(stop).await {
            // A failure is noted, and shows in the last checkpoint.
            let _ = self.store_rows().await;
        }
    }

    /// Offers progress while there is some, until `stop`.
    async fn keep_progress(&self, writer: &CheckpointWriter, stop: &Cancellation) {
        let mut ticks = Ticks::new();
        while ticks.next(stop).await {
            if self.marks().unstored.len() <= UNSTORED {
                writer.offer(self.document(writer.claimed()));
            }
        }
    }

    /// Stores everything, and gives the claim up, at `now`, in milliseconds since 1970. `outcome`
    /// says which targets have all of the object.
    pub(super) async fn finish(mut self, outcome: &Outcome, now: u64) -> FinalCheckpoint {
        let problem = self.store_rows().await.err();
        let Some(writer) = self.writer.take() else {
            return FinalCheckpoint {
                carried: None,
                moved: self.marks().collected > 0,
                problem,
            };
        };
        let mut document = self.document(writer.claimed());
        let moved = document.bad > stored_before(writer.claimed(), self.rules);
        for target in &outcome.targets {
            let Some(progress) = document.targets.get_mut(&*target.target) else {
                continue;
            };
            note_failure(progress, target, now);
            if problem.is_none() && !target.continued && target.failure.is_none() {
                settle(progress, outcome.bad, now);
            }
        }
        let all = document.is_done(self.lanes.iter().map(|lane| &**lane.target()));
        let state = if all { State::Done } else { State::Open };
        let FinalWrite { carried, result } = writer.finish(document, state).await;
        FinalCheckpoint {
            carried: Some(carried),
            moved,
            problem: problem.or(result.err().map(|error| error.to_string())),
        }
    }

    /// Stores rows as far as possible, those of all targets and of bad records side by side; `Err`
    /// if any could not be stored, now or before.
    async fn store_rows(&self) -> Result<(), String> {
        let mut bad = self.bad.lock().await;
        let collected = self.marks().collected;
        let (flushed, stored) = join(self.within(bad.flush()), self.store_lanes()).await;
        // Rows that were lost before are not stored by this.
        if self.note(flushed).is_ok() {
            let mut marks = self.marks();
            (marks.stored, marks.rules) = (collected, self.rules);
            marks.unstored.clear();
        }
        self.note(stored)
    }

    /// Stores the rows of rejected records; `Err` if any could not be.
    async fn store_lanes(&self) -> Result<(), QuarantineError> {
        let turns = Semaphore::new(SIDE_BY_SIDE);
        let stored = join_all(self.lanes.iter().map(|lane| self.store_lane(lane, &turns)));
        stored.await.into_iter().collect()
    }

    /// Stores the rows of one target's rejected records, once it has one of `turns`.
    async fn store_lane(
        &self,
        lane: &Arc<dyn CheckpointSource>,
        turns: &Semaphore,
    ) -> Result<(), QuarantineError> {
        // Fails only if the semaphore is closed, which nobody does.
        let _turn = turns.acquire().await;
        let rows = lane.take_rows();
        let keep = self.quarantine.keep(rows.iter().map(|(_, row)| row));
        let kept = self.within(keep).await;
        match kept {
            Ok(()) => lane.stored(&rows.iter().map(|(at, _)| *at).collect::<Vec<_>>()),
            Err(_) => lane.put_back(rows),
        }
        kept
    }

    /// The progress that counts on no row that is not stored; `claimed` has that of the targets
    /// that are not run.
    fn document(&self, claimed: &Document) -> Document {
        let mut document = claimed.clone();
        // Lanes first: a bad record is noted before any lane passes it.
        for lane in &self.lanes {
            let progress = lane.progress();
            document.targets.insert(lane.target().to_string(), progress);
        }
        let marks = self.marks();
        (document.bad, document.rules) = (marks.stored, marks.rules);
        for lane in &self.lanes {
            if let Some(progress) = document.targets.get_mut(&**lane.target()) {
                marks.unstored.iter().for_each(|at| progress.reopen(*at));
            }
        }
        document
    }

    /// Runs `work` for as long as storing rows may take: progress must be written after it.
    async fn within(
        &self,
        work: impl Future<Output = Result<(), QuarantineError>>,
    ) -> Result<(), QuarantineError> {
        let left = self.commit_by.saturating_duration_since(Instant::now());
        let allowed = (left / 2).min(ROWS);
        timeout(allowed, work)
            .await
            .unwrap_or(Err(QuarantineError::Late(allowed)))
    }

    /// Remembers why rows are not stored; `Err` if any were not.
    fn note(&self, kept: Result<(), QuarantineError>) -> Result<(), String> {
        let mut marks = self.marks();
        if let Err(error) = kept {
            marks.broken.get_or_insert(error.to_string());
        }
        marks.broken.clone().map_or(Ok(()), Err)
    }

    fn marks(&self) -> MutexGuard<'_, Marks> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the offset before which the rows of what `rules` calls bad are stored.
fn stored_before(document: &Document, rules: u32) -> u64 {
    if document.rules == rules {
        document.bad
    } else {
        0
    }
}

/// Notes since when and why a target fails, if it does.
fn note_failure(progress: &mut TargetProgress, target: &TargetOutcome, now: u64) {
    // Of a target that took something meanwhile, the failure is a new one.
    let before = progress.failing.take().filter(|_| target.tally.sent == 0);
    let since = before.map_or(now, |failing| failing.since);
    let failure = target.failure.as_ref();
    progress.failing = failure.map(|failure| Failing::new(since, &failure.to_string()));
}

/// Notes that one target has all of the object, in which `bad` records are bad.
fn settle(progress: &mut TargetProgress, bad: u64, now: u64) {
    progress.done = true;
    progress.gaps.clear();
    progress.finished = Some(now);
    if let Some(counts) = &mut progress.counts {
        counts.quarantined += bad;
    }
}
