//! Takes one click through the rules and the encoding of a target.

use async_trait::async_trait;
use bytes::Bytes;
use clicks::click::{Click, Form, Normaliser};
use clicks::decode::{DecodeLimits, Decoder, Item};

use super::Fate;
use crate::deliver::RehearsalLane;
use crate::targets::{EncodeError, Entry, Limits, SendError, Target, Verdict, View};
use crate::transform::{Applied, Transform, Transformed};

/// A click before and after privacy, in the form `click`.
pub struct Change {
    /// As delivered.
    pub before: Bytes,
    /// As the target sees it, before its map.
    pub after: Bytes,
}

/// What a lane is given of a click.
pub(super) struct Offer {
    /// Whether the click begins a window: all before it is complete.
    pub(super) is_first_of_window: bool,
    pub(super) fate: Fate,
    pub(super) entry: Option<Entry>,
}

/// Shows `click` to a lane, and returns what to give it.
pub(super) fn offer(lane: &mut RehearsalLane<'_>, click: &Click<'_>) -> Offer {
    let is_first_of_window = lane.observe(click);
    let (transform, target) = (&lane.config.transform, &*lane.config.target);
    let (fate, entry) = match transform.encode(click, Applied::default(), target) {
        Transformed::Filtered(filtered) => (Fate::Dropped(filtered.by.into_owned()), None),
        Transformed::Never(_, reason) => (Fate::Never(reason), None),
        Transformed::Failed(_, failure) => (Fate::Failed(failure), None),
        Transformed::Entry(entry) => (Fate::Kept(change(transform, click)), Some(entry)),
    };
    Offer {
        is_first_of_window,
        fate,
        entry,
    }
}

/// Returns what privacy changes in a click; `None` if nothing.
fn change(transform: &Transform, click: &Click<'_>) -> Option<Change> {
    let Transformed::Entry(seen) = transform.encode(click, Applied::default(), &Onlooker) else {
        return None;
    };
    if seen.raw == *click.raw && seen.id == click.id {
        return None;
    }
    let mut decoder = Decoder::new(DecodeLimits::default());
    decoder.push(seen.raw);
    decoder.end();
    let Item::Record(record) = decoder.advance() else {
        return None;
    };
    let mut normaliser = Normaliser::default();
    let after = normaliser.click(&record, click.object, |_| click.occurrence);
    Some(Change {
        before: click.form(Form::Click),
        after: after.ok()?.form(Form::Click),
    })
}

/// A target that looks at clicks only: its entries have the click as privacy left it.
struct Onlooker;

#[async_trait]
impl Target for Onlooker {
    fn limits(&self) -> Limits {
        Limits::NONE
    }

    fn encode(&self, view: &View<'_>) -> Result<Entry, EncodeError> {
        Ok(Entry::new(view, Bytes::new()))
    }

    async fn send(&self, batch: &[Entry]) -> Result<Vec<Verdict>, SendError> {
        Ok(vec![Verdict::Sent; batch.len()])
    }

    fn describe(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}
