//! The metrics of the function's process, written into its log.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::outcome::Outcome;
use crate::outcome::metrics::{Metric, Report};
use crate::platform::clock;

/// Writes what each invocation did.
pub(super) struct InvocationMetrics {
    function_name: String,
    /// Whether this process has not handled an event yet.
    is_cold: AtomicBool,
}

impl InvocationMetrics {
    /// Starts the metrics of a process of the function `function_name`.
    pub(super) fn new(function_name: String) -> InvocationMetrics {
        InvocationMetrics {
            function_name,
            is_cold: AtomicBool::new(true),
        }
    }

    /// Writes what became of the objects of one invocation to standard error, where it does not mix
    /// with clicks.
    pub(super) fn write<'o>(&self, outcomes: impl Iterator<Item = &'o Outcome>) {
        let mut report = Report::default();
        outcomes.for_each(|outcome| report.add(outcome));
        let is_cold = self.is_cold.swap(false, Ordering::Relaxed);
        report.count(Metric::ColdStarts, u64::from(is_cold));
        let lines = report
            .documents(&self.function_name, clock::now())
            .join("\n")
            + "\n";
        // A log that cannot be written is no reason to fail.
        let _ = std::io::stderr().lock().write_all(lines.as_bytes());
    }
}
