//! How an answered request goes on.

use std::time::Duration;

use super::evidence::Sent;
use super::sender::Hearing;
use super::state::LaneState;
use crate::outcome::Failure;
use crate::targets::{Entry, SendError, Verdict};

/// How an answered request goes on.
pub(super) enum Judgement {
    /// Its entries are settled, or held.
    Settled,
    /// Its body was rejected: halves of it may tell the entry that is wrong.
    Halves(Vec<Entry>),
    /// It is to be deferred: the lane has ended.
    Ended(Vec<Entry>),
    /// It is to be sent again once what authorises it is renewed.
    Unauthorized { request: Vec<Entry>, cause: String },
    /// The rest of it is to be sent again, after so long if the target says how long.
    Retry {
        rest: Vec<Entry>,
        after: Option<Duration>,
        cause: String,
    },
}

/// The answer to a request.
pub(super) struct Answer {
    /// When the request was sent.
    pub(super) sent: Sent,
    pub(super) result: Result<Vec<Verdict>, SendError>,
}

/// Takes the answer to `request` into account, and says what is to be done about it.
pub(super) fn judge(
    lane: &LaneState,
    request: Vec<Entry>,
    answer: Answer,
    hearing: Hearing,
) -> Judgement {
    let retry = |rest, after, cause| Judgement::Retry { rest, after, cause };
    match answer.result {
        Ok(verdicts) => match lane.settle(request, verdicts, answer.sent, hearing) {
            rest if rest.is_empty() => Judgement::Settled,
            rest => retry(
                rest,
                None,
                "the target did not take every record".to_owned(),
            ),
        },
        Err(SendError::PayloadRejected(cause)) if lane.sends_windows() => {
            lane.give_up(Failure::Misconfigured(refused_window(&request, &cause)));
            Judgement::Ended(request)
        }
        Err(SendError::PayloadRejected(_)) if request.len() > 1 => Judgement::Halves(request),
        Err(SendError::PayloadRejected(reason)) => {
            let rejected = vec![Verdict::Rejected(reason); request.len()];
            lane.settle(request, rejected, answer.sent, hearing);
            Judgement::Settled
        }
        Err(SendError::Unauthorized(cause)) => Judgement::Unauthorized { request, cause },
        Err(error @ (SendError::Misconfigured(_) | SendError::ReaderClosed)) => {
            lane.give_up(error.into());
            Judgement::Ended(request)
        }
        Err(SendError::Throttled(after, cause)) => retry(request, after, cause),
        Err(SendError::Unavailable(cause)) => retry(request, None, cause),
    }
}

/// Says what can be done about a window that was refused: it is stored under the name of all its
/// clicks, so parts of it must not be.
fn refused_window(window: &[Entry], cause: &str) -> String {
    let bytes: usize = window.iter().map(Entry::size).sum();
    format!(
        "{cause}; the request was a window of {} clicks, {bytes} bytes before compression, which \
         is never divided: if it is too large, set the target's _MAX_BYTES lower",
        window.len()
    )
}

impl From<SendError> for Failure {
    fn from(error: SendError) -> Failure {
        match error {
            SendError::ReaderClosed => Failure::Closed,
            SendError::Misconfigured(cause) | SendError::Unauthorized(cause) => {
                Failure::Misconfigured(cause)
            }
            SendError::Throttled(_, cause)
            | SendError::Unavailable(cause)
            | SendError::PayloadRejected(cause) => Failure::GaveUp(cause),
        }
    }
}
