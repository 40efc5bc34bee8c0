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
        match self.value(path.iter().copied())? {
            Value::Text(start, end) => Some(self.normal.text(start, end).into()),
            Value::Node(index) if self.normal.tape.node(index).kind == Kind::Bool => None,
            Value::Node(index) => self.scalar(index),
            Value::Object(_) => None,
        }
    }

    /// Returns the text of the member that `names` lead to: of a string, a number or a bool, or of
    /// the first element of an array of these.
    pub(super) fn text_at<'n>(&self, names: impl Iterator<Item = &'n str>) -> Option<Cow<'_, str>> {
        match self.value(names)? {
            Value::Text(start, end) => Some(self.normal.text(start, end).into()),
            Value::Node(index) => match self.normal.tape.node(index).kind {
                Kind::Array => self.scalar(self.normal.tape.elements(index).next()?),
                _ => self.scalar(index),
            },
            Value::Object(_) => None,
        }
    }

    fn value<'n>(&self, mut names: impl Iterator<Item = &'n str>) -> Option<Value> {
        let normal = &self.normal;
        names.try_fold(normal.root, |value, name| {
            let mut members = normal.members(value);
            members
                .find(|(known, _)| *normal.name(*known) == *name.as_bytes())
                .map(|(_, value)| value)
        })
    }

    fn scalar(&self, index: u32) -> Option<Cow<'_, str>> {
        let tape = self.normal.tape;
        let node = tape.node(index);
        let bytes = match node.kind {
            Kind::String => text::unescaped(tape.inner(index), node.escaped),
            Kind::Number | Kind::Bool => tape.raw(index).into(),
            _ => return None,
        };
        Some(match bytes {
            Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
            Cow::Owned(bytes) => String::from_utf8_lossy(&bytes).into_owned().into(),
        })
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
