//! `lambda`: a Lambda function of the user's, called with many clicks at a time.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use serde_json::Value;

use super::support::aws;
use super::support::body::{self, Body};
use super::{
    Context, DeliveryMode, EncodeError, Entry, Kind, Limits, MapUse, Permission, Proof, SendError,
    Target, Var, Verdict, View,
};
use crate::config::aws_names;
use crate::config::vars::Scope;
use clicks::click::Form;

pub(super) const KIND: Kind = Kind {
    name: "lambda",
    doc: "a Lambda function, called with {\"data\":[…],\"key\":\"…\"}",
    vars: &[
        Var {
            name: "FUNCTION",
            default: "",
            doc: "the function, by name or ARN, with `:version` or `:alias` if need be; required",
        },
        Var {
            name: "INVOCATION",
            default: "event",
            doc: "`event`: Lambda queues the call and the clicks count as sent; `response`: they do once the function has ended well",
        },
        Var {
            name: "FORMAT",
            default: "click",
            doc: "`click`, `flat`, `raw` or `webhook`",
        },
    ],
    shared: aws::VARS,
    example: &[("FUNCTION", "clicks")],
    map: MapUse::Body,
    build,
};

/// Most bytes of a call: 1 MB if Lambda queues it, 6 MB if not (Lambda's quotas).
const QUEUED: usize = 1_000_000;
const AWAITED: usize = 6_000_000;

/// Codes by which the service says that something in a request is wrong.
const REJECTED: &[&str] = &["InvalidRequestContentException", "RequestTooLargeException"];

struct Lambda {
    function: String,
    /// Whether a call ends only when the function does.
    awaited: bool,
    form: Form,
    client: aws::Client<Client>,
}

fn build(scope: &Scope<'_>, context: Context) -> Option<Arc<dyn Target>> {
    let expected = "the name or ARN of a Lambda function";
    let function = scope.required_checked("FUNCTION", expected, aws_names::function);
    let awaited = scope.parse("INVOCATION", |text| match text {
        "event" => Ok(false),
        "response" => Ok(true),
        _ => Err("event or response".into()),
    });
    let form = scope.parsed("FORMAT").unwrap_or(Form::Click);
    let client = aws::Client::new(
        scope,
        context,
        function.as_deref().and_then(aws::region),
        Client::new,
    );
    Some(Arc::new(Lambda {
        function: function?,
        awaited: awaited.unwrap_or(false),
        form,
        client,
    }))
}

#[async_trait]
impl Target for Lambda {
    fn limits(&self) -> Limits {
        let bytes = if self.awaited { AWAITED } else { QUEUED };
        let records = 1000;
        Limits {
            records,
            bytes,
            record_bytes: bytes,
            overhead: body::OVERHEAD,
            per_record: 1,
        }
    }

    fn delivery(&self) -> DeliveryMode {
        if self.awaited {
            DeliveryMode::PER_RECORD
        } else {
            DeliveryMode::WHOLE
        }
    }

    fn encode(&self, view: &View<'_>) -> Result<Entry, EncodeError> {
        Ok(Entry::new(view, view.form(self.form)))
    }

    async fn send(&self, batch: &[Entry]) -> Result<Vec<Verdict>, SendError> {
        let kind = if self.awaited {
            InvocationType::RequestResponse
        } else {
            InvocationType::Event
        };
        let invoke = self
            .client
            .get()
            .await
            .invoke()
            .function_name(&self.function)
            .invocation_type(kind);
        let answer = invoke
            .payload(Blob::new(Body::Envelope.write(batch)))
            .send()
            .await
            .map_err(|e| self.client.send_error(&e, REJECTED))?;
        let payload = answer.payload.map(Blob::into_inner).unwrap_or_default();
        let payload: Value = serde_json::from_slice(&payload).unwrap_or_default();
        if let Some(error) = answer.function_error {
            // The message beyond the type may repeat a click.
            let kind = payload
                .get("errorType")
                .and_then(Value::as_str)
                .unwrap_or("no type");
            return Err(SendError::Unavailable(format!(
                "the function failed ({error}: {kind}): see its log"
            )));
        }
        verdicts(batch, &payload)
    }

    fn permissions(&self) -> Vec<Permission> {
        self.client.permission(
            &["lambda:InvokeFunction"],
            &self.function,
            "lambda",
            "function:",
        )
    }

    async fn probe(&self) -> Result<Proof, SendError> {
        let invoke = self
            .client
            .get()
            .await
            .invoke()
            .function_name(&self.function)
            .invocation_type(InvocationType::DryRun);
        self.client.probed(invoke.send().await, REJECTED)
    }

    fn describe(&self) -> Vec<(&'static str, String)> {
        let invocation = if self.awaited { "response" } else { "event" };
        let mut rows = vec![
            ("function", self.function.clone()),
            ("invocation", invocation.into()),
            ("format", self.form.to_string()),
        ];
        rows.extend(self.client.describe());
        rows
    }
}

/// Returns `Retry` for the entries that the answer names in `batchItemFailures`, as Lambda's own
/// batches do, and `Sent` for the others. `Err` if it names something that is not a click of this
/// call.
fn verdicts(batch: &[Entry], answer: &Value) -> Result<Vec<Verdict>, SendError> {
    let failed = match answer.get("batchItemFailures") {
        None | Some(Value::Null) => return Ok(vec![Verdict::Sent; batch.len()]),
        Some(failed) => failed.as_array().map(Vec::as_slice),
    };
    let ids: BTreeSet<String> = batch.iter().map(|entry| entry.id.to_string()).collect();
    let named = |one: &Value| Some(ids.get(one.get("itemIdentifier")?.as_str()?)?.clone());
    let failed: Option<BTreeSet<String>> =
        failed.and_then(|failed| failed.iter().map(named).collect());
    let failed = failed.ok_or_else(|| {
        SendError::Unavailable(
            "the function's batchItemFailures name something that is not a click of the call"
                .into(),
        )
    })?;
    let verdict = |entry: &Entry| {
        if failed.contains(&entry.id.to_string()) {
            Verdict::Retry
        } else {
            Verdict::Sent
        }
    };
    Ok(batch.iter().map(verdict).collect())
}
