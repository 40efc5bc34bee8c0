//! What is settled of one object, stored in the one order that loses nothing: first the rows of the
//! quarantine, then the progress that counts on them.

use std::sync::Arc;

use tokio::sync::{Mutex, Notify};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::object::ObjectError;
use crate::outcome::TargetOutcome;
use crate::progress::{Carried, Document, Keeper, SAVE, Settled, State, TargetProgress};
use crate::quarantine::{Quarantine, Row, Writer};

/// The books of one run over one object.
pub(super) struct Books<'f> {
    quarantine: &'f Quarantine,
    inner: Mutex<Inner<'f>>,
}

struct Inner<'f> {
    /// The rows of bad records, and the offset before which they are collected: a later pass over the object,
    /// and a later run, collect only those that no earlier one met.
    bad: Writer<'f>,
    until: u64,
    lanes: Vec<Settled>,
    keeper: Option<Keeper>,
    /// Rows were lost: nothing that counts on them may be written.
    broken: Option<String>,
}

/// How the books were closed.
pub(super) struct Closed {
    /// What a message to the next run must carry.
    pub(super) carried: Option<Carried>,
    /// Whether rows of bad records were stored that were not before.
    pub(super) moved: bool,
    /// Why rows or progress are not stored.
    pub(super) problem: Option<String>,
}

impl<'f> Books<'f> {
    pub(super) fn open(quarantine: &'f Quarantine, lanes: Vec<Settled>, keeper: Option<Keeper>) -> Books<'f> {
        let until = keeper.as_ref().map_or(0, |keeper| keeper.document().bad);
        let inner = Inner { bad: quarantine.writer(), until, lanes, keeper, broken: None };
        Books { quarantine, inner: Mutex::new(inner) }
    }

    /// Keeps the row of a record that is bad for every target.
    pub(super) async fn bad(&self, row: &Row, at: u64) -> Result<(), String> {
        let mut inner = self.inner.lock().await;
        if at < inner.until {
            return Ok(());
        }
        inner.until = at + 1;
        let added = inner.bad.add(row).await;
        inner.note(added)
    }

    /// Stores rejected records before they pile up.
    pub(super) async fn rows(&self) -> Result<(), String> {
        let mut inner = self.inner.lock().await;
        let rows: Vec<_> = inner.lanes.iter().map(|lane| (lane.snapshot)().1).collect();
        inner.store(self.quarantine, rows).await
    }

    /// Writes progress as there is some, and renews the lease, until `stop`: a write that has begun is awaited,
    /// since it could otherwise arrive after the last.
    pub(super) async fn keep(&self, stop: &Notify) {
        let mut ticks = interval_at(Instant::now() + SAVE, SAVE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = stop.notified() => return,
            }
            let mut inner = self.inner.lock().await;
            let Some(keeper) = &inner.keeper else { return };
            if keeper.is_durable() || keeper.must_renew() {
                // What went wrong is told at the end, or the fence falls.
                let _ = inner.save(self.quarantine).await;
            }
        }
    }

    /// Stores everything, and gives the claim up.
    pub(super) async fn close(self, outcomes: &[TargetOutcome]) -> Closed {
        let mut inner = self.inner.into_inner();
        let before = inner.keeper.as_ref().map_or(0, |keeper| keeper.document().bad);
        let stored = inner.collect(self.quarantine).await;
        let Some(mut keeper) = inner.keeper.take() else {
            return Closed { carried: None, moved: inner.until > 0, problem: stored.err() };
        };
        let mut document = stored.as_ref().map_or_else(|_| keeper.document().clone(), Document::clone);
        let is_done = |name: &str| outcomes.iter().any(|o| &*o.target == name && !o.continued && o.failure.is_none());
        for (name, progress) in document.targets.iter_mut().filter(|(name, _)| stored.is_ok() && is_done(name)) {
            tracing::trace!(target_name = name, "done");
            *progress = TargetProgress { done: true, open: Vec::new(), ..progress.clone() };
        }
        let all = inner.lanes.iter().all(|lane| document.targets.get(&*lane.target).is_some_and(|progress| progress.done));
        let state = if all && stored.is_ok() { State::Done } else { State::Open };
        let written = keeper.write(document, state).await;
        let problem = stored.err().or(written.err().map(|error| error.to_string()));
        Closed { carried: Some(keeper.carry()), moved: keeper.document().bad > before, problem }
    }
}

impl Inner<'_> {
    /// Stores rows, then progress if there is any, or if the lease must be renewed.
    async fn save(&mut self, quarantine: &Quarantine) -> Result<(), String> {
        let document = self.collect(quarantine).await;
        let Some(keeper) = &mut self.keeper else { return Ok(()) };
        let document = document.unwrap_or_else(|_| keeper.document().clone());
        if !keeper.is_due(&document) {
            return Ok(());
        }
        let written = keeper.write(document, State::Running).await;
        written.map_err(|error| {
            tracing::warn!(%error, "progress not written");
            error.to_string()
        })
    }

    /// What is settled now, once its rows are stored.
    async fn collect(&mut self, quarantine: &Quarantine) -> Result<Document, String> {
        let snapshots: Vec<_> = self.lanes.iter().map(|lane| (lane.target.clone(), (lane.snapshot)())).collect();
        let flushed = self.bad.flush().await;
        self.note(flushed)?;
        let (targets, rows): (Vec<_>, Vec<_>) =
            snapshots.into_iter().map(|(name, (progress, rows))| ((name, progress), rows)).unzip();
        self.store(quarantine, rows).await?;
        let mut document = self.keeper.as_ref().map(|keeper| keeper.document().clone()).unwrap_or_default();
        document.bad = document.bad.max(self.until);
        document.targets.extend(targets.into_iter().map(|(name, progress): (Arc<str>, _)| (name.to_string(), progress)));
        Ok(document)
    }

    async fn store(&mut self, quarantine: &Quarantine, rows: Vec<Vec<Row>>) -> Result<(), String> {
        for rows in rows {
            let kept = quarantine.keep(rows).await;
            self.note(kept)?;
        }
        self.broken.clone().map_or(Ok(()), Err)
    }

    /// Remembers that rows are lost.
    fn note(&mut self, kept: Result<(), ObjectError>) -> Result<(), String> {
        if let Err(error) = kept {
            self.broken.get_or_insert(format!("its quarantine rows cannot be stored: {error}"));
        }
        self.broken.clone().map_or(Ok(()), Err)
    }
}
