//! Sizes and thresholds of decoding an object in blocks. What comes out does not depend on any of
//! them.

use tokio::runtime::{Handle, RuntimeFlavor};

/// Most threads that one object is decoded on by default: more would wait for what is done in
/// order.
const MOST_WORKERS: usize = 8;

/// Sizes and thresholds of decoding an object in blocks.
#[derive(Clone, Copy, Debug)]
pub struct BlockLimits {
    /// Threads that an object is decoded on; `None` means as many as the runtime has, up to 8. With
    /// one, everything is decoded in the task that reads the object.
    pub workers: Option<usize>,
    /// Plain bytes that are decoded in the task before workers are worth it.
    pub parallel_after: u64,
    /// Fewest bytes of a block for a worker: so many that handing it over costs nothing beside it.
    pub block_bytes: usize,
    /// Most lines of a block for a worker: what becomes of lines that are not clicks can be many
    /// times their size.
    pub block_lines: u64,
    /// Most records of a block that is decoded in the task.
    pub block_records: usize,
    /// Blocks that wait for a worker: none must be idle while the results of others are applied.
    pub blocks_ahead: usize,
    /// Most bytes that the decoder is given at a time.
    pub chunk_bytes: usize,
    /// Chunks that are read and inflated ahead of the decoder.
    pub chunks_ahead: usize,
}

impl Default for BlockLimits {
    fn default() -> BlockLimits {
        BlockLimits {
            workers: None,
            parallel_after: 1 << 20,
            block_bytes: 256 << 10,
            block_lines: 1024,
            block_records: 256,
            blocks_ahead: 3,
            chunk_bytes: 1 << 20,
            chunks_ahead: 4,
        }
    }
}

impl BlockLimits {
    /// Threads that an object is decoded on, on the runtime that this is called on.
    pub(super) fn workers(&self) -> usize {
        let available = || {
            let runtime = Handle::current();
            match runtime.runtime_flavor() {
                RuntimeFlavor::CurrentThread => 1,
                _ => runtime.metrics().num_workers().min(MOST_WORKERS),
            }
        };
        self.workers.unwrap_or_else(available)
    }
}
