//! A lane that sends to nobody: its batches and requests are those of a real one, in order, and go
//! to a recorder, each once.

use super::batch::Batcher;
use super::cut::by_group;
use super::parts::Parts;
use super::windows::{Windows, hour};
use crate::config::TargetConfig;
use crate::outcome::Failure;
use crate::platform::recorder::{RecordedRequest, Recorder};
use crate::targets::{Entry, SendError, StoreTerms};
use clicks::click::{Click, ClickId};

/// One target's way for clicks that are not sent.
pub struct RehearsalLane<'t> {
    /// The target, built over a network that records.
    pub config: &'t TargetConfig,
    recorder: Recorder,
    batcher: Batcher,
    windows: Option<Windows>,
    sent: Vec<RehearsedSend>,
}

/// The requests for some clicks, which would be sent together.
#[derive(Debug)]
pub struct RehearsedSend {
    /// The clicks' ids, as they are sent.
    pub clicks: Vec<ClickId>,
    /// The requests: one, or one for each file of a lake.
    pub requests: Vec<RecordedRequest>,
    /// Why there are none.
    pub problem: Option<String>,
}

impl<'t> RehearsalLane<'t> {
    /// Opens a lane to a target whose requests go to `recorder`.
    pub fn new(config: &'t TargetConfig, recorder: Recorder) -> RehearsalLane<'t> {
        let batching = config.delivery.batching;
        RehearsalLane {
            config,
            recorder,
            batcher: Batcher::new(config.limits, batching),
            windows: batching
                .windows()
                .map(|bounds| Windows::new(bounds, StoreTerms::default())),
            sent: Vec::new(),
        }
    }

    /// Whether requests are windows, which end where reading ends.
    pub fn has_windows(&self) -> bool {
        self.windows.is_some()
    }

    /// Shows a click of the object to the lane, wanted or not. Returns whether all before it must
    /// be flushed first.
    pub fn observe(&mut self, click: &Click<'_>) -> bool {
        let at = click.place.offset;
        self.windows
            .as_mut()
            .is_some_and(|windows| windows.observe(hour(&click.timestamp()), click.id, at))
    }

    /// Takes an entry of the click that was observed last; `Err` says why no request can hold it.
    pub async fn push(&mut self, entry: Entry) -> Result<(), String> {
        let entry = Entry {
            window: self.windows.as_ref().and_then(Windows::window),
            ..entry
        };
        match self.batcher.push(entry) {
            Ok(Some(batch)) => self.send(batch).await,
            Ok(None) => {}
            Err(refused) => {
                return Err(format!(
                    "{} bytes in this target's form; it takes {} at most",
                    refused.entry.size(),
                    refused.limit
                ));
            }
        }
        Ok(())
    }

    /// Sends what is collected: a window, or the object, ends.
    pub async fn flush(&mut self, is_end: bool) {
        if let Some(windows) = self.windows.as_mut().filter(|_| is_end) {
            windows.end();
        }
        if let Some(batch) = self.batcher.take() {
            self.send(batch).await;
        }
    }

    async fn send(&mut self, batch: Vec<Entry>) {
        for part in by_group(batch, self.config.limits) {
            self.send_part(part).await;
        }
    }

    async fn send_part(&mut self, batch: Vec<Entry>) {
        let mut parts = Parts::of(batch, self.config.limits.records);
        while let Some(request) = parts.next() {
            // What was left behind is no request of these clicks.
            drop(self.recorder.take());
            let answer = self.config.target.send(&request).await;
            let requests = self.recorder.take();
            let explain = |error: SendError| Failure::from(error).to_string();
            // What answers say is nobody's word.
            let problem = answer.err().filter(|_| requests.is_empty()).map(explain);
            self.sent.push(RehearsedSend {
                clicks: request.iter().map(|entry| entry.id).collect(),
                requests,
                problem,
            });
        }
    }

    /// Returns everything that was sent.
    pub fn into_sent(self) -> Vec<RehearsedSend> {
        self.sent
    }
}
