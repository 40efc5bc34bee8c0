//! A decoded block: consecutive records of an object, each click encoded for every lane. It borrows
//! nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;

use crate::deliver::{Addressed, EncodedClick, Encoder, Lane};
use crate::object::ObjectRef;
use crate::quarantine::Row;
use clicks::click::Click;
use clicks::decode::{Place, Record, Resume};

/// Consecutive records of an object, in its order.
pub(in crate::forward) struct DecodedBlock {
    pub(in crate::forward) records: Vec<Decoded>,
    /// The clicks among them as each lane takes them.
    pub(in crate::forward) lanes: Vec<LaneEntries>,
    /// When the first click was, in milliseconds since 1970. Clicks of quarantine rows do not
    /// count.
    pub(in crate::forward) first: Option<i64>,
    /// Paths of members that no field is known for.
    pub(in crate::forward) unknown: BTreeSet<String>,
    /// Plain bytes of the object up to the end of the block.
    pub(in crate::forward) end: u64,
    /// Why the block ends.
    pub(in crate::forward) stop: Stop,
}

/// Why a block ends.
pub(in crate::forward) enum Stop {
    /// It is as large as it may be, or its bytes are used up.
    More,
    /// The object ends.
    End,
    /// The object cannot be read beyond it; the row keeps the rest.
    Unreadable(Box<Row>),
}

/// One record.
pub(in crate::forward) enum Decoded {
    Click(ClickMeta),
    Bad(Box<BadRow>),
}

/// A click's properties beside its forms.
pub(in crate::forward) struct ClickMeta {
    /// The offset of its record.
    pub(in crate::forward) at: u64,
    pub(in crate::forward) is_bot: bool,
    /// Whether its record is a row of the quarantine that is fed back.
    pub(in crate::forward) is_replay: bool,
    /// How to encode it again, if nobody counted it yet: it may not be the first of its kind.
    pub(super) uncounted: Option<Uncounted>,
}

/// A click that was encoded as the first of its kind, which it may not be.
pub(super) struct Uncounted {
    pub(super) fingerprint: u64,
    pub(super) origin: Origin,
}

/// Where a click came from, and for whom it is.
pub(super) struct Origin {
    pub(super) object: Arc<ObjectRef>,
    pub(super) place: Place,
    pub(super) batch_key: Option<Arc<str>>,
    pub(super) raw: Bytes,
    /// The target that it is for; every target if `None`.
    pub(super) only: Option<Arc<str>>,
}

/// A record that is bad for every target.
pub(in crate::forward) struct BadRow {
    /// The offset of the record.
    pub(in crate::forward) at: u64,
    pub(in crate::forward) row: Row,
}

/// The clicks of a block as one lane takes them.
pub(in crate::forward) struct LaneEntries {
    encoder: Encoder,
    clicks: Vec<EncodedClick>,
}

impl Origin {
    /// The origin of the click in `record`.
    pub(super) fn of(
        record: &Record<'_>,
        object: &Arc<ObjectRef>,
        only: Option<&Arc<str>>,
    ) -> Origin {
        Origin {
            object: object.clone(),
            place: record.place,
            batch_key: record.batch_key.clone(),
            raw: record.raw.clone(),
            only: only.cloned(),
        }
    }
}

impl DecodedBlock {
    /// An empty block, for the lanes of `encoders`, with memory for `records` records.
    pub(super) fn new(encoders: &[Encoder], records: usize) -> DecodedBlock {
        let lane = |encoder: &Encoder| LaneEntries {
            encoder: encoder.clone(),
            clicks: Vec::with_capacity(records),
        };
        DecodedBlock {
            records: Vec::with_capacity(records),
            lanes: encoders.iter().map(lane).collect(),
            first: None,
            unknown: BTreeSet::new(),
            end: 0,
            stop: Stop::More,
        }
    }

    /// Adds a click, encoded for each lane.
    pub(super) fn push_click(&mut self, click: &Click<'_>, to: Addressed<'_>, meta: ClickMeta) {
        for lane in &mut self.lanes {
            lane.clicks.push(lane.encoder.encode(click, meta.at, to));
        }
        self.records.push(Decoded::Click(meta));
    }

    /// Adds a bad record.
    pub(super) fn push_bad(&mut self, at: u64, row: Row) {
        self.records
            .push(Decoded::Bad(Box::new(BadRow { at, row })));
    }

    /// Encodes its click number `index` anew.
    pub(super) fn replace_click(
        &mut self,
        index: usize,
        click: &Click<'_>,
        at: u64,
        to: Addressed<'_>,
    ) {
        for lane in &mut self.lanes {
            if let Some(slot) = lane.clicks.get_mut(index) {
                *slot = lane.encoder.encode(click, at, to);
            }
        }
    }

    /// The clicks that nobody counted yet, each with its number in the block.
    pub(super) fn take_uncounted(&mut self) -> Vec<UncountedClick> {
        let metas = self.records.iter_mut().filter_map(|record| match record {
            Decoded::Click(meta) => Some(meta),
            Decoded::Bad(_) => None,
        });
        metas
            .enumerate()
            .filter_map(|(index, meta)| {
                Some(UncountedClick {
                    index,
                    at: meta.at,
                    uncounted: meta.uncounted.take()?,
                })
            })
            .collect()
    }
}

/// A click of a block that nobody counted yet.
pub(super) struct UncountedClick {
    /// Its number among the clicks of the block.
    pub(super) index: usize,
    /// The offset of its record.
    pub(super) at: u64,
    pub(super) uncounted: Uncounted,
}

impl LaneEntries {
    /// Whether these are the clicks for `lane`.
    pub(in crate::forward) fn is_for(&self, lane: &Lane) -> bool {
        self.encoder.name() == lane.name()
    }

    /// Offers `records`, those of the block, to the lane.
    pub(in crate::forward) fn offer(self, records: &[Decoded], lane: &mut Lane) {
        let mut clicks = self.clicks.into_iter();
        for record in records {
            match record {
                Decoded::Bad(bad) => lane.count_bad(bad.at),
                Decoded::Click(meta) => {
                    if let Some(click) = clicks.next() {
                        lane.take(meta.at, click);
                    }
                }
            }
        }
    }
}

/// A block of whole lines, decoded.
pub(super) struct LinesDecoded {
    pub(super) block: DecodedBlock,
    /// Where the block's bytes end, if a line does there and nothing is open.
    pub(super) resume: Option<Resume>,
}
