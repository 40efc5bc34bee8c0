//! Decode contexts that nobody uses at the moment, and what all objects of the process share.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::context::DecodeContext;
use clicks::click::{MOST_UNKNOWN, QrRule};
use clicks::decode::DecodeLimits;

/// Most contexts that are kept: one for each object of the largest batch.
const MOST: usize = 10;

/// Keeps decode contexts between objects: they know the shapes of clicks, and are slow to build.
pub(in crate::forward) struct DecoderPool {
    /// Allows one object at a time to be decoded by workers: each would take all processors, and
    /// memory of its own.
    parallel: Semaphore,
    idle: Mutex<Vec<DecodeContext>>,
    qr_rule: Option<Arc<QrRule>>,
    /// Paths of unknown members that were reported.
    unknown: Mutex<BTreeSet<String>>,
}

impl DecoderPool {
    /// Without a context yet; clicks say by `qr_rule` whether they came from QR codes.
    pub(in crate::forward) fn new(qr_rule: Option<Arc<QrRule>>) -> DecoderPool {
        DecoderPool {
            parallel: Semaphore::new(1),
            idle: Mutex::default(),
            qr_rule,
            unknown: Mutex::default(),
        }
    }

    /// Lets the caller decode by workers; `None` if another object is decoded so.
    pub(super) fn try_parallel(&self) -> Option<SemaphorePermit<'_>> {
        self.parallel.try_acquire().ok()
    }

    /// Takes the context that was used last, or a new one.
    pub(super) fn take(&self, limits: DecodeLimits) -> DecodeContext {
        let idle = self.idle().pop();
        idle.unwrap_or_else(|| DecodeContext::new(limits, self.qr_rule.clone()))
    }

    /// Takes a context back.
    pub(super) fn give_back(&self, mut context: DecodeContext) {
        context.shrink();
        let mut idle = self.idle();
        if idle.len() < MOST {
            idle.push(context);
        }
    }

    /// The paths among `paths` that no object had before.
    pub(in crate::forward) fn first_seen(&self, paths: BTreeSet<String>) -> Vec<String> {
        let mut known = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        paths
            .into_iter()
            .filter(|path| known.len() < MOST_UNKNOWN && known.insert(path.clone()))
            .collect()
    }

    fn idle(&self) -> MutexGuard<'_, Vec<DecodeContext>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
