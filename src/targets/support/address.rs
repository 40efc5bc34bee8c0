//! The address of a request, which fields of a click may complete: its path and its query, never
//! its host.

use std::convert::Infallible;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;

use super::template::{Piece, Placeholder, Template};

/// The value of a placeholder where there is no click.
pub const EXAMPLE: &str = "check";

/// Most bytes of an address that a click completes: what common servers take.
pub const LONGEST: usize = 8000;

/// Everything but letters, digits and `-`, `.`, `_`, `~`: what is data is never taken for a
/// delimiter.
const DATA: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The address of requests.
#[derive(Clone, Debug)]
pub struct Address {
    /// The address, with an example in the place of each placeholder.
    example: Url,
    /// The address as [`Url`] writes it, with the placeholders in it.
    template: Template,
}

impl Address {
    /// Reads an address. `Err` says what is wrong with it, without repeating it: it may hold a
    /// token. `parse` reads one without placeholders.
    pub fn parse(
        text: &str,
        parse: impl Fn(&str) -> Result<Url, String>,
    ) -> Result<Address, String> {
        let template = Template::parse(text)?;
        if let Some(first) = in_authority(&template) {
            return Err(in_host(first));
        }
        let mark = mark(text);
        let Ok(marked) = template.fill::<Infallible>(|_, _| Ok(mark.clone()));
        let url = parse(&marked)?;
        let template = written(&url, &mark, &template)?;
        let Ok(example) = template.fill::<Infallible>(|_, _| Ok(EXAMPLE.into()));
        let example = parse(&example)?;
        Ok(Address { example, template })
    }

    /// Returns the address with an example in the place of each placeholder.
    pub fn example(&self) -> &Url {
        &self.example
    }

    /// Returns its placeholders.
    pub fn placeholders(&self) -> impl Iterator<Item = &Placeholder> {
        self.template.placeholders()
    }

    /// Returns the address with these values in it. `Err` names a placeholder whose value would
    /// make another path of it, or that the address would be too long.
    pub fn fill<'v>(&self, value: impl Fn(&Placeholder) -> &'v str) -> Result<Url, String> {
        let text = self.template.fill(|before, placeholder| {
            let value = value(placeholder);
            // Only the template's own text can begin a query.
            if !before.contains('?') && has_dots(value) {
                return Err(leads_elsewhere(placeholder));
            }
            Ok(utf8_percent_encode(value, DATA).to_string())
        })?;
        if text.len() > LONGEST {
            return Err(format!(
                "the address would have {} bytes; at most {LONGEST} are sent",
                text.len()
            ));
        }
        // Values that stand next to each other may make dots too.
        let last = || self.placeholders().last().map(leads_elsewhere);
        match Url::parse(&text) {
            Ok(url) if url.as_str() == text => Ok(url),
            _ => Err(last().unwrap_or_default()),
        }
    }

    /// Returns the address for people: its path may hold a token, its placeholders do not.
    pub fn masked(&self) -> String {
        let origin = self.example.origin().ascii_serialization();
        let rest = match self.template.pieces() {
            _ if self.example.path() == "/" && self.example.query().is_none() => "/".into(),
            [Piece::Text(first), rest @ ..] if ends_bare(first, &self.example) => {
                format!("/{}", Template::of(rest.to_vec()).masked())
            }
            _ => format!("/{}", self.template.masked()),
        };
        format!("{origin}{rest}")
    }
}

/// Returns whether a text is an address up to the first slash of its path.
fn ends_bare(text: &str, url: &Url) -> bool {
    text.len() == url.origin().ascii_serialization().len() + 1
}

/// Returns a placeholder that stands before the path.
fn in_authority(template: &Template) -> Option<&Placeholder> {
    let mut before = String::new();
    for piece in template.pieces() {
        match piece {
            Piece::Text(text) => before.push_str(text),
            Piece::Field(placeholder) => {
                let rest = before.split_once("://").map_or("", |(_, rest)| rest);
                let has_path = rest.contains(['/', '?', '#', '\\']);
                return (!has_path).then_some(placeholder);
            }
        }
    }
    None
}

fn in_host(placeholder: &Placeholder) -> String {
    format!(
        "has {placeholder} before its path: a click must not choose where requests go; put it into \
         the path or the query, or set up a target for each host"
    )
}

/// Returns a word that does not stand in `text`.
fn mark(text: &str) -> String {
    let mut mark = "mark".to_owned();
    while text.to_ascii_lowercase().contains(&mark) {
        mark.push('k');
    }
    mark
}

/// Returns the template of the address as `url` writes it, in which `mark` stands for each
/// placeholder of `template`.
fn written(url: &Url, mark: &str, template: &Template) -> Result<Template, String> {
    let mut placeholders = template.placeholders();
    let mut url = url.clone();
    if url.host_str().is_some_and(|host| host.contains(mark))
        && let Some(first) = template.placeholders().next()
    {
        return Err(in_host(first));
    }
    if template.placeholders().next().is_some() {
        if url.fragment().is_some_and(|text| text.contains(mark)) {
            return Err("has a placeholder after #, which is never sent; remove it".into());
        }
        url.set_fragment(None);
    }
    let mut pieces = Vec::new();
    for (number, text) in url.as_str().split(mark).enumerate() {
        if number > 0 {
            pieces.extend(placeholders.next().cloned().map(Piece::Field));
        }
        if !text.is_empty() {
            pieces.push(Piece::Text(text.into()));
        }
    }
    if placeholders.next().is_some() {
        return Err("has .. after a placeholder, which takes it away; remove both".into());
    }
    let is_cut = |text: &str| text.bytes().rev().take(2).any(|byte| byte == b'%');
    let continues =
        |pair: &[Piece]| matches!(pair, [Piece::Text(text), Piece::Field(_)] if is_cut(text));
    if pieces.windows(2).any(continues) {
        return Err("has a % right before a placeholder; write %25 for the character".into());
    }
    Ok(Template::of(pieces))
}

