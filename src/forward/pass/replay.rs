//! Rows of the quarantine that are fed back.

use bytes::Bytes;

use super::{Pass, Todo, offer};
use crate::quarantine::Row;
use clicks::decode::{BadRecord, Place, Record};
use clicks::json::{Parser, Progress};

impl Pass<'_, '_> {
    /// A row of the quarantine, fed back: the click in it keeps its source, its n and so its id, and goes
    /// to its target parallel_after. What still cannot be delivered is kept again, under the same id.
    pub(super) fn replay(&mut self, mut row: Row, place: Place) -> Todo {
        let mut parser = Parser::new(self.limits.depth);
        let text = row.raw.trim_ascii_end();
        let whole = parser.run(text, true) == Progress::Done(text.len())
            && std::str::from_utf8(text).is_ok();
        let record = Record {
            tape: parser.tape(text),
            root: 0,
            raw: row.raw.clone(),
            place: row.place,
            batch_key: row.batch_key.clone(),
        };
        let known = row
            .target
            .as_ref()
            .is_none_or(|target| self.shared.targets.contains(target));
        let occurrences = &mut self.occurrences;
        // A record that was bad has no n yet.
        let number = |fingerprint| {
            row.click
                .map_or_else(|| occurrences.next(fingerprint), |(n, _)| n)
        };
        let still = match whole.then(|| self.context.normaliser.click(&record, &row.object, number))
        {
            Some(Ok(click)) if known => {
                self.records += 1;
                return offer(&mut self.lanes, &click, place.offset, row.target.as_deref());
            }
            Some(Ok(_)) => format!(
                "its target {} is not among TARGETS",
                row.target.as_deref().unwrap_or_default()
            ),
            Some(Err(not)) => not.to_string(),
            None => "its raw bytes are not one JSON value".into(),
        };
        row.reason = format!("fed back, but {still}; before: {}", row.reason);
        self.bad(
            BadRecord {
                place,
                length: row.length,
                raw: Bytes::new(),
                reason: String::new(),
            },
            Some(row),
        )
    }
}
