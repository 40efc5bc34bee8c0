//! The members that a row has no column for.

use crate::click::normal::{Name, Value};
use crate::click::{Click, form};
use crate::json::text;

/// The text of the column `extra`, escaped as it stands between the quotes.
#[derive(Debug, Default)]
pub(in crate::click) struct Extra {
    pub(super) text: Vec<u8>,
    /// The objects around what is being written, of which the first `open` are begun.
    pub(super) path: Vec<Name>,
    pub(super) open: usize,
    /// Whether the click has parsed parameters of the destination, with columns or without.
    pub(super) has_query: bool,
    piece: Vec<u8>,
}

impl Extra {
    /// Begins the objects of the path.
    pub(super) fn begin(&mut self, click: &Click<'_>) {
        while let Some(&name) = self.path.get(self.open) {
            self.name(click, name);
            self.text.push(b'{');
            self.open += 1;
        }
    }

    fn name(&mut self, click: &Click<'_>, name: Name) {
        if !matches!(self.text.last(), None | Some(b'{')) {
            self.text.push(b',');
        }
        match click.normal.plain_name(name) {
            Some(plain) => {
                self.text.extend_from_slice(b"\\\"");
                self.text.extend_from_slice(plain);
                self.text.extend_from_slice(b"\\\":");
            }
            None => {
                self.piece.clear();
                text::write_string(&click.normal.name(name), &mut self.piece);
                text::escape_into(&self.piece, &mut self.text);
                self.text.push(b':');
            }
        }
    }

    pub(super) fn member(&mut self, click: &Click<'_>, name: Name, value: Value) {
        self.begin(click);
        self.name(click, name);
        self.piece.clear();
        form::value(click, value, &mut self.piece);
        text::escape_into(&self.piece, &mut self.text);
    }

    /// Ends the innermost object of the path, if it was begun.
    pub(super) fn end(&mut self) {
        self.path.pop();
        if self.open > self.path.len() {
            self.text.push(b'}');
            self.open -= 1;
        }
    }
}
