//! One object for all its targets: read once, and again for each lane that was left behind.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::future::{join, join_all};

use super::memory::{ReadBudget, ReadPermit};
use super::pass::{Pass, Passed, ReadCounts, Shared};
use crate::deliver::{Cancellation, Lane, RunControl};
use crate::job::ResumePoint;
use crate::object::{ObjectError, ObjectRef, Reader, Store};
use crate::outcome::{End, Outcome, TargetOutcome};
use crate::progress::milliseconds;

/// An object that was opened, and the memory for its first reading.
pub(super) struct Opened<'f> {
    pub(super) object: ObjectRef,
    pub(super) reader: Reader,
    /// Identifies the contents (version id or ETag); `None` if they can be read only once.
    pub(super) revision: Option<String>,
    /// Whether they took the place of others that nobody has forwarded.
    pub(super) has_replaced: bool,
    pub(super) memory: ReadPermit<'f>,
}

/// One run over one object.
pub(super) struct Run<'f> {
    pub(super) shared: Shared<'f>,
    /// The memory for reading it again.
    pub(super) memory: &'f ReadBudget,
    /// The object's size in bytes, if it is known.
    pub(super) size: Option<u64>,
    /// The store that the object is read from.
    pub(super) store: &'f Store,
    pub(super) revision: Option<String>,
    /// The names of the targets, in the order of the outcome.
    pub(super) targets: &'f [Arc<str>],
    pub(super) clock: fn() -> SystemTime,
}

/// The result of a reading of its own for a lane that was left behind.
struct Reread {
    end: End,
    /// Bad records that it read.
    bad: u64,
    lanes: Vec<Lane>,
}

impl Reread {
    /// Of an object of which nothing was read.
    fn unread(end: End, lanes: Vec<Lane>) -> Reread {
        Reread { end, bad: 0, lanes }
    }
}

impl Run<'_> {
    /// Reads the object for `lanes`, writes checkpoints meanwhile, and closes everything.
    pub(super) async fn run(
        self,
        reader: Reader,
        memory: ReadPermit<'_>,
        lanes: Vec<Lane>,
    ) -> Outcome {
        let version = reader.version();
        let done = Cancellation::default();
        let read = async {
            let outcome = self.read(reader, memory, lanes).await;
            done.cancel();
            outcome
        };
        let (mut outcome, ()) = join(read, self.shared.checkpointer.keep_up(&done)).await;
        let checkpoint = self
            .shared
            .checkpointer
            .finish(&outcome, milliseconds((self.clock)()))
            .await;
        outcome.moved = checkpoint.moved || outcome.targets.iter().any(|target| target.moved);
        outcome.resume_point = self.revision.map(|revision| ResumePoint {
            version,
            revision,
            size: self.size,
            progress: checkpoint.carried,
        });
        if let Some(problem) = checkpoint.problem {
            outcome.end = End::Failed(problem);
        }
        outcome
    }

    /// Reads the object once, and again for each lane that the others did not wait for; closes all
    /// lanes.
    async fn read(&self, reader: Reader, memory: ReadPermit<'_>, lanes: Vec<Lane>) -> Outcome {
        let Passed {
            mut end,
            mut counts,
            mut lanes,
            left_behind,
        } = Pass::new(&self.shared, lanes).run(reader).await;
        // Lanes that are left behind hold no more than their place.
        drop(memory);
        let rereads = left_behind.into_iter().map(|lane| self.reread(lane));
        for reread in join_all(rereads).await {
            // A lane that has failed says so itself.
            let is_unexplained = reread.lanes.iter().any(|lane| !lane.has_failed());
            lanes.extend(reread.lanes);
            // A reading that ends early has met fewer.
            counts.bad = counts.bad.max(reread.bad);
            if is_unexplained && matches!(reread.end, End::Failed(_)) {
                end = reread.end;
            }
        }
        let ReadCounts {
            records,
            bad,
            fresh,
            first,
            bytes,
            unknown,
        } = counts;
        let closing = lanes.into_iter().map(|lane| self.close(lane, first));
        let mut targets = join_all(closing).await;
        targets.sort_by_key(|target| self.targets.iter().position(|name| *name == target.target));
        Outcome {
            records,
            bad,
            fresh,
            bytes,
            unknown: self.shared.decoding.decoders.first_seen(unknown),
            targets,
            ..Outcome::unread((*self.shared.object).clone(), end)
        }
    }

    /// Reads the object again for a lane that was left behind, from where that was.
    async fn reread(&self, mut lane: Lane) -> Reread {
        let control: &RunControl = self.shared.control;
        lane.queue_pending().await;
        let stopped = End::Stopped { offset: 0 };
        let lanes = vec![lane];
        if lanes.iter().all(Lane::has_all) {
            let end = End::Complete;
            return Reread::unread(end, lanes);
        }
        if control.is_over() || lanes.iter().all(Lane::is_over) {
            return Reread::unread(stopped, lanes);
        }
        // It holds no other memory for reading, so nobody waits for it meanwhile.
        let acquiring = self.memory.acquire(self.size);
        let Some(_memory) = control.before_stop(acquiring).await else {
            return Reread::unread(stopped, lanes);
        };
        let opened = control
            .before_stop(self.store.open(&self.shared.object))
            .await;
        let reader = match opened {
            Some(Ok(reader)) if reader.revision() == self.revision => reader,
            Some(Ok(_)) => {
                let end = End::Failed(ObjectError::Changed.to_string());
                return Reread::unread(end, lanes);
            }
            Some(Err(error)) => {
                let end = End::Failed(format!("reading it again: {error}"));
                return Reread::unread(end, lanes);
            }
            None => return Reread::unread(stopped, lanes),
        };
        let mut passed = Pass::new(&self.shared, lanes).run(reader).await;
        passed.lanes.append(&mut passed.left_behind);
        Reread {
            end: passed.end,
            bad: passed.counts.bad,
            lanes: passed.lanes,
        }
    }

    /// Closes a lane, and notes how long after the object's first click, at `first`, it had all it
    /// got.
    async fn close(&self, lane: Lane, first: Option<i64>) -> TargetOutcome {
        let mut outcome = lane.close().await;
        let now = (self.clock)()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_millis() as i64);
        let since = first.and_then(|first| u64::try_from(now - first).ok());
        outcome.lag = since
            .filter(|_| outcome.tally.sent > 0)
            .map(Duration::from_millis);
        outcome
    }
}
