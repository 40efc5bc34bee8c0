//! Tells whole files in a format that is not read by their first bytes, as far as that is safe:
//! after anything else, the good records of a file still count.

use bytes::Bytes;

use super::table::{Table, is_table};

/// Bytes that tell a format for sure; a file is held back for no more.
const MOST: usize = 4096;
/// Bytes within which an ORC file shows that it is no text.
const ORC_BYTES: usize = 16;

/// The mark of a tar archive, and the bytes before it: the name of the first file, and what it is.
const TAR: &[u8] = b"ustar";
const TAR_AT: usize = 257;

/// The mark of UTF-8.
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// How the files of a format begin.
struct Magic {
    name: &'static str,
    bytes: &'static [u8],
    /// The index of a byte of which only the upper four bits count.
    loose: Option<usize>,
}

const fn magic(name: &'static str, bytes: &'static [u8]) -> Magic {
    Magic {
        name,
        bytes,
        loose: None,
    }
}

const fn loose(name: &'static str, bytes: &'static [u8], at: usize) -> Magic {
    Magic {
        name,
        bytes,
        loose: Some(at),
    }
}

const MAGICS: &[Magic] = &[
    magic("zstd-compressed", &[0x28, 0xB5, 0x2F, 0xFD]),
    // A frame that is skipped, with which some writers of zstd and lz4 begin.
    loose(
        "zstd-compressed or lz4-compressed",
        &[0x50, 0x2A, 0x4D, 0x18],
        0,
    ),
    // After the size of a block, a digit: the first block, or the end.
    loose("bzip2-compressed", b"BZh01AY&SY", 3),
    loose("bzip2-compressed", b"BZh0\x17\x72\x45\x38\x50\x90", 3),
    magic("xz-compressed", b"\xFD7zXZ\0"),
    magic("lz4-compressed", &[0x04, 0x22, 0x4D, 0x18]),
    magic("lz4-compressed", &[0x02, 0x21, 0x4C, 0x18]),
    magic("Snappy-compressed", b"\xFF\x06\0\0sNaPpY"),
    magic("Snappy-compressed", b"\x82SNAPPY\0"),
    magic("lzip-compressed", b"LZIP\x01"),
    magic("lzop-compressed", b"\x89LZO\0\r\n\x1A\n"),
    magic("zlib-compressed", &[0x78, 0x01]),
    magic("zlib-compressed", &[0x78, 0x9C]),
    magic("compressed with `compress`", &[0x1F, 0x9D]),
    magic("a zip archive", b"PK\x03\x04"),
    magic("a zip archive", b"PK\x05\x06"),
    magic("a zip archive", b"PK\x07\x08"),
    magic("a 7z archive", b"7z\xBC\xAF\x27\x1C"),
    magic("a RAR archive", b"Rar!\x1A\x07"),
    magic("Parquet", b"PAR1\x15"),
    magic("Avro", b"Obj\x01"),
    magic("Arrow", b"ARROW1\0\0"),
    magic("a Hadoop sequence file", b"SEQ\x06"),
    magic("UTF-16", &[0xFF, 0xFE]),
    magic("UTF-16", &[0xFE, 0xFF]),
    magic("UTF-32", &[0xFF, 0xFE, 0, 0]),
    magic("UTF-32", &[0, 0, 0xFE, 0xFF]),
];

impl Magic {
    /// Whether `head` begins so, as far as it goes.
    fn agrees(&self, head: &[u8]) -> bool {
        let mut pairs = self.bytes.iter().zip(head).enumerate();
        pairs.all(|(at, (magic, byte))| {
            magic == byte || self.loose == Some(at) && magic & 0xF0 == byte & 0xF0
        })
    }
}

/// Holds back the first bytes of an object until they tell its format.
#[derive(Default)]
pub(super) struct FormatCheck {
    head: Bytes,
    is_over: bool,
}

/// The result of a check.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Checked {
    /// It may hold records: here is what was held back.
    Readable(Bytes),
    /// The object is in the format of this name, which is not read.
    Unread(&'static str),
    /// The next bytes are needed.
    NeedInput,
}

impl FormatCheck {
    /// Takes the next plain bytes.
    #[inline]
    pub(super) fn push(&mut self, bytes: Bytes) -> Checked {
        if self.is_over {
            return Checked::Readable(bytes);
        }
        self.head = if self.head.is_empty() {
            bytes
        } else {
            [self.head.as_ref(), bytes.as_ref()].concat().into()
        };
        self.check(false)
    }

    /// Takes note that no byte follows, and returns what was held back.
    pub(super) fn end(&mut self) -> Checked {
        if self.is_over {
            return Checked::Readable(Bytes::new());
        }
        self.check(true)
    }

    fn check(&mut self, is_all: bool) -> Checked {
        match format_of(&self.head, is_all) {
            Format::Unknown => Checked::NeedInput,
            Format::Readable => {
                self.is_over = true;
                Checked::Readable(std::mem::take(&mut self.head))
            }
            Format::Unread(name) => {
                self.is_over = true;
                Checked::Unread(name)
            }
        }
    }
}

