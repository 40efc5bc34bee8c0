//! The parts that kinds of targets share.

#![cfg_attr(
    not(feature = "aws"),
    allow(dead_code, reason = "some of it serves only kinds inside AWS")
)]

pub mod address;
#[cfg(feature = "aws")]
pub mod aws;
pub mod body;
pub mod destination;
pub mod entry;
pub mod headers;
pub mod http;
pub mod keys;
pub mod limits;
pub mod proof;
pub mod request;
pub mod response;
mod retry_after;
pub mod signing;
pub mod status;
pub mod template;
pub mod verdicts;
