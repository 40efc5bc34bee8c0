//! The canonical text of a click, of which its id is the hash.
//!
//! Members sorted recursively by the bytes of their names, no white space, minimal escaping, digits
//! as delivered. Parts that are so already are copied whole.

use super::normal::{DuplicateKey, Name, Normal, Value};
use crate::json::text::SLACK;
use crate::json::{Kind, text};

/// A buffer for canonical texts, kept between clicks.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    bytes: Vec<u8>,
    length: usize,
    /// A string that is written anew.
    piece: Vec<u8>,
    /// Nodes of the values of the objects that are being written, each object's above its parent's.
    values: Vec<u32>,
    /// Members of an object that is being sorted.
    sorting: Vec<(Name, Value)>,
}

impl Scratch {
    /// Returns the text that was written last.
    pub(super) fn text(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// Writes the text of `value` in place of the last one. The error says that a name stands twice
    /// in one object.
    pub(super) fn write(&mut self, click: &Normal<'_>, value: Value) -> Result<(), DuplicateKey> {
        self.length = 0;
        self.values.clear();
        // What an object with a name that stands twice left behind.
        self.sorting.clear();
        self.value(click, value)
    }

    fn value(&mut self, click: &Normal<'_>, value: Value) -> Result<(), DuplicateKey> {
        match value {
            Value::Text(start, end) => {
                self.quoted(click.text(start, end));
            }
            Value::Object(..) => return self.object(click, value),
            Value::Node(index) => return self.node(click, index),
        }
        Ok(())
    }

    #[inline(always)]
    fn node(&mut self, click: &Normal<'_>, index: u32) -> Result<(), DuplicateKey> {
        let node = click.tape.node(index);
        if !node.escaped {
            self.copy_part(click.tape.text, node.start as usize, node.end as usize);
            return Ok(());
        }
        match node.kind {
            Kind::Object => self.object(click, Value::Node(index)),
            Kind::Array => self.array(click, index),
            _ => {
                let mut piece = std::mem::take(&mut self.piece);
                piece.clear();
                text::write_minimal(click.tape.inner(index), &mut piece);
                self.copy(&piece);
                self.piece = piece;
                Ok(())
            }
        }
    }

    fn object(&mut self, click: &Normal<'_>, value: Value) -> Result<(), DuplicateKey> {
        let Some((node, patches)) = click.changes.patched(value) else {
            return self.sorted(click, value);
        };
        let Some(order) = click.order(node, patches) else {
            return self.sorted(click, value);
        };
        let (order, first) = (order?, self.values.len());
        self.values
            .extend(click.tape.members(node).map(|m| m.value));
        if self.values.len() == first {
            self.push(b'{');
        }
        for (before, at) in order.slots() {
            self.copy_part(order.text(), before.start, before.end);
            match patches.iter().find(|patch| patch.at == at) {
                Some(patch) => self.value(click, patch.value)?,
                None => self.node(
                    click,
                    self.values.get(first + at).copied().unwrap_or(u32::MAX),
                )?,
            }
        }
        self.values.truncate(first);
        self.push(b'}');
        Ok(())
    }

    /// Writes an object of a shape that is not remembered.
    fn sorted(&mut self, click: &Normal<'_>, value: Value) -> Result<(), DuplicateKey> {
        let first = self.sorting.len();
        self.sorting.extend(click.members(value));
        let own = self.sorting.get_mut(first..).unwrap_or_default();
        own.sort_unstable_by(|a, b| click.name(a.0).cmp(&click.name(b.0)));
        if own
            .windows(2)
            .any(|pair| matches!(pair, [a, b] if click.name(a.0) == click.name(b.0)))
        {
            return Err(DuplicateKey);
        }
        self.push(b'{');
        for at in first..self.sorting.len() {
            if at > first {
                self.push(b',');
            }
            let Some(&(name, value)) = self.sorting.get(at) else {
                break;
            };
            match name {
                Name::Given(given) => self.quoted(given),
                Name::Node(name) => self.value(click, Value::Node(name))?,
            }
            self.push(b':');
            self.value(click, value)?;
        }
        self.sorting.truncate(first);
        self.push(b'}');
        Ok(())
    }

    fn array(&mut self, click: &Normal<'_>, index: u32) -> Result<(), DuplicateKey> {
        self.push(b'[');
        for (at, element) in click.tape.elements(index).enumerate() {
            if at > 0 {
                self.push(b',');
            }
            self.value(click, Value::Node(element))?;
        }
        self.push(b']');
        Ok(())
    }

    #[inline]
    fn push(&mut self, byte: u8) {
        match self.bytes.get_mut(self.length) {
            Some(to) => {
                *to = byte;
                self.length += 1;
            }
            None => self.grow(&[byte]),
        }
    }

    /// Appends the bytes of `text` from `start` to before `end`.
    #[inline]
    fn copy_part(&mut self, text: &[u8], start: usize, end: usize) {
        if end <= start + SLACK
            && let Some(from) = text.get(start..start + SLACK)
            && let Some(to) = self.bytes.get_mut(self.length..self.length + SLACK)
        {
            to.copy_from_slice(from);
            self.length += end - start;
        } else {
            self.copy(text.get(start..end).unwrap_or_default());
        }
    }

    fn copy(&mut self, text: &[u8]) {
        match self.bytes.get_mut(self.length..self.length + text.len()) {
            Some(to) => {
                to.copy_from_slice(text);
                self.length += text.len();
            }
            None => self.grow(text),
        }
    }

    fn quoted(&mut self, plain: &str) {
        self.push(b'"');
        self.copy(plain.as_bytes());
        self.push(b'"');
    }

    /// Appends `text`, which the buffer is too small for.
    #[cold]
    fn grow(&mut self, text: &[u8]) {
        self.bytes.truncate(self.length);
        self.bytes.extend_from_slice(text);
        self.length = self.bytes.len();
        self.bytes.resize((self.length * 2).max(4096), 0);
    }
}

/// Whether two values are the same but for the order of members and the spelling of strings.
pub(super) fn same(click: &Normal<'_>, a: Value, b: Value) -> bool {
    let (mut left, mut right) = (Scratch::default(), Scratch::default());
    left.write(click, a).is_ok() && right.write(click, b).is_ok() && left.text() == right.text()
}
