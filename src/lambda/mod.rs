//! The Lambda function: takes an event, forwards every object of it to every target, and gives the
//! response that the event's sender expects.
//!
//! This folder and `trigger` are the only ones that know Lambda. Everything that waits, retries or
//! counts stands elsewhere; what is decided here (the times of an invocation, the delays of a
//! message, the response) is pure and tested by itself.

mod bootstrap;
pub mod deadlines;
mod delays;
mod environment;
mod handler;
mod handover;
mod metrics;
mod redelivery;
pub mod response;

pub use bootstrap::run;
pub use environment::Environment;
pub use handler::Handler;
