//! A case: a click, and what the rules of a target are expected to do with it.

use bytes::Bytes;
use clicks::decode::Record;
use clicks::json::Kind;
use serde_json::{Map, Value};

use crate::config::vars::Vars;

/// One case.
#[derive(Clone, Debug)]
pub(super) struct Case {
    /// Its name; unique in its file.
    pub(super) name: String,
    /// The variables that it lays over the configuration.
    pub(super) env: Vars,
    /// The target; the only one if `None`.
    pub(super) target: Option<String>,
    /// The click as delivered.
    pub(super) click: Bytes,
    pub(super) expected: Expected,
    /// The variable that is to decide, without the target's prefix.
    pub(super) by: Option<String>,
}

/// What is expected to become of a click.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expected {
    /// It is sent, whatever it looks like.
    Kept,
    /// A filter leaves it out.
    Dropped,
    /// A rule fails on it, or the target can never carry it.
    Fails,
    /// It is sent, and this is what is sent for it.
    Body(Value),
}

/// The members of a case, for messages.
const MEMBERS: &str = "name, env, target, click, expected, by";
/// The members that a case must have.
const REQUIRED: [&str; 3] = ["name", "click", "expected"];
/// The values of `expected`.
const EXPECTED: &str = r#""kept", "dropped", "fails" or {"body": …}"#;

/// What is wrong with a case.
pub(super) struct BadCase {
    /// Its name, if it has one.
    pub(super) name: Option<String>,
    pub(super) problems: Vec<String>,
}

impl Case {
    /// Reads the case in `record`, or lists what is wrong with it.
    pub(super) fn read(record: &Record<'_>) -> Result<Case, BadCase> {
        let value = serde_json::from_slice(&record.raw);
        let members = match value {
            Ok(Value::Object(members)) => members,
            Ok(other) => {
                return Err(BadCase::unnamed(format!(
                    "is {}, not an object",
                    kind(&other)
                )));
            }
            Err(error) => return Err(BadCase::unnamed(format!("is not JSON: {error}"))),
        };
        let mut reader = CaseReader::new(&members);
        let name = reader.string("name");
        let case = Case {
            env: reader.env(),
            target: reader.string("target"),
            click: reader.click(record),
            expected: reader.expected(),
            by: reader.string("by"),
            name: name.clone().unwrap_or_default(),
        };
        if case.by.is_some() && case.expected != Expected::Dropped {
            reader
                .note(r#"by names the variable that drops a click: it goes with "dropped" alone"#);
        }
        if reader.problems.is_empty() {
            Ok(case)
        } else {
            Err(BadCase {
                name,
                problems: reader.problems,
            })
        }
    }
}

impl BadCase {
    fn unnamed(problem: String) -> BadCase {
        BadCase {
            name: None,
            problems: vec![problem],
        }
    }
}

/// Reads the members of a case, and notes what is wrong with them.
struct CaseReader<'m> {
    members: &'m Map<String, Value>,
    problems: Vec<String>,
}

impl<'m> CaseReader<'m> {
    fn new(members: &'m Map<String, Value>) -> CaseReader<'m> {
        let unknown = |name: &&String| !MEMBERS.split(", ").any(|known| known == *name);
        let unknown = members.keys().filter(unknown);
        let mut problems: Vec<_> = unknown
            .map(|name| format!("has an unknown member {name:?}; a case has {MEMBERS}"))
            .collect();
        let missing = REQUIRED.iter().filter(|name| !members.contains_key(**name));
        problems.extend(missing.map(|name| format!("has no {name}")));
        CaseReader { members, problems }
    }

    fn note(&mut self, problem: impl Into<String>) {
        self.problems.push(problem.into());
    }

    /// Reads a text that is not blank.
    fn string(&mut self, member: &str) -> Option<String> {
        match self.members.get(member)? {
            Value::String(text) if text.trim().is_empty() => {
                self.note(format!("has a blank {member}"));
            }
            Value::String(text) => return Some(text.clone()),
            other => self.note(format!("{member} is {}, not a string", kind(other))),
        }
        None
    }

    fn env(&mut self) -> Vars {
        let mut env = Vars::new();
        match self.members.get("env") {
            None => {}
            Some(Value::Object(pairs)) => {
                for (name, value) in pairs {
                    match value {
                        Value::String(text) => drop(env.insert(name.clone(), text.clone())),
                        other => self.note(format!(
                            "env.{name} is {}; a variable's value is a string: write it in quotes",
                            kind(other)
                        )),
                    }
                }
            }
            Some(other) => self.note(format!("env is {}, not an object", kind(other))),
        }
        env
    }

    /// Takes the bytes of the click as they stand: its id depends on every digit.
    fn click(&mut self, record: &Record<'_>) -> Bytes {
        let tape = record.tape;
        match tape.get(record.root, "click") {
            Some(node) if tape.node(node).kind == Kind::Object => {
                return Bytes::copy_from_slice(tape.raw(node));
            }
            Some(_) => self.note("click is not an object: one click as it is delivered"),
            None => {}
        }
        Bytes::new()
    }

    fn expected(&mut self) -> Expected {
        let known = match self.members.get("expected") {
            // It is missed already.
            None => return Expected::Kept,
            Some(Value::String(text)) => match text.as_str() {
                "kept" => Some(Expected::Kept),
                "dropped" => Some(Expected::Dropped),
                "fails" => Some(Expected::Fails),
                _ => None,
            },
            Some(Value::Object(members)) if members.len() == 1 => {
                members.get("body").cloned().map(Expected::Body)
            }
            Some(_) => None,
        };
        known.unwrap_or_else(|| {
            self.note(format!("expected is none of {EXPECTED}"));
            Expected::Kept
        })
    }
}

/// Names the kind of a JSON value, for messages.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
