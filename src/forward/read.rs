//! One object for all its targets: read once, and again for each that was left behind.

use std::time::{Duration, UNIX_EPOCH};

use tokio::sync::SemaphorePermit;

use super::pass::Pass;
use super::{Forwarder, Shared, Source};
use crate::deliver::{Lane, RunControl};
use crate::object::{ObjectError, Reader};
use crate::outcome::{End, Outcome, TargetOutcome};

impl Forwarder {
    /// Reads the object once, and again for each lane that the others did not wait for; closes all lanes.
    pub(super) async fn read(
        &self,
        source: &Source,
        shared: &Shared<'_>,
        (reader, room, lanes, control): (
            Reader,
            Option<SemaphorePermit<'_>>,
            Vec<Lane>,
            &RunControl,
        ),
        outcome: &mut Outcome,
    ) {
        let mut first = Pass::new(source.object.clone(), self.decode_limits, shared, lanes);
        outcome.end = first.run(reader, control).await;
        // Those that are left behind hold no more than their place.
        drop(room);
        (outcome.records, outcome.bad, outcome.fresh, outcome.bytes) =
            (first.records, first.bad, first.fresh, first.bytes);
        outcome.unknown = first.unknown();
        let began = first.first;
        let (mut done, detached) = first.into_lanes();
        let again = detached
            .into_iter()
            .map(|lane| self.again(source, shared, lane, control));
        for (lanes, end) in futures::future::join_all(again).await {
            // A lane that has failed says so itself.
            let unexplained = lanes.iter().any(|lane| !lane.has_failed());
            done.extend(lanes);
            if unexplained && matches!(end, End::Failed(_)) {
                outcome.end = end;
            }
        }
        outcome.targets =
            futures::future::join_all(done.into_iter().map(|lane| self.close(lane, began))).await;
        let order = |name: &str| self.targets.iter().position(|target| **target == *name);
        outcome.targets.sort_by_key(|target| order(&target.target));
    }

    /// Closes a lane, and notes how long after the first click, at `began`, it had all it got.
    async fn close(&self, lane: Lane, began: Option<i64>) -> TargetOutcome {
        let mut outcome = lane.close().await;
        let now = (self.clock)()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_millis() as i64);
        let since = began.and_then(|began| u64::try_from(now - began).ok());
        outcome.lag = since
            .filter(|_| outcome.tally.sent > 0)
            .map(Duration::from_millis);
        outcome
    }

    /// Reads the object again for a lane that was detached, from where it was left behind.
    async fn again(
        &self,
        source: &Source,
        shared: &Shared<'_>,
        mut lane: Lane,
        control: &RunControl,
    ) -> (Vec<Lane>, End) {
        lane.go_on().await;
        if lane.has_all() {
            return (vec![lane], End::Complete);
        }
        if control.is_over() || lane.is_over() {
            return (vec![lane], End::Stopped { offset: 0 });
        }
        let mut pass = Pass::new(
            source.object.clone(),
            self.decode_limits,
            shared,
            vec![lane],
        );
        let opened = control
            .before_stop(self.store(&source.object).open(&source.object))
            .await;
        let end = match opened {
            None => End::Stopped { offset: 0 },
            Some(Ok(reader)) if reader.revision() != source.revision => {
                End::Failed(ObjectError::Changed.to_string())
            }
            Some(Ok(reader)) => pass.run(reader, control).await,
            Some(Err(error)) => End::Failed(format!("reading it again: {error}")),
        };
        let (mut lanes, detached) = pass.into_lanes();
        lanes.extend(detached);
        (lanes, end)
    }
}
