//! Where a field of a click stands, in Rebrandly's vocabulary: `client.location.city`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use super::Click;
use super::fields::{CLICK, Field, Type, walk};

/// Begins the path of a member that [`CLICK`] does not list.
const OTHER: &str = "other:";

/// Where a field of a click stands, whatever it was called as delivered: `client.location.city` is
/// also the city in `client.geo`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    names: Vec<Box<str>>,
    /// The type of the field, if it is a known one.
    kind: Option<Type>,
}

/// Why a text is no path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownPath {
    /// The text.
    pub found: String,
    /// The known path that it is nearest to, if it is near one.
    pub nearest: Option<String>,
}

impl Path {
    /// Reads a path: names with dots between them. A member that [`CLICK`] does not list has the
    /// prefix `other:` before its path.
    pub fn parse(text: &str) -> Result<Path, UnknownPath> {
        let unknown = || UnknownPath {
            found: text.into(),
            nearest: nearest(text.strip_prefix(OTHER).unwrap_or(text)),
        };
        let (names, is_other) = match text.strip_prefix(OTHER) {
            Some(rest) => (split(rest), true),
            None => (split(text), false),
        };
        if names.iter().any(|name| name.is_empty()) {
            return Err(unknown());
        }
        let names = if is_other { canonical(names) } else { names };
        let kind = kind(&names);
        if kind.is_none() && !is_other {
            return Err(unknown());
        }
        Ok(Path {
            names: names.into_iter().map(Box::from).collect(),
            kind,
        })
    }

    /// Returns the path of the field with this column in the flat row; `None` if it is no field's.
    pub fn of_column(column: &str) -> Option<Path> {
        let mut found = None;
        walk(CLICK, "", &mut |path, field| {
            if field.column == Some(column) {
                found = Path::parse(path).ok();
            }
        });
        found
    }

    /// Returns the names of the members on the way, from the outermost on.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        self.names.iter().map(|name| &**name)
    }

    /// Returns the type of the field; `None` if it is not a known one.
    pub fn kind(&self) -> Option<Type> {
        self.kind
    }

    /// Whether this is the path of `other`, or of an object that it is in.
    pub fn covers(&self, other: &Path) -> bool {
        other.names.starts_with(&self.names)
    }

    /// Returns the text of the field in `click`: of a string, a number or a bool, or of the first
    /// element of an array of these. `None` for anything else, and if it is not there.
    pub fn text<'c>(&self, click: &'c Click<'_>) -> Option<Cow<'c, str>> {
        click.text_at(self.names())
    }
}

impl FromStr for Path {
    type Err = UnknownPath;

    fn from_str(text: &str) -> Result<Path, UnknownPath> {
        Path::parse(text)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind.is_none() {
            f.write_str(OTHER)?;
        }
        f.write_str(&self.names.join("."))
    }
}

impl fmt::Display for UnknownPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let UnknownPath { found, nearest } = self;
        write!(f, "{found:?} is not a known field of a click")?;
        match nearest {
            Some(nearest) => write!(f, "; did you mean {nearest}?")?,
            None => f.write_str(", of which docs/click.md has the list")?,
        }
        if !found.starts_with(OTHER) {
            write!(
                f,
                " Any other member has {OTHER} before its path: {OTHER}{found}"
            )?;
        }
        Ok(())
    }
}

impl std::error::Error for UnknownPath {}

/// Names whose rest is one name: that of a parameter may have dots.
const PARAMETERS: &[&str] = &["route", "destination", "params", "query"];

fn split(text: &str) -> Vec<&str> {
    let most = PARAMETERS.len() + 1;
    let names: Vec<_> = text.splitn(most, '.').collect();
    if names.len() == most && names.starts_with(PARAMETERS) {
        names
    } else {
        text.split('.').collect()
    }
}

/// Returns the names by which a click as normalised has what was delivered under `names`.
fn canonical(mut names: Vec<&str>) -> Vec<&str> {
    match names.as_mut_slice() {
        ["client", place, ..] if *place == "geo" => *place = "location",
        ["id" | "source" | "key", ..] => names.insert(0, "delivered"),
        _ => {}
    }
    names
}

