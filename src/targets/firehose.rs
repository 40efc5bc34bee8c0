//! `firehose`: Amazon Data Firehose, one line per click. Firehose joins records as they come, so
//! each ends with a line feed.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_firehose::Client;
use aws_sdk_firehose::primitives::Blob;
use aws_sdk_firehose::types::Record;

use super::support::{aws, verdicts};
use super::{
    Context, DeliveryMode, EncodeError, Entry, Kind, Limits, MapUse, Permission, Proof, SendError,
    Target, Var, Verdict, View,
};
use crate::config::aws_names;
use crate::config::vars::Scope;
use clicks::click::Form;

pub(super) const KIND: Kind = Kind {
    name: "firehose",
    doc: "Amazon Data Firehose, one line per click",
    vars: &[
        Var {
            name: "STREAM",
            default: "",
            doc: "the name of the Firehose stream; required",
        },
        Var {
            name: "FORMAT",
            default: "click",
            doc: "`click`, `flat`, `raw` or `webhook`",
        },
    ],
    shared: aws::VARS,
    example: &[("STREAM", "clicks")],
    map: MapUse::Body,
    build,
};

/// Codes by which the service says that something in a request is wrong.
const REJECTED: &[&str] = &[
    "InvalidArgumentException",
    "ValidationException",
    "SerializationException",
];

struct Firehose {
    stream: String,
    form: Form,
    client: aws::Client<Client>,
}

fn build(scope: &Scope<'_>, context: Context) -> Option<Arc<dyn Target>> {
    let expected = "the name of a Firehose stream alone, such as clicks";
    let stream = scope.required_checked("STREAM", expected, aws_names::firehose_stream);
    let form = scope.parsed("FORMAT").unwrap_or(Form::Click);
    let client = aws::Client::new(scope, context, None, Client::new);
    Some(Arc::new(Firehose {
        stream: stream?,
        form,
        client,
    }))
}

#[async_trait]
impl Target for Firehose {
    fn limits(&self) -> Limits {
        // The API's reference for PutRecordBatch: 500 records, 4 MB, 1,000 KiB each with its line
        // feed.
        Limits {
            records: 500,
            bytes: 4_000_000,
            record_bytes: (1000 << 10) - 1,
            per_record: 1,
            ..Limits::SINGLE
        }
    }

    fn delivery(&self) -> DeliveryMode {
        DeliveryMode::PER_RECORD
    }

    fn encode(&self, view: &View<'_>) -> Result<Entry, EncodeError> {
        Ok(Entry::new(view, view.form(self.form)))
    }

    async fn send(&self, batch: &[Entry]) -> Result<Vec<Verdict>, SendError> {
        let records = batch.iter().map(|entry| {
            Record::builder()
                .data(Blob::new([&*entry.body, b"\n"].concat()))
                .build()
        });
        let records = records
            .collect::<Result<_, _>>()
            .map_err(|e| SendError::Misconfigured(e.to_string()))?;
        let put = self
            .client
            .get()
            .await
            .put_record_batch()
            .delivery_stream_name(&self.stream)
            .set_records(Some(records));
        let answer = put
            .send()
            .await
            .map_err(|e| self.client.send_error(&e, REJECTED))?;
        let failed = answer.request_responses.into_iter().map(|one| {
            let message = one.error_message.unwrap_or_default();
            one.error_code
                .map(|code| aws::failed(&code, &message, false))
        });
        verdicts::judge(failed.collect())
    }

    fn permissions(&self) -> Vec<Permission> {
        self.client.permission(
            &["firehose:PutRecordBatch"],
            &self.stream,
            "firehose",
            "deliverystream/",
        )
    }

    async fn probe(&self) -> Result<Proof, SendError> {
        let put = self
            .client
            .get()
            .await
            .put_record_batch()
            .delivery_stream_name(&self.stream)
            .set_records(Some(Vec::new()));
        self.client.probed(put.send().await, REJECTED)
    }

    fn describe(&self) -> Vec<(&'static str, String)> {
        let mut rows = vec![
            ("stream", self.stream.clone()),
            ("format", self.form.to_string()),
        ];
        rows.extend(self.client.describe());
        rows
    }
}
