//! Forwards one object to every target: one job in, one outcome out. The only stage that knows the
//! others.

mod blocks;
mod checkpointer;
mod claims;
mod jobs;
mod lost;
mod memory;
mod meter;
mod objects;
mod pass;
mod probe;
pub mod rehearsal;
mod rules;
mod run;
mod ticks;
mod within;

use std::sync::Arc;

use tokio::time::timeout_at;

use crate::config::{Config, QuarantineStore};
use crate::deliver::{Delivery, Lane, RunControl};
use crate::job::Job;
use crate::object::{Directory, ObjectError, ObjectRef, S3, Store};
use crate::outcome::{End, Outcome};
use crate::progress::{Progress, Table};
use crate::quarantine::Quarantine;
pub use blocks::BlockLimits;
use blocks::{DecoderPool, Decoding};
use checkpointer::Checkpointer;
use claims::{Claimed, Claims};
pub use jobs::forward_all;
use lost::Loss;
use memory::ReadBudget;
pub use meter::Meter;
use objects::{Found, NotOpened, Objects};
use pass::Shared;
pub use probe::Probe;
use run::{Opened, Run};

/// Fewest bytes that the entries of one target may take: two of its largest requests.
const ENTRIES: u64 = 2 << 20;

/// Forwards objects to every target of a configuration.
pub struct Forwarder {
    objects: Objects,
    deliveries: Vec<Delivery>,
    quarantine: Quarantine,
    claims: Claims,
    memory: ReadBudget,
    decoding: Decoding,
    /// A fingerprint of what decides which records are bad.
    rules: u32,
}

impl Forwarder {
    /// As configured. Opens no connection.
    pub fn new(config: Config) -> Forwarder {
        let aws = config.aws.clone();
        let store = match &config.directory {
            Some(root) => Store::Directory(Directory {
                root: Some(root.clone()),
            }),
            None => Store::S3(S3::new(aws.clone())),
        };
        let table = config.progress_table.clone();
        let mut forwarder = Forwarder::with_store(config, store);
        forwarder.claims.progress = table.map(|name| Progress::Table(Table::new(&name, aws)));
        forwarder
    }

    /// As configured, over another store. Keeps no progress.
    pub fn with_store(config: Config, store: Store) -> Forwarder {
        let targets: Arc<[Arc<str>]> = config
            .targets
            .iter()
            .map(|target| target.name.clone())
            .collect();
        let windows = config
            .targets
            .iter()
            .filter_map(|target| target.delivery.batching.windows())
            .map(|bounds| bounds.bytes)
            .collect();
        let entries = (config.object_memory * 2 / targets.len().max(1) as u64).max(ENTRIES);
        let deliver = |target| Delivery::new(target, entries);
        Forwarder {
            rules: rules::fingerprint(config.decode_limits, &targets),
            quarantine: Quarantine::new(config.quarantine, store.clone()),
            objects: Objects::new(store, config.sources),
            deliveries: config.targets.into_iter().map(deliver).collect(),
            claims: Claims {
                progress: None,
                targets: targets.clone(),
                clock: config.clock,
            },
            memory: ReadBudget::new(config.object_memory, windows),
            decoding: Decoding {
                limits: config.decode_limits,
                blocks: BlockLimits::default(),
                decoders: Arc::new(DecoderPool::new(config.qr_rule)),
                targets,
                meter: Arc::default(),
            },
        }
    }

    /// Keeps progress in `progress`, unless the configuration names a table.
    pub fn or_progress(mut self, progress: Progress) -> Forwarder {
        self.claims.progress.get_or_insert(progress);
        self
    }

    /// Decodes objects in blocks of other sizes than usual. What comes out is the same.
    pub fn with_block_limits(mut self, blocks: BlockLimits) -> Forwarder {
        self.decoding.blocks = blocks;
        self
    }

    /// The store that an object is read from: one without a bucket is a file.
    pub fn store(&self, object: &ObjectRef) -> &Store {
        self.objects.store_of(object)
    }

    /// Whether rows of the quarantine are kept, and not only logged.
    pub fn keeps_rows(&self) -> bool {
        *self.quarantine.place() != QuarantineStore::Log
    }

    /// Counts what is read, for a progress bar.
    pub fn meter(&self) -> &Meter {
        &self.decoding.meter
    }

    /// Forwards one object, logs its outcome, and returns it.
    pub async fn forward(&self, job: &Job, control: RunControl) -> Outcome {
        // Work that no other deadline bounds, for example storing rows, must not outlive the
        // invocation.
        let run = timeout_at(control.deadlines.commit_by, self.run(job, &control)).await;
        let late = |_| {
            Outcome::unread(
                job.object(),
                End::Failed("the time was up before its last rows were stored".into()),
            )
        };
        let outcome = run.unwrap_or_else(late);
        outcome.log();
        outcome
    }

