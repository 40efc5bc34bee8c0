//! How connections are made: whom they trust, and through which proxies.

use std::collections::BTreeMap;

use super::proxy::Proxies;
use super::recorder::Recorder;
use super::tls::{Authorities, Trust};

/// How connections are made, to targets and to AWS alike.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// Whom they trust.
    pub trust: Trust,
    /// The proxies that they use.
    pub proxies: Proxies,
    /// Keeps the requests of targets, if none is to be made.
    pub recorder: Option<Recorder>,
}

impl Network {
    /// Reads the variables of certificates and proxies; `authorities` are trusted in any case.
    pub fn from_vars(vars: &BTreeMap<String, String>, authorities: Authorities) -> Network {
        Network {
            trust: Trust::from_vars(vars, authorities),
            proxies: Proxies::from_vars(vars),
            recorder: None,
        }
    }
}
