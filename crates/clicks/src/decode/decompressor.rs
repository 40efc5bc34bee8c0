//! Decompression of an object, within the limits.

use bytes::Bytes;

use super::DecodeLimits;
use super::format::{Checked, FormatCheck};
use super::gzip::{Inflated, Inflater};

/// Decompresses one object. Chunks go in at [`push`](Decompressor::push), plain bytes come out of
/// [`next`](Decompressor::next).
pub struct Decompressor {
    limits: DecodeLimits,
    inflate: Inflater,
    format: FormatCheck,
    given: u64,
    /// The first two plain bytes, which show whether the contents were compressed twice.
    head: Vec<u8>,
    /// Follows the bytes that were given last.
    pending: Option<Decompressed>,
    is_damaged: bool,
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
            format: FormatCheck::default(),
            given: 0,
            head: Vec::new(),
            pending: None,
            is_damaged: false,
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

    /// Whether the bytes themselves are damaged, so that another transfer of the object may bring
    /// others.
    pub fn is_damaged(&self) -> bool {
        self.is_damaged
    }

    fn step(&mut self) -> Decompressed {
        if let Some(pending) = self.pending.take() {
            return pending;
        }
        loop {
            let (checked, end) = match self.inflate.step() {
                Ok(Inflated::Output(bytes)) => (self.format.push(bytes), None),
                Ok(Inflated::NeedInput) => return Decompressed::NeedInput,
                Ok(Inflated::End) => (self.format.end(), Some(Decompressed::End)),
                Err(error) => (self.format.end(), Some(self.damaged(&error))),
            };
            match (checked, end) {
                (Checked::Unread(name), _) => return unread(name),
                (Checked::Readable(bytes), Some(end)) if bytes.is_empty() => return end,
                (Checked::Readable(bytes), end) => {
                    self.pending = end;
                    return self.check_limits(bytes);
                }
                (Checked::NeedInput, _) => {}
            }
        }
    }

    fn damaged(&mut self, error: &std::io::Error) -> Decompressed {
        self.is_damaged = true;
        let reason = if error.kind() == std::io::ErrorKind::UnexpectedEof {
            format!(
                "the gzip stream is cut short after {} bytes",
                self.inflate.consumed()
            )
        } else {
            format!(
                "the gzip stream is corrupt after {} plain bytes: {error}",
                self.given
            )
        };
        Decompressed::unreadable(Bytes::new(), reason)
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
            let reason = format!(
                "the object holds more than {} bytes (MAX_OBJECT_BYTES)",
                self.limits.object_bytes
            );
            self.pending = Some(Decompressed::unreadable(Bytes::new(), reason));
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

/// The end of an object in a format that is not read.
fn unread(name: &str) -> Decompressed {
    Decompressed::unreadable(
        Bytes::new(),
        format!(
            "{name}: not read; store the clicks as JSON in UTF-8, plain or compressed with gzip"
        ),
    )
}
