//! One job in, one outcome out: the only file that knows every stage.

mod checkpointer;
mod claim;
mod decoder_pool;
mod jobs;
mod open;
mod pass;
mod probe;
mod read;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use sha2::{Digest, Sha256};
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio::time::timeout_at;

use crate::config::{Config, S3Prefix};
use crate::deliver::{Delivery, Lane, RunControl};
use crate::job::{Job, ResumePoint};
use crate::object::{Directory, ObjectError, ObjectRef, Reader, S3, Store};
use crate::outcome::{End, Outcome};
use crate::progress::{CheckpointWriter, Progress, Table};
use crate::quarantine::Quarantine;
use checkpointer::Checkpointer;
use clicks::decode::DecodeLimits;
use decoder_pool::DecoderPool;
pub use jobs::forward_all;
use open::{GONE, REPLACED};
pub use probe::Probe;

/// Bytes that the entries of one target may take at least: two of its largest requests.
const ENTRIES: u64 = 2 << 20;

/// Forwards objects to every target of a configuration.
pub struct Forwarder {
    store: Store,
    files: Store,
    bytes: AtomicU64,
    deliveries: Vec<Delivery>,
    targets: Vec<Arc<str>>,
    quarantine: Quarantine,
    progress: Option<Progress>,
    sources: Option<Vec<S3Prefix>>,
    decode_limits: DecodeLimits,
    /// A fingerprint of what decides which records are bad.
    rules: u32,
    clock: fn() -> SystemTime,
    decoders: DecoderPool,
    /// Plain bytes that a window of each target may have that wants windows.
    cuts: Vec<u64>,
    /// KiB of the objects that may be read side by side.
    room: Semaphore,
    rooms: u32,
}

impl Forwarder {
    /// As configured. Opens no connection.
    pub fn new(config: Config) -> Forwarder {
        let aws = config.aws.clone();
        let s3 = match &config.directory {
            Some(root) => Store::Directory(Directory {
                root: Some(root.clone()),
            }),
            None => Store::S3(S3::new(aws.clone())),
        };
        let progress = config
            .progress_table
            .as_deref()
            .map(|name| Progress::Table(Table::new(name, aws)));
        Forwarder {
            progress,
            ..Forwarder::with_store(config, s3)
        }
    }

    /// As configured, over another store. Keeps no progress.
    pub fn with_store(config: Config, store: Store) -> Forwarder {
        let targets: Vec<Arc<str>> = config
            .targets
            .iter()
            .map(|target| target.name.clone())
            .collect();
        let entries = (config.object_memory * 2 / targets.len().max(1) as u64).max(ENTRIES);
        Forwarder {
            rules: rules(config.decode_limits, &targets),
            targets,
            cuts: config
                .targets
                .iter()
                .filter_map(|target| target.delivery.batching.windows())
                .map(|bounds| bounds.bytes)
                .collect(),
            deliveries: config
                .targets
                .into_iter()
                .map(|target| Delivery::new(target, entries))
                .collect(),
            quarantine: Quarantine::new(config.quarantine, store.clone()),
            store,
            files: Store::Directory(Directory { root: None }),
            bytes: AtomicU64::new(0),
            progress: None,
            sources: config.sources,
            decode_limits: config.decode_limits,
            clock: config.clock,
            decoders: DecoderPool::default(),
            room: Semaphore::new((config.object_memory >> 10) as usize),
            rooms: (config.object_memory >> 10) as u32,
        }
    }

    /// Keeps progress in `progress`, unless the configuration names a table.
    pub fn or_progress(self, progress: Progress) -> Forwarder {
        Forwarder {
            progress: self.progress.or(Some(progress)),
            ..self
        }
    }

    /// The store that an object is read from: one without a bucket is a file.
    pub fn store(&self, object: &ObjectRef) -> &Store {
        if object.bucket.is_empty() {
            &self.files
        } else {
            &self.store
        }
    }

    /// Plain bytes read so far, for a progress bar.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Forwards one object, logs what became of it, and says so.
    pub async fn forward(&self, job: &Job, control: RunControl) -> Outcome {
        // What waits for neither a target nor the object, storing rows say, must not outlive the invocation.
        let run = timeout_at(control.deadlines.commit_by, self.run(job, &control)).await;
        let late = || {
            Outcome::unread(
                job.object(),
                End::Failed("the time was up before its last rows were stored".into()),
            )
        };
        let outcome = run.unwrap_or_else(|_| late());
        outcome.log();
        outcome
    }

