//! Takes the first records of objects through every stage, and keeps the requests instead of making
//! them.

mod bytes;
mod click;

use std::sync::Arc;

use clicks::click::{ClickId, Normaliser, OccurrenceCounter};
use clicks::decode::{BadRecord, DecodeLimits, Decoder, Item, Place, Record};

use super::Forwarder;
use crate::config::TargetConfig;
use crate::deliver::{RehearsalLane, RehearsedSend};
use crate::object::ObjectRef;
use crate::platform::recorder::Recorder;
use crate::quarantine::Row;
use crate::transform::RuleFailure;
use bytes::PlainBytes;
pub use click::Change;

/// A rehearsal: which objects, to which targets, and how far.
pub struct Rehearsal<'r> {
    /// Opens the objects.
    pub forwarder: &'r Forwarder,
    /// The targets, built over a network that records.
    pub targets: Vec<&'r TargetConfig>,
    /// Keeps their requests.
    pub recorder: Recorder,
    /// The decoder's limits.
    pub limits: DecodeLimits,
    /// Most records that are read.
    pub most: usize,
}

/// What came of a rehearsal.
pub struct Rehearsed {
    /// The records, in their order.
    pub records: Vec<RehearsedRecord>,
    /// The targets with what would be sent to each.
    pub targets: Vec<RehearsedTarget>,
    /// Whether records may follow that were not read.
    pub is_cut: bool,
    /// Objects that could not be read, or not to their ends, and why.
    pub problems: Vec<String>,
}

/// A target, and what would be sent to it.
pub struct RehearsedTarget {
    /// Its name.
    pub name: Arc<str>,
    /// Its kind.
    pub kind: &'static str,
    /// Whether its requests are windows, which end where reading ended.
    pub has_windows: bool,
    /// The requests.
    pub sent: Vec<RehearsedSend>,
}

/// One record, and what becomes of it.
pub struct RehearsedRecord {
    /// The object that it stands in.
    pub object: Arc<ObjectRef>,
    /// Where it stands there.
    pub place: Place,
    /// What it is.
    pub kind: RecordKind,
}

/// What a record is.
pub enum RecordKind {
    /// A click.
    Click(RehearsedClick),
    /// No click, for this reason.
    Bad(String),
    /// A row of the quarantine: its click is for its target alone, without filters.
    Row,
}

/// A click, and what becomes of it at each target.
pub struct RehearsedClick {
    /// Its id as delivered.
    pub id: ClickId,
    /// Its time in UTC as RFC 3339.
    pub timestamp: String,
    /// The outcome for each target, in their order.
    pub fates: Vec<Fate>,
}

/// What becomes of a click at one target.
pub enum Fate {
    /// It is sent, perhaps without some of its fields.
    Kept(Option<Change>),
    /// A rule leaves it out: the variable, without the target's prefix.
    Dropped(String),
    /// The target can never carry it, for this reason.
    Never(String),
    /// A rule fails on it.
    Failed(RuleFailure),
}

impl<'r> Rehearsal<'r> {
    /// Reads `objects` until there are enough records.
    pub async fn run(&'r self, objects: &[ObjectRef]) -> Rehearsed {
        let lane = |target: &&'r TargetConfig| RehearsalLane::new(target, self.recorder.clone());
        let mut reading = Reading {
            rehearsal: self,
            lanes: self.targets.iter().map(lane).collect(),
            records: Vec::new(),
            is_cut: false,
            problems: Vec::new(),
        };
        for object in objects {
            if reading.records.len() >= self.most {
                reading.is_cut = true;
                break;
            }
            if let Err(problem) = reading.read(object).await {
                reading.problems.push(format!("{object}: {problem}"));
            }
        }
        let target = |lane: RehearsalLane<'_>| RehearsedTarget {
            name: lane.config.name.clone(),
            kind: lane.config.kind,
            has_windows: lane.has_windows(),
            sent: lane.into_sent(),
        };
        Rehearsed {
            records: reading.records,
            targets: reading.lanes.into_iter().map(target).collect(),
            is_cut: reading.is_cut,
            problems: reading.problems,
        }
    }
}

/// A rehearsal under way.
struct Reading<'r> {
    rehearsal: &'r Rehearsal<'r>,
    lanes: Vec<RehearsalLane<'r>>,
    records: Vec<RehearsedRecord>,
    is_cut: bool,
    problems: Vec<String>,
}

