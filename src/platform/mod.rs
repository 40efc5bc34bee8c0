//! Plumbing that the stages share, and that knows nothing of clicks.

pub mod aws;
pub mod log;
pub mod metrics;
pub mod tls;