    async fn run(&self, job: &Job, control: &RunControl) -> Outcome {
        let keys = match self.readable(job) {
            Ok(keys) => keys,
            Err(why) => return Outcome::unread(job.object(), End::Skipped(why)),
        };
        if control.is_over() {
            return Outcome::unread(job.object(), End::NotStarted);
        }
        let Some(room) = control.before_stop(self.room(job)).await else {
            return Outcome::unread(job.object(), End::NotStarted);
        };
        let opened = control.before_stop(self.open(job, keys)).await;
        let (object, reader) = match opened.unwrap_or_else(|| {
            Err(ObjectError::Unavailable(
                "no answer until the time was up".into(),
            ))
        }) {
            Ok(opened) => opened,
            Err(ObjectError::Missing) => return self.gone(job.object(), GONE).await,
            Err(error) => return Outcome::failed(job.object(), &error),
        };
        let Some(revision) = reader.revision() else {
            // What can be read once is never resumed.
            return self
                .deliver(
                    Source {
                        object: Arc::new(object),
                        revision: None,
                    },
                    (reader, room),
                    None,
                    control,
                )
                .await;
        };
        if job
            .resume_point
            .as_ref()
            .is_some_and(|point| point.revision != revision)
        {
            return self.gone(object, REPLACED).await;
        }
        match self.claim(job, &object, &revision).await {
            Ok(writer) => {
                let source = Source {
                    object: Arc::new(object),
                    revision: Some(revision),
                };
                self.deliver(source, (reader, room), writer, control).await
            }
            Err(end) => Outcome::unread(object, end),
        }
    }

    /// Reads the object for every target that has not all of it, and keeps the checkpointer.
    async fn deliver(
        &self,
        source: Source,
        (reader, room): (Reader, Option<SemaphorePermit<'_>>),
        writer: Option<CheckpointWriter>,
        control: &RunControl,
    ) -> Outcome {
        let lanes = self.lanes(writer.as_ref(), control);
        let read = writer
            .iter()
            .flat_map(|writer| writer.document().targets.values())
            .map(|progress| progress.high_watermark);
        let known = read.max().unwrap_or(0);
        let checkpointer = Checkpointer::open(
            (&self.quarantine, control.deadlines.commit_by),
            self.rules,
            lanes.iter().map(Lane::checkpoint_source).collect(),
            writer,
        );
        let again = source.revision.is_some();
        let shared = Shared {
            checkpointer,
            targets: &self.targets,
            bytes: &self.bytes,
            decoders: &self.decoders,
            again,
            known,
        };
        let version = reader.version();
        let mut outcome = Outcome::unread((*source.object).clone(), End::Complete);
        let stop = Notify::new();
        let read = async {
            self.read(
                &source,
                &shared,
                (reader, room, lanes, control),
                &mut outcome,
            )
            .await;
            stop.notify_one();
        };
        futures::future::join(read, shared.checkpointer.renew(&stop)).await;
        let closed = shared.checkpointer.finish(&outcome.targets).await;
        outcome.moved = closed.moved || outcome.targets.iter().any(|target| target.moved);
        outcome.resume_point = source.revision.map(|revision| ResumePoint {
            version,
            revision,
            progress: closed.carried,
        });
        if let Some(problem) = closed.problem {
            outcome.end = End::Failed(problem);
        }
        outcome
    }

    /// A lane to every target that has not all of the object.
    fn lanes(&self, writer: Option<&CheckpointWriter>, control: &RunControl) -> Vec<Lane> {
        let open = |delivery: &Delivery| {
            let prior = writer
                .and_then(|writer| writer.document().targets.get(&**delivery.name()).cloned())
                .unwrap_or_default();
            (!prior.done)
                .then(|| delivery.open(control.clone(), prior, writer.map(CheckpointWriter::lease)))
        };
        self.deliveries.iter().filter_map(open).collect()
    }
}

/// A row that is fed back is bad if its target is not there, so the targets are among the rules.
///
/// The text that is hashed is spelled out: stored progress compares it across releases.
fn rules(limits: DecodeLimits, targets: &[Arc<str>]) -> u32 {
    let DecodeLimits {
        record_bytes,
        depth,
        object_bytes,
        ratio,
    } = limits;
    let names: Vec<String> = targets.iter().map(|name| format!("\"{name}\"")).collect();
    let digest = Sha256::digest(format!(
        "{} Caps {{ record_bytes: {record_bytes}, depth: {depth}, object_bytes: {object_bytes}, \
         ratio: {ratio} }} [{}]",
        env!("CARGO_PKG_VERSION"),
        names.join(", ")
    ));
    digest
        .first_chunk()
        .map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

/// The object of a run.
struct Source {
    object: Arc<ObjectRef>,
    /// What tells its contents from later ones; nothing if it can be read once only.
    revision: Option<String>,
}

/// What the passes over one object share.
struct Shared<'f> {
    checkpointer: Checkpointer<'f>,
    targets: &'f [Arc<str>],
    bytes: &'f AtomicU64,
    decoders: &'f DecoderPool,
    /// Records before this offset were read by an earlier run.
    known: u64,
    /// Whether the object can be read again for a lane that is left behind.
    again: bool,
}
