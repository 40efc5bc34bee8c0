//! The differences between two JSON values, for people.

use serde_json::{Map, Value};

/// One member, or element, in which two values differ.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Difference {
    /// Where it stands, dotted; empty for the whole value.
    pub(super) path: String,
    /// The first value's; `None` if it has none.
    pub(super) before: Option<Value>,
    /// The second value's; `None` if it has none.
    pub(super) after: Option<Value>,
}

/// Returns the differences of `after` from `before`, by their paths. An object or array that only
/// one of the values has is one difference.
pub(super) fn differences(before: &Value, after: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare("", Some(before), Some(after), &mut found);
    found
}

fn compare(path: &str, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Difference>) {
    match (before, after) {
        (Some(Value::Object(one)), Some(Value::Object(other))) => {
            compare_members(path, one, other, found);
        }
        (Some(Value::Array(one)), Some(Value::Array(other))) if one.len() == other.len() => {
            for (at, (one, other)) in one.iter().zip(other).enumerate() {
                compare(
                    &joined(path, &at.to_string()),
                    Some(one),
                    Some(other),
                    found,
                );
            }
        }
        (Some(Value::Number(one)), Some(Value::Number(other))) if is_same(one, other) => {}
        _ if before == after => {}
        _ => found.push(Difference {
            path: path.to_owned(),
            before: before.cloned(),
            after: after.cloned(),
        }),
    }
}

fn compare_members(
    path: &str,
    one: &Map<String, Value>,
    other: &Map<String, Value>,
    found: &mut Vec<Difference>,
) {
    let added = other.keys().filter(|name| !one.contains_key(*name));
    for name in one.keys().chain(added) {
        compare(&joined(path, name), one.get(name), other.get(name), found);
    }
}

fn joined(path: &str, name: &str) -> String {
    match path {
        "" => name.to_owned(),
        _ => format!("{path}.{name}"),
    }
}

/// The largest number up to which a `f64` tells every whole number from the next.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Whether two numbers are the same, however they are written: `1` and `1.0` are.
fn is_same(one: &serde_json::Number, other: &serde_json::Number) -> bool {
    let value = |number: &serde_json::Number| number.as_f64().filter(|value| value.abs() < EXACT);
    one == other || value(one).is_some_and(|value_of_one| Some(value_of_one) == value(other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_difference_is_named_by_its_path() {
        let before =
            json!({"a": {"b": 1, "c": [1, 2]}, "gone": {"x": 1}, "same": 1, "big": u64::MAX});
        let after =
            json!({"a": {"b": "1", "c": [1, 3]}, "new": null, "same": 1.0, "big": u64::MAX - 1});
        let found = differences(&before, &after);
        let paths: Vec<_> = found.iter().map(|one| one.path.as_str()).collect();
        assert_eq!(paths, ["a.b", "a.c.1", "big", "gone", "new"]);
        assert_eq!(found[3].before, Some(json!({"x": 1})));
        assert_eq!(
            (&found[4].before, &found[4].after),
            (&None, &Some(Value::Null))
        );
        assert!(differences(&before, &before).is_empty());
    }

    #[test]
    fn values_of_different_kinds_differ_as_a_whole() {
        let found = differences(&json!([1]), &json!({"0": 1}));
        assert_eq!((found.len(), found[0].path.as_str()), (1, ""));
    }
}
