//! The parts that targets over HTTP share: the client, its responses, and the rules for statuses.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, StatusCode, Url};

use super::retry_after::retry_after;
use crate::platform::log::causes;
use crate::platform::tls::Trust;
use crate::targets::{Context, SendError};

/// How long a connection may take to open.
const CONNECT: Duration = Duration::from_secs(5);
/// Most bytes of an answer beyond its limit that are read so that its connection can be used again.
const DRAIN: usize = 64 * 1024;
/// How long that may take.
const DRAIN_TIME: Duration = Duration::from_secs(1);

/// A client that is built at the first request: loading certificates takes longer than starting the
/// function.
#[derive(Debug)]
pub struct HttpClient {
    trust: Trust,
    clock: fn() -> SystemTime,
    client: OnceLock<Result<Client, String>>,
}

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
    /// When it came.
    received: SystemTime,
}

impl Response {
    /// Returns how long it asks to wait (`Retry-After`).
    fn retry_after(&self) -> Option<Duration> {
        let header = |name: &str| self.headers.get(name).and_then(|value| value.to_str().ok());
        retry_after(header, self.received)
    }
}

impl HttpClient {
    /// Returns a client that trusts whom `context` says. Opens no connection.
    pub fn new(context: &Context) -> HttpClient {
        HttpClient {
            trust: context.trust,
            clock: context.clock,
            client: OnceLock::new(),
        }
    }

    /// Begins a request. `Err` if no client can be built, for example without root certificates.
    pub fn request(&self, method: Method, url: &Url) -> Result<RequestBuilder, SendError> {
        let client = self.client.get_or_init(|| build(self.trust));
        match client {
            Ok(client) => Ok(client.request(method, url.clone())),
            Err(cause) => Err(SendError::Misconfigured(cause.clone())),
        }
    }

    /// Sends `request` once and returns its answer with at most `body_limit` bytes of its body; the
    /// only way that targets send. `Err` if there is no answer.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
    pub async fn call(
        &self,
        request: RequestBuilder,
        body_limit: usize,
    ) -> Result<Response, SendError> {
        let mut answer = request
            .send()
            .await
            .map_err(|e| SendError::Unavailable(causes(&e.without_url())))?;
        let mut body = BytesMut::new();
        // The status stands even if the body breaks off.
        while body.len() < body_limit
            && let Ok(Some(chunk)) = answer.chunk().await
        {
            let room = chunk.len().min(body_limit - body.len());
            body.extend_from_slice(chunk.get(..room).unwrap_or_default());
        }
        let response = Response {
            status: answer.status(),
            headers: answer.headers().clone(),
            body: body.freeze(),
            received: (self.clock)(),
        };
        drain(answer);
        Ok(response)
    }
}

