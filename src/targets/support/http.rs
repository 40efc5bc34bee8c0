//! The client that targets over HTTP share.

use std::error::Error;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Body, Client, Method, Request, RequestBuilder, Url};

use super::response::{Response, Sent, WORDS};
use crate::config::vars::Secret;
use crate::platform::log::{causes, chain};
use crate::platform::network::Network;
use crate::platform::recorder::{RecordedHeader, RecordedRequest};
use crate::platform::{tls, words};
use crate::targets::{Context, SendError};

/// How long a connection may take to open.
const CONNECT: Duration = Duration::from_secs(5);
/// Most bytes of an answer beyond its limit that are read so that its connection can be used again.
const DRAIN: usize = 64 * 1024;
/// How long that may take.
const DRAIN_TIME: Duration = Duration::from_secs(1);
/// How long they may take: the status stands without them.
const WORDS_TIME: Duration = Duration::from_millis(500);
/// Most header lines of an answer.
const HEADERS: usize = 4096;
/// Most bytes of the headers of an answer over HTTP/2; over HTTP/1 the library takes as many.
const HEAD: u32 = 400 * 1024;

/// The header that proves who sent a request.
const SIGNATURE: &str = "webhook-signature";

/// A client that is built at the first request: loading certificates takes longer than starting the
/// function.
#[derive(Debug)]
pub struct HttpClient {
    network: Network,
    /// Texts that no message repeats.
    secrets: Vec<Secret>,
    clock: fn() -> SystemTime,
    client: OnceLock<Result<Client, String>>,
}

impl HttpClient {
    /// Returns a client of the network that `context` names, whose messages repeat none of
    /// `secrets`. Opens no connection.
    pub fn new(context: &Context, secrets: Vec<Secret>) -> HttpClient {
        HttpClient {
            network: context.network.clone(),
            secrets,
            clock: context.clock,
            client: OnceLock::new(),
        }
    }

    /// Begins a request. `Err` if no client can be built.
    pub fn request(&self, method: Method, url: &Url) -> Result<RequestBuilder, SendError> {
        let client = self.client.get_or_init(|| build(&self.network));
        match client {
            Ok(client) => Ok(client.request(method, url.clone())),
            Err(cause) => Err(SendError::Misconfigured(cause.clone())),
        }
    }

    /// Sends `request` once and returns its answer with at most `body_limit` bytes of its body; the
    /// only way that targets send. `plain` is the request's body before compression. `Err` if there
    /// is no answer.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
    pub async fn call(
        &self,
        request: RequestBuilder,
        plain: &[u8],
        body_limit: usize,
    ) -> Result<Response, SendError> {
        let (client, request) = request.build_split();
        let request = request.map_err(|e| {
            SendError::Misconfigured(format!("no request: {}", causes(&e.without_url())))
        })?;
        if let Some(recorder) = &self.network.recorder {
            recorder.record(self.recorded(&request));
            return Ok(Response::unsent((self.clock)()));
        }
        let sent = Sent::of(&request);
        let mut answer = match client.execute(request).await {
            Ok(answer) => answer,
            Err(error) => return Err(self.unanswered(error.without_url(), &sent.url).await),
        };
        let status = answer.status();
        let mut body = BytesMut::new();
        let words = if status.is_success() {
            read(&mut answer, body_limit, &mut body).await;
            None
        } else {
            let limit = body_limit.max(WORDS);
            // The status stands even if the body stalls or breaks off.
            let _ = tokio::time::timeout(WORDS_TIME, read(&mut answer, limit, &mut body)).await;
            sent.words(&body, plain, &self.secrets)
        };
        body.truncate(body_limit);
        let response = Response {
            status,
            headers: answer.headers().clone(),
            body: body.freeze(),
            words,
            received: (self.clock)(),
        };
        drain(answer);
        Ok(response)
    }

    /// Returns `request` as it may be shown.
    fn recorded(&self, request: &Request) -> RecordedRequest {
        let header = |(name, value): (&HeaderName, &HeaderValue)| {
            let is_secret = value.is_sensitive() || *name == SIGNATURE;
            let value = String::from_utf8_lossy(value.as_bytes());
            RecordedHeader::new(name.as_str(), value, is_secret)
        };
        let body = request.body().and_then(Body::as_bytes);
        let secrets = self.secrets.iter().map(Secret::expose);
        RecordedRequest {
            method: Some(request.method().to_string()),
            address: words::hide_secrets(request.url().as_str(), secrets),
            headers: request.headers().iter().map(header).collect(),
            body: Bytes::copy_from_slice(body.unwrap_or_default()),
        }
    }

