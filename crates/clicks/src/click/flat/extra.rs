//! What a row has no column for.

use std::sync::Arc;

use crate::click::memo::Memo;
use crate::click::normal::{Name, Value};
use crate::click::{Click, form};
use crate::json::text;

/// What has no column: the text of the column `extra`, escaped as it stands between the quotes.
#[derive(Debug, Default)]
pub(in crate::click) struct Extra {
    pub(super) text: Vec<u8>,
    /// The objects around what is being spread, of which the first `open` are begun.
    pub(super) path: Vec<Name>,
    pub(super) open: usize,
    /// The length of the path at an object that is to be kept, and where its inside begins, once it does.
    pub(super) keeping: usize,
    pub(super) inside: usize,
    piece: Vec<u8>,
    pub(super) memo: Memo<Spread>,
}

/// What an object was spread to that came before: columns, and the inside of what has none.
#[derive(Debug)]
pub(super) struct Spread {
    pub(super) columns: Box<[u8]>,
    pub(super) rest: Arc<[u8]>,
}

impl Extra {
    /// Begins the objects of the path.
    pub(super) fn begin(&mut self, click: &Click<'_>) {
        while let Some(&name) = self.path.get(self.open) {
            self.name(click, name);
            self.text.push(b'{');
            self.open += 1;
            if self.open == self.keeping {
                self.inside = self.text.len();
            }
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
