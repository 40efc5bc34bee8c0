//! A value where a record may stand: parsed as far as it goes.

use super::{Frame, FrameError, Framer, Mode};
use crate::json::Progress;

/// How a value is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Whole, unless it turns out to be an envelope that cannot be.
    Undecided,
    /// Whole, envelope or not.
    Whole,
    /// As an envelope whose elements follow one by one; and whether its end was seen.
    ByElements(bool),
}

/// Bytes up to which an envelope is held whole. The tape of a larger one would take twice its size, in memory that is new
/// each time, and cost more than looking for the key ahead.
const WHOLE: usize = 128 * 1024;

impl Framer {
    pub(super) fn value(&mut self, unread: &[u8], last: bool) -> Frame {
        if let Taken::ByElements(_) = self.taken {
            return self.by_elements();
        }
        let within = unread.get(..self.max_record).unwrap_or(unread);
        let whole = within.len() == unread.len();
        let progress = match within
            .get(..WHOLE)
            .filter(|_| self.taken == Taken::Undecided)
        {
            None => self.parser.run(within, last && whole),
            Some(first) => match self.parser.run(first, last && first.len() == unread.len()) {
                Progress::More if self.is_envelope(first) => {
                    return Frame::Ahead(self.data_start());
                }
                Progress::More => {
                    self.taken = Taken::Whole;
                    self.parser.run(within, last && whole)
                }
                ended => ended,
            },
        };
        match progress {
            Progress::Done(n) => {
                (self.mode, self.own_line) = (Mode::Between, false);
                self.set_tail(false);
                Frame::Value(n)
            }
            Progress::More if whole && !last => Frame::More,
            Progress::More if self.is_envelope(within) => self.by_elements(),
            Progress::More if whole && !self.began_a_line(within) => Frame::Truncated,
            Progress::More if whole => self.fail(within, FrameError::CutShort),
            Progress::More => self.fail(within, FrameError::TooLong),
            Progress::Invalid { .. } if self.is_envelope(within) => self.by_elements(),
            Progress::Invalid { at, error } => self.fail(within, FrameError::Syntax { at, error }),
        }
    }
}