/// What the first bytes tell.
enum Format {
    Readable,
    Unread(&'static str),
    /// Nothing yet.
    Unknown,
}

/// Tells the format of an object by its first bytes; `is_all` says that it has no more. More of
/// them than are needed change nothing.
fn format_of(head: &[u8], is_all: bool) -> Format {
    let is_all = is_all && head.len() <= MOST;
    let head = head.get(..MOST).unwrap_or(head);
    let is_enough = |needed: usize| is_all || head.len() >= needed;
    match head {
        [] => {
            return if is_all {
                Format::Readable
            } else {
                Format::Unknown
            };
        }
        // The usual file.
        [b'{' | b'[', second, ..] if *second != 0 => return Format::Readable,
        // UTF-16 without its mark: every second byte of ASCII is zero.
        [b'{' | b'[', 0, _, 0, ..] | [0, b'{' | b'[', 0, _, ..] => return Format::Unread("UTF-16"),
        [b'{' | b'[', 0, ..] | [b'{' | b'['] | [0] | [0, b'{' | b'[', ..] if !is_enough(4) => {
            return Format::Unknown;
        }
        _ => {}
    }
    let possible = || MAGICS.iter().filter(|magic| magic.agrees(head));
    if possible().any(|magic| !is_enough(magic.bytes.len())) {
        return Format::Unknown;
    }
    let known = possible().filter(|magic| magic.bytes.len() <= head.len());
    if let Some(magic) = known.max_by_key(|magic| magic.bytes.len()) {
        return Format::Unread(magic.name);
    }
    if head.starts_with(b"ORC") {
        if !is_enough(ORC_BYTES) {
            return Format::Unknown;
        }
        let first = head.get(..ORC_BYTES).unwrap_or(head);
        if first.iter().any(|&byte| byte < b'\t') {
            return Format::Unread("ORC");
        }
    }
    // No file of clicks that is whole begins as a name does.
    if head
        .first()
        .is_some_and(|first| !b"{[ \t\r\n\xEF".contains(first))
    {
        match head.get(TAR_AT..TAR_AT + TAR.len()) {
            Some(mark) if mark == TAR => return Format::Unread("a tar archive"),
            None if !is_enough(TAR_AT + TAR.len()) => return Format::Unknown,
            _ => {}
        }
    }
    let text = match head {
        [0xEF, ..] if !is_enough(BOM.len() + 1) => return Format::Unknown,
        _ => head.strip_prefix(BOM).unwrap_or(head),
    };
    match is_table(text, is_enough(MOST)) {
        Table::Yes => Format::Unread("CSV"),
        Table::No => Format::Readable,
        Table::Perhaps => Format::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], size: usize) -> Checked {
        let mut check = FormatCheck::default();
        for chunk in bytes.chunks(size) {
            let checked = check.push(Bytes::copy_from_slice(chunk));
            if checked != Checked::NeedInput {
                return checked;
            }
        }
        check.end()
    }

    fn name(bytes: &[u8]) -> Option<&'static str> {
        let whole = check(bytes, usize::MAX);
        for size in [1, 3, 5] {
            let chunked = check(bytes, size);
            let alike = matches!(
                (&whole, &chunked),
                (Checked::Readable(_), Checked::Readable(_))
            );
            assert!(
                alike || whole == chunked,
                "{bytes:?}: {whole:?}, {chunked:?}"
            );
        }
        match whole {
            Checked::Unread(name) => Some(name),
            _ => None,
        }
    }

    #[test]
    fn a_tar_archive_is_told_by_what_stands_behind_its_first_name() {
        let mut head = b"clicks.json".to_vec();
        head.resize(TAR_AT, 0);
        head.extend(b"ustar\x0000");
        head.resize(512, 0);
        assert!(matches!(
            format_of(&head, false),
            Format::Unread("a tar archive")
        ));
        assert!(matches!(format_of(&head[..100], false), Format::Unknown));
        assert!(matches!(format_of(b"clicks.json", true), Format::Readable));
    }

    #[test]
    fn formats_are_told_by_their_first_bytes() {
        for magic in MAGICS {
            let file = [magic.bytes, b" and more\n{\"a\":1}\n"].concat();
            assert_eq!(name(&file), Some(magic.name));
            assert_eq!(name(magic.bytes), Some(magic.name), "alone");
        }
        let utf_16 =
            |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
        assert_eq!(name(&utf_16("{\"a\":1}")), Some("UTF-16"));
        assert_eq!(name(b"\xEF\xBB\xBFa,b,c\n1,2,3\n"), Some("CSV"));
        assert_eq!(name(b"ORC\x0A\x06\x12\x04\x08\x01"), Some("ORC"));
    }

    #[test]
    fn what_merely_resembles_a_format_is_read() {
        let texts: [&[u8]; 14] = [
            b"",
            b"{",
            b"\0",
            b"[1]",
            b"P",
            b"PK",
            b"PAR1\n{\"a\":1}\n",
            b"ORC\n{\"a\":1}\n",
            b"BZh9 is no magic\n",
            b"\xEF\xBB\xBF{}",
            b"\0\0\0\0\n{}\n",
            b"{\0\n{}",
            b"x^2\n",
            b"{\0",
        ];
        for text in texts {
            assert_eq!(name(text), None, "{text:?}");
        }
    }

    #[test]
    fn what_is_held_back_comes_out_whole() {
        for size in [1, 2, 4096, 10_000] {
            let text = b"a line of words\n".repeat(600);
            let mut check = FormatCheck::default();
            let mut out = Vec::new();
            for chunk in text.chunks(size) {
                if let Checked::Readable(bytes) = check.push(Bytes::copy_from_slice(chunk)) {
                    out.extend_from_slice(&bytes);
                }
            }
            if let Checked::Readable(bytes) = check.end() {
                out.extend_from_slice(&bytes);
            }
            assert_eq!(out, text);
        }
    }
}