/// Returns whether a value leads to another folder for a server that takes its slashes for such.
fn has_dots(value: &str) -> bool {
    value
        .split(['/', '\\'])
        .any(|part| matches!(part, "." | ".."))
}

fn leads_elsewhere(placeholder: &Placeholder) -> String {
    format!(
        "{placeholder} is . or .. in this click, or has it between slashes, which makes another path"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<Address, String> {
        Address::parse(text, |text| {
            Url::parse(text).map_err(|_| "is no address".into())
        })
    }

    fn filled(text: &str, value: &str) -> Result<String, String> {
        Ok(parse(text)?.fill(|_| value)?.to_string())
    }

    #[test]
    fn a_value_is_data_wherever_it_stands() {
        for (value, path, query) in [
            ("go.example", "go.example", "go.example"),
            ("a b", "a%20b", "a%20b"),
            ("a/b?c#d%e", "a%2Fb%3Fc%23d%25e", "a%2Fb%3Fc%23d%25e"),
            ("a&b=c+d;e", "a%26b%3Dc%2Bd%3Be", "a%26b%3Dc%2Bd%3Be"),
            ("é\n\\'\"", "%C3%A9%0A%5C%27%22", "%C3%A9%0A%5C%27%22"),
            ("@h:1", "%40h%3A1", "%40h%3A1"),
            ("...", "...", "..."),
            ("%2e%2e", "%252e%252e", "%252e%252e"),
        ] {
            assert_eq!(
                filled("https://h/a/{route.id}/b", value).unwrap(),
                format!("https://h/a/{path}/b")
            );
            assert_eq!(
                filled("https://h/?x=1&d={route.id}&y=2", value).unwrap(),
                format!("https://h/?x=1&d={query}&y=2")
            );
        }
    }

    #[test]
    fn a_value_that_makes_another_path_is_refused() {
        for (text, value) in [
            ("https://h/a/{id}/b", ".."),
            ("https://h/a/{id}", "."),
            ("https://h/a/{id}/b", "x/../../y"),
            ("https://h/a/{id}/b", "..\\..\\y"),
            ("https://h/a/{id}{id}/b", "."),
            ("https://h/a/.{id}/b", "."),
            ("https://h/a/%2e{id}/b", "."),
        ] {
            let error = filled(text, value).unwrap_err();
            assert!(error.starts_with("{id} is"), "{text}: {error}");
        }
        assert!(filled("https://h/?p={id}", "/a/../b").is_ok());
        assert!(filled("https://h/{id}", &"x".repeat(LONGEST)).is_err());
    }

    #[test]
    fn a_placeholder_stands_in_the_path_or_the_query() {
        for (text, said) in [
            ("https://{route.domain.raw}/clicks", "before its path"),
            ("https://{route.domain.raw}", "before its path"),
            ("https://h:{id}/", "before its path"),
            ("https://{id}@h/", "before its path"),
            ("https://a{id}.example.com/x", "before its path"),
            ("{id}://h/", "before its path"),
            ("https:{id}/x", "before its path"),
            ("https:\\\\{id}\\x", "before its path"),
            ("https://h/#{id}", "after #"),
            ("https://h/{id}/../x", "takes it away"),
            ("https://h/%{id}", "right before"),
            ("https://h/%2{id}", "right before"),
            ("https://h/{city}", "did you mean {client.location.city}?"),
            ("https://h/{", "without its other one"),
        ] {
            let error = parse(text).map(|found| found.masked()).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    #[test]
    fn people_see_the_host_and_the_placeholders() {
        for (text, masked) in [
            ("https://example.com", "https://example.com/"),
            ("https://example.com/hooks/t0ken", "https://example.com/***"),
            ("https://example.com/?key=t0ken", "https://example.com/***"),
            ("https://h:8/{id}", "https://h:8/{id}"),
            (
                "https://h/t0ken/{id}/x?k={route.id}",
                "https://h/***{id}***{route.id}",
            ),
            ("https://h/{{a}}", "https://h/***"),
        ] {
            assert_eq!(parse(text).unwrap().masked(), masked);
        }
        let address = parse("https://h/a/{id}?mark={route.id}").unwrap();
        assert_eq!(address.example().as_str(), "https://h/a/check?mark=check");
    }

    proptest! {
        #[test]
        fn no_value_changes_host_path_or_parameters(value in "\\PC*|[./\\\\%?#&=+;@: \t\n]*") {
            let address = parse("https://u.example.com:8443/a/{route.id}/b/v{id}?x={route.id}&y=1").unwrap();
            let Ok(url) = address.fill(|_| &value) else {
                prop_assert!(has_dots(&value) || value.len() * 9 > LONGEST || value.is_empty());
                return Ok(());
            };
            let example = address.example();
            prop_assert_eq!(url.origin(), example.origin());
            prop_assert!(url.username().is_empty() && url.password().is_none());
            let segments: Vec<_> = url.path_segments().unwrap().collect();
            prop_assert_eq!(segments.len(), 4);
            prop_assert_eq!((segments[0], segments[2]), ("a", "b"));
            let decoded = percent_encoding::percent_decode_str(segments[1]).decode_utf8().unwrap();
            prop_assert_eq!(&*decoded, &value);
            let pairs: Vec<_> = url.query_pairs().collect();
            prop_assert_eq!(pairs, [("x".into(), value.as_str().into()), ("y".into(), "1".into())]);
        }
    }
}
