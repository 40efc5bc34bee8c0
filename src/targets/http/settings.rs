//! The variables of an `http` target.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};

use super::sign::Signer;
use super::{Body, Context, Form, Http, HttpClient, Target};
use crate::config::vars::Scope;

pub(super) fn build(scope: &Scope<'_>, context: Context) -> Option<Arc<dyn Target>> {
    // What was found is not shown: an address may hold a token.
    let url = scope.required("URL", "an address such as https://example.com/clicks");
    let url = url.and_then(|text| {
        url_of(text)
            .map_err(|problem| scope.mistake("URL", problem))
            .ok()
    });
    let method = scope.parse("METHOD", |text| match text.to_ascii_uppercase().as_str() {
        "POST" => Ok(Method::POST),
        "PUT" => Ok(Method::PUT),
        _ => Err("POST or PUT".into()),
    });
    let body = scope.parsed("BODY").unwrap_or(Body::Envelope);
    let form = scope.parsed("FORMAT").unwrap_or(if body == Body::Envelope {
        Form::Webhook
    } else {
        Form::Click
    });
    let gzip = scope.parse("COMPRESSION", |text| match text {
        "gzip" => Ok(true),
        "none" => Ok(false),
        _ => Err("gzip or none".into()),
    });
    let headers = headers(scope);
    let signer = scope.secret("SIGNING_SECRET").and_then(|secret| {
        Signer::new(secret.expose())
            .map_err(|expected| scope.mistake("SIGNING_SECRET", format!("expected {expected}")))
            .ok()
    });
    Some(Arc::new(Http {
        url: url?,
        method: method.unwrap_or(Method::POST),
        headers,
        body,
        form,
        gzip: gzip.unwrap_or(false),
        signer,
        client: HttpClient::default(),
        context,
    }))
}

/// The address, or what is wrong with it.
fn url_of(text: &str) -> Result<Url, String> {
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

/// Headers that belong to the request itself.
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

/// The headers of every request. `HEADER_X_API_KEY` is `x-api-key`.
fn headers(scope: &Scope<'_>) -> HeaderMap {
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
                scope.mistake(key, "is a second authorization: give one of _BEARER, _BASIC and _HEADER_AUTHORIZATION");
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

fn secret_value(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
