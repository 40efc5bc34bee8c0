//! Envelopes that cannot be held whole: too large, cut short, or broken inside.

use super::{Context, Frame, Framer, Mode};
use crate::json::{Member, Tape};

impl Framer {
    /// Whether the value that cannot be had whole is an envelope, whose elements can.
    pub(super) fn is_envelope(&self, text: &[u8]) -> bool {
        let tape = self.parser.tape(text);
        let data = self.parser.data().filter(|_| !self.in_envelope() && !self.in_tail());
        data.is_some_and(|data| !is_click(tape, members_before(tape, data)))
    }

    /// Begins to take the elements of an envelope one by one.
    pub(super) fn envelope(&mut self) -> Frame {
        let start = self.parser.data().map(|index| self.parser.tape(&[]).node(index).start);
        self.mode = Mode::Between;
        self.stack.push(Context::Data);
        Frame::Envelope(start.unwrap_or(0) as usize + 1)
    }
}

/// Whether an object with these members is a click, which may well have a member `data`, and no envelope.
pub fn is_click(tape: Tape<'_>, mut members: impl Iterator<Item = Member>) -> bool {
    members.any(|m| tape.is(m.name, "timestamp") || tape.is(m.name, "route"))
}

/// The members of the outermost object before the value `data`, in a tape that may be unfinished.
pub fn members_before(tape: Tape<'_>, data: u32) -> impl Iterator<Item = Member> + use<'_> {
    let mut at = 1;
    std::iter::from_fn(move || {
        let member = Member { name: at, value: at + 1 };
        at = tape.node(member.value).next;
        (member.value < data).then_some(member)
    })
}
