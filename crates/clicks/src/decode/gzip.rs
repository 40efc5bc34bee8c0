//! Plain or gzip, told by the first bytes: neither names nor headers are trusted, because Firehose
//! and its customers set them inconsistently.

use std::io::{self, BufRead, Read};

use bytes::{Buf, Bytes};
use flate2::bufread::MultiGzDecoder;

/// Compressed bytes that the inflater is given at a time. They are counted from the object's start,
/// however the chunks fall, because what can be saved of a corrupt object must not depend on the
/// network.
const BLOCK: usize = 16 * 1024;
/// Inflated bytes that are asked for at a time. Below 64 KiB the inflater loses a fifth of its
/// speed.
const STEP: usize = 128 * 1024;
const MAGIC: &[u8] = &[0x1F, 0x8B];

/// Inflates an object step by step, or passes it on if it is plain.
pub struct Inflater {
    form: Form,
}

enum Form {
    /// Fewer than two bytes seen.
    Unknown(Feed),
    Plain(Feed),
    Gzip(Box<Gzip>),
}

/// A gzip stream and a buffer to inflate into. Output is copied from there, so that an entry which
/// waits for its target keeps no unused memory.
struct Gzip {
    stream: MultiGzDecoder<Feed>,
    room: Vec<u8>,
}

/// The chunk at hand as a reader that returns `WouldBlock` at its end until the object's end is
/// known.
#[derive(Default)]
struct Feed {
    chunk: Bytes,
    /// Bytes of the current block that are still to come.
    block: usize,
    consumed: u64,
    ended: bool,
}

/// The outcome of a step.
#[derive(Debug, PartialEq, Eq)]
pub enum Inflated {
    /// Plain bytes.
    Output(Bytes),
    /// The next chunk is needed.
    NeedInput,
    /// There is no more.
    End,
}

impl Inflater {
    /// Returns an inflater for one object.
    pub fn new() -> Inflater {
        Inflater {
            form: Form::Unknown(Feed::default()),
        }
    }

    /// Hands over the next chunk of the object. The one before must be used up.
    pub fn push(&mut self, chunk: Bytes) {
        let feed = self.feed();
        if feed.chunk.is_empty() {
            feed.chunk = chunk;
        } else {
            feed.chunk = [feed.chunk.as_ref(), chunk.as_ref()].concat().into();
        }
    }

    /// Says that no chunk follows.
    pub fn end(&mut self) {
        self.feed().ended = true;
    }

    /// Returns the bytes of the object that were inflated; not those handed over, which depend on
    /// the chunks.
    pub fn consumed(&self) -> u64 {
        match &self.form {
            Form::Gzip(gzip) => gzip.stream.get_ref().consumed,
            Form::Unknown(feed) | Form::Plain(feed) => feed.consumed,
        }
    }

    /// Whether the object is compressed, as far as is known.
    pub fn is_gzip(&self) -> bool {
        matches!(self.form, Form::Gzip(_))
    }

    /// Returns the next plain bytes, up to a chunk. The error says that the gzip stream is corrupt
    /// (`InvalidData`, `InvalidInput`) or cut short (`UnexpectedEof`).
    pub fn step(&mut self) -> io::Result<Inflated> {
        self.decide();
        match &mut self.form {
            Form::Unknown(_) => Ok(Inflated::NeedInput),
            Form::Plain(feed) => Ok(match (feed.chunk.is_empty(), feed.ended) {
                (false, _) => Inflated::Output(std::mem::take(&mut feed.chunk)),
                (true, true) => Inflated::End,
                (true, false) => Inflated::NeedInput,
            }),
            Form::Gzip(gzip) => inflate(gzip),
        }
    }

    fn feed(&mut self) -> &mut Feed {
        match &mut self.form {
            Form::Unknown(feed) | Form::Plain(feed) => feed,
            Form::Gzip(gzip) => gzip.stream.get_mut(),
        }
    }

    fn decide(&mut self) {
        if let Form::Unknown(feed) = &mut self.form
            && (feed.chunk.len() >= MAGIC.len() || feed.ended)
        {
            let feed = std::mem::take(feed);
            self.form = if feed.chunk.starts_with(MAGIC) {
                Form::Gzip(Box::new(Gzip::new(feed)))
            } else {
                Form::Plain(feed)
            };
        }
    }
}

impl Gzip {
    fn new(feed: Feed) -> Gzip {
        Gzip {
            stream: MultiGzDecoder::new(feed),
            room: vec![0; STEP],
        }
    }
}

fn inflate(gzip: &mut Gzip) -> io::Result<Inflated> {
    match gzip.stream.read(&mut gzip.room) {
        Ok(0) => Ok(Inflated::End),
        Ok(n) => Ok(Inflated::Output(Bytes::copy_from_slice(
            gzip.room.get(..n).unwrap_or_default(),
        ))),
        Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(Inflated::NeedInput),
        Err(e) => Err(e),
    }
}

impl BufRead for Feed {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.block == 0 {
            self.block = BLOCK;
        }
        match self.chunk.get(..self.block) {
            Some(block) => Ok(block),
            None if self.ended => Ok(&self.chunk),
            None => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn consume(&mut self, n: usize) {
        self.chunk.advance(n);
        self.block -= n.min(self.block);
        self.consumed += n as u64;
    }
}

impl Read for Feed {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.fill_buf()?.read(out)?;
        self.consume(n);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    /// Feeds `bytes` in chunks of `size`.
    fn inflate_all(bytes: &[u8], size: usize) -> io::Result<Vec<u8>> {
        let (mut inflate, mut out) = (Inflater::new(), Vec::new());
        let mut chunks = bytes.chunks(size);
        loop {
            match inflate.step()? {
                Inflated::Output(bytes) => out.extend_from_slice(&bytes),
                Inflated::End => return Ok(out),
                Inflated::NeedInput => match chunks.next() {
                    Some(chunk) => inflate.push(Bytes::copy_from_slice(chunk)),
                    None => inflate.end(),
                },
            }
        }
    }

    #[test]
    fn members_follow_each_other_across_any_chunk_boundary() {
        let text = b"one line\nanother line\n".repeat(50);
        let file = [gzip(&text), gzip(b""), gzip(&text)].concat();
        for size in [1, 2, 3, 7, 4096] {
            assert_eq!(
                inflate_all(&file, size).unwrap(),
                text.repeat(2),
                "chunks of {size}"
            );
        }
    }

    #[test]
    fn plain_and_tiny_contents_pass() {
        for text in [&b""[..], b"{", b"\x1f", b"{}\n"] {
            assert_eq!(inflate_all(text, 1).unwrap(), text);
        }
    }

    #[test]
    fn a_cut_is_an_error_wherever_it_falls() {
        let file = gzip(b"some text worth compressing, some text");
        for end in 2..file.len() {
            assert!(
                inflate_all(&file[..end], 5).is_err(),
                "cut at {end} of {}",
                file.len()
            );
        }
    }

    #[test]
    fn a_flipped_bit_is_an_error() {
        let mut file = gzip(&b"checked by its sum ".repeat(9));
        let middle = file.len() / 2;
        file[middle] ^= 4;
        assert!(inflate_all(&file, 64).is_err());
    }
}