fn build(trust: Trust) -> Result<Client, String> {
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

/// The meaning of a status for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The request was taken.
    Accepted,
    /// Too many requests for now.
    Throttled,
    /// Broken for now.
    Unavailable,
    /// The body is too large, or an entry in it is wrong.
    PayloadRejected,
    /// The credentials are refused.
    Unauthorized,
    /// It will stay so until somebody changes something; what that may be.
    Misconfigured(Option<&'static str>),
}

/// Statuses with one meaning.
#[derive(Clone, Copy, Debug)]
pub struct StatusRule {
    /// The statuses.
    pub statuses: &'static [u16],
    /// Their meaning.
    pub meaning: Meaning,
}

/// The rules for the statuses of a kind: its own first, then those of every kind.
#[derive(Clone, Copy, Debug)]
pub struct StatusRules(pub &'static [StatusRule]);

/// The rules of every kind. What they do not name follows from the status's class.
const COMMON: &[StatusRule] = &[
    StatusRule {
        statuses: &[408, 425, 429],
        meaning: Meaning::Throttled,
    },
    StatusRule {
        statuses: &[400, 413, 422],
        meaning: Meaning::PayloadRejected,
    },
    StatusRule {
        statuses: &[401, 403],
        meaning: Meaning::Unauthorized,
    },
    StatusRule {
        statuses: &[404, 405, 410, 415],
        meaning: Meaning::Misconfigured(Some("check the target's URL, method and body form")),
    },
    StatusRule {
        statuses: &[501, 505],
        meaning: Meaning::Misconfigured(None),
    },
];

impl StatusRules {
    /// The rules of every kind.
    pub const DEFAULT: StatusRules = StatusRules(&[]);

    fn meaning(&self, status: StatusCode) -> Meaning {
        let rule = self
            .0
            .iter()
            .chain(COMMON)
            .find(|rule| rule.statuses.contains(&status.as_u16()));
        match (rule, status.as_u16()) {
            (Some(rule), _) => rule.meaning,
            (None, 200..=299) => Meaning::Accepted,
            (None, 300..=399) => {
                Meaning::Misconfigured(Some("redirects are not followed: give the final URL"))
            }
            (None, 500..=599) => Meaning::Unavailable,
            (None, _) => Meaning::Misconfigured(None),
        }
    }
}

/// Says whether a request was taken. `Err` is what its status means by `rules`.
pub fn classify(response: &Response, rules: &StatusRules) -> Result<(), SendError> {
    let text = format!("HTTP {}", response.status);
    Err(match rules.meaning(response.status) {
        Meaning::Accepted => return Ok(()),
        Meaning::Throttled => SendError::Throttled(response.retry_after(), text),
        Meaning::Unavailable => match response.retry_after() {
            // One that says when to come again is not broken.
            Some(after) => SendError::Throttled(Some(after), text),
            None => SendError::Unavailable(text),
        },
        Meaning::PayloadRejected => SendError::PayloadRejected(text),
        Meaning::Unauthorized => {
            SendError::Unauthorized(format!("{text}: check the target's credentials"))
        }
        Meaning::Misconfigured(Some(hint)) => SendError::Misconfigured(format!("{text}: {hint}")),
        Meaning::Misconfigured(None) => SendError::Misconfigured(text),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(code: u16, rules: &StatusRules) -> Result<(), SendError> {
        let response = Response {
            status: StatusCode::from_u16(code).unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            received: SystemTime::UNIX_EPOCH,
        };
        classify(&response, rules)
    }

    fn status(code: u16) -> Result<(), SendError> {
        answered(code, &StatusRules::DEFAULT)
    }

    #[test]
    fn no_status_but_three_can_put_a_click_into_quarantine() {
        for code in 100..600 {
            let rejected = matches!(status(code), Err(SendError::PayloadRejected(_)));
            assert_eq!(rejected, [400, 413, 422].contains(&code), "{code}");
            assert_eq!(status(code).is_ok(), (200..300).contains(&code), "{code}");
        }
    }

    #[test]
    fn what_passes_is_retried_and_what_does_not_is_not() {
        for code in [408, 425, 429] {
            assert!(
                matches!(status(code), Err(SendError::Throttled(None, _))),
                "{code}"
            );
        }
        for code in [500, 502, 503, 504, 507, 511] {
            assert!(
                matches!(status(code), Err(SendError::Unavailable(_))),
                "{code}"
            );
        }
        for code in [401, 403] {
            assert!(
                matches!(status(code), Err(SendError::Unauthorized(_))),
                "{code}"
            );
        }
        for code in [301, 307, 404, 405, 410, 415, 501, 505] {
            assert!(
                matches!(status(code), Err(SendError::Misconfigured(_))),
                "{code}"
            );
        }
    }

    #[tokio::test]
    async fn as_much_of_a_body_comes_back_as_was_asked_for() {
        let server = wiremock::MockServer::start().await;
        let answer = wiremock::ResponseTemplate::new(207).set_body_string("0123456789");
        wiremock::Mock::given(wiremock::matchers::any())
            .respond_with(answer.insert_header("x-request", "7"))
            .mount(&server)
            .await;
        let client = HttpClient::new(&Context {
            clock: || SystemTime::UNIX_EPOCH,
            trust: Trust::Bundled,
            aws: Default::default(),
        });
        let url = server.uri().parse().unwrap();
        for (limit, body) in [(0, ""), (4, "0123"), (10, "0123456789"), (99, "0123456789")] {
            let request = client.request(Method::POST, &url).unwrap();
            let response = client.call(request, limit).await.unwrap();
            assert_eq!(response.status.as_u16(), 207);
            assert_eq!(response.headers["x-request"], "7");
            assert_eq!(response.body, body);
        }
    }

    #[test]
    fn a_kinds_own_rules_go_before_those_of_every_kind() {
        let rules = StatusRules(&[StatusRule {
            statuses: &[404],
            meaning: Meaning::Accepted,
        }]);
        assert_eq!(answered(404, &rules), Ok(()));
        assert!(matches!(
            answered(405, &rules),
            Err(SendError::Misconfigured(_))
        ));
    }
}
