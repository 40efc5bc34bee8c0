//! The variables that make a request over HTTP: its URL, and what of them no message may repeat.

use std::convert::Infallible;
use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;

use super::address::{Address, EXAMPLE};
use super::template::{Piece, Template};
use crate::config::vars::{Scope, Secret};

/// Reads the variable `URL`, which must be set. What was found is not shown: it may hold a token.
pub fn url(scope: &Scope<'_>) -> Option<Address> {
    let text = scope.required("URL", "an address such as https://example.com/clicks")?;
    let basic = scope.name("BASIC");
    Address::parse(text, |text| parse_url(text, &basic))
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

/// Returns the texts that no message may repeat: the values of headers, credentials, and what in the
/// URL may be a token.
pub fn secrets(scope: &Scope<'_>) -> Vec<Secret> {
    let mut texts: Vec<String> = Vec::new();
    let own = scope.starting("HEADER_").into_iter();
    texts.extend(own.flat_map(|(_, text)| plain_parts(text)));
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
    let url = scope.text("URL").map(Template::parse).and_then(Result::ok);
    let url = url.map(|template| {
        let Ok(text) = template.fill::<Infallible>(|_, _| Ok(EXAMPLE.into()));
        text
    });
    if let Some(url) = url.and_then(|text| Url::parse(&text).ok()) {
        let values = url.query_pairs().map(|(_, value)| value.into_owned());
        texts.extend(values.filter(|value| value != EXAMPLE));
        let parts = url.path_segments().into_iter().flatten();
        texts.extend(parts.filter(|part| may_be_token(part)).map(str::to_owned));
    }
    texts.into_iter().map(Secret::new).collect()
}

/// Returns the parts of a text that are the same for every click.
fn plain_parts(text: &str) -> Vec<String> {
    let Ok(template) = Template::parse(text) else {
        return vec![text.to_owned()];
    };
    let pieces = template.pieces().iter();
    let plain = pieces.filter_map(|piece| match piece {
        Piece::Text(text) => Some(text.clone()),
        Piece::Field(_) => None,
    });
    plain.collect()
}

/// Whether a part of a path may be a token.
fn may_be_token(part: &str) -> bool {
    let is_word = part
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || b"-_.".contains(&byte));
    part.len() >= TOKEN || (!is_word && part.len() >= TOKEN_THAT_IS_NO_WORD)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::vars::Vars;
    use crate::targets::support::headers::headers;

    /// Returns the mistakes in the variables of a target `T`.
    fn mistakes(pairs: &[(&str, &str)]) -> Vec<String> {
        let owned = |(name, text): &(&str, &str)| (format!("T_{name}"), (*text).to_owned());
        let vars: Vars = pairs.iter().map(owned).collect();
        let scope = Scope::new(&vars, "T_");
        let url = url(&scope);
        let headers = headers(&scope);
        if let Some(url) = url {
            refuse_unencrypted(&scope, url.example(), headers.count() > 0);
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
