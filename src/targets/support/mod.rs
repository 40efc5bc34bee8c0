//! What kinds of targets share.

pub mod body;
pub mod entry;
pub mod limits;
