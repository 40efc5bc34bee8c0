//! What decodes objects, kept between them: it knows what clicks look like, and is slow to make.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Semaphore;

use clicks::click::{MOST_UNKNOWN, Normaliser};
use clicks::decode::DecodeLimits;
use clicks::json::Parser;

/// Most that are kept: the objects of the largest batch.
const MOST: usize = 10;

/// What one object is decoded with.
pub(super) struct Tools {
    pub(super) parser: Parser,
    pub(super) normaliser: Normaliser,
}

impl Tools {
    /// Such as have seen nothing.
    pub(super) fn new(limits: DecodeLimits) -> Tools {
        Tools {
            parser: Parser::new(limits.depth),
            normaliser: Normaliser::default(),
        }
    }
}

/// Tools that nobody uses at the moment.
pub(super) struct Toolbox {
    /// The turn to decode an object on several threads: one at a time has it, or each would want all processors, and
    /// memory of its own.
    pub(super) crew: Semaphore,
    kept: Mutex<Vec<Tools>>,
    /// Paths of unknown members that were told.
    unknown: Mutex<BTreeSet<String>>,
}

impl Default for Toolbox {
    fn default() -> Toolbox {
        Toolbox {
            crew: Semaphore::new(1),
            kept: Mutex::default(),
            unknown: Mutex::default(),
        }
    }
}

impl Toolbox {
    /// The ones used last, or new ones.
    pub(super) fn take(&self, limits: DecodeLimits) -> Tools {
        let kept = self
            .kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let mut tools = kept.unwrap_or_else(|| Tools::new(limits));
        tools.parser.shrink();
        tools
    }

    /// Takes tools back.
    pub(super) fn give_back(&self, tools: Tools) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < MOST {
            kept.push(tools);
        }
    }

    /// Those of `paths` that were in no object before.
    pub(super) fn first_seen(&self, paths: BTreeSet<String>) -> Vec<String> {
        let mut known = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        paths
            .into_iter()
            .filter(|path| known.len() < MOST_UNKNOWN && known.insert(path.clone()))
            .collect()
    }
}
