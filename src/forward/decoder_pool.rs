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
pub(super) struct DecodeContext {
    pub(super) parser: Parser,
    pub(super) normaliser: Normaliser,
}

impl DecodeContext {
    /// Such as have seen nothing.
    pub(super) fn new(limits: DecodeLimits) -> DecodeContext {
        DecodeContext {
            parser: Parser::new(limits.depth),
            normaliser: Normaliser::default(),
        }
    }
}

/// DecodeContext that nobody uses at the moment.
pub(super) struct DecoderPool {
    /// The turn to decode an object on several threads: one at a time has it, or each would want all processors, and
    /// memory of its own.
    pub(super) parallel: Semaphore,
    kept: Mutex<Vec<DecodeContext>>,
    /// Paths of unknown members that were told.
    unknown: Mutex<BTreeSet<String>>,
}

impl Default for DecoderPool {
    fn default() -> DecoderPool {
        DecoderPool {
            parallel: Semaphore::new(1),
            kept: Mutex::default(),
            unknown: Mutex::default(),
        }
    }
}

impl DecoderPool {
    /// The ones used last, or new ones.
    pub(super) fn take(&self, limits: DecodeLimits) -> DecodeContext {
        let kept = self
            .kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let mut context = kept.unwrap_or_else(|| DecodeContext::new(limits));
        context.parser.shrink();
        context
    }

    /// Takes tools back.
    pub(super) fn give_back(&self, context: DecodeContext) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < MOST {
            kept.push(context);
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
