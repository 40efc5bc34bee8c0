//! The variables that make a request over HTTP: its URL and its headers.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

use crate::config::vars::{Scope, Secret};

/// Reads the variable `URL`, which must be set. What was found is not shown: it may hold a token.
pub fn url(scope: &Scope<'_>) -> Option<Url> {
    let text = scope.required("URL", "an address such as https://example.com/clicks")?;
    parse_url(text, &scope.name("BASIC"))
        .map_err(|problem| scope.mistake("URL", problem))
        .ok()
}

/// Reads an address. `Err` says what is wrong with it; a user and password belong in the variable
/// `basic`.
fn parse_url(text: &str, basic: &str) -> Result<Url, String> {
    match Url::parse(text) {
        Ok(url) if !matches!(url.scheme(), "http" | "https") => {
            Err("is not an address that begins with https:// or http://".into())
        }
        Ok(url) if !url.username().is_empty() || url.password().is_some() => Err(format!(
            "holds a user and password; give them as user:password in {basic}"
        )),
        Ok(url) => Ok(url),
        Err(_) => Err("is not an address; expected one such as https://example.com/clicks".into()),
    }
}

/// Notes that secrets would be sent unencrypted, unless `INSECURE` allows it or the address is this
/// machine's.
pub fn refuse_unencrypted(scope: &Scope<'_>, url: &Url, has_secrets: bool) {
    let allowed = scope.parse("INSECURE", |text| match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("true or false".into()),
    });
    if url.scheme() == "http" && has_secrets && allowed != Some(true) && !is_loopback(url) {
        scope.mistake(
            "URL",
            format!(
                "begins with http://, so the target's headers and credentials would be sent \
                 unencrypted; give https://, or set {}=true where the network is private",
                scope.name("INSECURE")
            ),
        );
    }
}

/// Returns whether an address is this machine's own.
fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(IpAddr::V6(address)) => address.to_canonical().is_loopback(),
        Ok(address) => address.is_loopback(),
        Err(_) => {
            let name = host.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
    }
}

/// Fewest bytes of a part of a path that is taken for a token; fewer, if it is no word.
const TOKEN: usize = 16;
const TOKEN_THAT_IS_NO_WORD: usize = 6;

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

