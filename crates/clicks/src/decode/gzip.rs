//! Plain or gzip, told by the first bytes: neither names nor headers are trusted, because Firehose
//! and its customers set them inconsistently.

use std::io::{self, BufRead, Read};

use bytes::{Buf, Bytes};
use flate2::bufread::GzDecoder;

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
    /// The member at hand.
    member: GzDecoder<Feed>,
    /// Whether that member has ended, and the next one has not begun.
    is_between: bool,
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
            Form::Gzip(gzip) => gzip.member.get_ref().consumed,
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
            Form::Gzip(gzip) => match gzip.inflate() {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(Inflated::NeedInput),
                inflated => inflated,
            },
        }
    }

    fn feed(&mut self) -> &mut Feed {
        match &mut self.form {
            Form::Unknown(feed) | Form::Plain(feed) => feed,
            Form::Gzip(gzip) => gzip.member.get_mut(),
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
    #[expect(
        clippy::disallowed_methods,
        reason = "members are taken one by one, with zeros between them"
    )]
    fn new(feed: Feed) -> Gzip {
        Gzip {
            member: GzDecoder::new(feed),
            is_between: false,
            room: vec![0; STEP],
        }
    }

    /// Inflates on, member after member.
    fn inflate(&mut self) -> io::Result<Inflated> {
        loop {
            if self.is_between && !self.begin_member()? {
                return Ok(Inflated::End);
            }
            match self.member.read(&mut self.room)? {
                0 => self.is_between = true,
                n => {
                    let inflated = self.room.get(..n).unwrap_or_default();
                    return Ok(Inflated::Output(Bytes::copy_from_slice(inflated)));
                }
            }
        }
    }

    /// Skips the zeros that pad a member, as tapes and block devices do, and begins with the next
    /// one; `false` if the object ends there.
    fn begin_member(&mut self) -> io::Result<bool> {
        loop {
            let feed = self.member.get_mut();
            let ahead = feed.fill_buf()?;
            let zeros = ahead.iter().take_while(|byte| **byte == 0).count();
            match (ahead.is_empty(), zeros < ahead.len()) {
                (true, _) => return Ok(false),
                (false, false) => feed.consume(zeros),
                (false, true) => {
                    feed.consume(zeros);
                    let feed = std::mem::take(feed);
                    self.member.reset(feed);
                    self.is_between = false;
                    return Ok(true);
                }
            }
        }
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
    fn zeros_after_a_member_are_padding_and_anything_else_is_an_error() {
        let text = b"one line\n".repeat(9);
        let (member, zeros) = (gzip(&text), vec![0; 20_000]);
        for size in [1, 7, 4096, 100_000] {
            let padded = [&member[..], &zeros].concat();
            assert_eq!(inflate_all(&padded, size).unwrap(), text);
            let between = [&member[..], &zeros[..100], &member, &zeros[..1]].concat();
            assert_eq!(inflate_all(&between, size).unwrap(), text.repeat(2));
            let garbage = [&member[..], &zeros[..512], b"garbage"].concat();
            assert!(inflate_all(&garbage, size).is_err());
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
