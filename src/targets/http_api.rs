//! What targets over HTTP share: the client, and what a status means.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, StatusCode};

use super::SendError;
use crate::deliver::backoff::retry_after;
use crate::platform::log::causes;
use crate::platform::tls::Trust;

/// How long a connection may take to open.
const CONNECT: Duration = Duration::from_secs(5);

/// Bytes of an answer that are read for the sake of its connection.
const DRAIN: usize = 64 * 1024;
/// How long that may take.
const DRAIN_TIME: Duration = Duration::from_secs(1);

/// A client built at the first request: loading certificates takes longer than starting the function.
#[derive(Debug, Default)]
pub struct HttpClient {
    client: OnceLock<Result<Client, String>>,
}

impl HttpClient {
    /// The client. Errors: no root certificates on this machine, say.
    pub fn get(&self, trust: Trust) -> Result<&Client, SendError> {
        let build = || {
            // An error here says that a provider is installed already.
            let _ = rustls::crypto::ring::default_provider().install_default();
            let agent = concat!("clickstream-forwarder/", env!("CARGO_PKG_VERSION"));
            let client = Client::builder()
                .redirect(Policy::none())
                .connect_timeout(CONNECT)
                .user_agent(agent);
            let client = match trust.client_config() {
                Some(config) => client.tls_backend_preconfigured(config),
                None => client,
            };
            client
                .build()
                .map_err(|e| format!("no HTTP client: {}", causes(&e)))
        };
        self.client
            .get_or_init(build)
            .as_ref()
            .map_err(|cause| SendError::Misconfigured(cause.clone()))
    }
}

/// Sends one request and judges its status; the only way that targets send.
#[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
pub async fn send(request: RequestBuilder, now: fn() -> SystemTime) -> Result<(), SendError> {
    let mut answer = request
        .send()
        .await
        .map_err(|e| SendError::Unavailable(causes(&e.without_url())))?;
    let halt = judge(answer.status(), answer.headers(), now());
    // Reading the body to its end lets the connection be used again; what it says is not needed, and the
    // status stands however long that takes.
    tokio::spawn(tokio::time::timeout(DRAIN_TIME, async move {
        let mut read = 0;
        while let Ok(Some(chunk)) = answer.chunk().await {
            read += chunk.len();
            if read > DRAIN {
                break;
            }
        }
    }));
    halt.map_or(Ok(()), Err)
}

/// What a status means for the request; nothing if it was taken.
fn judge(status: StatusCode, headers: &HeaderMap, now: SystemTime) -> Option<SendError> {
    let said = format!("HTTP {status}");
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match status.as_u16() {
        200..=299 => None,
        408 | 425 | 429 => Some(SendError::Throttled(retry_after(header, now), said)),
        501 | 505 => Some(SendError::Misconfigured(said)),
        500..=599 => match retry_after(header, now) {
            Some(after) => Some(SendError::Throttled(Some(after), said)),
            None => Some(SendError::Unavailable(said)),
        },
        400 | 413 | 422 => Some(SendError::PayloadRejected(said)),
        300..=399 => {
            let hint = "redirects are not followed: give the final URL";
            Some(SendError::Misconfigured(format!("{said}: {hint}")))
        }
        401 | 403 => Some(SendError::Misconfigured(format!(
            "{said}: check the target's credentials"
        ))),
        404 | 405 | 410 | 415 => Some(SendError::Misconfigured(format!(
            "{said}: check the target's URL, method and body form"
        ))),
        _ => Some(SendError::Misconfigured(said)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(code: u16) -> Option<SendError> {
        judge(
            StatusCode::from_u16(code).unwrap(),
            &HeaderMap::new(),
            SystemTime::UNIX_EPOCH,
        )
    }

    #[test]
    fn no_status_but_three_can_put_a_click_into_quarantine() {
        for code in 100..600 {
            let refused = matches!(status(code), Some(SendError::PayloadRejected(_)));
            assert_eq!(refused, [400, 413, 422].contains(&code), "{code}");
            assert_eq!(status(code).is_none(), (200..300).contains(&code), "{code}");
        }
    }

    #[test]
    fn what_passes_is_retried_and_what_does_not_is_not() {
        for code in [408, 425, 429] {
            assert!(
                matches!(status(code), Some(SendError::Throttled(None, _))),
                "{code}"
            );
        }
        for code in [500, 502, 503, 504, 507, 511] {
            assert!(
                matches!(status(code), Some(SendError::Unavailable(_))),
                "{code}"
            );
        }
        for code in [301, 307, 401, 403, 404, 405, 410, 415, 501, 505] {
            assert!(
                matches!(status(code), Some(SendError::Misconfigured(_))),
                "{code}"
            );
        }
    }
}
