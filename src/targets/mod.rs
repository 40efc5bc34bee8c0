//! Somewhere clicks go. A target knows one wire format and sends one request at a time; batching, waiting,
//! retrying and counting are `deliver`'s.

#[cfg(feature = "aws")]
mod dynamodb;
#[cfg(feature = "aws")]
mod eventbridge;
#[cfg(feature = "aws")]
mod firehose;
mod http;
#[cfg(feature = "aws")]
mod kinesis;
#[cfg(feature = "aws")]
mod lambda;
mod registry;
#[cfg(feature = "aws")]
pub mod s3;
#[cfg(feature = "aws")]
mod sns;
#[cfg(feature = "aws")]
mod sqs;
mod stdout;
mod support;

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use tokio::time::Instant;

use crate::object::ObjectRef;
use crate::platform::aws::Aws;
use crate::platform::tls::Trust;
#[cfg(feature = "aws")]
pub use registry::AWS;
pub use registry::{Build, COMMON, IN_AWS, KINDS, Kind, Var};
pub use support::entry::{Entry, View, Window, WindowId};
pub use support::limits::{Answers, Batching, DeliveryMode, Limits, WindowBounds};

/// Why a target can never carry a click.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodeError(pub String);

/// What became of one entry of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The target has it.
    Sent,
    /// The target did not take it now.
    Retry,
    /// The target will never take it, and says why.
    Rejected(String),
}

/// What became of a request that has no verdict per entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendError {
    /// Too fast; wait at least so long if it says how long.
    Throttled(Option<Duration>, String),
    /// Not to be reached, or broken for now.
    Unavailable(String),
    /// It will answer so until somebody changes something.
    Misconfigured(String),
    /// It does not take this body: too large, or an entry in it is wrong. Halving tells.
    PayloadRejected(String),
    /// It does not accept the credentials. They are renewed once; then it is as `Misconfigured`.
    Unauthorized(String),
    /// Nobody reads any more; end without a word.
    ReaderClosed,
}

/// Somewhere clicks go.
#[async_trait]
pub trait Target: Send + Sync {
    /// What one request may hold.
    fn limits(&self) -> Limits;
    /// How it delivers: by default, whole answers to requests of as many entries as fit.
    fn delivery(&self) -> DeliveryMode {
        DeliveryMode::WHOLE
    }
    /// The wire form of one click, or why this target can never carry it.
    fn encode(&self, view: &View<'_>) -> Result<Entry, EncodeError>;
    /// Sends one request once. One verdict per entry, in order.
    async fn send(&self, batch: &[Entry]) -> Result<Vec<Verdict>, SendError>;
    /// How it was understood, as names and values for people; no secrets.
    fn describe(&self) -> Vec<(&'static str, String)>;
    /// What it must be allowed inside AWS.
    fn permissions(&self) -> Vec<Permission> {
        Vec::new()
    }
    /// Asks the target for something that changes nothing but needs the same permissions as sending. The error is what
    /// sending would end with.
    async fn probe(&self) -> Result<(), SendError> {
        Ok(())
    }
    /// Renews what authorises its requests, after one that began at `began` ended with
    /// [`SendError::Unauthorized`]. `true` if it was renewed since then, so that another attempt may be
    /// accepted.
    async fn renew(&self, _began: Instant) -> bool {
        false
    }
    /// Whether it wrote `object`, which then is no click file.
    fn wrote(&self, _object: &ObjectRef) -> bool {
        false
    }
}

/// What somebody must be allowed inside AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// The actions, `sqs:SendMessage` say.
    pub actions: &'static [&'static str],
    /// The resource's ARN; `${Region}` and `${Account}` stand for what is not known here.
    pub resource: String,
}

/// What a target may take from its surroundings.
#[derive(Clone, Debug)]
pub struct Context {
    /// The clock for signatures and dates.
    pub clock: fn() -> SystemTime,
    /// Whom connections trust.
    pub trust: Trust,
    /// What clients of AWS share.
    pub aws: Aws,
}
