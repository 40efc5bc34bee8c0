//! Single members of a click, for what is sent beside its forms.

use std::borrow::Cow;

use super::normal::Value;
use super::plan::Role;
use super::{Click, time};
use crate::json::{Kind, text};

impl Click<'_> {
    /// Returns the text of the member at `path`, for example `["route", "id"]`; `None` unless it is
    /// a string or a number.
    pub fn text(&self, path: &[&str]) -> Option<Cow<'_, str>> {
        let normal = &self.normal;
        let step = |value, name: &&str| {
            let mut members = normal.members(value);
            members
                .find(|(known, _)| *normal.name(*known) == *name.as_bytes())
                .map(|(_, value)| value)
        };
        match path.iter().try_fold(normal.root, step)? {
            Value::Text(start, end) => Some(normal.text(start, end).into()),
            Value::Node(index) => {
                let node = normal.tape.node(index);
                let bytes = match node.kind {
                    Kind::String => text::unescaped(normal.tape.inner(index), node.escaped),
                    Kind::Number => normal.tape.raw(index).into(),
                    _ => return None,
                };
                Some(match bytes {
                    Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
                    Cow::Owned(bytes) => String::from_utf8_lossy(&bytes).into_owned().into(),
                })
            }
            Value::Object(_) => None,
        }
    }

    /// Whether Rebrandly takes the visitor for a bot.
    pub fn is_bot(&self) -> bool {
        let step = |object, role| self.normal.delivered(object, role);
        let kind = [Role::Client, Role::Agent, Role::Type]
            .into_iter()
            .try_fold(self.normal.root_node, step);
        kind.is_some_and(|kind| self.normal.tape.is(kind, "bot"))
    }

    /// Returns when the link was clicked, in milliseconds since 1970.
    pub fn millis(&self) -> Option<i64> {
        time::millis(&self.timestamp())
    }

    /// Returns when the link was clicked, RFC 3339 in UTC.
    pub fn timestamp(&self) -> Cow<'_, str> {
        self.text(&["timestamp"]).unwrap_or_default()
    }
}
