//! What kinds of targets share.

pub mod aws;
pub mod body;
pub mod entry;
pub mod http;
pub mod keys;
pub mod limits;
pub mod request;
pub mod signing;
pub mod verdicts;
