//! A target of every kind.

use std::sync::Arc;
use std::time::SystemTime;

use clickstream_forwarder::config::vars::Scope;
use clickstream_forwarder::targets::{Context, KINDS, Target};

/// A kind's name, and a target of its example. Nothing is sent, so no address has to exist.
pub type Named = (&'static str, Arc<dyn Target>);

/// Builds one target of each kind, in the registry's order.
pub fn targets() -> Vec<Named> {
    KINDS
        .iter()
        .map(|kind| {
            let context = Context {
                clock: || SystemTime::UNIX_EPOCH,
                network: Default::default(),
                aws: Default::default(),
            };
            let vars = kind.example("T_");
            let target = (kind.build)(&Scope::new(&vars, "T_"), context);
            (kind.name, target.unwrap())
        })
        .collect()
}
