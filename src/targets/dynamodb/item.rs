//! A flat row as an item: texts, numbers with their digits, and truth values.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use aws_sdk_dynamodb::types::AttributeValue;

use clicks::click::{columns, fields::Type};
use clicks::json::{Kind, Parser, Tape, text};

/// An attribute of the table's key, and the column that it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeyPart {
    pub(super) attribute: String,
    pub(super) column: String,
}

impl KeyPart {
    /// A value of its type that no click has.
    pub(super) fn sample(&self) -> AttributeValue {
        let number = |kind| matches!(kind, Type::Number | Type::Integer);
        match columns()
            .into_iter()
            .any(|(name, kind, _)| name == self.column && number(kind))
        {
            true => AttributeValue::N("-1E+100".into()),
            false => AttributeValue::S("clickstream-check".into()),
        }
    }
}

impl FromStr for KeyPart {
    type Err = String;

    fn from_str(text: &str) -> Result<KeyPart, String> {
        let (attribute, column) = text.split_once('=').unwrap_or((text, text));
        // A truth value can be no key, and what has no column is no text of its own.
        let fits = |kind| !matches!(kind, Type::Bool | Type::Json);
        let known = columns()
            .into_iter()
            .any(|(name, kind, _)| name == column && fits(kind));
        // Under the name of another column, that one's value would be gone.
        let free =
            attribute == column || !columns().into_iter().any(|(name, ..)| name == attribute);
        match known && free && !attribute.is_empty() {
            true => Ok(KeyPart { attribute: attribute.into(), column: column.into() }),
            false => Err("a column of the flat form, such as click_id, or attribute=column, such as pk=click_id, the attribute no other column".into()),
        }
    }
}

impl fmt::Display for KeyPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.attribute == self.column {
            true => f.write_str(&self.column),
            false => write!(f, "{}={}", self.attribute, self.column),
        }
    }
}

/// A flat row.
#[derive(Clone, Copy)]
pub(super) struct Item<'r> {
    tape: Tape<'r>,
}

thread_local! {
    /// Rows are of few makes, which are learned once.
    static PARSER: RefCell<Parser> = RefCell::new(Parser::new(u32::MAX));
}

impl Item<'_> {
    /// What `read` makes of the row in `row`, a JSON object.
    pub(super) fn of<T>(row: &[u8], read: impl FnOnce(Item<'_>) -> T) -> T {
        PARSER.with_borrow_mut(|parser| {
            parser.reset();
            parser.run(row, true);
            read(Item {
                tape: parser.tape(row),
            })
        })
    }

    /// A column as text.
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

    /// All columns.
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

/// Half of a surrogate pair has no place in a text.
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

    #[test]
    fn a_key_is_a_column() {
        let part = |text: &str| KeyPart::from_str(text);
        assert_eq!(part("link_id").unwrap().to_string(), "link_id");
        assert_eq!(
            part("pk=click_id").unwrap(),
            KeyPart {
                attribute: "pk".into(),
                column: "click_id".into()
            }
        );
        for text in [
            "",
            "link",
            "country=link_id",
            "pk=",
            "=click_id",
            "extra",
            "first_in_session",
        ] {
            assert!(part(text).is_err(), "{text}");
        }
    }
}
