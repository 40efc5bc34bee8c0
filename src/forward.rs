//! One job in, one outcome out: the only file that knows every stage.

mod pass;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use std::time::Duration;

use tokio::sync::Mutex;

use crate::config::{Area, Config};
use crate::decode::{BadRecord, Caps, Place};
use crate::deliver::{Delivery, Lane, Patience};
use crate::object::{Directory, ObjectError, ObjectRef, Reader, S3, Store};
use crate::outcome::{End, Outcome};
use crate::quarantine::{Quarantine, Row, RowKind, Writer};
use crate::trigger::Job;
use pass::Pass;

/// How long after the deadline an object may take to end in order.
const GRACE: Duration = Duration::from_millis(250);

/// Forwards objects to every target of a configuration.
pub struct Forwarder {
    store: Store,
    files: Store,
    bytes: AtomicU64,
    deliveries: Vec<Delivery>,
    quarantine: Quarantine,
    sources: Option<Vec<Area>>,
    caps: Caps,
}

impl Forwarder {
    /// As configured. Opens no connection.
    pub fn new(config: Config) -> Forwarder {
        let s3 = match &config.directory {
            Some(root) => Store::Directory(Directory { root: Some(root.clone()) }),
            None => Store::S3(S3::default()),
        };
        Forwarder::with_store(config, s3)
    }

    /// As configured, over another store.
    pub fn with_store(config: Config, store: Store) -> Forwarder {
        Forwarder {
            deliveries: config.targets.into_iter().map(Delivery::new).collect(),
            quarantine: Quarantine::new(config.quarantine, store.clone()),
            store,
            files: Store::Directory(Directory { root: None }),
            bytes: AtomicU64::new(0),
            sources: config.sources,
            caps: config.caps,
        }
    }

    /// The store that an object is read from: one without a bucket is a file.
    pub fn store(&self, object: &ObjectRef) -> &Store {
        if object.bucket.is_empty() { &self.files } else { &self.store }
    }

    /// Plain bytes read so far, for a progress bar.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Forwards one object, logs what became of it, and says so.
    pub async fn forward(&self, job: &Job, patience: Patience) -> Outcome {
        // What waits for neither a target nor the object, storing rows say, must not outlive the deadline.
        let run = tokio::time::timeout_at(patience.deadline + GRACE, self.run(job, patience)).await;
        let late = || Outcome::unread(job.object(), End::Failed("the time was up before its last rows were stored".into()));
        let outcome = run.unwrap_or_else(|_| late());
        outcome.log();
        outcome
    }

    async fn run(&self, job: &Job, patience: Patience) -> Outcome {
        let keys = match self.readable(job) {
            Ok(keys) => keys,
            Err(why) => return Outcome::unread(job.object(), End::Skipped(why)),
        };
        let opened = tokio::time::timeout_at(patience.deadline, self.open(job, keys)).await;
        match opened.unwrap_or_else(|_| Err(ObjectError::Unavailable("no answer until the time was up".into()))) {
            Ok((object, reader)) => self.deliver(Arc::new(object), reader, patience).await,
            Err(ObjectError::Missing) => self.missing(job.object()).await,
            Err(error) => Outcome::failed(job.object(), &error),
        }
    }

