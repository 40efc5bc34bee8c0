//! The answer to a request over HTTP, and what it says for people.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use percent_encoding::percent_decode_str;
use reqwest::header::HeaderMap;
use reqwest::{Request, StatusCode, Url};

use super::retry_after::retry_after;
use crate::config::vars::Secret;
use crate::platform::words;

/// Most bytes of a refusing answer that are read for what it says.
pub(super) const WORDS: usize = 4096;

/// The answer to a request.
#[derive(Clone, Debug)]
pub struct Response {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// As much of its body as the caller wanted, or as came before the connection broke.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "for kinds whose answers speak of entries")
    )]
    pub body: Bytes,
    /// What it says for people, if it refuses the request.
    pub words: Option<Words>,
    /// When it came.
    pub received: SystemTime,
}

/// The words of a refusing answer: on one line, cut, and without configured secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// As they are, for a row of the quarantine.
    pub whole: String,
    /// Without what they repeat of the request, which may be a click.
    pub logged: String,
}

impl Response {
    /// Returns the answer to a request that was not made: it is taken.
    pub(super) fn unsent(now: SystemTime) -> Response {
        Response {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            words: None,
            received: now,
        }
    }

    /// Returns how long it asks to wait (`Retry-After`).
    pub fn retry_after(&self) -> Option<Duration> {
        let header = |name: &str| self.headers.get(name).and_then(|value| value.to_str().ok());
        retry_after(header, self.received)
    }
}

/// The parts of a request by which its answer is understood.
pub(super) struct Sent {
    pub(super) url: Url,
    headers: HeaderMap,
}

impl Sent {
    pub(super) fn of(request: &Request) -> Sent {
        Sent {
            url: request.url().clone(),
            headers: request.headers().clone(),
        }
    }

    /// Returns what the body of an answer says that refuses this request, whose own body was `plain`
    /// before compression.
    pub(super) fn words(&self, body: &[u8], plain: &[u8], secrets: &[Secret]) -> Option<Words> {
        let text = words::readable(body, body.len() >= WORDS)?;
        let text = words::hide_secrets(&text, secrets.iter().map(Secret::expose));
        let headers = self.headers.values().map(|value| value.as_bytes());
        let query = self.url.query().unwrap_or_default();
        let decoded =
            [self.url.path(), query].map(|text| percent_decode_str(text).collect::<Vec<_>>());
        let [path, parameters] = &decoded;
        let sources = [
            plain,
            self.url.path().as_bytes(),
            query.as_bytes(),
            path,
            parameters,
        ];
        let logged = words::hide_echoes(&text, sources.into_iter().chain(headers));
        Some(Words {
            whole: words::fit(&text),
            logged: words::fit(&logged),
        })
    }
}
