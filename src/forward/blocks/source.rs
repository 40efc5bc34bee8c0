//! Reads and inflates an object ahead of its decoder.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::limits::BlockLimits;
use crate::forward::Meter;
use crate::object::{ObjectError, Reader};
use clicks::decode::{DecodeLimits, Decompressed, Decompressor};

/// The next part of an object.
pub(super) enum Next {
    /// Plain bytes.
    Bytes(Bytes),
    /// The object cannot be read beyond this.
    Unreadable {
        /// The bytes after the last good ones.
        rest: Bytes,
        /// Why, for people.
        reason: String,
    },
    /// The store failed.
    Failed(ObjectError),
    /// The object ends.
    End,
}

/// An object being read, in a task of its own, so that decoding never holds up the connection.
pub(super) struct Source {
    parts: mpsc::Receiver<Next>,
    /// Parts that were taken and given back.
    returned: VecDeque<Next>,
    reading: JoinHandle<()>,
}

impl Source {
    /// Starts to read, and counts in `meter` what the store gave.
    pub(super) fn new(
        reader: Reader,
        limits: DecodeLimits,
        blocks: BlockLimits,
        meter: Arc<Meter>,
    ) -> Source {
        let (sender, parts) = mpsc::channel(blocks.chunks_ahead);
        Source {
            parts,
            returned: VecDeque::new(),
            reading: tokio::spawn(read(reader, limits, blocks.chunk_bytes, sender, meter)),
        }
    }

    /// The next part. May be dropped and called again.
    pub(super) async fn next(&mut self) -> Next {
        match self.returned.pop_front() {
            Some(next) => next,
            None => self.parts.recv().await.unwrap_or(Next::End),
        }
    }

    /// Gives a part back, before all that were given back earlier.
    pub(super) fn give_back(&mut self, next: Next) {
        self.returned.push_front(next);
    }

    /// Gives bytes back, before all that were given back earlier.
    pub(super) fn give_back_all(&mut self, parts: Vec<Bytes>) {
        let parts = parts.into_iter().rev();
        parts.for_each(|bytes| self.give_back(Next::Bytes(bytes)));
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

/// Reads the object as far as the channel lets it.
async fn read(
    mut reader: Reader,
    limits: DecodeLimits,
    chunk_bytes: usize,
    sender: mpsc::Sender<Next>,
    meter: Arc<Meter>,
) {
    let mut decompressor = Decompressor::new(limits);
    loop {
        let next = match decompressor.next() {
            Decompressed::Output(mut bytes) => {
                while bytes.len() > chunk_bytes {
                    let chunk = Next::Bytes(bytes.split_to(chunk_bytes));
                    if sender.send(chunk).await.is_err() {
                        return;
                    }
                }
                Next::Bytes(bytes)
            }
            // What was damaged on its way only may be whole in the store.
            Decompressed::Unreadable { rest, reason } if decompressor.is_damaged() => {
                match reader.confirm().await {
                    Ok(()) => Next::Unreadable { rest, reason },
                    Err(error) => Next::Failed(error),
                }
            }
            Decompressed::Unreadable { rest, reason } => Next::Unreadable { rest, reason },
            Decompressed::End => return,
            Decompressed::NeedInput => match reader.next().await {
                Ok(Some(chunk)) => {
                    meter.add(chunk.len());
                    decompressor.push(chunk);
                    continue;
                }
                Err(error) => Next::Failed(error),
                Ok(None) => {
                    decompressor.end();
                    continue;
                }
            },
        };
        let last = !matches!(next, Next::Bytes(_));
        if sender.send(next).await.is_err() || last {
            return;
        }
    }
}
