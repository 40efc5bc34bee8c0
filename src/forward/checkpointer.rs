//! What is settled of one object, stored in the one order that loses nothing: first the rows of the
//! quarantine, then the progress that counts on them.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, Notify};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use crate::object::ObjectError;
use crate::outcome::TargetOutcome;
use crate::progress::{Carried, CheckpointSource, CheckpointWriter, Document, SAVE, State};
use crate::quarantine::{Quarantine, Row, Writer};

/// How long storing rows may take at most.
const ROWS: Duration = Duration::from_secs(10);

/// The checkpointer of one run over one object.
pub(super) struct Checkpointer<'f> {
    inner: Mutex<Inner<'f>>,
}

struct Inner<'f> {
    quarantine: &'f Quarantine,
    /// When everything must be stored.
    end: Instant,
    /// The rows of bad records, and the offset before which they are collected: a later pass over the object,
    /// and a later run, collect only those that no earlier one met.
    bad: Writer<'f>,
    until: u64,
    /// Bad records since rows were last stored. A target must not count on theirs, should the rules change.
    unstored: Vec<u64>,
    /// The rules for what is bad.
    rules: u32,
    lanes: Vec<Arc<dyn CheckpointSource>>,
    writer: Option<CheckpointWriter>,
    /// Why rows are not stored: no target is done then, and of bad records those lost are told anew.
    broken: Option<String>,
}

/// How the checkpointer were closed.
pub(super) struct FinalCheckpoint {
    /// What a message to the next run must carry.
    pub(super) carried: Option<Carried>,
    /// Whether rows of bad records were stored that were not before.
    pub(super) moved: bool,
    /// Why rows or progress are not stored.
    pub(super) problem: Option<String>,
}

impl<'f> Checkpointer<'f> {
    /// Rows go to `quarantine` until `end`; what is bad is by `rules`.
    pub(super) fn open(
        (quarantine, end): (&'f Quarantine, Instant),
        rules: u32,
        lanes: Vec<Arc<dyn CheckpointSource>>,
        writer: Option<CheckpointWriter>,
    ) -> Checkpointer<'f> {
        let before = writer
            .as_ref()
            .map(CheckpointWriter::document)
            .filter(|document| document.rules == rules);
        let until = before.map_or(0, |document| document.bad);
        let (bad, unstored) = (quarantine.writer(), Vec::new());
        Checkpointer {
            inner: Mutex::new(Inner {
                quarantine,
                end,
                bad,
                until,
                unstored,
                rules,
                lanes,
                writer,
                broken: None,
            }),
        }
    }

    /// Keeps the row of a record that is bad for every target.
    pub(super) async fn bad(&self, row: &Row, at: u64) -> Result<(), String> {
        let mut inner = self.inner.lock().await;
        if at < inner.until {
            return Ok(());
        }
        inner.until = at + 1;
        if inner.writer.is_some() {
            inner.unstored.push(at);
        }
        let allowed = inner.allowed();
        let added = in_time(allowed, inner.bad.add(row)).await;
        inner.note(added)
    }

    /// Stores rejected records before they pile up.
    pub(super) async fn rows(&self) -> Result<(), String> {
        self.inner.lock().await.store().await
    }

    /// Writes progress as there is some, and renews the lease, until `stop`. What goes wrong is told at the end,
    /// or the lease falls.
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
                // Should it arrive after all, the last write takes it into account, or it is refused.
                () = stop.notified() => return,
            };
            if let Err(error) = written {
                tracing::warn!(error = %error, "progress not written");
            }
        }
    }

    /// Stores everything, and gives the claim up.
    pub(super) async fn finish(self, outcomes: &[TargetOutcome]) -> FinalCheckpoint {
        let mut inner = self.inner.into_inner();
        let mut document = inner.collect().await;
        let broken = inner.broken.take();
        let Some(mut writer) = inner.writer.take() else {
            return FinalCheckpoint {
                carried: None,
                moved: inner.until > 0,
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
    /// What is settled now, once its rows are stored as far as they can be.
    async fn collect(&mut self) -> Document {
        let allowed = self.allowed();
        let flushed = in_time(allowed, self.bad.flush()).await;
        let bad = self.note(flushed);
        let _ = self.store().await;
        let mut document = self
            .writer
            .as_ref()
            .map(|writer| writer.document().clone())
            .unwrap_or_default();
        if bad.is_ok() {
            (document.bad, document.rules) = (self.until, self.rules);
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
    async fn store(&mut self) -> Result<(), String> {
        for lane in self.lanes.clone() {
            let rows = lane.take_rows();
            let kept = in_time(
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

    /// How long storing rows may take: the lease must be renewed meanwhile, and progress be written in the end.
    fn allowed(&self) -> Duration {
        (self.end.saturating_duration_since(Instant::now()) / 2).min(ROWS)
    }

    /// Remembers that rows are not stored.
    fn note(&mut self, kept: Result<(), ObjectError>) -> Result<(), String> {
        if let Err(error) = kept {
            self.broken
                .get_or_insert(format!("its quarantine rows cannot be stored: {error}"));
        }
        self.broken.clone().map_or(Ok(()), Err)
    }
}

async fn in_time(
    allowed: Duration,
    storing: impl Future<Output = Result<(), ObjectError>>,
) -> Result<(), ObjectError> {
    let late = |_| {
        Err(ObjectError::Unavailable(format!(
            "no answer within {} ms",
            allowed.as_millis()
        )))
    };
    timeout(allowed, storing).await.unwrap_or_else(late)
}
