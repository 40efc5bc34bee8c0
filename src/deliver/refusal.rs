//! What of a target's words, and of a rule's, may stand in a log.

use super::state::LaneState;
use crate::platform::words;
use crate::targets::Entry;

/// Returns what a target, or a rule, says of `entries` without what it repeats of them.
pub(super) fn logged(entries: &[Entry], reason: &str) -> String {
    let sent = entries.iter().flat_map(|entry| [&*entry.body, &*entry.raw]);
    words::hide_echoes(reason, sent)
}

/// Logs why the target of `lane` refuses `entry`, once for each cause.
pub(super) fn log_refusal(lane: &LaneState, entry: &Entry, reason: &str) {
    let cause = &*logged(std::slice::from_ref(entry), reason);
    if lane.stats().is_new(cause) {
        tracing::warn!(target_name = &*lane.name, cause, "target refuses clicks");
    }
}

/// Logs why a rule fails on `entry`, once for each cause. Returns the cause as it may stand in a
/// log.
pub(super) fn log_rule_failure(lane: &LaneState, entry: &Entry, cause: &str) -> String {
    let cause = logged(std::slice::from_ref(entry), cause);
    if lane.stats().is_new(&cause) {
        tracing::warn!(target_name = &*lane.name, cause, "rule fails on clicks");
    }
    cause
}
