//! The headers of a request over HTTP, which may have placeholders for fields of the click.

use std::convert::Infallible;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

use super::address::{EXAMPLE, LONGEST};
use super::template::{Placeholder, Template};
use crate::config::vars::Scope;

/// Headers that a kind or the HTTP client sets itself; a kind that sets another adds it here, so that
/// a variable cannot send it twice.
const OWN: &[&str] = &[
    "host",
    "connection",
    "content-length",
    "content-type",
    "content-encoding",
    "transfer-encoding",
    "idempotency-key",
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
];

/// What is wrong with a value that no header may have.
const NO_HEADER: &str = "holds a character that no header may hold, such as a line end";

/// The headers of requests that variables name.
#[derive(Debug, Default)]
pub struct Headers {
    /// Those that are the same for every request.
    pub fixed: HeaderMap,
    /// Those that fields of the click complete.
    pub completed: Vec<CompletedHeader>,
}

/// A header that fields of the click complete.
#[derive(Debug)]
pub struct CompletedHeader {
    /// Its name.
    pub name: HeaderName,
    /// The variable that holds it, without the target's prefix.
    pub variable: String,
    template: Template,
}

impl Headers {
    /// Returns how many there are.
    pub fn count(&self) -> usize {
        self.fixed.len() + self.completed.len()
    }

    /// Returns them for people: of the values their placeholders alone.
    pub fn masked(&self) -> Vec<String> {
        let fixed = self.fixed.keys().map(|name| format!("{name}: ***"));
        let completed = self.completed.iter();
        let completed = completed.map(|one| format!("{}: {}", one.name, one.template.masked()));
        fixed.chain(completed).collect()
    }
}

impl CompletedHeader {
    /// Returns its placeholders.
    pub fn placeholders(&self) -> impl Iterator<Item = &Placeholder> {
        self.template.placeholders()
    }

    /// Returns the header's value with these values in it. `Err` says why no header may hold it.
    pub fn fill<'v>(&self, value: impl Fn(&Placeholder) -> &'v str) -> Result<HeaderValue, String> {
        let filled = self.template.fill(|_, placeholder| {
            let value = value(placeholder);
            // The standard allows bytes beyond ASCII.
            match HeaderValue::from_bytes(value.as_bytes()) {
                Ok(_) => Ok(value.to_owned()),
                Err(_) => Err(format!("{placeholder} {NO_HEADER}")),
            }
        })?;
        if filled.len() > LONGEST {
            return Err(format!(
                "the header would have {} bytes; at most {LONGEST} are sent",
                filled.len()
            ));
        }
        let mut value = HeaderValue::from_bytes(filled.as_bytes()).map_err(|_| NO_HEADER)?;
        value.set_sensitive(true);
        Ok(value)
    }
}

/// Reads the headers of every request: `HEADER_X_API_KEY` is `x-api-key`; `BEARER` and `BASIC` are
/// `authorization`.
pub fn headers(scope: &Scope<'_>) -> Headers {
    let mut headers = own_headers(scope);
    let has_authorization = headers.fixed.contains_key(AUTHORIZATION)
        || headers
            .completed
            .iter()
            .any(|one| one.name == AUTHORIZATION);
    for (key, text) in [bearer(scope), basic(scope)].into_iter().flatten() {
        match secret_value(&text) {
            Some(_) if has_authorization || headers.fixed.contains_key(AUTHORIZATION) => {
                scope.conflict(
                    key,
                    format!(
                        "is a second authorization; give one of {}",
                        ["BEARER", "BASIC", "HEADER_AUTHORIZATION"]
                            .map(|key| scope.name(key))
                            .join(", ")
                    ),
                );
            }
            Some(value) => drop(headers.fixed.insert(AUTHORIZATION, value)),
            None => scope.mistake(key, NO_HEADER),
        }
    }
    headers
}

