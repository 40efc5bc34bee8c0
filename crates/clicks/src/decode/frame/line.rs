//! How the line began that the current record is on.

/// The start of a line, as far as it was seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct LineStart {
    /// White space at the start of the line, in bytes.
    indent: usize,
    /// Whether there was only white space in it so far.
    in_indent: bool,
    /// Whether the current record began on a line of its own.
    own: bool,
}

impl Default for LineStart {
    fn default() -> LineStart {
        LineStart {
            indent: 0,
            in_indent: true,
            own: true,
        }
    }
}

impl LineStart {
    pub(super) fn indent(self) -> usize {
        self.indent
    }

    pub(super) fn in_indent(self) -> bool {
        self.in_indent
    }

    pub(super) fn is_own(self) -> bool {
        self.own
    }

    /// A line begins.
    pub(super) fn begin(&mut self) {
        (self.indent, self.in_indent) = (0, true);
    }

    /// A blank or a tab.
    pub(super) fn blank(&mut self) {
        self.indent += usize::from(self.in_indent);
    }

    /// A comma, which what follows on the line belongs behind.
    pub(super) fn comma(&mut self) {
        (self.in_indent, self.own) = (false, false);
    }

    /// Something else than separators.
    pub(super) fn begin_token(&mut self) {
        self.own |= self.in_indent;
        self.in_indent = false;
    }

    /// A record ends, good or bad: the next one on this line has no line of its own.
    pub(super) fn end_record(&mut self) {
        self.own = false;
    }

    /// A line with so much white space at its start begins the next record, after lines that were
    /// skipped.
    pub(super) fn resume(&mut self, indent: usize) {
        self.indent = indent;
    }
}
