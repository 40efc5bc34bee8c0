//! Counts what became of the entries of one lane. Pure.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::evidence::Moment;
use super::lane::UnfitRow;
use super::ledger::Ledger;
use super::memory::MemoryPermit;
use crate::outcome::Failure;
use crate::progress::TargetProgress;
use crate::quarantine::Row;
use crate::targets::Entry;

/// Requests refused in a row, with nothing accepted in between, that mean: not the clicks are wrong,
/// the target is.
const MOST_REFUSALS: u32 = 96;
/// After so many, clicks from elsewhere are tried.
const REFUSALS_IN_A_ROW: u32 = 24;
/// Most causes of refusals that are logged.
const CAUSES: usize = 5;
/// Requests whose latency is noted: as many as a metric has values.
const LATENCIES: usize = 100;

/// Counts of the entries of one lane by their result.
#[derive(Default)]
pub(super) struct LaneStats {
    pub(super) sent: u64,
    /// Filtered clicks whose window was stored anew without them.
    pub(super) left_out: u64,
    pub(super) rejected: u64,
    /// Records that the target can never carry.
    pub(super) unfit: u64,
    /// Entries that nobody settled: failed, or left for another run.
    pub(super) deferred: u64,
    pub(super) retries: u64,
    pub(super) throttles: u64,
    /// How long requests took, in milliseconds.
    pub(super) latency: Vec<u32>,
    pub(super) failure: Option<Failure>,
    /// Why the time was not enough.
    pub(super) out_of_time: Option<String>,
    /// Rows for the quarantine that are not stored there, each with the offset of its record.
    pub(super) rows: Vec<(u64, Row)>,
    /// Entries that were rejected, of which it is not known whether they are wrong or the target.
    pub(super) held: Vec<Held>,
    /// Requests refused since a click was accepted that was sent at the moment given, or later.
    refusals: u32,
    refused_since: Moment,
    pub(super) accepted: bool,
    /// Entries that were rejected and never decided.
    pub(super) undecided: u64,
    /// The causes of refusals that were logged.
    causes: BTreeSet<String>,
    pub(super) ledger: Ledger,
}

/// An entry that was rejected, of which it is not known whether it is wrong or the target.
pub(super) struct Held {
    pub(super) entry: Entry,
    pub(super) reason: String,
    /// When it was rejected.
    pub(super) moment: Moment,
    pub(super) memory: MemoryPermit,
}

impl LaneStats {
    /// With `prior` settled by earlier runs.
    pub(super) fn new(prior: TargetProgress) -> LaneStats {
        LaneStats {
            accepted: prior.accepted,
            ledger: Ledger::new(prior),
            ..LaneStats::default()
        }
    }

    /// Notes that the target has the entries at these offsets, which are those of one batch;
    /// `left_out` of them are filtered.
    pub(super) fn accept(&mut self, mut sent: Vec<u64>, left_out: u64) {
        if sent.is_empty() {
            return;
        }
        // A batch is sent in another order where parts of it were refused.
        sent.sort_unstable();
        self.sent += sent.len() as u64 - left_out;
        self.left_out += left_out;
        self.ledger.accept(sent.into_iter(), left_out);
        self.accepted = true;
    }

    /// Notes why a click was refused. `true` if it is to be logged: once for each cause, since a file
    /// may hold many clicks that are refused for the same.
    pub(super) fn is_new(&mut self, cause: &str) -> bool {
        self.causes.len() < CAUSES && self.causes.insert(cause.to_owned())
    }

    /// Notes that the target will never take `entry`.
    pub(super) fn reject(&mut self, mut entry: Entry, target: &Arc<str>, reason: String) {
        entry.detach();
        let at = entry.record_offset;
        self.rejected += 1;
        self.rows
            .push((at, Row::rejected(entry, target.clone(), reason)));
    }

    /// Counts a request that was refused; `accepted` is when the latest accepted one was sent. Says
    /// whether clicks from elsewhere are to be tried; `Err` if so many were refused that the target
    /// is wrong.
    pub(super) fn count_refusal(
        &mut self,
        accepted: Moment,
        reason: &str,
    ) -> Result<bool, Failure> {
        if accepted > self.refused_since {
            (self.refused_since, self.refusals) = (accepted, 0);
        }
        self.refusals += 1;
        if self.refusals >= MOST_REFUSALS {
            return Err(self.refuses(self.refusals, "requests were", reason));
        }
        Ok(self.refusals.is_multiple_of(REFUSALS_IN_A_ROW))
    }

    /// The failure of a target that refused `number` clicks or requests, and took none after them.
    pub(super) fn refuses(&self, number: u32, what: &str, reason: &str) -> Failure {
        let everything = if self.sent == 0 {
            "it refuses everything: "
        } else {
            ""
        };
        Failure::Misconfigured(format!(
            "{everything}{number} {what} refused, the last with {reason}, and no click that was \
             sent after them was taken; so not they are assumed to be wrong, but the target, and \
             they are not quarantined"
        ))
    }

    /// Returns the progress now.
    pub(super) fn progress(&self) -> TargetProgress {
        TargetProgress {
            accepted: self.accepted,
            ..self.ledger.progress()
        }
    }

    /// Keeps the rows of records that the target can never carry.
    pub(super) fn quarantine(&mut self, unfit: Vec<UnfitRow>) {
        self.unfit += unfit.len() as u64;
        for UnfitRow { spot, row } in unfit {
            self.ledger.quarantine(spot);
            self.rows.push((spot.at, row));
        }
    }

    /// Notes how long a request took, and whether it was one too many.
    pub(super) fn measure(&mut self, took: Duration, throttled: bool) {
        self.throttles += u64::from(throttled);
        if self.latency.len() < LATENCIES {
            self.latency
                .push(u32::try_from(took.as_millis()).unwrap_or(u32::MAX));
        }
    }

    /// Takes up to `most` of the entries that are held and may be sent in any order.
    pub(super) fn take_held(&mut self, most: usize) -> Vec<Held> {
        let is_free = |held: &mut Held| held.entry.ordering_key.is_none();
        self.held.extract_if(.., is_free).take(most).collect()
    }

    /// Gives up the entries that are held, when nothing more is sent: they come again.
    pub(super) fn give_up_held(&mut self) {
        let held = std::mem::take(&mut self.held);
        self.deferred += held.len() as u64;
        self.undecided += held.len() as u64;
        if let Some(last) = held.last()
            && self.failure.is_none()
            && self.out_of_time.is_none()
        {
            self.failure = Some(self.refuses(held.len() as u32, "clicks were", &last.reason));
        }
    }
}
