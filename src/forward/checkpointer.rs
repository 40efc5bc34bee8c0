//! Stores what is settled of one object, in the one order that loses nothing: first the rows of the
//! quarantine, then the progress that counts on them.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, Notify};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::within::within;
use crate::object::ObjectError;
use crate::outcome::TargetOutcome;
use crate::progress::{Carried, CheckpointSource, CheckpointWriter, Document, SAVE, State};
use crate::quarantine::{Quarantine, Row, Writer};

/// The longest that storing rows may take.
const ROWS: Duration = Duration::from_secs(10);

/// Writes the checkpoints of one run over one object.
pub(super) struct Checkpointer<'f> {
    inner: Mutex<Inner<'f>>,
}

struct Inner<'f> {
    quarantine: &'f Quarantine,
    /// When everything must be stored.
    commit_by: Instant,
    /// Collects the rows of bad records.
    bad: Writer<'f>,
    /// The rows of bad records before this offset are collected: a later pass over the object, and
    /// a later run, collect only those of the rest.
    bad_before: u64,
    /// Bad records since rows were last stored. A target must not count on theirs, should the rules
    /// change.
    unstored: Vec<u64>,
    /// A fingerprint of the rules for what is bad.
    rules: u32,
    lanes: Vec<Arc<dyn CheckpointSource>>,
    /// Writes the progress, if it is kept.
    writer: Option<CheckpointWriter>,
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
        let before = writer
            .as_ref()
            .map(CheckpointWriter::document)
            .filter(|document| document.rules == rules);
        let bad_before = before.map_or(0, |document| document.bad);
        Checkpointer {
            inner: Mutex::new(Inner {
                quarantine,
                commit_by,
                bad: quarantine.writer(),
                bad_before,
                unstored: Vec::new(),
                rules,
                lanes,
                writer,
                broken: None,
            }),
        }
    }

    /// Keeps the row of the record at `at`, which is bad for every target; `Err` if rows cannot be
    /// stored.
    pub(super) async fn keep_bad(&self, row: &Row, at: u64) -> Result<(), String> {
        let mut inner = self.inner.lock().await;
        if at < inner.bad_before {
            return Ok(());
        }
        inner.bad_before = at + 1;
        if inner.writer.is_some() {
            inner.unstored.push(at);
        }
        let allowed = inner.allowed();
        let added = within(allowed, inner.bad.add(row)).await;
        inner.note(added)
    }

    /// Stores the rows of rejected records, before they pile up; `Err` if that fails.
    pub(super) async fn store_rejected(&self) -> Result<(), String> {
        self.inner.lock().await.store_rejected().await
    }

    /// Writes progress while there is some, and renews the lease, until `stop`. Failures show in
    /// the last checkpoint, or the lease is lost.
    pub(super) async fn renew(&self, stop: &Notify) {
        let mut ticks = interval_at(Instant::now() + SAVE, SAVE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = stop.notified() => return,
            }
            let mut inner = self.inner.lock().await;
            let Some(writer) = &inner.writer else { return };
            if !writer.is_durable() && !writer.must_renew() {
                continue;
            }
            let document = inner.collect().await;
            let Some(writer) = inner
                .writer
                .as_mut()
                .filter(|writer| writer.is_due(&document))
            else {
                continue;
            };
            let written = tokio::select! {
                written = writer.write(document, State::Running) => written,
                // Should it arrive after all, the last write takes it into account, or it is
                // refused.
                () = stop.notified() => return,
            };
            if let Err(error) = written {
                tracing::warn!(error = %error, "progress not written");
            }
        }
    }

    /// Stores everything, and gives the claim up. `outcomes` say which targets have all of the
    /// object.
    pub(super) async fn finish(self, outcomes: &[TargetOutcome]) -> FinalCheckpoint {
        let mut inner = self.inner.into_inner();
        let mut document = inner.collect().await;
        let broken = inner.broken.take();
        let Some(mut writer) = inner.writer.take() else {
            return FinalCheckpoint {
                carried: None,
                moved: inner.bad_before > 0,
                problem: broken,
            };
        };
        let moved = document.bad > writer.document().bad;
        let is_done = |name: &str| {
            outcomes
                .iter()
                .any(|o| &*o.target == name && !o.continued && o.failure.is_none())
        };
        for (_, progress) in document
            .targets
            .iter_mut()
            .filter(|(name, _)| broken.is_none() && is_done(name))
        {
            progress.done = true;
            progress.gaps.clear();
        }
        let all = inner.lanes.iter().all(|lane| {
            document
                .targets
                .get(&**lane.target())
                .is_some_and(|progress| progress.done)
        });
        let written = writer
            .write(document, if all { State::Done } else { State::Open })
            .await;
        let problem = broken.or(written.err().map(|error| error.to_string()));
        FinalCheckpoint {
            carried: Some(writer.carry()),
            moved,
            problem,
        }
    }
}

impl Inner<'_> {
    /// Stores rows as far as possible, and returns the progress that counts on no others.
    async fn collect(&mut self) -> Document {
        let allowed = self.allowed();
        let flushed = within(allowed, self.bad.flush()).await;
        let bad = self.note(flushed);
        let _ = self.store_rejected().await;
        let mut document = self
            .writer
            .as_ref()
            .map(|writer| writer.document().clone())
            .unwrap_or_default();
        if bad.is_ok() {
            (document.bad, document.rules) = (self.bad_before, self.rules);
            self.unstored.clear();
        }
        for lane in &self.lanes {
            let mut progress = lane.progress();
            self.unstored.iter().for_each(|at| progress.reopen(*at));
            document.targets.insert(lane.target().to_string(), progress);
        }
        document
    }

    /// Stores the rows of rejected records.
    async fn store_rejected(&mut self) -> Result<(), String> {
        for lane in self.lanes.clone() {
            let rows = lane.take_rows();
            let kept = within(
                self.allowed(),
                self.quarantine.keep(rows.iter().map(|(_, row)| row)),
            )
            .await;
            match kept {
                Ok(()) => lane.stored(&rows.iter().map(|(at, _)| *at).collect::<Vec<_>>()),
                Err(_) => lane.put_back(rows),
            }
            self.note(kept)?;
        }
        Ok(())
    }

    /// How long storing rows may take: the lease must be renewed meanwhile, and progress be written
    /// in the end.
    fn allowed(&self) -> Duration {
        (self.commit_by.saturating_duration_since(Instant::now()) / 2).min(ROWS)
    }

    /// Remembers why rows are not stored; `Err` if any were not.
    fn note(&mut self, kept: Result<(), ObjectError>) -> Result<(), String> {
        if let Err(error) = kept {
            self.broken
                .get_or_insert(format!("its quarantine rows cannot be stored: {error}"));
        }
        self.broken.clone().map_or(Ok(()), Err)
    }
}