    async fn run(&self, job: &Job, control: &RunControl) -> Outcome {
        let opened = match self.open(job, control).await {
            Ok(opened) => opened,
            Err(outcome) => return *outcome,
        };
        let has_replaced = opened.has_replaced;
        let claim = match &opened.revision {
            Some(revision) => self.claims.claim(job, &opened.object, revision).await,
            // What can be read only once is never resumed.
            None => Ok(Claimed::default()),
        };
        let outcome = match claim {
            Ok(claimed) => self.deliver(job, opened, claimed, control).await,
            Err(end) => Outcome::unread(opened.object, end),
        };
        Outcome {
            has_replaced,
            ..outcome
        }
    }

    /// Opens the object of a job; `Err` is the outcome if there is nothing to read.
    async fn open(&self, job: &Job, control: &RunControl) -> Result<Opened<'_>, Box<Outcome>> {
        let unread = |end| Box::new(Outcome::unread(job.object(), end));
        let spellings = self
            .objects
            .readable(job, |object| self.has_written(object))
            .map_err(|why| unread(End::Skipped(why)))?;
        if control.is_over() {
            return Err(unread(End::NotStarted));
        }
        let opening = self
            .objects
            .open(&spellings, &self.memory, job.size, control);
        let Found {
            object,
            mut reader,
            memory,
        } = match opening.await {
            Ok(found) => found,
            Err(NotOpened::NoMemory) => return Err(unread(End::NotStarted)),
            Err(NotOpened::Store(ObjectError::Missing)) => {
                return Err(self.lose(job, job.object(), Loss::Gone).await);
            }
            Err(NotOpened::Store(error)) => {
                return Err(Box::new(Outcome::failed(job.object(), &error)));
            }
        };
        if let Some(size) = job.size {
            reader.expect(size);
        }
        tracing::debug!(object = %object, "object opened");
        self.decoding.meter.open(reader.size());
        let revision = reader.revision();
        let is_expected = |revision: &String| {
            let point = job.resume_point.as_ref();
            point.is_none_or(|point| point.revision == *revision)
        };
        if !revision.as_ref().is_none_or(is_expected) {
            return Err(self.lose(job, object, Loss::Replaced).await);
        }
        let mut has_replaced = false;
        if lost::is_replaced(job, &reader) {
            let outcome = self.lose(job, object.clone(), Loss::Replaced).await;
            has_replaced = outcome.end == End::Missing;
            if matches!(outcome.end, End::Failed(_) | End::Refused(_)) {
                return Err(outcome);
            }
        }
        Ok(Opened {
            object,
            reader,
            revision,
            has_replaced,
            memory,
        })
    }

    /// Whether an object is an output of this program's.
    fn has_written(&self, object: &ObjectRef) -> bool {
        let mut deliveries = self.deliveries.iter();
        self.quarantine.holds(object) || deliveries.any(|delivery| delivery.wrote(object))
    }

    /// Ends the run over contents that are not there any more.
    async fn lose(&self, job: &Job, object: ObjectRef, loss: Loss) -> Box<Outcome> {
        let end = lost::end(job, &object, loss, &self.claims, &self.quarantine).await;
        Box::new(Outcome::unread(object, end))
    }

    /// Reads an object for every target that has not all of it.
    async fn deliver(
        &self,
        job: &Job,
        opened: Opened<'_>,
        claimed: Claimed,
        control: &RunControl,
    ) -> Outcome {
        let Opened {
            object,
            reader,
            revision,
            memory,
            ..
        } = opened;
        futures::future::join_all(self.deliveries.iter().map(Delivery::reload_old)).await;
        let lanes = self.lanes(job, &claimed, control);
        let known = claimed.known();
        let checkpointer = Checkpointer::new(
            &self.quarantine,
            control.deadlines.commit_by,
            self.rules,
            lanes.iter().map(Lane::checkpoint_source).collect(),
            claimed.writer,
        );
        let run = Run {
            memory: &self.memory,
            size: reader.size(),
            store: self.objects.store_of(&object),
            shared: Shared {
                object: Arc::new(object),
                checkpointer,
                decoding: &self.decoding,
                control,
                known,
                is_rereadable: revision.is_some(),
            },
            revision,
            targets: &self.claims.targets,
            clock: self.claims.clock,
        };
        run.run(reader, memory, lanes).await
    }

    /// Opens a lane to every target that has not all of the object.
    fn lanes(&self, job: &Job, claimed: &Claimed, control: &RunControl) -> Vec<Lane> {
        let open = |delivery: &Delivery| {
            let (name, lease) = (delivery.name(), claimed.lease());
            let prior = claimed.progress(name);
            // A continuation goes on with what a replay began, and is none itself.
            let is_again = (job.replay.as_ref()).is_some_and(|replay| replay.asks_for(name))
                || claimed.is_again(name);
            (!prior.done).then(|| delivery.open(control.clone(), prior, is_again, lease))
        };
        self.deliveries.iter().filter_map(open).collect()
    }
}
