//! Decompression of an object, within the limits.

use bytes::Bytes;

use super::DecodeLimits;
use super::gzip::{Inflated, Inflater};

/// Decompresses one object. Chunks go in at [`push`](Decompressor::push), plain bytes come out of
/// [`next`](Decompressor::next).
pub struct Decompressor {
    limits: DecodeLimits,
    inflate: Inflater,
    given: u64,
    /// The first two plain bytes, which show whether the contents were compressed twice.
    head: Vec<u8>,
    over_limit: bool,
    over: bool,
}

/// The outcome of a step.
#[derive(Debug)]
pub enum Decompressed {
    /// The next plain bytes.
    Output(Bytes),
    /// The next chunk is needed.
    NeedInput,
    /// The object cannot be read beyond this.
    Unreadable {
        /// The bytes after the last good ones.
        rest: Bytes,
        /// Why, for people.
        reason: String,
    },
    /// There is no more.
    End,
}

impl Decompressed {
    fn unreadable(rest: Bytes, reason: impl Into<String>) -> Decompressed {
        Decompressed::Unreadable {
            rest,
            reason: reason.into(),
        }
    }
}

impl Decompressor {
    /// Returns a decompressor for one object.
    pub fn new(limits: DecodeLimits) -> Decompressor {
        Decompressor {
            limits,
            inflate: Inflater::new(),
            given: 0,
            head: Vec::new(),
            over_limit: false,
            over: false,
        }
    }

    /// Hands over the next chunk of the object, after [`Decompressed::NeedInput`].
    pub fn push(&mut self, chunk: Bytes) {
        self.inflate.push(chunk);
    }

    /// Says that no chunk follows, after [`Decompressed::NeedInput`].
    pub fn end(&mut self) {
        self.inflate.end();
    }

    /// Returns the next plain bytes. After [`Decompressed::Unreadable`] and [`Decompressed::End`]
    /// there are none.
    #[expect(clippy::should_implement_trait, reason = "it never ends by itself")]
    pub fn next(&mut self) -> Decompressed {
        if self.over {
            return Decompressed::End;
        }
        let part = self.step();
        self.over = matches!(part, Decompressed::End | Decompressed::Unreadable { .. });
        part
    }

    fn step(&mut self) -> Decompressed {
        if self.over_limit {
            let reason = format!(
                "the object holds more than {} bytes (MAX_OBJECT_BYTES)",
                self.limits.object_bytes
            );
            return Decompressed::unreadable(Bytes::new(), reason);
        }
        match self.inflate.step() {
            Ok(Inflated::Output(bytes)) => self.check_limits(bytes),
            Ok(Inflated::NeedInput) => Decompressed::NeedInput,
            Ok(Inflated::End) => Decompressed::End,
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => Decompressed::unreadable(
                Bytes::new(),
                format!(
                    "the gzip stream is cut short after {} bytes",
                    self.inflate.consumed()
                ),
            ),
            Err(e) => Decompressed::unreadable(
                Bytes::new(),
                format!(
                    "the gzip stream is corrupt after {} plain bytes: {e}",
                    self.given
                ),
            ),
        }
    }

    fn check_limits(&mut self, mut bytes: Bytes) -> Decompressed {
        if self.head.len() < 2 {
            self.head.extend(bytes.iter().take(2));
        }
        self.given += bytes.len() as u64;
        let (plain, gzip) = (self.given, self.inflate.is_gzip());
        if plain > self.limits.object_bytes {
            // What lies within the limit is still decoded, however much this step gave.
            bytes.truncate(bytes.len() - (plain - self.limits.object_bytes) as usize);
            self.over_limit = true;
        }
        if gzip && plain > 1 << 20 && plain / self.inflate.consumed().max(1) > self.limits.ratio {
            Decompressed::unreadable(
                bytes,
                format!(
                    "the gzip stream inflates more than {} : 1 (MAX_INFLATE_RATIO)",
                    self.limits.ratio
                ),
            )
        } else if gzip && self.head.starts_with(b"\x1F\x8B") {
            Decompressed::unreadable(
                bytes,
                "the contents were compressed twice: gunzip the object once and store it again",
            )
        } else {
            Decompressed::Output(bytes)
        }
    }
}