    /// Says what it means that a request was not answered, and the way out.
    async fn unanswered(&self, error: reqwest::Error, url: &Url) -> SendError {
        let text = causes(&error);
        let with = |hint: &str| format!("{text}; {hint}");
        if let Some(problem) = tls::problem_of(&error) {
            return if problem.stays {
                SendError::Misconfigured(with(problem.hint))
            } else {
                SendError::Unavailable(with(problem.hint))
            };
        }
        if error.is_dns() {
            let hint = "check the host in the target's URL, and this machine's DNS";
            return SendError::Unavailable(with(hint));
        }
        if error.is_connect()
            && let Some(refusal) = self.network.proxies.refusal(url.as_str()).await
        {
            return if refusal.passes() {
                SendError::Unavailable(refusal.to_string())
            } else {
                SendError::Misconfigured(refusal.to_string())
            };
        }
        let is_too_large = |cause: &(dyn Error + 'static)| {
            cause
                .downcast_ref()
                .is_some_and(hyper::Error::is_parse_too_large)
        };
        if chain(&error).any(is_too_large) {
            return SendError::Misconfigured(with(
                "the answer has more headers than can be read, so nobody knows whether it took the clicks",
            ));
        }
        match self.network.proxies.shown(url.as_str()) {
            Some(proxy) if error.is_connect() => {
                SendError::Unavailable(with(&format!("through the proxy {proxy}")))
            }
            _ => SendError::Unavailable(text),
        }
    }
}

/// Reads the answer's body until it has `limit` bytes or more.
async fn read(answer: &mut reqwest::Response, limit: usize, body: &mut BytesMut) {
    while body.len() < limit
        && let Ok(Some(chunk)) = answer.chunk().await
    {
        body.extend_from_slice(&chunk);
    }
}

fn build(network: &Network) -> Result<Client, String> {
    // An error here says that a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let agent = concat!("clickstream-forwarder/", env!("CARGO_PKG_VERSION"));
    let config = network.trust.client_config()?;
    let client = Client::builder()
        .redirect(Policy::none())
        .connect_timeout(CONNECT)
        .user_agent(agent)
        .tls_backend_preconfigured(config)
        // Whoever answers with odd header lines has taken the clicks all the same.
        .http1_allow_obsolete_multiline_headers_in_responses(true)
        .http1_allow_spaces_after_header_name_in_responses(true)
        .http1_ignore_invalid_headers_in_responses(true)
        .http1_max_headers(HEADERS)
        .http2_max_header_list_size(HEAD);
    network
        .proxies
        .apply(client)
        .build()
        .map_err(|e| format!("no HTTP client: {}", causes(&e)))
}

/// Reads the rest of an answer, so that its connection can be used again. Nobody waits for it.
fn drain(mut answer: reqwest::Response) {
    tokio::spawn(tokio::time::timeout(DRAIN_TIME, async move {
        let mut read = 0;
        while let Ok(Some(chunk)) = answer.chunk().await {
            read += chunk.len();
            if read > DRAIN {
                break;
            }
        }
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(secrets: &[&str]) -> HttpClient {
        let context = Context {
            clock: || SystemTime::UNIX_EPOCH,
            network: Network::default(),
            aws: Default::default(),
        };
        let secrets = secrets.iter().map(|text| Secret::new(*text)).collect();
        HttpClient::new(&context, secrets)
    }

    #[tokio::test]
    async fn as_much_of_a_body_comes_back_as_was_asked_for() {
        let server = wiremock::MockServer::start().await;
        let answer = wiremock::ResponseTemplate::new(207).set_body_string("0123456789");
        wiremock::Mock::given(wiremock::matchers::any())
            .respond_with(answer.insert_header("x-request", "7"))
            .mount(&server)
            .await;
        let client = client(&[]);
        let url = server.uri().parse().unwrap();
        for (limit, body) in [(0, ""), (4, "0123"), (10, "0123456789"), (99, "0123456789")] {
            let request = client.request(Method::POST, &url).unwrap();
            let response = client.call(request, &[], limit).await.unwrap();
            assert_eq!(response.status.as_u16(), 207);
            assert_eq!(response.headers["x-request"], "7");
            assert_eq!(response.body, body);
        }
    }

    #[tokio::test]
    async fn a_refusing_answer_is_quoted_without_secrets_and_in_a_log_without_the_request() {
        let server = wiremock::MockServer::start().await;
        let says = "{\"token\": \"t-secret\", \"bad\": \"tag-0000\", \"path\": \"/a/clicks\"}\r\n";
        let answer = wiremock::ResponseTemplate::new(422).set_body_string(says);
        wiremock::Mock::given(wiremock::matchers::any())
            .respond_with(answer)
            .mount(&server)
            .await;
        let client = client(&["t-secret"]);
        let url = format!("{}/a/clicks", server.uri()).parse().unwrap();
        let request = client.request(Method::POST, &url).unwrap();
        let response = client.call(request, b"[\"tag-0000\"]", 0).await.unwrap();
        assert!(response.body.is_empty());
        let words = response.words.unwrap();
        assert_eq!(
            words.whole,
            "{\"token\": \"…\", \"bad\": \"tag-0000\", \"path\": \"/a/clicks\"}"
        );
        assert_eq!(
            words.logged,
            "{\"token\": \"…\", \"bad\": …, \"path\": \"…\"}"
        );
    }
}
