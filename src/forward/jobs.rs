//! Forwards a list of jobs side by side.

use std::sync::Arc;

use futures::{Stream, StreamExt, stream};

use super::Forwarder;
use crate::deliver::RunControl;
use crate::job::Job;
use crate::outcome::{End, Outcome};

/// Forwards `jobs`, at most `concurrency` at a time, and yields each outcome, under the key of its
/// job, as it ends.
///
/// Each job is a task of its own, so that two processors decode two objects. A job is begun, and
/// taken from `jobs`, when there is room for it.
pub fn forward_all<K>(
    forwarder: &Arc<Forwarder>,
    jobs: impl IntoIterator<Item = (K, Job)>,
    concurrency: usize,
    control: &RunControl,
) -> impl Stream<Item = (K, Outcome)> {
    let runs = jobs.into_iter().map(move |(key, job)| {
        let (forwarder, control) = (forwarder.clone(), control.clone());
        async move {
            let object = job.object();
            let run = async move { forwarder.forward(&job, control).await };
            let outcome = tokio::spawn(run).await.unwrap_or_else(|error| {
                let cause = format!("a task ended early: {error}");
                Outcome::unread(object, End::Failed(cause))
            });
            (key, outcome)
        }
    });
    stream::iter(runs).buffer_unordered(concurrency)
}
