//! The key of a table: one or two attributes, each of which holds a column of the flat form.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::str::FromStr;

use aws_sdk_dynamodb::types::AttributeValue;
use clicks::click::{Path, columns, fields::Type};

use super::item::{Item, Member};
use crate::config::vars::Scope;
use crate::targets::Need;

/// The column that tells one click from another.
pub(super) const ID: &str = "click_id";
/// The separator of columns in the text of a key.
const SEPARATOR: &str = "\u{1f}";

/// A table's key: the partition key and perhaps the sort key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TableKey {
    partition: KeyPart,
    sort: Option<KeyPart>,
}

impl TableKey {
    /// Reads the variables `KEY` and `SORT_KEY`.
    pub(super) fn read(scope: &Scope<'_>) -> TableKey {
        let partition = scope.parsed("KEY").unwrap_or(KeyPart {
            attribute: ID.into(),
            column: ID.into(),
        });
        let sort: Option<KeyPart> = scope.parsed("SORT_KEY");
        let attribute = &partition.attribute;
        if sort
            .as_ref()
            .is_some_and(|sort| sort.attribute == *attribute)
        {
            scope.conflict(
                "SORT_KEY",
                "names the attribute of _KEY once more; name the table's own sort key, or none",
            );
        }
        TableKey { partition, sort }
    }

    fn parts(&self) -> impl Iterator<Item = &KeyPart> {
        std::iter::once(&self.partition).chain(&self.sort)
    }

    /// Whether no two clicks have the same key.
    pub(super) fn is_unique(&self) -> bool {
        self.parts().any(|part| part.column == ID)
    }

    /// Returns the fields of a click that keys are made of.
    pub(super) fn needs(&self) -> Vec<Need> {
        let need = |part: &KeyPart, variable: &str| {
            let path = Path::of_column(&part.column)?;
            Some(Need {
                path,
                variable: variable.to_owned(),
            })
        };
        let sort = self.sort.as_ref().and_then(|part| need(part, "SORT_KEY"));
        need(&self.partition, "KEY")
            .into_iter()
            .chain(sort)
            .collect()
    }

    /// Returns the attribute that is the partition key.
    pub(super) fn partition(&self) -> &str {
        &self.partition.attribute
    }

    /// Returns a key that no click has.
    pub(super) fn sample(&self) -> HashMap<String, AttributeValue> {
        self.parts()
            .map(|part| (part.attribute.clone(), part.sample()))
            .collect()
    }

    /// Returns the key of a flat row as a text. `Err` is the first column that the row lacks.
    pub(super) fn text(&self, row: &[u8]) -> Result<String, &str> {
        let texts = Item::of(row, |item| {
            let texts = self.parts().map(|part| {
                item.text(&part.column)
                    .filter(|text| !text.is_empty())
                    .ok_or(part.column.as_str())
            });
            texts.collect::<Result<Vec<_>, &str>>()
        });
        Ok(texts?.join(SEPARATOR))
    }

    /// Returns a flat row as an item, with the attributes of the key.
    pub(super) fn item(&self, row: &[u8]) -> HashMap<String, AttributeValue> {
        let mut item = Item::of(row, |item| item.attributes());
        for part in self.parts() {
            // A row that a map made has the attribute.
            if !item.contains_key(&part.attribute)
                && let Some(value) = item.get(&part.column).cloned()
            {
                item.insert(part.attribute.clone(), value);
            }
        }
        item
    }

    /// Returns `row`, which a map made, with the id and the attributes of the key as `columns` have
    /// them, whatever the map called so.
    pub(super) fn with_keys(&self, row: &[u8], columns: &[u8]) -> Vec<u8> {
        let id = KeyPart {
            attribute: ID.into(),
            column: ID.into(),
        };
        let parts = [&id].into_iter().chain(self.parts());
        let parts: BTreeMap<&str, &str> = parts
            .map(|part| (part.attribute.as_str(), part.column.as_str()))
            .collect();
        let keys: Vec<Member> = Item::of(columns, |item| {
            let key = |(attribute, column): (&&str, &&str)| item.member(attribute, column);
            parts.iter().filter_map(key).collect()
        });
        let taken = |name: &str| parts.contains_key(name);
        Item::of(row, |item| item.written(keys, taken))
    }
}

impl fmt::Display for TableKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.partition)?;
        self.sort.iter().try_for_each(|sort| write!(f, ", {sort}"))
    }
}

/// An attribute of a table's key, and the column of the flat form that it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
struct KeyPart {
    attribute: String,
    column: String,
}

impl KeyPart {
    /// Returns a value of its type that no click has.
    fn sample(&self) -> AttributeValue {
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
        // A boolean cannot be a key, and `extra` is no value of its own.
        let fits = |kind| !matches!(kind, Type::Bool | Type::Json);
        let known = columns()
            .into_iter()
            .any(|(name, kind, _)| name == column && fits(kind));
        // Under the name of another column, it would take the place of that column's value.
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

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn the_key_of_a_row_that_a_map_made_is_the_clicks() {
        let key = TableKey {
            partition: "pk=link_id".parse().unwrap(),
            sort: Some("click_id".parse().unwrap()),
        };
        let row = br#"{"pk":"a stranger's","click_id":"another","link_id":7,"n":1.50}"#;
        let columns = br#"{"click_id":"c","link_id":"l","country":"DE"}"#;
        let row = key.with_keys(row, columns);
        assert_eq!(
            String::from_utf8_lossy(&row),
            r#"{"click_id":"c","pk":"l","link_id":7,"n":1.50}"#
        );
        let item = key.item(&row);
        assert_eq!(item["pk"], AttributeValue::S("l".into()));
        assert_eq!(item["link_id"], AttributeValue::N("7".into()));
    }
}
