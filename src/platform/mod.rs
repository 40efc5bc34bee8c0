//! Plumbing that the stages share, and that knows nothing of clicks.

#[cfg(feature = "aws")]
pub mod aws;
pub mod clock;
pub mod log;
pub mod metrics;
pub mod network;
pub mod proxy;
pub mod queue;
pub mod recorder;
#[cfg(feature = "aws")]
pub mod sqs;
pub mod stdio;
pub mod tls;
pub mod words;

#[cfg(not(feature = "aws"))]
pub use crate::without_aws as aws;
#[cfg(not(feature = "aws"))]
pub use crate::without_aws as sqs;
