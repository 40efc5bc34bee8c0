//! A piece of work, and the click file that it is done on.

use std::time::Duration;

use bytes::Bytes;
use clicks::sample::{Content, Framing};
use rustix::time::{ClockId, clock_gettime};

use crate::pipeline::{Length, records, sample};

/// Bytes of a file.
const FILE: Length = Length::Bytes(2_000_000);

/// Work to measure.
pub struct Work {
    pub name: String,
    /// What the clicks it works on have in common.
    pub content: Content,
    /// The name of the work that it is compared with, on the same content.
    pub against: &'static str,
    /// Plain bytes it works through.
    pub bytes: u64,
    /// Clicks in those.
    pub clicks: u64,
    /// The factor by which it makes them smaller.
    pub shrinks: Option<f64>,
    /// Does it once and returns the time it took.
    pub run: Box<dyn Fn() -> Duration>,
}

/// A click file and the number of clicks in it.
pub struct File {
    pub content: Content,
    pub bytes: Bytes,
    pub clicks: u64,
}

impl File {
    pub fn sample(content: Content, framing: Framing) -> File {
        let bytes = sample(content, framing, FILE);
        let clicks = records(&bytes, |_| {});
        File {
            content,
            bytes,
            clicks,
        }
    }
}

impl Work {
    /// Measures `run` over `file`.
    pub fn new(
        name: &str,
        against: &'static str,
        file: &File,
        run: impl Fn(&Bytes) + 'static,
    ) -> Work {
        let bytes = file.bytes.clone();
        let run = Box::new(move || {
            let before = cpu_time();
            run(&bytes);
            cpu_time() - before
        });
        Work {
            name: name.into(),
            content: file.content,
            against,
            bytes: file.bytes.len() as u64,
            clicks: file.clicks,
            shrinks: None,
            run,
        }
    }

    pub fn nanos_per_click(&self, time: Duration) -> f64 {
        time.as_nanos() as f64 / self.clicks as f64
    }
}

/// Returns the CPU time of this thread since it began.
pub fn cpu_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap()
}
