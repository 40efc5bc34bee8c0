//! `http`: any endpoint that takes JSON, as Rebrandly's own webhook sends it or as lines, an array
//! or single clicks; signed as Standard Webhooks 1.0.0 says. Its address and headers may have
//! placeholders for fields of the click.

use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE};
use reqwest::{Method, StatusCode};

use super::support::address::EXAMPLE;
use super::support::body::{self, Body};
use super::support::destination::Destination;
use super::support::http::HttpClient;
use super::support::request;
use super::support::response::Response;
use super::support::signing::{self, Signer};
use super::support::status::{Meaning, StatusRule, StatusRules, classify};
use super::{
    Context, DeliveryMode, EncodeError, Entry, Kind, Limits, MapUse, Need, Proof, SendError,
    Target, Var, Verdict, View,
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
            doc: "where to send; `{path}` in its path or query is a field of the click; required",
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
            doc: "a header: `HEADER_X_API_KEY` is `x-api-key`; its value is a secret, `{path}` in it is a field of the click",
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
    destination: Destination,
    method: Method,
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
    let destination = Destination::read(scope);
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
    let signer = scope.secret("SIGNING_SECRET").and_then(|secret| {
        Signer::new(secret.expose())
            .map_err(|expected| scope.mistake("SIGNING_SECRET", format!("expected {expected}")))
            .ok()
    });
    let Some(destination) = destination else {
        // It is known all the same.
        scope.text("INSECURE");
        return None;
    };
    let has_secrets = destination.headers() > 0 || signer.is_some();
    request::refuse_unencrypted(scope, destination.example(), has_secrets);
    Some(Arc::new(Http {
        destination,
        method: method.unwrap_or(Method::POST),
        body,
        form,
        gzip: gzip.unwrap_or(false),
        signer,
        client: HttpClient::new(&context, request::secrets(scope)),
        clock: context.clock,
    }))
}

impl Http {
    /// Says what the answer to a request without clicks has proved. Only one with clicks proves
    /// that the credentials are right: many endpoints look at them after the method.
    fn proof(&self, status: StatusCode) -> Proof {
        let is_secure = self.destination.example().scheme() == "https";
        let placeholders = self.destination.placeholders();
        let has_token = self.destination.has_authorization();
        let has_others = self.destination.headers() > usize::from(has_token);
        let is_unfound = status == StatusCode::NOT_FOUND;
        let unproved = [
            (is_unfound || placeholders.is_some(), "path"),
            (has_token, "token"),
            (has_others, "headers"),
            (self.signer.is_some(), "signature"),
        ];
        let mut proved = vec!["name"];
        proved.extend(is_secure.then_some("certificate"));
        Proof::Part {
            answer: match placeholders {
                Some(written) => format!(
                    "HEAD with {EXAMPLE:?} in the place of {written} answered {}",
                    status.as_u16()
                ),
                None => format!("HEAD answered {}", status.as_u16()),
            },
            proved,
            unproved: unproved
                .into_iter()
                .filter_map(|(is_unproved, part)| is_unproved.then_some(part))
                .collect(),
        }
    }

    /// Says whether a request with clicks was taken.
    fn classify(&self, response: &Response) -> Result<(), SendError> {
        let Some(written) = self.destination.placeholders() else {
            return classify(response, &StatusRules::DEFAULT);
        };
        classify(response, &StatusRules::OF_CLICKS).map_err(|error| match error {
            SendError::Misconfigured(cause) => SendError::Misconfigured(format!(
                "{cause}; the request was made with {written} of its clicks"
            )),
            error => error,
        })
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

    fn delivery(&self) -> DeliveryMode {
        DeliveryMode {
            batching: self.destination.batching(),
            ..DeliveryMode::WHOLE
        }
    }

    fn encode(&self, view: &View<'_>) -> Result<Entry, EncodeError> {
        let group = self.destination.group(view)?;
        Ok(Entry {
            group,
            ..Entry::new(view, view.form(self.form))
        })
    }

    async fn send(&self, batch: &[Entry]) -> Result<Vec<Verdict>, SendError> {
        let plain = Bytes::from(self.body.write(batch));
        let mut body = plain.clone();
        let id = signing::request_id(batch).to_string();
        let group = batch.first().and_then(|entry| entry.group.as_deref());
        let mut request = self
            .destination
            .request(&self.client, self.method.clone(), group)?
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
        self.classify(&response)?;
        Ok(vec![Verdict::Sent; batch.len()])
    }

    async fn probe(&self) -> Result<Proof, SendError> {
        let request = self
            .destination
            .example_request(&self.client, Method::HEAD)?;
        let response = self.client.call(request, &[], 0).await?;
        classify(&response, &PROBE)?;
        Ok(self.proof(response.status))
    }

    fn describe(&self) -> Vec<(&'static str, String)> {
        vec![
            ("url", self.destination.masked_address()),
            ("method", self.method.to_string()),
            ("body", format!("{:?}", self.body).to_lowercase()),
            ("format", self.form.to_string()),
            (
                "compression",
                if self.gzip { "gzip" } else { "none" }.into(),
            ),
            ("headers", self.destination.masked_headers()),
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

    fn needs(&self) -> Vec<Need> {
        self.destination.needs()
    }
}
