//! The progress bar: how much is read, how fast, and how long the rest will take.

use std::fmt::Write;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::forward::Meter;
use crate::object::ObjectRef;
use crate::platform::stdio;

/// How often the bar is drawn.
pub(super) const TICK: Duration = Duration::from_millis(200);

/// With a known end.
const STYLE: &str =
    "{bar:30} {binary_bytes}/{binary_total_bytes}  {binary_bytes_per_sec}  {left}{msg}";
/// While the sizes of the objects are not known.
const STYLE_WITHOUT_END: &str = "{spinner} {binary_bytes}  {binary_bytes_per_sec}  {elapsed}{msg}";

/// The bar of one run. Lines for standard error are written above it.
pub(super) struct Bar {
    bar: ProgressBar,
    objects: u64,
    done: u64,
    /// The size of all objects, if all are files.
    size: Option<u64>,
}

impl Bar {
    /// Draws a bar for `objects` if standard error is a terminal and no target `writes_to_stdout`
    /// that is one too.
    pub(super) fn new(objects: &[ObjectRef], writes_to_stdout: bool) -> Bar {
        let shares_terminal = writes_to_stdout && std::io::stdout().is_terminal();
        let bar = if std::io::stderr().is_terminal() && !shares_terminal {
            ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr())
        } else {
            ProgressBar::hidden()
        };
        let bar = Bar {
            bar,
            objects: objects.len() as u64,
            done: 0,
            size: objects.iter().map(size_of_file).sum(),
        };
        if !bar.bar.is_hidden() {
            bar.start();
        }
        bar
    }

    fn start(&self) {
        stdio::write_above(Some(self.bar.clone()));
        self.set_style(STYLE_WITHOUT_END);
        self.bar.enable_steady_tick(TICK);
    }

    fn set_style(&self, template: &str) {
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style.with_key("left", left));
        }
    }

    /// Counts an object that has ended.
    pub(super) fn object_done(&mut self) {
        self.done += 1;
    }

    /// Shows what has been read so far.
    pub(super) fn show(&self, meter: &Meter) {
        if self.bar.is_hidden() {
            return;
        }
        let read = meter.read();
        if let Some(size) = self.size.or_else(|| meter.estimate(self.objects)) {
            if self.bar.length().is_none() {
                self.set_style(STYLE);
            }
            // An object that is read again for a target that was slow counts again.
            self.bar.set_length(size.max(read));
        }
        self.bar.set_position(read);
        if self.objects > 1 {
            self.bar
                .set_message(format!("  {}/{} objects", self.done, self.objects));
        }
    }

    /// Takes the bar away.
    pub(super) fn finish(self) {
        self.bar.finish_and_clear();
        stdio::write_above(None);
    }
}

/// Writes how long the rest will take, once there is something to go by.
fn left(state: &ProgressState, out: &mut dyn Write) {
    if state.pos() > 0 {
        // Writing to a string cannot fail.
        let _ = write!(out, "{:#} left", HumanDuration(state.eta()));
    }
}

fn size_of_file(object: &ObjectRef) -> Option<u64> {
    let about = std::fs::metadata(&object.key);
    let file = about
        .ok()
        .filter(|about| object.bucket.is_empty() && about.is_file());
    file.map(|about| about.len())
}
