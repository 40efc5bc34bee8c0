//! Makes others' words fit to be shown: the answer of an endpoint, an error of AWS, an address. What
//! an answer repeats of the request may be a secret or a click.

mod echo;
mod text;

use std::fmt;

use reqwest::Url;

pub use echo::{hide_echoes, hide_secrets};
pub use text::{fit, readable};

/// Most characters of others' words that are shown.
pub const LONGEST: usize = 300;

/// The place of what is left out.
const LEFT_OUT: char = '…';

/// An address without what may be a secret in it: user, password, query and fragment.
#[derive(Clone, Copy, Debug)]
pub struct ShownUrl<'u>(pub &'u str);

impl fmt::Display for ShownUrl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((url, host)) = parse(self.0) else {
            let (scheme, rest) = match self.0.split_once("://") {
                Some((scheme @ ("http" | "https"), rest)) => (format!("{scheme}://"), rest),
                _ => (String::new(), self.0),
            };
            // Of a text that is no address, nobody can tell where a password begins.
            let shown = if rest.contains(['@', ':', '?', '#']) {
                "***"
            } else {
                rest
            };
            return write!(f, "{scheme}{shown}");
        };
        let has_user = !url.username().is_empty() || url.password().is_some();
        let user = if has_user { "***@" } else { "" };
        write!(f, "{}://{user}{host}", url.scheme())?;
        if let Some(port) = url.port() {
            write!(f, ":{port}")?;
        }
        // A slash in a password makes a path of the rest of it.
        let bare = url.path() == "/" && !self.0.ends_with('/');
        let path = match url.path() {
            path if path.contains('@') => "/***",
            _ if bare => "",
            path => path,
        };
        let query = url.query().map_or("", |_| "?***");
        let fragment = url.fragment().map_or("", |_| "#***");
        write!(f, "{path}{query}{fragment}")
    }
}

/// Reads an address that names a host.
fn parse(text: &str) -> Option<(Url, String)> {
    let url = Url::parse(text).ok()?;
    let host = url.host_str()?.to_owned();
    Some((url, host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_what_may_be_a_secret() {
        for (text, shown) in [
            ("https://example.com", "https://example.com"),
            ("https://example.com/", "https://example.com/"),
            (
                "https://sqs.eu-west-1.amazonaws.com/123456789012/clicks",
                "https://sqs.eu-west-1.amazonaws.com/123456789012/clicks",
            ),
            (
                "http://user:s3cret@127.0.0.1:9324/queue/clicks?token=s3cret#s3cret",
                "http://***@127.0.0.1:9324/queue/clicks?***#***",
            ),
            ("http://s3cret@host/q", "http://***@host/q"),
            ("http://user:12/s3cret@host/q", "http://user:12/***"),
            ("http://user:s3cret/x@host/q", "http://***"),
            ("https://u:s3cret?x@host/", "https://***"),
            ("user:s3cret@host", "***"),
            ("user:s3cret", "***"),
            ("clicks", "clicks"),
            ("http://", "http://"),
            ("", ""),
        ] {
            assert_eq!(ShownUrl(text).to_string(), shown, "{text}");
        }
    }
}
