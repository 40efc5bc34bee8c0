//! The evidence about a target, shared by all its lanes, and the wait for more of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clicks::click::ClickId;
use tokio::sync::watch;
use tokio::time::Instant;

use super::evidence::{Evidence, Moment, Ruling, Sent};

/// The evidence about one target of this process.
#[derive(Debug, Default)]
pub(super) struct Witnesses {
    state: Mutex<State>,
    outlook: watch::Sender<Outlook>,
}

#[derive(Debug, Default)]
struct State {
    evidence: Evidence,
    /// The revision of the target that the evidence is about.
    revision: u64,
}

/// Whether there may be more evidence.
#[derive(Clone, Copy, Debug, Default)]
struct Outlook {
    /// When the latest of the accepted requests was sent.
    accepted: Moment,
    /// Lanes that send, or will.
    sending: usize,
}

/// Says that a lane sends, or will, until it is dropped.
pub(super) struct Sending(Arc<Witnesses>);

impl Witnesses {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a request is sent now to the target in this revision. Evidence about another
    /// revision counts no more.
    pub(super) fn send(&self, revision: u64) -> Sent {
        let mut state = self.state();
        if state.revision != revision {
            state.revision = revision;
            state.evidence.forget();
        }
        state.evidence.send()
    }

    /// Notes that clicks of the request `sent` were accepted.
    pub(super) fn accept(&self, sent: Sent) {
        let accepted = {
            let mut state = self.state();
            state.evidence.accept(sent, Instant::now().into_std());
            state.evidence.accepted()
        };
        self.outlook
            .send_modify(|outlook| outlook.accepted = accepted);
    }

    /// Notes that `click` of the request `sent` is rejected, and says whether that is believed.
    pub(super) fn reject(&self, click: ClickId, sent: Sent) -> Ruling {
        self.state()
            .evidence
            .reject(click, sent, Instant::now().into_std())
    }

    /// When the latest of the accepted requests was sent.
    pub(super) fn accepted(&self) -> Moment {
        self.state().evidence.accepted()
    }

    /// How many rejections of clicks that are sent from now on would be believed at once.
    pub(super) fn credit(&self) -> u32 {
        self.state().evidence.credit(Instant::now().into_std())
    }

    /// Notes that a lane sends, or will.
    pub(super) fn sending(self: &Arc<Witnesses>) -> Sending {
        self.outlook.send_modify(|outlook| outlook.sending += 1);
        Sending(self.clone())
    }

    /// Waits for an acceptance of a click that was sent after `rejection`; `false` if no lane sends
    /// any more.
    pub(super) async fn wait_for(&self, rejection: Moment) -> bool {
        let is_over = |outlook: &Outlook| outlook.accepted > rejection || outlook.sending == 0;
        let mut outlook = self.outlook.subscribe();
        // The sender lives as long as `self`.
        let last = outlook.wait_for(is_over).await;
        last.is_ok_and(|outlook| outlook.accepted > rejection)
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.0.outlook.send_modify(|outlook| outlook.sending -= 1);
    }
}