/// Reads the variables `HEADER_*`.
fn own_headers(scope: &Scope<'_>) -> Headers {
    let mut headers = Headers::default();
    for (rest, text) in scope.starting("HEADER_") {
        let key = format!("HEADER_{rest}");
        let name = HeaderName::try_from(rest.to_ascii_lowercase().replace('_', "-"));
        let Ok(name) = name else {
            scope.mistake(&key, "does not name a header: letters, digits and _ only");
            continue;
        };
        if OWN.contains(&name.as_str()) {
            scope.mistake(&key, format!("the forwarder sets {name} itself; remove it"));
            continue;
        }
        let template = match Template::parse(text) {
            Ok(template) => template,
            Err(problem) => {
                scope.mistake(&key, problem);
                continue;
            }
        };
        let Ok(example) = template.fill::<Infallible>(|_, _| Ok(EXAMPLE.into()));
        let Some(value) = secret_value(&example) else {
            scope.mistake(&key, NO_HEADER);
            continue;
        };
        if let Some(problem) = repeated(&name, text) {
            scope.mistake(&key, problem);
        }
        if template.placeholders().next().is_none() {
            headers.fixed.insert(name, value);
        } else {
            headers.completed.push(CompletedHeader {
                name,
                variable: key,
                template,
            });
        }
    }
    headers
}

/// Reads `BEARER`, a token.
fn bearer(scope: &Scope<'_>) -> Option<(&'static str, String)> {
    let token = scope.secret("BEARER")?;
    let token = token.expose();
    let problem = match scheme(token) {
        Some(scheme) => {
            format!("begins with {scheme}, which the forwarder writes itself; give the token alone")
        }
        None if token.contains(char::is_whitespace) => {
            "holds a blank, and no token has one; give the token alone".into()
        }
        None if is_quoted(token) => "stands in quotes; give the token without them".into(),
        None => return Some(("BEARER", format!("Bearer {token}"))),
    };
    scope.mistake("BEARER", problem);
    None
}

/// Reads `BASIC`, a user and a password.
fn basic(scope: &Scope<'_>) -> Option<(&'static str, String)> {
    let pair = scope.secret("BASIC")?;
    let pair = pair.expose();
    let problem = match scheme(pair) {
        Some(scheme) => format!(
            "begins with {scheme}, which the forwarder writes itself; give user:password, not \
             encoded"
        ),
        None if !pair.contains(':') => "is not user:password; give both, not encoded".into(),
        None if is_quoted(pair) => "stands in quotes; give user:password without them".into(),
        None => return Some(("BASIC", format!("Basic {}", STANDARD.encode(pair)))),
    };
    scope.mistake("BASIC", problem);
    None
}

/// Returns the words of a header that stand before a credential and are not part of it.
fn scheme(text: &str) -> Option<&'static str> {
    let begins = |start: &str| {
        let found = text.get(..start.len());
        found.is_some_and(|found| found.eq_ignore_ascii_case(start))
    };
    match () {
        () if begins("authorization:") => Some("Authorization:"),
        () if begins("bearer ") => Some("Bearer"),
        () if begins("basic ") => Some("Basic"),
        () => None,
    }
}

fn is_quoted(text: &str) -> bool {
    let inside = |quote| text.len() > 1 && text.starts_with(quote) && text.ends_with(quote);
    inside('"') || inside('\'')
}

/// Says that a header's value repeats its name, or its scheme.
fn repeated(name: &HeaderName, text: &str) -> Option<&'static str> {
    let lower = text.to_ascii_lowercase();
    let after_name = lower.strip_prefix(name.as_str());
    if after_name.is_some_and(|rest| rest.trim_start().starts_with(':')) {
        return Some("begins with the header's name; give its value alone");
    }
    let mut words = lower.split_whitespace();
    let (first, second) = (words.next(), words.next());
    let is_twice = first == second && matches!(first, Some("bearer" | "basic"));
    (*name == AUTHORIZATION && is_twice)
        .then_some("begins with the same word twice; give it once, and the token")
}

/// Returns a header's value that no log shows; `None` if it holds a character that none may hold.
fn secret_value(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
