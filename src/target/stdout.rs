//! `stdout`: one click a line on standard output; in Lambda, into the function's log.

use std::io::ErrorKind;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::io::AsyncWriteExt;
use tokio::sync::Mutex;

use super::{Context, Entry, Halt, Kind, Limits, Target, Unfit, Var, Verdict};
use crate::click::{Click, Form};
use crate::config::vars::Scope;

pub(super) const KIND: Kind = Kind {
    name: "stdout",
    doc: "one click a line on standard output; in Lambda, into the function's log",
    vars: &[Var { name: "FORMAT", default: "click", doc: "`click`, `flat`, `raw` or `webhook`" }],
    build,
};

fn build(scope: &Scope<'_>, _: Context) -> Option<Arc<dyn Target>> {
    let form = scope.parsed("FORMAT").unwrap_or(Form::Click);
    Some(Arc::new(Stdout { form, out: Mutex::new(tokio::io::stdout()) }))
}

struct Stdout {
    form: Form,
    /// One writer at a time: lines of two batches must not mix.
    out: Mutex<tokio::io::Stdout>,
}

#[async_trait]
impl Target for Stdout {
    fn limits(&self) -> Limits {
        Limits { records: 1024, bytes: 64 << 20, record_bytes: 64 << 20, overhead: 0, per_record: 1, verdicts: false }
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
        let mut out = self.out.lock().await;
        let written = match out.write_all(&lines).await {
            Ok(()) => out.flush().await,
            Err(e) => Err(e),
        };
        match written {
            Ok(()) => Ok(vec![Verdict::Sent; batch.len()]),
            Err(e) if e.kind() == ErrorKind::BrokenPipe => Err(Halt::Closed),
            Err(e) => Err(Halt::Misconfigured(format!("standard output cannot be written: {e}"))),
        }
    }

    fn describe(&self) -> Vec<(&'static str, String)> {
        vec![("format", format!("{:?}", self.form).to_lowercase())]
    }
}
