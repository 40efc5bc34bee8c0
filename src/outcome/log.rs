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
            End::Whole | End::Stopped { .. } => {}
            // A typing error in SOURCES looks just so.
            End::Skipped(why) if why.contains("SOURCES") => {
                tracing::warn!(object, why, "object skipped")
            }
            End::Skipped(why) => tracing::info!(object, why, "object skipped"),
            End::Missing => {
                tracing::error!(
                    object,
                    "object is gone: see its row in the quarantine; acknowledged"
                )
            }
            End::Done => tracing::info!(object, "object forwarded before"),
            End::Held(left) => {
                tracing::warn!(
                    object,
                    held_s = left.as_secs(),
                    "object held by another invocation"
                );
            }
            End::Broken { offset, reason } => tracing::error!(
                object,
                offset,
                reason,
                "object is broken: its tail is quarantined"
            ),
            End::NotBegun => tracing::warn!(object, "object not begun: the time was up"),
            End::Failed(cause) | End::Refused(cause) => {
                tracing::error!(object, cause, "object failed")
            }
        }
        for field in &self.unknown {
            tracing::info!(object, field, "unknown field: it is forwarded as it came");
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
        tracing::$level!(object, target, read, sent, filtered, quarantined, failed, retries, resumed, continued, lag_s, $($rest)+)
    }};
}

impl TargetOutcome {
    fn log(&self, object: &str, end: &End) {
        match &self.failure {
            None if self.continued || matches!(end, End::Failed(_)) => {
                audit!(warn, object, self, "object forwarded in part")
            }
            None => audit!(info, object, self, "object forwarded"),
            Some(cause) => audit!(error, object, self, %cause, "object failed"),
        }
    }
}
