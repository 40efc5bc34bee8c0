//! The plain bytes of an object, read and inflated ahead of the decoder.

use std::collections::VecDeque;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::object::{ObjectError, Reader};
use clicks::decode::{DecodeLimits, Decompressed, Decompressor};

/// Parts read ahead of the decoder.
const AHEAD: usize = 4;

/// What comes next of an object.
pub(super) enum Next {
    Bytes(Bytes),
    /// These and all that follow are of no use, for this reason.
    Cut(Bytes, String),
    Failed(ObjectError),
    End,
}

/// An object being read.
pub(super) struct Source {
    parts: mpsc::Receiver<Next>,
    /// What was taken and given back.
    back: VecDeque<Next>,
    reading: JoinHandle<()>,
}

impl Source {
    /// Reading and inflating are a task of their own, so that decoding never holds up the connection.
    pub(super) fn new(reader: Reader, limits: DecodeLimits) -> Source {
        let (sender, parts) = mpsc::channel(AHEAD);
        Source {
            parts,
            back: VecDeque::new(),
            reading: tokio::spawn(read(reader, limits, sender)),
        }
    }

    /// What comes next. May be dropped and called again.
    pub(super) async fn next(&mut self) -> Next {
        match self.back.pop_front() {
            Some(next) => next,
            None => self.parts.recv().await.unwrap_or(Next::End),
        }
    }

    /// Gives back what was taken, before all that was given back earlier.
    pub(super) fn give_back(&mut self, next: Next) {
        self.back.push_front(next);
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

/// Reads the object as far as the channel lets it.
async fn read(mut reader: Reader, limits: DecodeLimits, sender: mpsc::Sender<Next>) {
    let mut plain = Decompressor::new(limits);
    loop {
        let next = match plain.next() {
            Decompressed::Output(bytes) => Next::Bytes(bytes),
            Decompressed::Unreadable { rest, reason } => Next::Cut(rest, reason),
            Decompressed::End => return,
            Decompressed::NeedInput => match reader.next().await {
                Ok(Some(chunk)) => {
                    plain.push(chunk);
                    continue;
                }
                Err(error) => Next::Failed(error),
                Ok(None) => {
                    plain.end();
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
