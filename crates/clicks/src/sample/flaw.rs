//! The ways in which a record of a sample can be bad.

/// The flaw of a bad record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// It has no timestamp.
    NoTimestamp,
    /// Its timestamp is no time.
    UnreadableTimestamp,
    /// It is not JSON.
    NotJson,
    /// A string in it holds a bare control character.
    ControlCharacter,
    /// It ends inside its last address.
    CutShort,
}

impl Flaw {
    /// Returns the flaw of the `n`-th bad record of a file, counted from 0: the kinds take turns.
    ///
    /// Records that do not end with their line cannot be cut short, since a cut would take the next
    /// ones with it.
    pub(super) fn nth(n: u64, may_be_cut_short: bool) -> Flaw {
        match n % if may_be_cut_short { 5 } else { 4 } {
            0 => Flaw::NoTimestamp,
            1 => Flaw::UnreadableTimestamp,
            2 => Flaw::NotJson,
            3 => Flaw::ControlCharacter,
            _ => Flaw::CutShort,
        }
    }

    /// Returns the members that stand in place of the timestamp; `None` if the timestamp is good.
    pub(super) fn timestamp(self) -> Option<&'static str> {
        match self {
            Flaw::NoTimestamp => Some(""),
            Flaw::UnreadableTimestamp => Some(r#""timestamp":"yesterday at noon""#),
            Flaw::NotJson => Some(r#""timestamp":undefined"#),
            Flaw::ControlCharacter => {
                Some("\"timestamp\":\"2026-11-21T23:54:50Z\",\"note\":\"a\tb\"")
            }
            Flaw::CutShort => None,
        }
    }

    /// Cuts `record` short if that is the flaw.
    pub(super) fn cut(self, record: &mut String) {
        if self == Flaw::CutShort {
            record.truncate(record.rfind("://").unwrap_or(1));
        }
    }
}
