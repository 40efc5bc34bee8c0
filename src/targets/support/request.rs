//! The variables that make a request over HTTP: its URL and its headers.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

use crate::config::vars::Scope;

/// Reads the variable `URL`, which must be set. What was found is not shown: it may hold a token.
pub fn url(scope: &Scope<'_>) -> Option<Url> {
    let text = scope.required("URL", "an address such as https://example.com/clicks")?;
    parse_url(text)
        .map_err(|problem| scope.mistake("URL", problem))
        .ok()
}

/// Reads an address. `Err` says what is wrong with it.
fn parse_url(text: &str) -> Result<Url, String> {
    match Url::parse(text) {
        Ok(url) if !matches!(url.scheme(), "http" | "https") => Err(format!(
            "begins with {}: ; expected an address that begins with https:// or http://",
            url.scheme()
        )),
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            Err("holds a user and password; give them as user:password in _BASIC".into())
        }
        Ok(url) => Ok(url),
        Err(_) => Err("is not an address; expected one such as https://example.com/clicks".into()),
    }
}

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

/// Reads the headers of every request: `HEADER_X_API_KEY` is `x-api-key`; `BEARER` and `BASIC` are
/// `authorization`.
pub fn headers(scope: &Scope<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (rest, text) in scope.starting("HEADER_") {
        let key = format!("HEADER_{rest}");
        let name = HeaderName::try_from(rest.to_ascii_lowercase().replace('_', "-"));
        match (name, secret_value(text)) {
            (Ok(name), _) if OWN.contains(&name.as_str()) => {
                scope.mistake(&key, format!("the forwarder sets {name} itself"))
            }
            (Ok(name), Some(value)) => drop(headers.insert(name, value)),
            (Err(_), _) => {
                scope.mistake(&key, "does not name a header: letters, digits and _ only")
            }
            (_, None) => scope.mistake(
                &key,
                "holds a character that no header may hold, such as a line end",
            ),
        }
    }
    let bearer = scope
        .secret("BEARER")
        .map(|token| ("BEARER", format!("Bearer {}", token.expose())));
    let basic = scope
        .secret("BASIC")
        .and_then(|pair| match pair.expose().contains(':') {
            true => Some(("BASIC", format!("Basic {}", STANDARD.encode(pair.expose())))),
            false => {
                scope.mistake("BASIC", "expected user:password");
                None
            }
        });
    for (key, text) in [bearer, basic].into_iter().flatten() {
        match secret_value(&text) {
            Some(_) if headers.contains_key(AUTHORIZATION) => {
                scope.conflict(key, "is a second authorization: give one of _BEARER, _BASIC and _HEADER_AUTHORIZATION");
            }
            Some(value) => drop(headers.insert(AUTHORIZATION, value)),
            None => scope.mistake(
                key,
                "holds a character that no header may hold, such as a line end",
            ),
        }
    }
    headers
}

/// Returns a header's value that no log shows; `None` if it holds a character that none may hold.
fn secret_value(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
