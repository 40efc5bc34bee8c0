//! A flat row as an item: strings, numbers with their digits, and booleans.

use std::cell::RefCell;
use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use clicks::json::{Kind, Parser, Tape, text};

/// A parsed flat row.
#[derive(Clone, Copy)]
pub(super) struct Item<'r> {
    tape: Tape<'r>,
}

thread_local! {
    /// Rows are of few shapes, which are learned once.
    static PARSER: RefCell<Parser> = RefCell::new(Parser::new(u32::MAX));
}

impl Item<'_> {
    /// Parses `row`, a JSON object, and returns what `read` makes of it.
    pub(super) fn of<T>(row: &[u8], read: impl FnOnce(Item<'_>) -> T) -> T {
        PARSER.with_borrow_mut(|parser| {
            parser.reset();
            parser.run(row, true);
            read(Item {
                tape: parser.tape(row),
            })
        })
    }

    /// Returns a column as text.
    pub(super) fn text(self, column: &str) -> Option<String> {
        let tape = self.tape;
        let value = tape.get(0, column)?;
        Some(match tape.node(value).kind {
            Kind::String => string(&text::unescaped(
                tape.inner(value),
                tape.node(value).escaped,
            )),
            _ => string(tape.raw(value)),
        })
    }

    /// Returns all columns as attributes.
    pub(super) fn attributes(self) -> HashMap<String, AttributeValue> {
        let tape = self.tape;
        let attribute = |value: u32| {
            let node = tape.node(value);
            match node.kind {
                Kind::Number => AttributeValue::N(string(tape.raw(value))),
                Kind::Bool => AttributeValue::Bool(tape.raw(value) == b"true"),
                _ => AttributeValue::S(string(&text::unescaped(tape.inner(value), node.escaped))),
            }
        };
        tape.members(0)
            .map(|member| (string(tape.inner(member.name)), attribute(member.value)))
            .collect()
    }
}

/// Returns a text in which U+FFFD stands for half of a surrogate pair, which no attribute may hold.
fn string(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_keeps_its_type_and_its_digits() {
        let row = br#"{"click_id":"a","latitude":48.8500000000000001,"first_in_session":true,"city":"K\u00f6ln \"x\""}"#;
        let attributes = Item::of(row, |item| item.attributes());
        assert_eq!(
            attributes["latitude"],
            AttributeValue::N("48.8500000000000001".into())
        );
        assert_eq!(attributes["first_in_session"], AttributeValue::Bool(true));
        assert_eq!(attributes["city"], AttributeValue::S("Köln \"x\"".into()));
        assert_eq!(attributes.len(), 4);
        assert_eq!(
            Item::of(row, |item| item.text("latitude")).as_deref(),
            Some("48.8500000000000001")
        );
        assert_eq!(Item::of(row, |item| item.text("country")), None);
    }
}