/// Reads the headers of every request: `HEADER_X_API_KEY` is `x-api-key`; `BEARER` and `BASIC` are
/// `authorization`.
pub fn headers(scope: &Scope<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (rest, text) in scope.starting("HEADER_") {
        let key = format!("HEADER_{rest}");
        let name = HeaderName::try_from(rest.to_ascii_lowercase().replace('_', "-"));
        let Ok(name) = name else {
            scope.mistake(&key, "does not name a header: letters, digits and _ only");
            continue;
        };
        match secret_value(text) {
            _ if OWN.contains(&name.as_str()) => {
                scope.mistake(&key, format!("the forwarder sets {name} itself; remove it"));
            }
            None => scope.mistake(&key, NO_HEADER),
            Some(value) => {
                if let Some(problem) = repeated(&name, text) {
                    scope.mistake(&key, problem);
                }
                headers.insert(name, value);
            }
        }
    }
    for (key, text) in [bearer(scope), basic(scope)].into_iter().flatten() {
        match secret_value(&text) {
            Some(_) if headers.contains_key(AUTHORIZATION) => {
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
            Some(value) => drop(headers.insert(AUTHORIZATION, value)),
            None => scope.mistake(key, NO_HEADER),
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

/// Returns the texts that no message may repeat: the values of headers, credentials, and what in the
/// URL may be a token.
pub fn secrets(scope: &Scope<'_>) -> Vec<Secret> {
    let mut texts: Vec<String> = Vec::new();
    let own = |(_, text): (String, &str)| text.to_owned();
    texts.extend(scope.starting("HEADER_").into_iter().map(own));
    texts.extend(scope.text("BEARER").map(str::to_owned));
    if let Some(pair) = scope.text("BASIC") {
        texts.push(STANDARD.encode(pair));
        texts.extend(
            pair.split_once(':')
                .map(|(_, password)| password.to_owned()),
        );
    }
    let keys = scope.text("SIGNING_SECRET").unwrap_or_default();
    texts.extend(keys.split_whitespace().map(str::to_owned));
    if let Some(url) = scope.text("URL").and_then(|text| Url::parse(text).ok()) {
        texts.extend(url.query_pairs().map(|(_, value)| value.into_owned()));
        let parts = url.path_segments().into_iter().flatten();
        texts.extend(parts.filter(|part| may_be_token(part)).map(str::to_owned));
    }
    texts.into_iter().map(Secret::new).collect()
}

/// Whether a part of a path may be a token.
fn may_be_token(part: &str) -> bool {
    let is_word = part
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || b"-_.".contains(&byte));
    part.len() >= TOKEN || (!is_word && part.len() >= TOKEN_THAT_IS_NO_WORD)
}

/// Returns a header's value that no log shows; `None` if it holds a character that none may hold.
fn secret_value(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::vars::Vars;

    /// Returns the mistakes in the variables of a target `T`.
    fn mistakes(pairs: &[(&str, &str)]) -> Vec<String> {
        let owned = |(name, text): &(&str, &str)| (format!("T_{name}"), (*text).to_owned());
        let vars: Vars = pairs.iter().map(owned).collect();
        let scope = Scope::new(&vars, "T_");
        let url = url(&scope);
        let headers = headers(&scope);
        if let Some(url) = url {
            refuse_unencrypted(&scope, &url, !headers.is_empty());
        }
        let texts = scope.into_mistakes().into_iter().map(|one| one.to_string());
        texts.collect()
    }

    #[test]
    fn parts_of_a_path_that_are_no_words_are_secrets() {
        for part in [
            "abc123",
            "def456secret",
            "T00000000",
            "XXXXSECRETPATH",
            "abcdefghijklmnop",
        ] {
            assert!(may_be_token(part), "{part}");
        }
        for part in ["clicks", "hooks", "web-hooks", "v1", "2026", ""] {
            assert!(!may_be_token(part), "{part}");
        }
    }

    #[test]
    fn secrets_go_unencrypted_to_this_machine_only_unless_allowed() {
        let told = |url: &str, insecure: &str| {
            let told = mistakes(&[("URL", url), ("BEARER", "t0ken"), ("INSECURE", insecure)]);
            assert!(!format!("{told:?}").contains("t0ken"));
            told.len()
        };
        for own in [
            "http://localhost:8000/",
            "http://127.8.0.1/",
            "http://[::1]:9/",
            "http://a.localhost./",
        ] {
            assert_eq!(told(own, ""), 0, "{own}");
        }
        for other in [
            "http://example.com/",
            "http://10.0.0.7/",
            "http://localhost.example.com/",
        ] {
            assert_eq!(
                (told(other, ""), told(other, "true"), told(other, "false")),
                (1, 0, 1)
            );
        }
        assert_eq!(told("https://example.com/", ""), 0);
        assert_eq!(
            mistakes(&[("URL", "http://example.com/")]),
            Vec::<String>::new()
        );
    }

    #[test]
    fn what_the_forwarder_writes_itself_is_not_part_of_a_credential() {
        for (name, text, said) in [
            ("BEARER", "Bearer t0ken", "begins with Bearer,"),
            ("BEARER", "bearer t0ken", "begins with Bearer,"),
            (
                "BEARER",
                "Authorization: Bearer t0ken",
                "begins with Authorization:,",
            ),
            ("BEARER", "Token t0ken", "holds a blank"),
            ("BEARER", "\"t0ken\"", "stands in quotes"),
            ("BASIC", "Basic user:t0ken", "begins with Basic,"),
            ("BASIC", "dXNlcjp0MGtlbg==", "is not user:password"),
            (
                "HEADER_AUTHORIZATION",
                "Bearer Bearer t0ken",
                "the same word twice",
            ),
            (
                "HEADER_X_API_KEY",
                "X-Api-Key: t0ken",
                "begins with the header's name",
            ),
        ] {
            let told = mistakes(&[("URL", "https://example.com/"), (name, text)]);
            assert_eq!(told.len(), 1, "{name}={text}: {told:?}");
            assert!(
                told[0].contains(said) && !told[0].contains("t0ken"),
                "{told:?}"
            );
        }
        for (name, text) in [
            ("BEARER", "Bearer_of_it"),
            ("BASIC", "bearer:pass word"),
            ("HEADER_AUTHORIZATION", "Bearer t0ken"),
            ("HEADER_AUTHORIZATION", "t0ken"),
        ] {
            let told = mistakes(&[("URL", "https://example.com/"), (name, text)]);
            assert_eq!(told, Vec::<String>::new());
        }
    }
}
