//! Plumbing that the stages share, and that knows nothing of clicks.

pub mod aws;
pub mod clock;
pub mod log;
pub mod metrics;
pub mod queue;
pub mod tls;