/// The next step of reading an object.
enum Step {
    /// A record was read.
    Record(RecordKind, Place, Vec<click::Offer>),
    /// Bytes are needed.
    NeedInput,
    /// It cannot be read any further.
    Unreadable(BadRecord),
    /// It ends.
    End,
}

impl Reading<'_> {
    /// Reads one object, as far as it is wanted.
    async fn read(&mut self, object: &ObjectRef) -> Result<(), String> {
        let opened = self.rehearsal.forwarder.store(object).open(object).await;
        let reader = opened.map_err(|error| error.to_string())?;
        let is_rereadable = reader.revision().is_some();
        let object = Arc::new(object.clone());
        let mut bytes = PlainBytes::new(reader, self.rehearsal.limits);
        let mut decoder = Decoder::new(self.rehearsal.limits);
        let mut context = Context::default();
        let mut end = Ok(());
        loop {
            let is_enough = self.records.len() >= self.rehearsal.most;
            match self.step(&mut decoder, &object, &mut context) {
                Step::End => break,
                // Whether more follows is worth no waiting.
                Step::NeedInput if is_enough && !is_rereadable => {
                    self.is_cut = true;
                    break;
                }
                Step::NeedInput => {
                    if let Err(problem) = bytes.feed(&mut decoder).await {
                        end = Err(problem);
                        break;
                    }
                }
                _ if is_enough => {
                    self.is_cut = true;
                    break;
                }
                Step::Record(mut kind, place, offers) => {
                    self.offer(&mut kind, offers).await;
                    self.add(&object, place, kind);
                }
                Step::Unreadable(bad) => {
                    let reason = format!("cannot be read beyond here: {}", bad.reason);
                    self.add(&object, bad.place, RecordKind::Bad(reason));
                    break;
                }
            }
        }
        for lane in &mut self.lanes {
            lane.flush(true).await;
        }
        end
    }

    fn add(&mut self, object: &Arc<ObjectRef>, place: Place, kind: RecordKind) {
        self.records.push(RehearsedRecord {
            object: object.clone(),
            place,
            kind,
        });
    }

    /// Decodes one record, and takes its click through the rules and the encoding of each target.
    fn step(
        &mut self,
        decoder: &mut Decoder,
        object: &Arc<ObjectRef>,
        context: &mut Context,
    ) -> Step {
        match decoder.advance() {
            Item::NeedInput => Step::NeedInput,
            Item::End => Step::End,
            Item::Unreadable(bad) => Step::Unreadable(bad),
            Item::Bad(bad) => Step::Record(RecordKind::Bad(bad.reason), bad.place, Vec::new()),
            Item::Record(record) => {
                let place = record.place;
                let (kind, offers) = self.record(&record, object, context);
                Step::Record(kind, place, offers)
            }
        }
    }

    fn record(
        &mut self,
        record: &Record<'_>,
        object: &Arc<ObjectRef>,
        context: &mut Context,
    ) -> (RecordKind, Vec<click::Offer>) {
        if Row::read(record.tape, record.root).is_some() {
            return (RecordKind::Row, Vec::new());
        }
        let occurrences = &mut context.occurrences;
        let made = context
            .normaliser
            .click(record, object, |fingerprint| occurrences.next(fingerprint));
        let click = match made {
            Ok(click) => click,
            Err(reason) => return (RecordKind::Bad(reason.to_string()), Vec::new()),
        };
        let offers = self.lanes.iter_mut().map(|lane| click::offer(lane, &click));
        let offers = offers.collect();
        let kind = RecordKind::Click(RehearsedClick {
            id: click.id,
            timestamp: click.timestamp().into_owned(),
            fates: Vec::new(),
        });
        (kind, offers)
    }

    /// Hands the entries of a click to the lanes, and notes what became of it at each.
    async fn offer(&mut self, kind: &mut RecordKind, offers: Vec<click::Offer>) {
        let RecordKind::Click(click) = kind else {
            return;
        };
        for (lane, offer) in self.lanes.iter_mut().zip(offers) {
            if offer.is_first_of_window {
                lane.flush(false).await;
            }
            let mut fate = offer.fate;
            if let Some(entry) = offer.entry
                && let Err(reason) = lane.push(entry).await
            {
                fate = Fate::Never(reason);
            }
            click.fates.push(fate);
        }
    }
}

/// The state of decoding one object.
#[derive(Default)]
struct Context {
    normaliser: Normaliser,
    occurrences: OccurrenceCounter,
}