    /// The spellings of the job's key that may be read, or why none may.
    fn readable(&self, job: &Job) -> Result<Vec<ObjectRef>, &'static str> {
        let mut spellings: Vec<_> = job.keys.iter().map(|key| ObjectRef { key: key.clone(), ..job.object() }).collect();
        if job.trusted {
            return Ok(spellings);
        }
        if job.bucket.is_empty() {
            return Err("it names no bucket");
        }
        if spellings.iter().any(|object| self.quarantine.holds(object)) {
            return Err("the forwarder wrote it itself");
        }
        spellings.retain(|object| self.sources.as_ref().is_none_or(|areas| areas.iter().any(|area| area.holds(object))));
        match (spellings.first(), job.size) {
            (None, _) => Err("it lies outside SOURCES"),
            (Some(object), Some(0)) if object.key.ends_with('/') => Err("it is a folder marker"),
            (Some(_), Some(0)) => Err("it is empty"),
            _ => Ok(spellings),
        }
    }

    /// Opens the first spelling of the key that exists.
    async fn open(&self, job: &Job, spellings: Vec<ObjectRef>) -> Result<(ObjectRef, Reader), ObjectError> {
        for object in spellings {
            match self.store(&object).open(&object).await {
                Err(ObjectError::Missing) => tracing::debug!(%object, keys = job.keys.len(), "no such spelling"),
                Ok(reader) => return Ok((object, reader)),
                Err(error) => return Err(error),
            }
        }
        Err(ObjectError::Missing)
    }

    /// Notes an object that is gone: somebody must learn of it, though it will never come back.
    async fn missing(&self, object: ObjectRef) -> Outcome {
        let reason = "the object is gone: no spelling of its key exists".to_owned();
        let bad = BadRecord { place: Place::default(), length: 0, raw: Default::default(), reason };
        let kept = self.quarantine.keep(vec![Row::bad(Arc::new(object.clone()), bad, RowKind::Object)]).await;
        let end = kept.map_or_else(|e| End::Failed(format!("its quarantine row cannot be stored: {e}")), |()| End::Missing);
        Outcome::unread(object, end)
    }

    async fn deliver(&self, object: Arc<ObjectRef>, reader: Reader, patience: Patience) -> Outcome {
        let lanes: Vec<Lane> = self.deliveries.iter().map(|delivery| delivery.open(patience)).collect();
        let bad = Mutex::new(BadRows { writer: self.quarantine.writer(), until: 0 });
        let targets = self.deliveries.iter().map(|delivery| delivery.name().clone()).collect();
        let revision = reader.revision();
        let shared = Shared { bad, quarantine: &self.quarantine, targets, bytes: &self.bytes, again: revision.is_some() };
        let mut first = Pass::new(object.clone(), self.caps, &shared, lanes);
        let end = first.run(reader, patience).await;
        let mut outcome = Outcome {
            object: (*object).clone(),
            end,
            records: first.records,
            bad: first.bad,
            bytes: first.bytes,
            targets: Vec::new(),
        };
        let (mut done, detached) = first.into_lanes();
        let again = detached.into_iter().map(|lane| self.again((&object, revision.as_deref()), &shared, lane, patience));
        for (lanes, end) in futures::future::join_all(again).await {
            // A lane that has failed says so itself.
            let unexplained = lanes.iter().any(|lane| !lane.has_failed());
            done.extend(lanes);
            if unexplained && matches!(end, End::Failed(_)) {
                outcome.end = end;
            }
        }
        let kept = shared.bad.lock().await.writer.flush().await;
        self.close(done, kept, &mut outcome).await;
        outcome
    }

    /// Reads the object again for a lane that was detached: others did not wait for it.
    async fn again<'s>(
        &self,
        (object, revision): (&Arc<ObjectRef>, Option<&str>),
        shared: &'s Shared<'s>,
        lane: Lane,
        patience: Patience,
    ) -> (Vec<Lane>, End) {
        let mut pass = Pass::new(object.clone(), self.caps, shared, vec![lane]);
        let end = match self.store(object).open(object).await {
            Ok(reader) if reader.revision().as_deref() != revision => End::Failed(ObjectError::Changed.to_string()),
            Ok(reader) => pass.run(reader, patience).await,
            Err(error) => End::Failed(format!("reading it again: {error}")),
        };
        let (mut lanes, detached) = pass.into_lanes();
        lanes.extend(detached);
        (lanes, end)
    }

    /// Awaits the lanes, keeps their last rows, and fills in what each target got.
    async fn close(&self, lanes: Vec<Lane>, mut kept: Result<(), ObjectError>, outcome: &mut Outcome) {
        for lane in lanes {
            let (target, rows) = lane.close().await;
            outcome.targets.push(target);
            kept = kept.and(self.quarantine.keep(rows).await);
        }
        let order = |name: &str| self.deliveries.iter().position(|delivery| &**delivery.name() == name);
        outcome.targets.sort_by_key(|target| order(&target.target));
        if let Err(error) = kept {
            outcome.end = End::Failed(format!("its quarantine rows cannot be stored: {error}"));
        }
    }
}

/// What the passes over one object share.
struct Shared<'f> {
    bad: Mutex<BadRows<'f>>,
    quarantine: &'f Quarantine,
    targets: Vec<Arc<str>>,
    bytes: &'f AtomicU64,
    /// Whether the object can be read again for a lane that is left behind.
    again: bool,
}

/// The rows of bad records; a later pass writes only those that no earlier one met.
struct BadRows<'f> {
    writer: Writer<'f>,
    until: u64,
}

impl Shared<'_> {
    /// Keeps the row of a record that is bad for every target.
    async fn keep(&self, row: &Row, index: u64) -> Result<(), ObjectError> {
        let mut bad = self.bad.lock().await;
        if index < bad.until {
            return Ok(());
        }
        bad.until = index + 1;
        bad.writer.add(row).await
    }
}
