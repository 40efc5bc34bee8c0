//! The plain bytes of an object, read as they are needed.

use clicks::decode::{DecodeLimits, Decoder, Decompressed, Decompressor};

use crate::object::Reader;

/// Reads and decompresses an object.
pub(super) struct PlainBytes {
    reader: Reader,
    decompressor: Decompressor,
}

impl PlainBytes {
    pub(super) fn new(reader: Reader, limits: DecodeLimits) -> PlainBytes {
        PlainBytes {
            reader,
            decompressor: Decompressor::new(limits),
        }
    }

    /// Gives the decoder the next bytes, or the end. `Err` if the store does not give them.
    pub(super) async fn feed(&mut self, decoder: &mut Decoder) -> Result<(), String> {
        loop {
            match self.decompressor.next() {
                Decompressed::Output(bytes) => decoder.push(bytes),
                Decompressed::Unreadable { rest, reason } => decoder.fail(rest, reason),
                Decompressed::End => decoder.end(),
                Decompressed::NeedInput => {
                    match self.reader.next().await {
                        Ok(Some(chunk)) => self.decompressor.push(chunk),
                        Ok(None) => self.decompressor.end(),
                        Err(error) => return Err(error.to_string()),
                    }
                    continue;
                }
            }
            return Ok(());
        }
    }
}
