//! `stdout`: one click per line on standard output; in Lambda, into the function's log.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use super::{Context, Entry, Halt, Kind, Limits, Target, Unfit, Var, Verdict};
use crate::click::{Click, Form};
use crate::config::vars::Scope;

pub(super) const KIND: Kind = Kind {
    name: "stdout",
    doc: "one click per line on standard output; in Lambda, into the function's log",
    vars: &[Var { name: "FORMAT", default: "click", doc: "`click`, `flat`, `raw` or `webhook`" }],
    shared: &[],
    build,
};

fn build(scope: &Scope<'_>, _: Context) -> Option<Arc<dyn Target>> {
    let form = scope.parsed("FORMAT").unwrap_or(Form::Click);
    Some(Arc::new(Stdout { form }))
}

struct Stdout {
    form: Form,
}

/// One writer at a time, of all targets and attempts: lines of two batches must not mix.
static WRITING: LazyLock<Arc<Mutex<()>>> = LazyLock::new(Arc::default);

#[async_trait]
impl Target for Stdout {
    fn limits(&self) -> Limits {
        // One after another, so that a file's clicks come out in their order.
        Limits { records: 1024, bytes: 64 << 20, record_bytes: 64 << 20, per_record: 1, in_flight: 1, ..Limits::PLAIN }
    }

    fn encode(&self, click: &Click<'_>) -> Result<Entry, Unfit> {
        Ok(Entry::new(click, click.form(self.form)))
    }

    async fn send(&self, batch: &[Entry]) -> Result<Vec<Verdict>, Halt> {
        let mut lines = Vec::with_capacity(batch.iter().map(|entry| entry.body.len() + 1).sum());
        for entry in batch {
            lines.extend_from_slice(&entry.body);
            lines.push(b'\n');
        }
        let turn = WRITING.clone().lock_owned().await;
        // Past the buffers of the standard library: what is written is gone, or the error is this batch's. The turn
        // ends with the write, even if nobody waits for it any more.
        let write = move || {
            let _turn = turn;
            File::from(std::io::stdout().as_fd().try_clone_to_owned()?).write_all(&lines)
        };
        let written = spawn_blocking(write).await.unwrap_or_else(|e| Err(e.into()));
        match written {
            Ok(()) => Ok(vec![Verdict::Sent; batch.len()]),
            Err(e) if e.kind() == ErrorKind::BrokenPipe => Err(Halt::Closed),
            Err(e) => Err(Halt::Misconfigured(format!("standard output cannot be written: {e}"))),
        }
    }

    fn describe(&self) -> Vec<(&'static str, String)> {
        vec![("format", self.form.to_string())]
    }
}
