//! `http`: any endpoint that takes JSON, as Rebrandly's own webhook sends it or as lines, an array
//! or single clicks; signed as Standard Webhooks 1.0.0 says.

use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use reqwest::{Method, RequestBuilder, StatusCode, Url};

use super::support::body::{self, Body};
use super::support::http::HttpClient;
use super::support::request;
use super::support::signing::{self, Signer};
use super::support::status::{Meaning, StatusRule, StatusRules, classify};
use super::{
    Context, EncodeError, Entry, Kind, Limits, MapUse, Proof, SendError, Target, Var, Verdict, View,
};
use crate::config::vars::Scope;
use clicks::click::Form;

pub(super) const KIND: Kind = Kind {
    name: "http",
    doc: "an HTTP endpoint; by default the request is what Rebrandly's own webhook sends",
    vars: &[
        Var {
            name: "URL",
            default: "",
            doc: "where to send; required",
        },
        Var {
            name: "METHOD",
            default: "POST",
            doc: "`POST` or `PUT`",
        },
        Var {
            name: "BODY",
            default: "envelope",
            doc: "`envelope` ({\"data\":[…],\"key\":…}), `array`, `lines` or `single`",
        },
        Var {
            name: "FORMAT",
            default: "`webhook` in an envelope, else `click`",
            doc: "`click`, `flat`, `raw` or `webhook`",
        },
        Var {
            name: "COMPRESSION",
            default: "none",
            doc: "`gzip` or `none`",
        },
        Var {
            name: "HEADER_*",
            default: "",
            doc: "a header: `HEADER_X_API_KEY` is `x-api-key`; its value is a secret",
        },
        Var {
            name: "BEARER",
            default: "",
            doc: "a token for `Authorization: Bearer`",
        },
        Var {
            name: "BASIC",
            default: "",
            doc: "`user:password` for `Authorization: Basic`",
        },
        Var {
            name: "INSECURE",
            default: "false",
            doc: "`true` lets headers and credentials go over `http://` to another machine, unencrypted",
        },
        Var {
            name: "SIGNING_SECRET",
            default: "",
            doc: "`whsec_…`: signs each request as Standard Webhooks 1.0.0; several, separated by spaces, during a rotation",
        },
    ],
    shared: &[],
    example: &[("URL", "https://example.com/clicks")],
    map: MapUse::Body,
    build,
};

/// An HTTP endpoint.
struct Http {
    url: Url,
    method: Method,
    headers: HeaderMap,
    body: Body,
    form: Form,
    gzip: bool,
    signer: Option<Signer>,
    client: HttpClient,
    clock: fn() -> SystemTime,
}

/// Whatever an endpoint answers to a request without a body, it is there.
const PROBE: StatusRules = StatusRules(&[StatusRule {
    statuses: &[400, 404, 405, 413, 422, 501],
    meaning: Meaning::Accepted,
}]);

fn build(scope: &Scope<'_>, context: Context) -> Option<Arc<dyn Target>> {
    let url = request::url(scope);
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
    let headers = request::headers(scope);
    let signer = scope.secret("SIGNING_SECRET").and_then(|secret| {
        Signer::new(secret.expose())
            .map_err(|expected| scope.mistake("SIGNING_SECRET", format!("expected {expected}")))
            .ok()
    });
    let url = url?;
    request::refuse_unencrypted(scope, &url, !headers.is_empty() || signer.is_some());
    Some(Arc::new(Http {
        url,
        method: method.unwrap_or(Method::POST),
        headers,
        body,
        form,
        gzip: gzip.unwrap_or(false),
        signer,
        client: HttpClient::new(&context, request::secrets(scope)),
        clock: context.clock,
    }))
}

impl Http {
    /// Begins a request with what every request has.
    fn request(&self, method: Method) -> Result<RequestBuilder, SendError> {
        let request = self.client.request(method, &self.url)?;
        Ok(request.headers(self.headers.clone()))
    }

    /// Says what the answer to a request without clicks has proved. Only one with clicks proves
    /// that the credentials are right: many endpoints look at them after the method.
    fn proof(&self, status: StatusCode) -> Proof {
        let is_secure = self.url.scheme() == "https";
        let has_token = self.headers.contains_key(AUTHORIZATION);
        let has_others = self.headers.len() > usize::from(has_token);
        let unproved = [
            (status == StatusCode::NOT_FOUND, "path"),
            (has_token, "token"),
            (has_others, "headers"),
            (self.signer.is_some(), "signature"),
        ];
        let mut proved = vec!["name"];
        proved.extend(is_secure.then_some("certificate"));
        Proof::Part {
            answer: format!("HEAD answered {}", status.as_u16()),
            proved,
            unproved: unproved
                .into_iter()
                .filter_map(|(is_unproved, part)| is_unproved.then_some(part))
                .collect(),
        }
    }
}

#[async_trait]
impl Target for Http {
    fn limits(&self) -> Limits {
        // An endpoint's own limits are unknown: after a 413 the request is halved.
        let records = if self.body == Body::Single { 1 } else { 1000 };
        Limits {
            records,
            bytes: 1 << 20,
            record_bytes: 1 << 20,
            overhead: body::OVERHEAD,
            per_record: 1,
        }
    }

    fn encode(&self, view: &View<'_>) -> Result<Entry, EncodeError> {
        Ok(Entry::new(view, view.form(self.form)))
    }

    async fn send(&self, batch: &[Entry]) -> Result<Vec<Verdict>, SendError> {
        let plain = Bytes::from(self.body.write(batch));
        let mut body = plain.clone();
        let id = signing::request_id(batch).to_string();
        let mut request = self
            .request(self.method.clone())?
            .header(CONTENT_TYPE, self.body.content_type())
            .header("idempotency-key", &id)
            .header("webhook-id", &id);
        if self.gzip {
            body = body::gzip(&plain).into();
            request = request.header(CONTENT_ENCODING, "gzip");
        }
        if let Some(signer) = &self.signer {
            let signature = signer.sign(&id, (self.clock)(), &body);
            request = request
                .header("webhook-timestamp", signature.timestamp)
                .header("webhook-signature", signature.text);
        }
        let request = request.body(body);
        let response = self.client.call(request, &plain, 0).await?;
        classify(&response, &StatusRules::DEFAULT)?;
        Ok(vec![Verdict::Sent; batch.len()])
    }

    async fn probe(&self) -> Result<Proof, SendError> {
        let request = self.request(Method::HEAD)?;
        let response = self.client.call(request, &[], 0).await?;
        classify(&response, &PROBE)?;
        Ok(self.proof(response.status))
    }

    fn describe(&self) -> Vec<(&'static str, String)> {
        // A path or a query may hold a token.
        let url = format!(
            "{}{}",
            self.url.origin().ascii_serialization(),
            if self.url.path() == "/" { "/" } else { "/***" }
        );
        let headers: Vec<_> = self
            .headers
            .keys()
            .map(|name| format!("{name}: ***"))
            .collect();
        vec![
            ("url", url),
            ("method", self.method.to_string()),
            ("body", format!("{:?}", self.body).to_lowercase()),
            ("format", self.form.to_string()),
            (
                "compression",
                if self.gzip { "gzip" } else { "none" }.into(),
            ),
            (
                "headers",
                if headers.is_empty() {
                    "none".into()
                } else {
                    headers.join(", ")
                },
            ),
            (
                "signed",
                if self.signer.is_some() {
                    "yes, Standard Webhooks"
                } else {
                    "no"
                }
                .into(),
            ),
        ]
    }
}
