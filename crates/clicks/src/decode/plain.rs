//! An object's bytes as they were before compression, within the limits.

use bytes::Bytes;

use super::DecodeLimits;
use super::compression::{Inflate, Step};

/// Makes one object plain. Chunks go in at [`push`](Plain::push), plain bytes come out of [`next`](Plain::next).
pub struct Plain {
    limits: DecodeLimits,
    inflate: Inflate,
    given: u64,
    /// The first plain bytes, which tell contents that were compressed twice.
    head: Vec<u8>,
    capped: bool,
    over: bool,
}

/// One step of it.
#[derive(Debug)]
pub enum Part {
    /// The next plain bytes.
    Bytes(Bytes),
    /// The next chunk is needed.
    Starved,
    /// The object cannot be read beyond this: the bytes after the last good ones, and why.
    Cut(Bytes, String),
    /// Everything is given.
    End,
}

impl Plain {
    /// For one object.
    pub fn new(limits: DecodeLimits) -> Plain {
        Plain {
            limits,
            inflate: Inflate::new(),
            given: 0,
            head: Vec::new(),
            capped: false,
            over: false,
        }
    }

    /// Hands over the next chunk of the object, after [`Part::Starved`].
    pub fn push(&mut self, chunk: Bytes) {
        self.inflate.push(chunk);
    }

    /// Says that no chunk follows, after [`Part::Starved`].
    pub fn end(&mut self) {
        self.inflate.end();
    }

    /// The next bytes. After [`Part::Cut`] and [`Part::End`] there are none.
    #[expect(clippy::should_implement_trait, reason = "it never ends by itself")]
    pub fn next(&mut self) -> Part {
        if self.over {
            return Part::End;
        }
        let part = self.step();
        self.over = matches!(part, Part::End | Part::Cut(..));
        part
    }

    fn step(&mut self) -> Part {
        if self.capped {
            let reason = format!(
                "the object holds more than {} bytes (MAX_OBJECT_BYTES)",
                self.limits.object_bytes
            );
            return Part::Cut(Bytes::new(), reason);
        }
        match self.inflate.step() {
            Ok(Step::Gave(bytes)) => self.check_limits(bytes),
            Ok(Step::Starved) => Part::Starved,
            Ok(Step::End) => Part::End,
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => Part::Cut(
                Bytes::new(),
                format!(
                    "the gzip stream is cut short after {} bytes",
                    self.inflate.eaten()
                ),
            ),
            Err(e) => Part::Cut(
                Bytes::new(),
                format!(
                    "the gzip stream is corrupt after {} plain bytes: {e}",
                    self.given
                ),
            ),
        }
    }

    fn check_limits(&mut self, mut bytes: Bytes) -> Part {
        if self.head.len() < 2 {
            self.head.extend(bytes.iter().take(2));
        }
        self.given += bytes.len() as u64;
        let (plain, gzip) = (self.given, self.inflate.is_gzip());
        if plain > self.limits.object_bytes {
            // What lies within the cap is still decoded, however much this step gave.
            bytes.truncate(bytes.len() - (plain - self.limits.object_bytes) as usize);
            self.capped = true;
        }
        if gzip && plain > 1 << 20 && plain / self.inflate.eaten().max(1) > self.limits.ratio {
            Part::Cut(
                bytes,
                format!(
                    "the gzip stream inflates more than {} : 1 (MAX_INFLATE_RATIO)",
                    self.limits.ratio
                ),
            )
        } else if gzip && self.head.starts_with(b"\x1F\x8B") {
            Part::Cut(
                bytes,
                "the contents were compressed twice: gunzip the object once and store it again"
                    .into(),
            )
        } else {
            Part::Bytes(bytes)
        }
    }
}