/// Returns the type of the field that these names lead to; `None` if it is not a known one.
fn kind(names: &[&str]) -> Option<Type> {
    let (mut fields, mut rest) = (CLICK, names);
    loop {
        let (name, inner) = rest.split_first()?;
        let Some(field) = fields.iter().find(|field| field.name == *name) else {
            // The name of a parameter is data.
            return (names.starts_with(PARAMETERS) && inner.is_empty()).then_some(Type::Strings);
        };
        match field.kind {
            kind if inner.is_empty() => return Some(kind),
            Type::Object(members) => (fields, rest) = (members, inner),
            Type::Json => return Some(tag(inner)),
            _ => return None,
        }
    }
}

/// Returns the type of what stands below the tags.
fn tag(names: &[&str]) -> Type {
    match names {
        [_, "value" | "version"] => Type::String,
        _ => Type::Json,
    }
}

/// Returns the known path that `text` is nearest to: one that ends like it, or whose column it
/// names, or that differs by a few letters.
fn nearest(text: &str) -> Option<String> {
    let text = text
        .to_ascii_lowercase()
        .replace("client.geo", "client.location");
    let mut known: Vec<(String, &Field)> = Vec::new();
    walk(CLICK, "", &mut |path, field| {
        known.push((path.to_owned(), field))
    });
    let ends = |(path, field): &&(String, &Field)| {
        let path = path.to_ascii_lowercase();
        let is_end = path
            .strip_suffix(&text)
            .is_some_and(|before| before.ends_with('.'));
        is_end || path == text || field.column == Some(&text)
    };
    if let Some((path, _)) = known.iter().find(ends) {
        return Some(path.clone());
    }
    let distance = |path: &str| strsim::osa_distance(&path.to_ascii_lowercase(), &text);
    let best = known.iter().min_by_key(|(path, _)| distance(path))?;
    let last = |text: &str| {
        text.rsplit('.')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase()
    };
    let named = known.iter().find(|(path, _)| last(path) == last(&text));
    let is_near = distance(&best.0) <= (text.len() / 4).max(2);
    let found = if is_near { Some(best) } else { named };
    found.map(|(path, _)| path.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_a_click_has_a_path() {
        walk(CLICK, "", &mut |path, field| {
            let parsed = Path::parse(path).unwrap();
            assert_eq!(parsed.to_string(), path);
            assert_eq!(parsed.kind(), Some(field.kind), "{path}");
        });
    }

    #[test]
    fn names_that_are_data_have_paths_too() {
        let kind = |text: &str| Path::parse(text).unwrap().kind();
        assert_eq!(
            kind("route.destination.params.query.gclid"),
            Some(Type::Strings)
        );
        let dotted = Path::parse("route.destination.params.query.a.b").unwrap();
        assert_eq!(dotted.names().last(), Some("a.b"));
        assert_eq!(kind("route.tags.3f2a.value"), Some(Type::String));
        assert_eq!(kind("route.tags.3f2a"), Some(Type::Json));
    }

    #[test]
    fn another_member_has_a_prefix_and_one_spelling() {
        for (given, shown) in [
            ("other:client.ip", "other:client.ip"),
            ("other:client.geo.zip", "other:client.location.zip"),
            ("other:client.geo.city", "client.location.city"),
            ("other:id", "other:delivered.id"),
            ("other:route.qr.shape", "other:route.qr.shape"),
        ] {
            assert_eq!(Path::parse(given).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn an_unknown_path_is_told_with_the_one_that_was_meant() {
        for (given, meant) in [
            ("client.geo.city", "client.location.city"),
            ("client.location.citty", "client.location.city"),
            ("client.loc.city", "client.location.city"),
            ("city", "client.location.city"),
            ("Referral.Path", "referral.path"),
            ("link_id", "route.id"),
            ("utm_source", "route.destination.params.query.utm_source"),
            ("destination.raw", "route.destination.raw"),
        ] {
            let error = Path::parse(given).unwrap_err();
            assert_eq!(error.nearest.as_deref(), Some(meant), "{given}");
            let text = error.to_string();
            assert!(text.contains(&format!("did you mean {meant}?")), "{text}");
            assert!(text.contains(&format!("other:{given}")), "{text}");
        }
        for given in ["", "client.", "other:", "other:a..b", "xyzzy"] {
            assert!(Path::parse(given).is_err(), "{given}");
        }
    }

    #[test]
    fn an_object_covers_what_is_in_it() {
        let path = |text: &str| Path::parse(text).unwrap();
        assert!(path("client.location").covers(&path("client.location.city")));
        assert!(path("referral").covers(&path("referral")));
        assert!(!path("client.location.city").covers(&path("client.location")));
        assert!(!path("client.location").covers(&path("client.language")));
        assert!(path("client.location").covers(&path("other:client.geo.zip")));
    }
}
