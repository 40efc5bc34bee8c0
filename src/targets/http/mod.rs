//! `http`: any endpoint that takes JSON, as Rebrandly's own webhook sends it or as lines, an array or
//! single clicks; signed as Standard Webhooks 1.0.0 says.

mod settings;
mod sign;

use async_trait::async_trait;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use reqwest::{Method, Url};

use super::http_api::{HttpClient, send};
use super::support::body::{self, Body};
use super::{Context, EncodeError, Entry, Kind, Limits, SendError, Target, Var, Verdict, View};
use clicks::click::Form;
use sign::Signer;

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
            name: "SIGNING_SECRET",
            default: "",
            doc: "`whsec_…`: signs each request as Standard Webhooks 1.0.0; several, separated by spaces, during a rotation",
        },
    ],
    shared: &[],
    build: settings::build,
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
    context: Context,
}

#[async_trait]
impl Target for Http {
    fn limits(&self) -> Limits {
        // An endpoint's own limits are unknown: a 413 halves the request.
        let records = if self.body == Body::Single { 1 } else { 1000 };
        Limits {
            records,
            bytes: 1 << 20,
            record_bytes: 1 << 20,
            overhead: body::OVERHEAD,
            per_record: 1,
            ..Limits::SINGLE
        }
    }

    fn encode(&self, view: &View<'_>) -> Result<Entry, EncodeError> {
        Ok(Entry::new(view, view.form(self.form)))
    }

    async fn send(&self, batch: &[Entry]) -> Result<Vec<Verdict>, SendError> {
        let mut body = self.body.write(batch);
        let id = sign::request_id(batch).to_string();
        let mut request = self
            .client
            .get(self.context.trust)?
            .request(self.method.clone(), self.url.clone())
            .headers(self.headers.clone());
        request = request
            .header(CONTENT_TYPE, self.body.content_type())
            .header("idempotency-key", &id);
        if self.gzip {
            body = body::gzip(&body);
            request = request.header(CONTENT_ENCODING, "gzip");
        }
        request = request.header("webhook-id", &id);
        if let Some(signer) = &self.signer {
            let (timestamp, signature) = signer.sign(&id, (self.context.clock)(), &body);
            request = request
                .header("webhook-timestamp", timestamp)
                .header("webhook-signature", signature);
        }
        send(request.body(body), self.context.clock).await?;
        Ok(vec![Verdict::Sent; batch.len()])
    }

    async fn probe(&self) -> Result<(), SendError> {
        let request = self
            .client
            .get(self.context.trust)?
            .head(self.url.clone())
            .headers(self.headers.clone());
        match send(request, self.context.clock).await {
            // Whatever it says to a request without a body, somebody is there.
            Err(SendError::Misconfigured(said))
                if ["404", "405", "501"].iter().any(|code| said.contains(code)) =>
            {
                Ok(())
            }
            Err(SendError::PayloadRejected(_)) | Ok(()) => Ok(()),
            Err(halt) => Err(halt),
        }
    }

    fn describe(&self) -> Vec<(&'static str, String)> {
        // A path or a query may be a token.
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
