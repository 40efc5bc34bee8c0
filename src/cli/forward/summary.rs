//! The summary of a run over several objects, printed at its end.

use std::time::Duration;

use super::report::{Report, TargetReport};
use super::signals::Interrupt;
use crate::cli::Exit;
use crate::outcome::{End, Failure, Outcome, TargetOutcome};

/// The most problems that are printed.
const MOST_PROBLEMS: usize = 20;

/// The sum over all objects.
#[derive(Default)]
pub(super) struct Summary {
    objects: u64,
    records: u64,
    bad: u64,
    bytes: u64,
    /// Objects that must be forwarded again.
    failed: u64,
    /// Objects that are gone, that cannot be read to their end, or in which no record is a click.
    corrupt: u64,
    /// Objects that earlier runs have forwarded.
    done: u64,
    /// Objects that an interrupted run did not begin; they are among those that failed.
    not_begun: u64,
    interrupt: Option<Interrupt>,
    reader_is_gone: bool,
    /// Whether the quarantine keeps what targets refuse.
    keeps_rows: bool,
    targets: Vec<TargetOutcome>,
    problems: Vec<String>,
}

impl Summary {
    /// Sums up nothing yet. `keeps_rows` is whether the quarantine keeps what targets refuse.
    pub(super) fn new(keeps_rows: bool) -> Summary {
        Summary {
            keeps_rows,
            ..Summary::default()
        }
    }

    /// Counts the clicks that targets refused and that nothing keeps.
    fn lost(&self) -> u64 {
        let refused = self.targets.iter().map(|target| target.refused);
        if self.keeps_rows { 0 } else { refused.sum() }
    }

    /// Adds what became of one object.
    pub(super) fn add(&mut self, outcome: &Outcome) {
        self.objects += 1;
        self.records += outcome.records;
        self.bad += outcome.bad;
        self.bytes += outcome.bytes;
        // With standard output alone, nobody wants the rest; other targets still want theirs.
        self.reader_is_gone |= matches!(
            &*outcome.targets,
            [TargetOutcome {
                failure: Some(Failure::Closed),
                ..
            }]
        );
        if let Some(cause) = outcome.unfinished() {
            self.failed += 1;
            self.problems.push(cause);
        }
        let object = &outcome.object;
        match &outcome.end {
            End::Done => self.done += 1,
            End::Missing => {
                self.corrupt += 1;
                self.problems.push(format!("{object}: it is gone"));
            }
            End::Corrupt { offset, reason } => {
                self.corrupt += 1;
                self.problems.push(format!(
                    "{object}: {reason}; unreadable from byte {offset} on"
                ));
            }
            End::Complete if outcome.records > 0 && outcome.bad == outcome.records => {
                self.corrupt += 1;
                let records = counted(outcome.records, "bad record");
                self.problems
                    .push(format!("{object}: no click is in it, only {records}"));
            }
            _ => {}
        }
        for target in &outcome.targets {
            self.add_target(target);
        }
    }

    fn add_target(&mut self, target: &TargetOutcome) {
        let mut known = self.targets.iter_mut();
        match known.find(|known| known.target == target.target) {
            Some(known) => {
                known.tally.add(&target.tally);
                known.resumed += target.resumed;
                known.refused += target.refused;
                known.retries += target.retries;
            }
            None => self.targets.push(target.clone()),
        }
    }

    /// Counts the objects among those `named` that were not begun, and notes which signal
    /// interrupted the run.
    pub(super) fn close(&mut self, named: u64, interrupt: Option<Interrupt>) {
        self.not_begun = named.saturating_sub(self.objects);
        self.failed += self.not_begun;
        for target in &self.targets {
            let TargetOutcome {
                tally,
                refused,
                resumed,
                ..
            } = target;
            if *refused > 0 && tally.sent == 0 && *resumed == 0 {
                self.failed += 1;
                let clicks = counted(*refused, "click");
                self.problems
                    .push(format!("target {}: refused all of {clicks}", target.target));
            }
        }
        // What was done in spite of the signal is done.
        self.interrupt = interrupt.filter(|_| self.failed > 0);
        if self.not_begun > 0 {
            let missing = counted(self.not_begun, "object");
            self.problems
                .push(format!("interrupted before {missing} were begun"));
        }
    }

    /// Returns whether standard output is the only target and its reader has gone away.
    pub(super) fn reader_is_gone(&self) -> bool {
        self.reader_is_gone
    }

    /// Returns whether a signal kept something from being done.
    pub(super) fn is_interrupted(&self) -> bool {
        self.interrupt.is_some()
    }

    /// Returns how the run ended.
    pub(super) fn exit(&self) -> Exit {
        match (self.interrupt, self.failed + self.lost(), self.corrupt) {
            (Some(interrupt), ..) => interrupt.exit(),
            (None, 0, 0) => Exit::Ok,
            (None, 0, _) => Exit::Corrupt,
            _ => Exit::Failed,
        }
    }

    /// Renders why objects were not delivered, which is printed even if the summary is not wanted.
    pub(super) fn problems(&self) -> String {
        let shown = self.problems.iter().take(MOST_PROBLEMS);
        let mut text: String = shown.map(|line| format!("{line}\n")).collect();
        if self.problems.len() > MOST_PROBLEMS {
            let more = self.problems.len() - MOST_PROBLEMS;
            text += &format!("… and {more} more\n");
        }
        if self.lost() > 0 {
            let clicks = counted(self.lost(), "click");
            text += &format!("{clicks} refused and not kept: set QUARANTINE\n");
        }
        text
    }

