//! JSON Schemas of the canonical click and of the flat row, made from the one list of fields.

use serde_json::{Map, Value, json};

use super::fields::{CLICK, Field, Type};
use super::flat::columns;

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Returns the schema of the `click` form.
pub fn click() -> Value {
    let source = json!({
        "type": "object",
        "description": "where the click was read",
        "properties": {
            "bucket": { "type": "string" },
            "key": { "type": "string" },
            "version": { "type": "string" },
            "offset": { "type": "integer", "minimum": 0, "description": "plain bytes of the object before the record" },
            "index": { "type": "integer", "minimum": 0, "description": "records of the object before this one" }
        },
        "required": ["bucket", "key", "offset", "index"]
    });
    let mut properties = Map::new();
    properties.insert(
        "id".into(),
        json!({ "type": "string", "format": "uuid", "description": "the same for the same click, however often it comes" }),
    );
    properties.insert("source".into(), source);
    properties.insert(
        "key".into(),
        json!({ "type": "string", "description": "the key of the click's envelope, else the object's base name" }),
    );
    properties.extend(members(CLICK));
    let delivered =
        "the members id, source and key (and delivered beside them) that came with the click";
    properties.insert(
        "delivered".into(),
        json!({ "type": "object", "description": delivered }),
    );
    json!({
        "$schema": DIALECT,
        "title": "Click",
        "description": "A Rebrandly click in its canonical form. Members not listed here stay where they were.",
        "type": "object",
        "properties": properties,
        "required": ["id", "source", "key", "timestamp", "route"],
        "additionalProperties": true
    })
}

/// Returns the schema of the `flat` form.
pub fn flat() -> Value {
    let properties: Map<_, _> = columns()
        .into_iter()
        .map(|(name, kind, doc)| (name.to_owned(), column(kind, doc)))
        .collect();
    json!({
        "$schema": DIALECT,
        "title": "Click, flat",
        "description": "A Rebrandly click as a warehouse row. An absent value is an absent member.",
        "type": "object",
        "properties": properties,
        "required": ["click_id", "batch_key", "source_object", "source_index"],
        "additionalProperties": false
    })
}

fn members(fields: &[Field]) -> impl Iterator<Item = (String, Value)> {
    fields
        .iter()
        .map(|field| (field.name.to_owned(), member(field)))
}

fn member(field: &Field) -> Value {
    // Rebrandly documents no types: outside of what makes a record a click, a schema that refuses a
    // click over a number in a string would be wrong. What is listed is what was seen.
    let doc = field.doc;
    match field.kind {
        Type::String => json!({ "type": "string", "description": doc }),
        Type::Time => json!({ "type": "string", "format": "date-time", "description": doc }),
        Type::Bool => json!({ "type": "boolean", "description": doc }),
        Type::Number => json!({ "type": "number", "description": doc }),
        Type::Integer => json!({ "type": "integer", "description": doc }),
        Type::Strings => {
            json!({ "type": "array", "items": { "type": "string" }, "description": doc })
        }
        Type::Json => json!({ "type": "object", "description": doc }),
        Type::Object(fields) => {
            let properties: Map<_, _> = members(fields).collect();
            json!({ "type": "object", "description": doc, "properties": properties, "additionalProperties": true })
        }
    }
}

fn column(kind: Type, doc: &str) -> Value {
    match kind {
        Type::Time => json!({ "type": "string", "format": "date-time", "description": doc }),
        Type::Bool => json!({ "type": "boolean", "description": doc }),
        Type::Number => json!({ "type": "number", "description": doc }),
        Type::Integer => json!({ "type": "integer", "description": doc }),
        _ => json!({ "type": "string", "description": doc }),
    }
}
