//! Standard output and standard error. What cannot be written to standard output is an error; what
//! cannot be written to standard error is dropped: nothing may depend on whether somebody reads it.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::sync::{Mutex, PoisonError};

use indicatif::ProgressBar;
use tracing_subscriber::fmt::MakeWriter;

/// Returns standard output past the buffers of the standard library, which also takes a closed
/// one for one that can be written.
pub fn stdout() -> io::Result<File> {
    Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?))
}

/// Writes `text` to standard output. A reader that has gone away is no error.
pub fn print(text: &str) -> io::Result<()> {
    let written = stdout().and_then(|mut out| out.write_all(text.as_bytes()));
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Writes `text` to standard error.
pub fn say(text: &str) {
    // Errors are dropped by the writer.
    let _ = Stderr.write_all(text.as_bytes());
}

/// The progress bar above which standard error is written.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Writes all that goes to standard error above `bar` from here on, or plainly if it is `None`.
pub fn write_above(bar: Option<ProgressBar>) {
    *BAR.lock().unwrap_or_else(PoisonError::into_inner) = bar;
}

/// Standard error, whose errors are dropped.
#[derive(Clone, Copy, Debug)]
pub struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // All or, where a pipe is full and does not block, as much as it takes.
        let write = || drop(io::stderr().write_all(bytes));
        match &*BAR.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Stderr {
    type Writer = Stderr;

    fn make_writer(&'w self) -> Stderr {
        Stderr
    }
}
