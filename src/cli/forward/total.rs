//! What a run came to, told at its end.

use std::time::Duration;

use crate::outcome::{End, Failure, Outcome, TargetOutcome};

/// The sum over all objects.
#[derive(Default)]
pub(super) struct Total {
    objects: u64,
    records: u64,
    bad: u64,
    bytes: u64,
    /// Objects that must be forwarded again.
    pub(super) failed: u64,
    /// Objects that are gone or cannot be read to their end.
    pub(super) broken: u64,
    /// Objects that earlier runs have forwarded.
    done: u64,
    /// Objects whose task ended early.
    pub(super) lost: u64,
    /// The reader of standard output has seen enough.
    pub(super) closed: bool,
    targets: Vec<TargetOutcome>,
    pub(super) trouble: Vec<String>,
}

impl Total {
    pub(super) fn add(&mut self, outcome: &Outcome) {
        self.objects += 1;
        self.records += outcome.records;
        self.bad += outcome.bad;
        self.bytes += outcome.bytes;
        // With standard output alone, its reader has seen enough; other targets still want theirs.
        self.closed |= matches!(
            &*outcome.targets,
            [TargetOutcome {
                failure: Some(Failure::Closed),
                ..
            }]
        );
        if let Some(cause) = outcome.unfinished() {
            self.failed += 1;
            self.trouble.push(cause);
        }
        match &outcome.end {
            End::Done => self.done += 1,
            End::Missing => {
                self.broken += 1;
                self.trouble.push(format!("{}: it is gone", outcome.object));
            }
            End::Corrupt { offset, reason } => {
                self.broken += 1;
                self.trouble.push(format!(
                    "{}: {reason}; unreadable from byte {offset} on",
                    outcome.object
                ));
            }
            _ => {}
        }
        for target in &outcome.targets {
            match self
                .targets
                .iter_mut()
                .find(|known| known.target == target.target)
            {
                Some(known) => {
                    known.tally.add(&target.tally);
                    known.resumed += target.resumed;
                }
                None => self.targets.push(target.clone()),
            }
        }
    }

    /// Counts the objects that were not begun.
    pub(super) fn skip(&mut self, named: u64) {
        let seen = self.objects + self.lost;
        if seen < named {
            self.failed += named - seen;
            self.trouble.push(format!(
                "interrupted before {} objects were begun",
                named - seen
            ));
        }
    }

    /// Why objects were not delivered: told even if the summary is not wanted.
    pub(super) fn trouble(&self) -> String {
        let mut text: String = self
            .trouble
            .iter()
            .take(20)
            .map(|line| format!("{line}\n"))
            .collect();
        if self.trouble.len() > 20 {
            text += &format!("… and {} more\n", self.trouble.len() - 20);
        }
        text
    }

    pub(super) fn summary(&self, took: Duration) -> String {
        let (megabytes, seconds) = (self.bytes as f64 / 1e6, took.as_secs_f64().max(1e-9));
        let noun = |n: u64, one: &str| {
            if n == 1 {
                format!("1 {one}")
            } else {
                format!("{n} {one}s")
            }
        };
        let (objects, records, bad) = (
            noun(self.objects, "object"),
            noun(self.records, "record"),
            self.bad,
        );
        let mut text = format!(
            "{objects}, {records} ({bad} bad), {megabytes:.3} MB in {seconds:.2} s, {:.1} MB/s\n",
            megabytes / seconds
        );
        if self.done > 0 {
            text += &format!("{} forwarded before\n", noun(self.done, "object"));
        }
        for TargetOutcome {
            target,
            tally: t,
            resumed,
            ..
        } in &self.targets
        {
            let before = if *resumed > 0 {
                format!("; {resumed} more by earlier runs")
            } else {
                String::new()
            };
            text += &format!(
                "{target}: read {} = sent {} + filtered {} + quarantined {} + failed {}{before}\n",
                t.read, t.sent, t.filtered, t.quarantined, t.failed
            );
        }
        text
    }
}
