//! The audit lines: what became of an object, so that nobody has to open the code to understand it.

use super::{End, Failure, Outcome, SkipReason, Tally, TargetOutcome};

/// The `target` of this module's events, by which a filter can drop them.
pub const LOG_TARGET: &str = module_path!();

impl Outcome {
    /// Writes one audit line for each target, or one for an object that reached none.
    pub fn log(&self) {
        let has_no_reader = |target: &TargetOutcome| target.failure == Some(Failure::Closed);
        if self.targets.iter().any(has_no_reader) {
            return;
        }
        let object = self.object.to_string();
        if self.has_replaced {
            tracing::error!(
                object = object,
                "object replaced what was not forwarded: see its row in the quarantine"
            );
        }
        log_end(&object, &self.end);
        for field in &self.unknown {
            tracing::info!(
                object = object,
                field = field,
                "unknown field: it is forwarded as it came"
            );
        }
        for target in &self.targets {
            log_target(&object, target, &self.end);
        }
    }
}

/// Writes the line of an object that reached no target, or not whole.
fn log_end(object: &str, end: &End) {
    match end {
        End::Complete | End::Stopped { .. } => {}
        End::Skipped(reason) => log_skipped(object, *reason, &reason.to_string()),
        End::Missing => tracing::error!(
            object = object,
            "object is gone: see its row in the quarantine; acknowledged"
        ),
        End::Done => tracing::info!(object = object, "object forwarded before"),
        End::LeasedElsewhere(left) => tracing::warn!(
            object = object,
            held_s = left.as_secs(),
            "object held by another invocation"
        ),
        End::Corrupt { offset, reason } => tracing::error!(
            object = object,
            offset = offset,
            reason = reason,
            "object is broken: its tail is quarantined"
        ),
        End::Postponed(left) => tracing::info!(
            object = object,
            wait_s = left.as_secs(),
            "object not begun: its targets asked not to be called yet"
        ),
        End::NotStarted => tracing::warn!(object = object, "object not begun: the time was up"),
        End::Failed(cause) | End::Refused(cause) => {
            tracing::error!(object = object, cause = cause, "object failed")
        }
    }
}

fn log_skipped(object: &str, reason: SkipReason, why: &str) {
    match reason {
        // A typing error in SOURCES looks just like this.
        SkipReason::OutsideSources => tracing::warn!(object = object, why = why, "object skipped"),
        SkipReason::NoBucket
        | SkipReason::OwnOutput
        | SkipReason::FolderMarker
        | SkipReason::Empty => tracing::info!(object = object, why = why, "object skipped"),
    }
}

/// Writes one audit line at a level.
macro_rules! audit {
    ($level:ident, $object:expr, $outcome:expr, $($rest:tt)+) => {{
        let TargetOutcome { target, tally, resumed, retries, continued, lag, .. } = $outcome;
        let Tally { read, sent, filtered, quarantined, failed } = tally;
        let (object, target) = ($object, &**target);
        tracing::$level!(
            object = object,
            target = target,
            read = read,
            sent = sent,
            filtered = filtered,
            quarantined = quarantined,
            failed = failed,
            retries = retries,
            resumed = resumed,
            continued = continued,
            lag_s = lag.map(|lag| lag.as_secs()),
            $($rest)+
        )
    }};
}

/// Writes the audit line of one target.
fn log_target(object: &str, outcome: &TargetOutcome, end: &End) {
    match &outcome.failure {
        None if outcome.continued || matches!(end, End::Failed(_)) => {
            audit!(warn, object, outcome, "object forwarded in part")
        }
        None => audit!(info, object, outcome, "object forwarded"),
        Some(cause) => audit!(error, object, outcome, cause = %cause, "object failed"),
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
        let delivered = Outcome {
            targets: vec![target, failed, continued],
            unknown: vec!["route.qr".into()],
            ..ended(End::Complete)
        };
        let unread = [
            End::Missing,
            End::Done,
            End::LeasedElsewhere(Duration::from_secs(7)),
            End::Corrupt {
                offset: 77,
                reason: "truncated".into(),
            },
            End::NotStarted,
            End::Failed("403".into()),
            End::Refused("no such target".into()),
        ];
        let lines = captured(|| {
            delivered.log();
            let object = &delivered.object.to_string();
            log_skipped(object, SkipReason::OutsideSources, "outside SOURCES");
            log_skipped(object, SkipReason::FolderMarker, "a folder marker");
            unread.into_iter().for_each(|end| ended(end).log());
        });
        assert_eq!(lines, include_str!("../../tests/data/formats/audit.jsonl"));
    }
}
