//! Where clicks go: one file for each kind of target, listed in [`KINDS`].
//!
//! A target knows one wire format and sends one request once. Batching, waiting, retrying and
//! counting are `deliver`'s; what kinds share is in `support`.

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
use clicks::click::Path;
use tokio::time::Instant;

use crate::object::ObjectRef;
use crate::platform::aws::Aws;
use crate::platform::network::Network;
#[cfg(feature = "aws")]
pub use registry::AWS;
pub use registry::{Build, IN_AWS, KINDS, Kind, MapUse, Var, common};
pub use support::entry::{Entry, Group, StoreTerms, View, Window, WindowId};
pub use support::limits::{Answers, Batching, DeliveryMode, Limits, WindowBounds};
pub use support::proof::Proof;

/// Why a click has no entry. Each cause is for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EncodeError {
    /// A documented limit of the target: it can never carry this click.
    Never(String),
    /// A rule of the user's fails on it, for example an expression or a placeholder: either this
    /// click is wrong, or the rule is. The cause names the variable.
    Rule(String),
}

/// The target's decision on one entry of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The target has it.
    Sent,
    /// The target did not take it now.
    Retry,
    /// The target will never take it, for this reason.
    Rejected(String),
}

/// Why a request failed as a whole. Each cause is for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendError {
    /// Too many requests for now; how long to wait at least, if the target says so.
    Throttled(Option<Duration>, String),
    /// The target cannot be reached, or is broken for now.
    Unavailable(String),
    /// It will answer so until somebody changes something.
    Misconfigured(String),
    /// The body is too large, or an entry in it is wrong: halves of it tell which.
    PayloadRejected(String),
    /// The credentials are not accepted. They are renewed once; after that, this is as
    /// `Misconfigured`.
    Unauthorized(String),
    /// Nobody reads the output any more; the run ends without a message.
    ReaderClosed,
}

/// Where clicks go.
#[async_trait]
pub trait Target: Send + Sync {
    /// Returns what one request may hold.
    fn limits(&self) -> Limits;
    /// Returns how it delivers; by default, requests of as many entries as fit, each answered as a
    /// whole.
    fn delivery(&self) -> DeliveryMode {
        DeliveryMode::WHOLE
    }
    /// Encodes one click. `Err` if it cannot be encoded for this target.
    fn encode(&self, view: &View<'_>) -> Result<Entry, EncodeError>;
    /// Sends one request once. Returns one verdict per entry, in order; `Err` if the request failed
    /// as a whole.
    async fn send(&self, batch: &[Entry]) -> Result<Vec<Verdict>, SendError>;
    /// Describes how it was understood, as names and values for people, without secrets.
    fn describe(&self) -> Vec<(&'static str, String)>;
    /// Returns the fields of a click that it cannot do without: no rule may drop or hash
    /// them.
    fn needs(&self) -> Vec<Need> {
        Vec::new()
    }
    /// Returns what it must be allowed inside AWS.
    fn permissions(&self) -> Vec<Permission> {
        Vec::new()
    }
    /// Sends a request that changes nothing but needs the permissions that sending needs. Returns
    /// what that proved; `Err` is what sending would end with.
    async fn probe(&self) -> Result<Proof, SendError> {
        Ok(Proof::Whole)
    }
    /// Renews what authorises its requests, after one that began at `began` ended with
    /// [`SendError::Unauthorized`]. `true` if that was renewed since `began`, so that another
    /// attempt may be accepted.
    async fn renew(&self, _began: Instant) -> bool {
        false
    }
    /// Returns a number that changes whenever its settings do: what was learned of it before counts
    /// no more.
    fn revision(&self) -> u64 {
        0
    }
    /// Whether it wrote `object`, which then is not a click file.
    fn wrote(&self, _object: &ObjectRef) -> bool {
        false
    }
}

/// A field of a click that a target cannot do without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// The field.
    pub path: Path,
    /// The variable that asks for it, without the target's prefix.
    pub variable: String,
}

/// IAM actions on one resource that somebody must be allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// The actions, for example `sqs:SendMessage`.
    pub actions: &'static [&'static str],
    /// The resource's ARN; `${Region}` and `${Account}` stand for what is not known here.
    pub resource: String,
}

/// The environment that a target is built in.
#[derive(Clone, Debug)]
pub struct Context {
    /// The clock for signatures and dates.
    pub clock: fn() -> SystemTime,
    /// How connections are made.
    pub network: Network,
    /// The settings that AWS clients share.
    pub aws: Aws,
}
