//! What of a target's words may stand in a log.

use crate::platform::words;
use crate::targets::Entry;

/// Returns what a target says of `entries` without what it repeats of them.
pub(super) fn logged(entries: &[Entry], reason: &str) -> String {
    let sent = entries.iter().flat_map(|entry| [&*entry.body, &*entry.raw]);
    words::hide_echoes(reason, sent)
}
