//! The key of an envelope that cannot be held whole, found before the first of its elements is
//! given.

use std::sync::Arc;

use super::envelope::key_of;
use super::frame::{Frame, Framer};
use crate::json::{Member, Tape};

/// Goes over the beginning of an envelope as the decoder will, element by element, and remembers
/// its key.
///
/// A key counts if it ends within the first `key_bytes` of the envelope, before its data or behind
/// them. A bad record in between changes nothing if its own brackets tell where it ends. If lines
/// had to be skipped, brackets may be missing, and what follows may belong to another envelope: no
/// key is better than a wrong one.
pub(super) struct KeySearch {
    framer: Framer,
    /// Containers that are open round the envelope.
    outside: usize,
    key_bytes: usize,
    /// Bytes of the envelope that were looked at.
    at: usize,
    /// Whether the last name behind the data was `key`.
    named: bool,
    key: Option<Arc<str>>,
}

impl KeySearch {
    /// For the envelope that `unread` begins with and `framer` has come upon.
    pub(super) fn new(framer: &Framer, unread: &[u8], key_bytes: usize) -> KeySearch {
        let (tape, data) = (framer.tape(unread), framer.envelope_data());
        KeySearch {
            framer: framer.fork_in_envelope(),
            outside: framer.containers().depth(),
            key_bytes,
            at: tape.node(data).start as usize + 1,
            named: false,
            key: key_of(tape, members_before(tape, data), key_bytes),
        }
    }

    /// Goes on over `unread`, which begins with the envelope and is longer than before; `last` says
    /// that the object ends with it. Returns `false` if more is needed.
    pub(super) fn look(&mut self, unread: &[u8], last: bool) -> bool {
        let first = unread.get(..self.key_bytes).unwrap_or(unread);
        let last = last && first.len() == unread.len();
        while self.framer.containers().depth() > self.outside {
            let rest = first.get(self.at..).unwrap_or_default();
            let after_colon = self.framer.containers().is_after_colon();
            let frame = self.framer.next(rest, last);
            if self.framer.is_lost() {
                return true;
            }
            match frame {
                Frame::Skip(length) | Frame::Junk { length, .. } => self.at += length,
                Frame::Value(length) => {
                    if self.framer.containers().is_behind_data() {
                        self.member(rest.get(..length).unwrap_or_default(), after_colon);
                    }
                    self.at += length;
                }
                Frame::Broken(_) => {}
                Frame::More => return first.len() == self.key_bytes,
                Frame::Truncated | Frame::End | Frame::Envelope => return true,
            }
        }
        true
    }

    /// Takes a name or a value behind the data.
    fn member(&mut self, text: &[u8], after_colon: bool) {
        let tape = self.framer.tape(text);
        if !after_colon {
            self.named = tape.is(0, "key");
        } else if std::mem::take(&mut self.named) {
            self.key = tape.string(0).map(|key| Arc::from(&*key));
        }
    }

    /// Returns the key; `None` if none counts, or the last one that does is no string.
    pub(super) fn into_key(self) -> Option<Arc<str>> {
        self.key
    }
}

/// The members of the outermost object before the value `data`, in a tape that may be unfinished.
fn members_before(tape: Tape<'_>, data: u32) -> impl Iterator<Item = Member> + use<'_> {
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