    /// Renders everything for programs, as one JSON object.
    pub(super) fn json(&self, took: Duration) -> String {
        let targets: Vec<_> = self.targets.iter().map(TargetReport::of).collect();
        let report = Report {
            exit: self.exit() as u8,
            interrupted: self.is_interrupted(),
            objects: self.objects,
            not_begun: self.not_begun,
            failed: self.failed,
            corrupt: self.corrupt,
            done_before: self.done,
            records: self.records,
            bad: self.bad,
            refused_and_not_kept: self.lost(),
            bytes: self.bytes,
            seconds: took.as_secs_f64(),
            targets,
            problems: &self.problems,
        };
        // Numbers and text: it cannot fail.
        serde_json::to_string(&report).unwrap_or_default()
    }

    /// Renders the counts of a run that took so long.
    pub(super) fn text(&self, took: Duration) -> String {
        let (megabytes, seconds) = (self.bytes as f64 / 1e6, took.as_secs_f64().max(1e-9));
        let mut text = format!(
            "{}, {} ({} bad), {megabytes:.3} MB in {seconds:.2} s, {:.1} MB/s\n",
            counted(self.objects, "object"),
            counted(self.records, "record"),
            self.bad,
            megabytes / seconds
        );
        if self.done > 0 {
            text += &format!("{} forwarded before\n", counted(self.done, "object"));
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

/// Writes `1 object`, `2 objects`.
fn counted(n: u64, noun: &str) -> String {
    if n == 1 {
        format!("1 {noun}")
    } else {
        format!("{n} {noun}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::ObjectRef;
    use crate::outcome::Tally;

    fn ended(end: End) -> Outcome {
        Outcome::unread(ObjectRef::new("b", "k"), end)
    }

    fn summary(outcomes: &[Outcome], named: u64) -> Summary {
        let mut summary = Summary::default();
        outcomes.iter().for_each(|outcome| summary.add(outcome));
        summary.close(
            named,
            (summary.objects < named).then_some(Interrupt::Interrupted),
        );
        summary
    }

    fn delivered(n: u64) -> Outcome {
        let tally = Tally {
            read: n,
            sent: n,
            ..Tally::default()
        };
        Outcome {
            records: n,
            targets: vec![TargetOutcome {
                target: "hook".into(),
                tally,
                ..TargetOutcome::default()
            }],
            ..ended(End::Complete)
        }
    }

    #[test]
    fn what_failed_outweighs_what_is_corrupt() {
        let corrupt = ended(End::Missing);
        let failed = ended(End::Failed("403".into()));
        assert_eq!(summary(&[delivered(1)], 1).exit(), Exit::Ok);
        let partly = summary(&[delivered(1), corrupt.clone()], 2);
        assert_eq!(partly.exit(), Exit::Corrupt);
        assert_eq!(partly.problems(), "s3://b/k: it is gone\n");
        assert_eq!(summary(&[corrupt, failed], 2).exit(), Exit::Failed);
    }

    #[test]
    fn targets_are_summed_over_objects_and_interruptions_counted() {
        let interrupted = summary(&[delivered(1), delivered(2)], 5);
        let text = interrupted.text(Duration::from_secs(1));
        assert!(text.starts_with("2 objects, 3 records (0 bad)"), "{text}");
        assert!(
            text.contains("hook: read 3 = sent 3 + filtered 0"),
            "{text}"
        );
        assert_eq!(
            (interrupted.exit(), interrupted.problems()),
            (
                Exit::Interrupted,
                "interrupted before 3 objects were begun\n".into()
            )
        );
    }

    #[test]
    fn refused_clicks_that_nothing_keeps_are_named_and_are_a_failure() {
        let mut refused = delivered(300);
        refused.targets[0].refused = 300;
        for (keeps_rows, exit, problems) in [
            (
                false,
                Exit::Failed,
                "600 clicks refused and not kept: set QUARANTINE\n",
            ),
            (true, Exit::Ok, ""),
        ] {
            let mut summary = Summary::new(keeps_rows);
            summary.add(&refused);
            summary.add(&refused);
            assert_eq!((summary.exit(), &*summary.problems()), (exit, problems));
        }
    }

    #[test]
    fn a_target_that_accepts_nothing_is_a_failure_even_if_all_is_kept() {
        let mut refused = delivered(3);
        refused.targets[0].refused = 3;
        refused.targets[0].tally = Tally {
            read: 3,
            quarantined: 3,
            ..Tally::default()
        };
        for (outcomes, exit) in [
            (&[refused.clone()][..], Exit::Failed),
            (&[refused, delivered(1)], Exit::Ok),
        ] {
            let mut summary = Summary::new(true);
            outcomes.iter().for_each(|outcome| summary.add(outcome));
            summary.close(outcomes.len() as u64, None);
            assert_eq!(summary.exit(), exit);
            let is_named = summary.problems() == "target hook: refused all of 3 clicks\n";
            assert_eq!(is_named, exit == Exit::Failed);
        }
    }

    #[test]
    fn of_many_problems_the_first_are_shown() {
        let gone = vec![ended(End::Missing); 25];
        let problems = summary(&gone, 25).problems();
        assert_eq!(problems.lines().count(), 21);
        assert!(problems.ends_with("… and 5 more\n"));
    }
}
