//! The arrays and envelopes that are open round a record.

use crate::json::{Kind, Tape};

/// A container of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Container {
    Array,
    /// The data of an envelope.
    Data,
    /// An envelope, behind its data: the rest of its members.
    BehindData {
        /// Whether a colon came after the last name.
        after_colon: bool,
    },
}

/// Those that are open, the innermost last.
#[derive(Clone, Debug, Default)]
pub struct Containers(Vec<Container>);

impl Containers {
    /// Whether none is.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many are.
    pub fn depth(&self) -> usize {
        self.0.len()
    }

    /// Whether the next record stands inside an envelope that is taken element by element.
    pub fn in_envelope(&self) -> bool {
        self.0.contains(&Container::Data)
    }

    /// Whether the next value is a name or a value among the members behind an envelope's data, and
    /// no record.
    pub fn is_behind_data(&self) -> bool {
        matches!(self.0.last(), Some(Container::BehindData { .. }))
    }

    /// Whether the next value is the value of such a member.
    pub fn is_after_colon(&self) -> bool {
        self.0.last() == Some(&Container::BehindData { after_colon: true })
    }

    pub(super) fn set_after_colon(&mut self, after: bool) {
        if let Some(Container::BehindData { after_colon }) = self.0.last_mut() {
            *after_colon = after;
        }
    }

    /// Whether the next value may be an envelope: there are none in envelopes.
    pub(super) fn may_hold_envelope(&self) -> bool {
        !self.in_envelope() && !self.is_behind_data()
    }

    /// Opens the data of an envelope.
    pub(super) fn open_data(&mut self) {
        self.0.push(Container::Data);
    }

    /// Opens or closes a container if `c` does so here.
    pub(super) fn take_bracket(&mut self, c: u8) -> bool {
        match (c, self.0.last()) {
            (b'{', Some(Container::BehindData { after_colon: false })) => {
                // The envelope's own brace is missing: what follows is a record, not a member.
                self.0.pop();
                return false;
            }
            (b'[', None) => self.0.push(Container::Array),
            (b']', Some(Container::Array)) | (b'}', Some(Container::BehindData { .. })) => {
                self.0.pop();
            }
            (b']', Some(Container::Data)) => {
                self.0.pop();
                self.0.push(Container::BehindData { after_colon: false });
            }
            _ => return false,
        }
        true
    }
}

/// Whether the object of a tape, which may be unfinished, is a click, which may well have a member
/// `data`, and no envelope.
pub fn is_click(tape: Tape<'_>) -> bool {
    let mut name = 1;
    let names = std::iter::from_fn(|| {
        let at = tape.nodes.get(name as usize).map(|_| name)?;
        let value = tape.node(at + 1);
        // A container that is still open ends nowhere, and is the last member's.
        let open = value.end == 0 && matches!(value.kind, Kind::Object | Kind::Array);
        name = if open { u32::MAX } else { value.next };
        Some(at)
    });
    let end = tape.node(0).next;
    names
        .take_while(|&name| name < end)
        .any(|name| tape.is(name, "timestamp") || tape.is(name, "route"))
}
