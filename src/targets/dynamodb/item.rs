//! A row as an item: strings, numbers with their digits, booleans, and of what a map made nulls,
//! objects and arrays too.

use std::cell::RefCell;
use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use clicks::json::{Kind, Parser, Tape, text};

/// A parsed row.
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
        self.members(0)
    }

    fn members(self, object: u32) -> HashMap<String, AttributeValue> {
        let members = self.tape.members(object);
        members
            .map(|member| (self.string(member.name), self.attribute(member.value)))
            .collect()
    }

    fn attribute(self, value: u32) -> AttributeValue {
        let tape = self.tape;
        match tape.node(value).kind {
            Kind::Number => AttributeValue::N(string(tape.raw(value))),
            Kind::Bool => AttributeValue::Bool(tape.raw(value) == b"true"),
            Kind::String => AttributeValue::S(self.string(value)),
            Kind::Null => AttributeValue::Null(true),
            Kind::Object => AttributeValue::M(self.members(value)),
            Kind::Array => {
                let items = tape.elements(value);
                AttributeValue::L(items.map(|item| self.attribute(item)).collect())
            }
        }
    }

    fn string(self, value: u32) -> String {
        let escaped = self.tape.node(value).escaped;
        string(&text::unescaped(self.tape.inner(value), escaped))
    }

    /// Returns a column as a member of another name.
    pub(super) fn member(self, name: &str, column: &str) -> Option<Member> {
        let value = self.tape.get(0, column)?;
        Some(Member {
            name: name.to_owned(),
            value: self.tape.raw(value).to_vec(),
        })
    }

    /// Writes the row with the members `first`, and without those of its own that are `taken`.
    pub(super) fn written(self, first: Vec<Member>, taken: impl Fn(&str) -> bool) -> Vec<u8> {
        let own = self.tape.members(0).map(|member| Member {
            name: self.string(member.name),
            value: self.tape.raw(member.value).to_vec(),
        });
        let own = own.filter(|member| !taken(&member.name));
        let mut out = vec![b'{'];
        for (at, member) in first.into_iter().chain(own).enumerate() {
            if at > 0 {
                out.push(b',');
            }
            text::write_str(&member.name, &mut out);
            out.push(b':');
            out.extend_from_slice(&member.value);
        }
        out.push(b'}');
        out
    }
}

/// A member of a row: its name, and its value as JSON.
#[derive(Debug)]
pub(super) struct Member {
    name: String,
    value: Vec<u8>,
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

    #[test]
    fn what_a_map_made_keeps_its_types_however_nested() {
        let row = br#"{"a":null,"b":{"c":[1.50,"x"]},"d \"e\"":false}"#;
        let attributes = Item::of(row, |item| item.attributes());
        let list = vec![
            AttributeValue::N("1.50".into()),
            AttributeValue::S("x".into()),
        ];
        let inner = HashMap::from([("c".to_owned(), AttributeValue::L(list))]);
        let expected = HashMap::from([
            ("a".to_owned(), AttributeValue::Null(true)),
            ("b".to_owned(), AttributeValue::M(inner)),
            ("d \"e\"".to_owned(), AttributeValue::Bool(false)),
        ]);
        assert_eq!(attributes, expected);
    }
}
