//! The layouts a sample file can have.

use std::fmt;
use std::str::FromStr;

/// How the clicks of a sample file are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// One click a line.
    Lines,
    /// One click a line, lines ending in CR and LF.
    Crlf,
    /// One JSON array.
    Array,
    /// Clicks indented over many lines, one below the other.
    Pretty,
    /// Clicks with nothing between them.
    Concatenated,
    /// Clicks with commas between them.
    Commas,
    /// One `{"data": […], "key": …}` around all clicks.
    Envelope,
    /// Envelopes of up to 20 clicks, one a line.
    Envelopes,
    /// One click alone, whatever number is asked for.
    Single,
}

/// The text around the records of a file.
pub(super) struct Punctuation {
    /// Before the first record.
    pub(super) open: &'static str,
    /// Between two records.
    pub(super) between: &'static str,
    /// After the last record; `KEY` stands for the name of an object.
    pub(super) close: &'static str,
}

impl Framing {
    /// All of them.
    pub const ALL: [Framing; 9] = [
        Framing::Lines,
        Framing::Crlf,
        Framing::Array,
        Framing::Pretty,
        Framing::Concatenated,
        Framing::Commas,
        Framing::Envelope,
        Framing::Envelopes,
        Framing::Single,
    ];

    /// Returns its name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Framing::Lines => "lines",
            Framing::Crlf => "crlf",
            Framing::Array => "array",
            Framing::Pretty => "pretty",
            Framing::Concatenated => "concatenated",
            Framing::Commas => "commas",
            Framing::Envelope => "envelope",
            Framing::Envelopes => "envelopes",
            Framing::Single => "single",
        }
    }

    /// Describes it in one sentence, without a full stop.
    pub fn about(self) -> &'static str {
        match self {
            Framing::Lines => "One click a line",
            Framing::Crlf => "One click a line, lines ending in CR and LF",
            Framing::Array => "One JSON array",
            Framing::Pretty => "Clicks indented over many lines, one below the other",
            Framing::Concatenated => "Clicks with nothing between them",
            Framing::Commas => "Clicks with commas between them",
            Framing::Envelope => "One `{\"data\": […], \"key\": …}` around all clicks",
            Framing::Envelopes => "Envelopes of up to 20 clicks, one a line",
            Framing::Single => "One click alone, whatever number is asked for",
        }
    }

    pub(super) fn punctuation(self) -> Punctuation {
        let (open, between, close) = match self {
            Framing::Lines | Framing::Pretty => ("", "\n", "\n"),
            Framing::Crlf => ("", "\r\n", "\r\n"),
            Framing::Concatenated | Framing::Single => ("", "", ""),
            Framing::Commas => ("", ",", ""),
            Framing::Array => ("[", ",", "]"),
            Framing::Envelope => (r#"{"data":["#, ",", r#"],"key":"KEY"}"#),
            Framing::Envelopes => (r#"{"data":["#, ",", "],\"key\":\"KEY\"}\n"),
        };
        Punctuation {
            open,
            between,
            close,
        }
    }

    /// Whether a record ends with its line, however broken it is.
    pub(super) fn is_line_by_line(self) -> bool {
        matches!(self, Framing::Lines | Framing::Crlf)
    }
}

impl fmt::Display for Framing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Framing {
    type Err = String;

    fn from_str(name: &str) -> Result<Framing, String> {
        super::named(&Framing::ALL, Framing::as_str, name)
    }
}
