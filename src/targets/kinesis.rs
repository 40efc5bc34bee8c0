//! `kinesis`: Kinesis Data Streams, one record per click.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::operation::put_records::builders::PutRecordsFluentBuilder;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;

use super::support::keys::KeySource;
use super::support::{aws, verdicts};
use super::{
    Context, DeliveryMode, EncodeError, Entry, Kind, Limits, MapUse, Need, Permission, Proof,
    SendError, Target, Var, Verdict, View,
};
use crate::config::aws_names;
use crate::config::vars::Scope;
use clicks::click::Form;

pub(super) const KIND: Kind = Kind {
    name: "kinesis",
    doc: "a Kinesis data stream, one record per click",
    vars: &[
        Var {
            name: "STREAM",
            default: "",
            doc: "the stream, by name or ARN; required",
        },
        Var {
            name: "PARTITION_KEY",
            default: "id",
            doc: "what shares a shard: `id` spreads clicks evenly, `link`, `workspace`",
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

/// Codes by which the service says that something in a request is wrong, for example
/// that a record is above the stream's own limit.
const REJECTED: &[&str] = &[
    "InvalidArgumentException",
    "ValidationException",
    "SerializationException",
];

struct Kinesis {
    stream: String,
    key: KeySource,
    form: Form,
    client: aws::Client<Client>,
}

fn build(scope: &Scope<'_>, context: Context) -> Option<Arc<dyn Target>> {
    let expected = "the name or ARN of a Kinesis stream";
    let stream = scope.required_checked("STREAM", expected, aws_names::kinesis_stream);
    let key = scope.parsed("PARTITION_KEY").unwrap_or(KeySource::Id);
    let form = scope.parsed("FORMAT").unwrap_or(Form::Click);
    let client = aws::Client::new(
        scope,
        context,
        stream.as_deref().and_then(aws::region),
        Client::new,
    );
    Some(Arc::new(Kinesis {
        stream: stream?,
        key,
        form,
        client,
    }))
}

impl Kinesis {
    async fn put(&self, records: Vec<PutRecordsRequestEntry>) -> PutRecordsFluentBuilder {
        let put = self
            .client
            .get()
            .await
            .put_records()
            .set_records(Some(records));
        if self.stream.contains(':') {
            put.stream_arn(&self.stream)
        } else {
            put.stream_name(&self.stream)
        }
    }
}

#[async_trait]
impl Target for Kinesis {
    fn limits(&self) -> Limits {
        // The API's reference for PutRecords: 500 records, 10 MiB with their keys; a record may be
        // as large as a request.
        Limits {
            records: 500,
            bytes: 10 << 20,
            record_bytes: 10 << 20,
            ..Limits::SINGLE
        }
    }

    fn delivery(&self) -> DeliveryMode {
        DeliveryMode::PER_RECORD
    }

    fn encode(&self, view: &View<'_>) -> Result<Entry, EncodeError> {
        Ok(Entry {
            attributes: vec![("", self.key.key(view))],
            ..Entry::new(view, view.form(self.form))
        })
    }

    async fn send(&self, batch: &[Entry]) -> Result<Vec<Verdict>, SendError> {
        let record = |entry: &Entry| {
            let record = PutRecordsRequestEntry::builder().data(Blob::new(&*entry.body));
            record
                .set_partition_key(entry.attribute("").map(str::to_owned))
                .build()
        };
        let records = batch
            .iter()
            .map(record)
            .collect::<Result<_, _>>()
            .map_err(|e| SendError::Misconfigured(e.to_string()))?;
        let answer = self
            .put(records)
            .await
            .send()
            .await
            .map_err(|e| self.client.send_error(&e, REJECTED))?;
        let failed = answer.records.into_iter().map(|one| {
            let message = one.error_message.unwrap_or_default();
            one.error_code
                .map(|code| aws::failed(&code, &message, false))
        });
        verdicts::judge(failed.collect())
    }

    fn permissions(&self) -> Vec<Permission> {
        self.client
            .permission(&["kinesis:PutRecords"], &self.stream, "kinesis", "stream/")
    }

    async fn probe(&self) -> Result<Proof, SendError> {
        self.client
            .probed(self.put(Vec::new()).await.send().await, REJECTED)
    }

    fn needs(&self) -> Vec<Need> {
        self.key.need("PARTITION_KEY").into_iter().collect()
    }

    fn describe(&self) -> Vec<(&'static str, String)> {
        let mut rows = vec![
            ("stream", self.stream.clone()),
            ("shard by", self.key.to_string()),
            ("format", self.form.to_string()),
        ];
        rows.extend(self.client.describe());
        rows
    }
}
