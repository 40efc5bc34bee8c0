//! `stdout`: one click per line on standard output; in Lambda, into the function's log.

use std::io::{self, ErrorKind, IoSlice, Write};
use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use super::{
    Context, DeliveryMode, EncodeError, Entry, Kind, Limits, MapUse, SendError, Target, Var,
    Verdict, View,
};
use crate::config::vars::Scope;
use crate::platform::recorder::{RecordedRequest, Recorder};
use crate::platform::stdio;
use clicks::click::Form;

pub(super) const KIND: Kind = Kind {
    name: "stdout",
    doc: "one click per line on standard output; in Lambda, into the function's log",
    vars: &[Var {
        name: "FORMAT",
        default: "click",
        doc: "`click`, `flat`, `raw` or `webhook`",
    }],
    shared: &[],
    example: &[],
    map: MapUse::Body,
    build,
};

fn build(scope: &Scope<'_>, context: Context) -> Option<Arc<dyn Target>> {
    let form = scope.parsed("FORMAT").unwrap_or(Form::Click);
    let recorder = context.network.recorder;
    Some(Arc::new(Stdout { form, recorder }))
}

struct Stdout {
    form: Form,
    /// Keeps the lines, if none is to be written.
    recorder: Option<Recorder>,
}

/// Held by the one writer at a time of all targets and attempts: lines of two batches must not mix.
static WRITING: LazyLock<Arc<Mutex<()>>> = LazyLock::new(Arc::default);

#[async_trait]
impl Target for Stdout {
    fn limits(&self) -> Limits {
        Limits {
            records: 1024,
            bytes: 64 << 20,
            record_bytes: 64 << 20,
            per_record: 1,
            ..Limits::SINGLE
        }
    }

    fn delivery(&self) -> DeliveryMode {
        // One after another, so that a file's clicks come out in their order.
        DeliveryMode {
            in_flight: 1,
            ..DeliveryMode::WHOLE
        }
    }

    fn encode(&self, view: &View<'_>) -> Result<Entry, EncodeError> {
        Ok(Entry::new(view, view.form(self.form)))
    }

    async fn send(&self, batch: &[Entry]) -> Result<Vec<Verdict>, SendError> {
        let bodies: Vec<Bytes> = batch.iter().map(|entry| entry.body.clone()).collect();
        if let Some(recorder) = &self.recorder {
            recorder.record(recorded(&bodies));
            return Ok(vec![Verdict::Sent; batch.len()]);
        }
        let lock = WRITING.clone().lock_owned().await;
        // Past the buffers of the standard library, so that an error is this batch's. The lock is
        // held until the write ends, even if nobody waits for it any more.
        let write = move || {
            let _lock = lock;
            write_lines(&mut stdio::stdout()?, &bodies)
        };
        let written = spawn_blocking(write)
            .await
            .unwrap_or_else(|e| Err(e.into()));
        match written {
            Ok(()) => Ok(vec![Verdict::Sent; batch.len()]),
            Err(e) if e.kind() == ErrorKind::BrokenPipe => Err(SendError::ReaderClosed),
            Err(e) => Err(SendError::Misconfigured(format!(
                "standard output cannot be written: {e}"
            ))),
        }
    }

    fn describe(&self) -> Vec<(&'static str, String)> {
        vec![("format", self.form.to_string())]
    }
}

/// Returns the lines of `bodies` as they would be written.
fn recorded(bodies: &[Bytes]) -> RecordedRequest {
    let lines = bodies.iter().flat_map(|body| [&**body, b"\n"]);
    RecordedRequest {
        method: None,
        address: "standard output".into(),
        headers: Vec::new(),
        body: lines.collect::<Vec<_>>().concat().into(),
    }
}

/// Writes each body and a line feed, without copying them together.
fn write_lines(out: &mut impl Write, bodies: &[Bytes]) -> io::Result<()> {
    let mut slices: Vec<_> = bodies
        .iter()
        .flat_map(|body| [IoSlice::new(body), IoSlice::new(b"\n")])
        .collect();
    let mut rest = slices.as_mut_slice();
    while !rest.is_empty() {
        match out.write_vectored(rest) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(n) => IoSlice::advance_slices(&mut rest, n),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes a few bytes at a time, and none after so many.
    struct Narrow(Vec<u8>, usize);

    impl Write for Narrow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.0.len() % 5 == 3 {
                self.0.push(b'-');
                return Err(ErrorKind::Interrupted.into());
            }
            let n = bytes.len().min(3).min(self.1 - self.0.len());
            self.0.extend_from_slice(bytes.get(..n).unwrap_or_default());
            Ok(n)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_come_out_whole_however_little_is_taken_at_a_time() {
        let bodies: Vec<_> = ["{\"a\":1}", "", "{\"long\":\"xxxxxxxxx\"}"]
            .map(Bytes::from)
            .into();
        let mut out = Narrow(Vec::new(), 1000);
        write_lines(&mut out, &bodies).unwrap();
        out.0.retain(|byte| *byte != b'-');
        assert_eq!(
            String::from_utf8(out.0).unwrap(),
            "{\"a\":1}\n\n{\"long\":\"xxxxxxxxx\"}\n"
        );
        assert_eq!(
            write_lines(&mut Narrow(Vec::new(), 10), &bodies)
                .unwrap_err()
                .kind(),
            ErrorKind::WriteZero
        );
    }
}
