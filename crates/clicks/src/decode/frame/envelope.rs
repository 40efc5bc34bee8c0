//! Envelopes that cannot be held whole: too large, cut short, or broken inside.

use super::{Context, Frame, Framer, Mode, Taken};
use crate::json::{Member, Tape};

impl Framer {
    /// The node of the `data` array of the envelope that [`Frame::Envelope`] spoke of.
    pub fn data(&self) -> u32 {
        self.parser.data().unwrap_or(0)
    }

    /// Whether the next record stands inside an envelope that is streamed.
    pub fn in_envelope(&self) -> bool {
        self.stack.contains(&Context::Data)
    }

    /// Whether a value that was framed is a further member of an envelope, not a record.
    pub fn in_tail(&self) -> bool {
        matches!(self.stack.last(), Some(Context::Tail { .. }))
    }

    pub(super) fn set_tail(&mut self, after_colon: bool) {
        if let Some(Context::Tail { colon }) = self.stack.last_mut() {
            *colon = after_colon;
        }
    }

    /// Whether the value that cannot be had whole is an envelope, whose elements can.
    pub(super) fn is_envelope(&self, text: &[u8]) -> bool {
        let tape = self.parser.tape(text);
        let data = self
            .parser
            .data()
            .filter(|_| !self.in_envelope() && !self.in_tail());
        data.is_some_and(|data| !is_click(tape, members_before(tape, data)))
    }

    /// Decides how the envelope that [`Frame::Ahead`] spoke of is taken.
    pub fn take(&mut self, taken: Taken) {
        self.taken = taken;
    }

    /// The object is cut off after `unread`: whether these begin an envelope, whose elements then
    /// follow.
    pub fn cut(&mut self, unread: &[u8]) -> bool {
        let envelope = self.mode == Mode::Value && self.is_envelope(unread);
        if envelope {
            self.taken = Taken::ByElements(false);
        }
        envelope
    }

    /// Begins to take the elements of an envelope one by one.
    pub(super) fn by_elements(&mut self) -> Frame {
        self.mode = Mode::Between;
        self.outer_indent = (self.taken == Taken::ByElements(true)).then_some(self.indent);
        self.stack.push(Context::Data);
        Frame::Envelope(self.data_start() + 1)
    }

    pub(super) fn data_start(&self) -> usize {
        self.parser.tape(&[]).node(self.data()).start as usize
    }
}

/// Whether an object with these members is a click, which may well have a member `data`, and no
/// envelope.
pub fn is_click(tape: Tape<'_>, mut members: impl Iterator<Item = Member>) -> bool {
    members.any(|m| tape.is(m.name, "timestamp") || tape.is(m.name, "route"))
}

/// The members of the outermost object before the value `data`, in a tape that may be unfinished.
pub fn members_before(tape: Tape<'_>, data: u32) -> impl Iterator<Item = Member> + use<'_> {
    let mut at = 1;
    std::iter::from_fn(move || {
        let member = Member {
            name: at,
            value: at + 1,
        };
        at = tape.node(member.value).next;
        (member.value < data).then_some(member)
    })
}
