//! The audit lines: what became of an object, told so that nobody has to open the code.

use super::{End, Failure, Outcome, Tally, TargetOutcome};

impl Outcome {
    /// Writes one audit line a target, or one for an object that reached none.
    pub fn log(&self) {
        let object = self.object.to_string();
        if self
            .targets
            .iter()
            .any(|t| t.failure == Some(Failure::Closed))
        {
            return;
        }
        match &self.end {
            End::Complete | End::Stopped { .. } => {}
            // A typing error in SOURCES looks just so.
            End::Skipped(why) if why.contains("SOURCES") => {
                tracing::warn!(object = object, why = why, "object skipped")
            }
            End::Skipped(why) => tracing::info!(object = object, why = why, "object skipped"),
            End::Missing => {
                tracing::error!(
                    object = object,
                    "object is gone: see its row in the quarantine; acknowledged"
                )
            }
            End::Done => tracing::info!(object = object, "object forwarded before"),
            End::LeasedElsewhere(left) => {
                tracing::warn!(
                    object = object,
                    held_s = left.as_secs(),
                    "object held by another invocation"
                );
            }
            End::Corrupt { offset, reason } => tracing::error!(
                object = object,
                offset = offset,
                reason = reason,
                "object is broken: its tail is quarantined"
            ),
            End::NotStarted => tracing::warn!(object = object, "object not begun: the time was up"),
            End::Failed(cause) | End::Refused(cause) => {
                tracing::error!(object = object, cause = cause, "object failed")
            }
        }
        for field in &self.unknown {
            tracing::info!(
                object = object,
                field = field,
                "unknown field: it is forwarded as it came"
            );
        }
        for target in &self.targets {
            target.log(&object, &self.end);
        }
    }
}

/// One audit line at a level.
macro_rules! audit {
    ($level:ident, $object:expr, $outcome:expr, $($rest:tt)+) => {{
        let TargetOutcome { target, tally: t, resumed, retries, continued, lag, .. } = $outcome;
        let lag_s = lag.map(|lag| lag.as_secs());
        let Tally { read, sent, filtered, quarantined, failed } = t;
        let (object, target) = ($object, &**target);
        tracing::$level!(object = object, target = target, read = read, sent = sent, filtered = filtered, quarantined = quarantined, failed = failed, retries = retries, resumed = resumed, continued = continued, lag_s = lag_s, $($rest)+)
    }};
}

impl TargetOutcome {
    fn log(&self, object: &str, end: &End) {
        match &self.failure {
            None if self.continued || matches!(end, End::Failed(_)) => {
                audit!(warn, object, self, "object forwarded in part")
            }
            None => audit!(info, object, self, "object forwarded"),
            Some(cause) => audit!(error, object, self, cause = %cause, "object failed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::object::ObjectRef;
    use crate::platform::log::captured;

    fn ended(end: End) -> Outcome {
        Outcome::unread(ObjectRef::new("clicks", "a.json"), end)
    }

    #[test]
    fn audit_lines_are_those_that_were_released() {
        let tally = Tally {
            read: 10,
            sent: 6,
            filtered: 1,
            quarantined: 2,
            failed: 1,
        };
        let target = TargetOutcome {
            target: "hook".into(),
            tally,
            resumed: 3,
            retries: 4,
            lag: Some(Duration::from_millis(2900)),
            ..TargetOutcome::default()
        };
        let failed = TargetOutcome {
            failure: Some(Failure::GaveUp("HTTP 503".into())),
            continued: false,
            lag: None,
            ..target.clone()
        };
        let continued = TargetOutcome {
            continued: true,
            ..target.clone()
        };
        let outcomes = [
            Outcome {
                targets: vec![target, failed, continued],
                unknown: vec!["route.qr".into()],
                ..ended(End::Complete)
            },
            ended(End::Skipped("outside SOURCES".into())),
            ended(End::Skipped("a folder marker".into())),
            ended(End::Missing),
            ended(End::Done),
            ended(End::LeasedElsewhere(Duration::from_secs(7))),
            ended(End::Corrupt {
                offset: 77,
                reason: "truncated".into(),
            }),
            ended(End::NotStarted),
            ended(End::Failed("403".into())),
            ended(End::Refused("no such target".into())),
        ];
        let lines = captured(|| outcomes.iter().for_each(Outcome::log));
        assert_eq!(lines, include_str!("../../tests/data/formats/audit.jsonl"));
    }
}
