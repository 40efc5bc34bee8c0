//! Texts with placeholders that the fields of a click fill: `{client.location.country}`.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use clicks::click::fields::Type;
use clicks::click::{Path, UnknownPath};

use crate::targets::View;

/// The way out of most mistakes with braces.
const ESCAPE: &str = "a brace that is meant as such is written twice";

/// A text with placeholders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    pieces: Vec<Piece>,
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// A text that is the same for every click.
    Text(String),
    /// A value of the click.
    Field(Placeholder),
}

/// The place of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placeholder {
    name: Arc<str>,
    field: Field,
}

/// The source of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Field {
    /// The click's id.
    Id,
    /// A field of the click.
    Path(Path),
}

impl Placeholder {
    fn parse(text: &str) -> Result<Placeholder, String> {
        let field = if text == "id" {
            Field::Id
        } else {
            Field::Path(Path::parse(text).map_err(unknown)?)
        };
        let name: String = match &field {
            Field::Id => "id".into(),
            Field::Path(path) => path.to_string(),
        };
        if let Field::Path(path) = &field
            && matches!(path.kind(), Some(Type::Object(_) | Type::Json))
        {
            return Err(format!(
                "holds {{{name}}}, which is no single value; name a field in it"
            ));
        }
        Ok(Placeholder {
            name: name.into(),
            field,
        })
    }

    /// Returns the path of its field, as it is written in documents.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Returns the path of its field; `None` if it is the click's id.
    pub fn path(&self) -> Option<&Path> {
        match &self.field {
            Field::Id => None,
            Field::Path(path) => Some(path),
        }
    }

    /// Returns its value in a click; `None` if there is none, or an empty one.
    pub fn value<'v>(&self, view: &View<'v>) -> Option<Cow<'v, str>> {
        let value = match &self.field {
            Field::Id => Some(view.id().to_string().into()),
            Field::Path(path) => view.field(path),
        };
        value.filter(|text| !text.is_empty())
    }
}

/// Says that there is no such field. The text in the braces is shown only where it nearly is a path:
/// it may be part of a secret.
fn unknown(UnknownPath { found, nearest }: UnknownPath) -> String {
    match nearest {
        Some(nearest) => format!(
            "holds {{{found}}}, which is not a field of a click; did you mean {{{nearest}}}? Any \
             other member is {{other:its.path}}; {ESCAPE}"
        ),
        None => format!(
            "holds braces around what is not a field of a click; the fields are listed in \
             docs/click.md, any other member is {{other:its.path}}, and {ESCAPE}"
        ),
    }
}

impl fmt::Display for Placeholder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{}}}", self.name)
    }
}

impl Template {
    /// Reads a text in which `{path}` is a placeholder, and `{{` and `}}` are braces. `Err` says
    /// what is wrong with it, without repeating what may be a secret.
    pub fn parse(text: &str) -> Result<Template, String> {
        let (mut template, mut rest) = (Template { pieces: Vec::new() }, text);
        while let Some(at) = rest.find(['{', '}']) {
            let (before, brace) = rest.split_at(at);
            template.push_text(before);
            rest = if let Some(after) = brace.strip_prefix("{{") {
                template.push_text("{");
                after
            } else if let Some(after) = brace.strip_prefix("}}") {
                template.push_text("}");
                after
            } else if let Some((name, after)) = placeholder(brace) {
                let placeholder = Placeholder::parse(name)?;
                template.pieces.push(Piece::Field(placeholder));
                after
            } else if brace.starts_with("{}") {
                return Err(format!(
                    "holds {{}}, which names no field; put its path in it, such as \
                     {{client.location.country}}; {ESCAPE}"
                ));
            } else {
                return Err(format!(
                    "holds a brace without its other one; placeholders are written {{path}}; {ESCAPE}"
                ));
            };
        }
        template.push_text(rest);
        Ok(template)
    }

    /// Takes pieces that are known to be right.
    pub fn of(pieces: Vec<Piece>) -> Template {
        Template { pieces }
    }

    fn push_text(&mut self, text: &str) {
        match self.pieces.last_mut() {
            _ if text.is_empty() => {}
            Some(Piece::Text(last)) => last.push_str(text),
            _ => self.pieces.push(Piece::Text(text.into())),
        }
    }

    /// Returns its pieces.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Returns its placeholders.
    pub fn placeholders(&self) -> impl Iterator<Item = &Placeholder> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Text(_) => None,
            Piece::Field(placeholder) => Some(placeholder),
        })
    }

    /// Returns the text with what `value` gives for each placeholder in its place; `value` gets the
    /// text before it too. The first of its errors is returned.
    pub fn fill<E>(
        &self,
        mut value: impl FnMut(&str, &Placeholder) -> Result<String, E>,
    ) -> Result<String, E> {
        let mut out = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Field(placeholder) => {
                    let value = value(&out, placeholder)?;
                    out.push_str(&value);
                }
            }
        }
        Ok(out)
    }

    /// Returns its placeholders, with stars in the place of the texts around them.
    pub fn masked(&self) -> String {
        let of_piece = |piece: &Piece| match piece {
            Piece::Text(_) => "***".into(),
            Piece::Field(placeholder) => placeholder.to_string(),
        };
        self.pieces.iter().map(of_piece).collect()
    }
}

/// Divides a text that begins with a placeholder into its name and what follows it.
fn placeholder(text: &str) -> Option<(&str, &str)> {
    let (name, after) = text.strip_prefix('{')?.split_once('}')?;
    (!name.is_empty() && !name.contains('{')).then_some((name, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Result<String, String> {
        Ok(Template::parse(text)?.masked())
    }

    #[test]
    fn a_placeholder_is_a_path_in_braces_and_two_braces_are_one() {
        for (text, masked) in [
            ("plain", "***"),
            ("", ""),
            ("{id}", "{id}"),
            ("a{route.id}b", "***{route.id}***"),
            ("{client.location.city}{id}", "{client.location.city}{id}"),
            ("{other:foo.bar}", "{other:foo.bar}"),
            ("{other:client.geo.city}", "{client.location.city}"),
            ("{{id}}", "***"),
            ("{{{id}}}", "***{id}***"),
        ] {
            assert_eq!(shown(text).as_deref(), Ok(masked), "{text}");
        }
        let braces = Template::parse("{{a}} {id}").unwrap();
        let filled = braces.fill::<()>(|before, _| Ok(format!("<{before}>")));
        assert_eq!(filled.unwrap(), "{a} <{a} >");
    }

    #[test]
    fn what_is_wrong_with_braces_is_told_without_what_may_be_a_secret() {
        for (text, said) in [
            ("{}", "names no field"),
            ("a{", "without its other one"),
            ("a}b", "without its other one"),
            ("{id", "without its other one"),
            ("{a{id}}", "without its other one"),
            ("{city}", "did you mean {client.location.city}?"),
            (
                "{client.geo.country}",
                "did you mean {client.location.country}?",
            ),
            ("{client.location}", "no single value"),
            ("{route.tags}", "no single value"),
            ("{s3cr3t}", "braces around what is not a field"),
        ] {
            let error = shown(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
            assert!(!error.contains("s3cr3t"), "{error}");
        }
    }
}
