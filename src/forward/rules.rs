//! A fingerprint of the rules that decide which records are bad.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use clicks::decode::DecodeLimits;

/// Identifies the rules. A row that is fed back is bad if its target is not configured, so the
/// targets are among them.
///
/// The text that is hashed is spelled out: stored progress compares it across releases.
pub(super) fn fingerprint(limits: DecodeLimits, targets: &[Arc<str>]) -> u32 {
    let DecodeLimits {
        record_bytes,
        depth,
        object_bytes,
        ratio,
        ..
    } = limits;
    let names: Vec<String> = targets.iter().map(|name| format!("\"{name}\"")).collect();
    let digest = Sha256::digest(format!(
        "{} Caps {{ record_bytes: {record_bytes}, depth: {depth}, object_bytes: {object_bytes}, \
         ratio: {ratio} }} [{}]",
        env!("CARGO_PKG_VERSION"),
        names.join(", ")
    ));
    digest
        .first_chunk()
        .map_or(0, |bytes| u32::from_be_bytes(*bytes))
}
