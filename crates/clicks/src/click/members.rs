//! Single members of a click, for what is sent beside its forms.

use std::borrow::Cow;

use super::normal::Value;
use super::plan::Role;
use super::{Click, time};
use crate::json::{Kind, text};

/// A tag of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag<'c> {
    /// Its id.
    pub id: Cow<'c, str>,
    /// Its text.
    pub value: Option<Cow<'c, str>>,
}

/// Returns bytes as text, with replacement characters for a lone surrogate.
fn lossy(bytes: Cow<'_, [u8]>) -> Cow<'_, str> {
    match bytes {
        Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
        Cow::Owned(bytes) => String::from_utf8_lossy(&bytes).into_owned().into(),
    }
}

impl Click<'_> {
    /// Returns the text of the member at `path`, for example `["route", "id"]`; `None` unless it is
    /// a string or a number.
    pub fn text(&self, path: &[&str]) -> Option<Cow<'_, str>> {
        self.text_of(self.value(path.iter().copied())?)
    }

    /// Returns the member at `path` if it is `true` or `false`.
    pub fn flag(&self, path: &[&str]) -> Option<bool> {
        let Value::Node(index) = self.value(path.iter().copied())? else {
            return None;
        };
        match self.normal.tape.raw(index) {
            b"true" => Some(true),
            b"false" => Some(false),
            _ => None,
        }
    }

    /// Returns the texts at `path`: those of the array there, or the one text that stands in its
    /// place.
    pub fn texts(&self, path: &[&str]) -> impl Iterator<Item = Cow<'_, str>> {
        let value = self.value(path.iter().copied());
        let node = match value {
            Some(Value::Node(index)) => index,
            _ => u32::MAX,
        };
        let elements = self.normal.tape.elements(node).map(Value::Node);
        let of_array = elements.filter_map(|value| self.text_of(value));
        of_array.chain(value.and_then(|value| self.text_of(value)))
    }

    /// Returns the link's tags.
    pub fn tags(&self) -> impl Iterator<Item = Tag<'_>> {
        let normal = &self.normal;
        let tags = self.value(["route", "tags"].into_iter());
        let members = tags.into_iter().flat_map(|tags| normal.members(tags));
        members.map(|(name, tag)| Tag {
            id: lossy(normal.name(name)),
            value: match normal.member(tag, "value") {
                Some(value) => self.text_of(value),
                None => self.text_of(tag),
            },
        })
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
        names.try_fold(normal.root, |value, name| normal.member(value, name))
    }

    fn scalar(&self, index: u32) -> Option<Cow<'_, str>> {
        let tape = self.normal.tape;
        let node = tape.node(index);
        match node.kind {
            Kind::String => Some(lossy(text::unescaped(tape.inner(index), node.escaped))),
            Kind::Number | Kind::Bool => Some(lossy(tape.raw(index).into())),
            _ => None,
        }
    }

    fn text_of(&self, value: Value) -> Option<Cow<'_, str>> {
        match value {
            Value::Text(start, end) => Some(self.normal.text(start, end).into()),
            Value::Node(index) if self.normal.tape.node(index).kind == Kind::Bool => None,
            Value::Node(index) => self.scalar(index),
            Value::Object(_) => None,
        }
    }

    /// Whether there is a member at `path`, of whatever type.
    pub fn has(&self, path: &[&str]) -> bool {
        self.value(path.iter().copied()).is_some()
    }

    /// Whether Rebrandly takes the visitor for a bot.
    pub fn is_bot(&self) -> bool {
        let step = |object, role| self.normal.delivered(object, role);
        let kind = [Role::Client, Role::Agent, Role::Type]
            .into_iter()
            .try_fold(self.normal.root_node, step);
        let tape = self.normal.tape;
        let is_spelled_so = |kind| tape.inner(kind).trim_ascii().eq_ignore_ascii_case(b"bot");
        kind.is_some_and(|kind| is_spelled_so(kind) || tape.is(kind, "bot"))
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
