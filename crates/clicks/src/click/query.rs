//! The query of the link's destination: its parameters as delivered, or where a click came without
//! them, what its URL says.

use std::borrow::Cow;

use super::normal::{Normal, Value};
use super::redact::decoded_parameter;
use crate::json::{Kind, text};

/// The parameters of a destination.
pub(super) enum Query<'t> {
    /// As delivered: an object with members.
    Parsed(Value),
    /// In its URL.
    Url(UrlQuery<'t>),
}

/// The query of a URL, from behind the `?` to before the `#`.
pub(super) struct UrlQuery<'t>(Cow<'t, [u8]>);

impl<'t> Query<'t> {
    /// Returns the query of `destination`; `None` if it has none.
    pub(super) fn of(normal: &Normal<'t>, destination: Value) -> Option<Query<'t>> {
        let get = |object, name| member(normal, object, name);
        let parsed = get(destination, "params").and_then(|params| get(params, "query"));
        if let Some(query) = parsed.filter(|&query| normal.members(query).next().is_some()) {
            return Some(Query::Parsed(query));
        }
        UrlQuery::of(normal, destination).map(Query::Url)
    }

    /// Whether `fits` a value of the parameter `name`.
    pub(super) fn any(
        &self,
        normal: &Normal<'t>,
        name: &str,
        fits: impl Fn(&[u8]) -> bool,
    ) -> bool {
        let tape = normal.tape;
        let fits_node = |node| {
            let found = tape.node(node);
            found.kind == Kind::String && fits(&text::unescaped(tape.inner(node), found.escaped))
        };
        match self {
            Query::Parsed(query) => match member(normal, *query, name) {
                Some(Value::Node(node)) if tape.node(node).kind == Kind::Array => {
                    tape.elements(node).any(fits_node)
                }
                Some(Value::Node(node)) => fits_node(node),
                _ => false,
            },
            Query::Url(query) => query
                .pairs()
                .any(|(known, value)| *known == *name.as_bytes() && fits(&value)),
        }
    }
}

/// Returns a member of an object.
pub(super) fn member(normal: &Normal<'_>, object: Value, name: &str) -> Option<Value> {
    if let Value::Node(node) = object {
        return normal.tape.get(node, name).map(Value::Node);
    }
    let mut members = normal.members(object);
    members
        .find(|(known, _)| *normal.name(*known) == *name.as_bytes())
        .map(|(_, value)| value)
}

impl<'t> UrlQuery<'t> {
    /// Returns the query of the URL of `destination`; `None` if it has none.
    pub(super) fn of(normal: &Normal<'t>, destination: Value) -> Option<UrlQuery<'t>> {
        let (Value::Node(raw), tape) = (member(normal, destination, "raw")?, normal.tape) else {
            return None;
        };
        let found = tape.node(raw);
        if found.kind != Kind::String {
            return None;
        }
        Some(UrlQuery(
            match text::unescaped(tape.inner(raw), found.escaped) {
                Cow::Borrowed(url) => Cow::Borrowed(of_url(url)?),
                Cow::Owned(url) => Cow::Owned(of_url(&url)?.to_vec()),
            },
        ))
    }

    /// Returns its parameters, names and values without the escapes of URLs.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (Cow<'_, [u8]>, Cow<'_, [u8]>)> {
        self.0.split(|&c| c == b'&').map(|pair| {
            let end = memchr::memchr(b'=', pair).unwrap_or(pair.len());
            let (name, value) = pair.split_at(end);
            (decoded(name), decoded(value.get(1..).unwrap_or_default()))
        })
    }
}

/// Returns the query of a URL.
fn of_url(url: &[u8]) -> Option<&[u8]> {
    let start = memchr::memchr2(b'?', b'#', url)?;
    let (mark, rest) = url.get(start..)?.split_first()?;
    let end = memchr::memchr(b'#', rest).unwrap_or(rest.len());
    rest.get(..end).filter(|_| *mark == b'?')
}

/// Resolves the escapes of a URL's query; a text that would be no UTF-8 then stays as it is.
fn decoded(text: &[u8]) -> Cow<'_, [u8]> {
    match decoded_parameter(text) {
        Cow::Owned(text) if std::str::from_utf8(&text).is_ok() => Cow::Owned(text),
        _ => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(url: &str) -> Option<Vec<(String, String)>> {
        let query = UrlQuery(of_url(url.as_bytes())?.into());
        let text = |bytes: Cow<'_, [u8]>| String::from_utf8(bytes.into()).unwrap();
        let pairs = query.pairs();
        Some(
            pairs
                .map(|(name, value)| (text(name), text(value)))
                .collect(),
        )
    }

    #[test]
    fn a_query_ends_at_the_fragment_and_has_no_escapes_left() {
        for (url, expected) in [
            (
                "https://a.example/?a=1&b=x%20y+z",
                &[("a", "1"), ("b", "x y z")][..],
            ),
            (
                "https://a.example?a&=1&b==&%61%3D=%C3%A9",
                &[("a", ""), ("", "1"), ("b", "="), ("a=", "é")],
            ),
            ("https://a.example/?a=1#b?c=2", &[("a", "1")]),
            ("?a=%zz%4&b=%FF%+1", &[("a", "%zz%4"), ("b", "%FF%+1")]),
        ] {
            let expected = expected
                .iter()
                .map(|(name, value)| (name.to_string(), value.to_string()));
            assert_eq!(pairs(url), Some(expected.collect()), "{url}");
        }
        for without in ["https://a.example/a=1", "https://a.example/#/b?a=1", ""] {
            assert_eq!(pairs(without), None, "{without}");
        }
    }
}
