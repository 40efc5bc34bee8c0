//! `sqs`: an SQS queue, one message per click or many clicks in one; FIFO queues keep the order of
//! each link.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;

use super::support::body::Body;
use super::support::keys::KeySource;
use super::support::{aws, body, verdicts};
use super::{
    Batching, Context, DeliveryMode, EncodeError, Entry, Kind, Limits, MapUse, Need, Permission,
    Proof, SendError, Target, Var, Verdict, View,
};
use crate::config::queue_url;
use crate::config::vars::Scope;
use crate::platform::queue::QueueUrl;
use crate::platform::words::ShownUrl;
use clicks::click::Form;

pub(super) const KIND: Kind = Kind {
    name: "sqs",
    doc: "an SQS queue, standard or FIFO",
    vars: &[
        Var {
            name: "QUEUE_URL",
            default: "",
            doc: "the queue's URL; one that ends in .fifo is a FIFO queue; required",
        },
        Var {
            name: "BODY",
            default: "single",
            doc: "clicks of a message: `single`, or many as `lines` or `array` (not FIFO)",
        },
        Var {
            name: "GROUP",
            default: "link",
            doc: "FIFO: what keeps its order: `link`, `workspace`, or `id` for none",
        },
        Var {
            name: "FORMAT",
            default: "click",
            doc: "`click`, `flat`, `raw` or `webhook`",
        },
    ],
    shared: aws::VARS,
    example: &[(
        "QUEUE_URL",
        "https://sqs.eu-west-1.amazonaws.com/123456789012/clicks",
    )],
    map: MapUse::Body,
    build,
};

/// Most bytes of a message, and of the messages of a request together: SQS's 1 MiB.
const BYTES: usize = 1 << 20;

/// Codes by which the service says that something in a request is wrong.
const REJECTED: &[&str] = &[
    "AWS.SimpleQueueService.BatchRequestTooLong",
    "AWS.SimpleQueueService.EmptyBatchRequest",
    "BatchRequestTooLong",
    "EmptyBatchRequest",
    "InvalidMessageContents",
    "InvalidParameterValue",
    "ValidationException",
];

struct Sqs {
    queue: String,
    body: Body,
    /// The source of the message group, in a FIFO queue.
    group: Option<KeySource>,
    form: Form,
    client: aws::Client<Client>,
}

fn build(scope: &Scope<'_>, context: Context) -> Option<Arc<dyn Target>> {
    let expected = "a URL such as https://sqs.eu-west-1.amazonaws.com/123456789012/clicks";
    scope.required("QUEUE_URL", expected);
    let queue = queue_url(scope, "QUEUE_URL");
    let fifo = queue.as_ref().is_some_and(|url| url.ends_with(".fifo"));
    let body = scope.parsed("BODY").unwrap_or(Body::Single);
    let group = scope.parsed("GROUP");
    match body {
        Body::Envelope => {
            scope.wrong_value("BODY", "\"envelope\"", "single, lines or array");
        }
        Body::Array | Body::Lines if fifo => {
            scope.conflict("BODY", "puts many clicks in a message, which a FIFO queue cannot tell apart: leave it at single");
        }
        _ => {}
    }
    if group.is_some() && queue.is_some() && !fifo {
        scope.conflict(
            "GROUP",
            "is for FIFO queues, whose URL ends in .fifo; remove it, or name such a queue",
        );
    }
    let form = scope.parsed("FORMAT").unwrap_or(Form::Click);
    let client = aws::Client::new(
        scope,
        context,
        queue.as_deref().and_then(|url| QueueUrl::parse(url).region),
        Client::new,
    );
    let group = fifo.then(|| group.unwrap_or(KeySource::Link));
    Some(Arc::new(Sqs {
        queue: queue?,
        body,
        group,
        form,
        client,
    }))
}

#[async_trait]
impl Target for Sqs {
    fn limits(&self) -> Limits {
        let plain = Limits {
            bytes: BYTES,
            record_bytes: BYTES,
            ..Limits::SINGLE
        };
        match self.body {
            Body::Single => Limits {
                records: 10,
                ..plain
            },
            // As many clicks as fit one message, whose two brackets or last line feed are its
            // overhead.
            _ => Limits {
                records: 10_000,
                overhead: 2,
                per_record: 1,
                ..plain
            },
        }
    }

    fn delivery(&self) -> DeliveryMode {
        match self.body {
            Body::Single => DeliveryMode {
                batching: Batching::by_groups(self.group.is_some()),
                ..DeliveryMode::PER_RECORD
            },
            _ => DeliveryMode::WHOLE,
        }
    }

    fn encode(&self, view: &View<'_>) -> Result<Entry, EncodeError> {
        let body = body::xml_text(&view.form(self.form));
        let ordering_key = self.group.map(|key| key.key(view).into());
        Ok(Entry {
            ordering_key,
            ..Entry::new(view, body.into())
        })
    }

    async fn send(&self, batch: &[Entry]) -> Result<Vec<Verdict>, SendError> {
        if self.body != Body::Single {
            let body = body::text(&self.body.write(batch)).into_owned();
            let send = self
                .client
                .get()
                .await
                .send_message()
                .queue_url(&self.queue)
                .message_body(body);
            send.send()
                .await
                .map_err(|e| self.client.send_error(&e, REJECTED))?;
            return Ok(vec![Verdict::Sent; batch.len()]);
        }
        let entry = |(at, entry): (usize, &Entry)| {
            let message = SendMessageBatchRequestEntry::builder()
                .id(at.to_string())
                .message_body(body::text(&entry.body));
            let Some(group) = &entry.ordering_key else {
                return message.build();
            };
            message
                .message_group_id(&**group)
                .message_deduplication_id(entry.id.to_string())
                .build()
        };
        let entries = batch
            .iter()
            .enumerate()
            .map(entry)
            .collect::<Result<_, _>>();
        let entries = entries.map_err(|e| SendError::Misconfigured(e.to_string()))?;
        let send = self
            .client
            .get()
            .await
            .send_message_batch()
            .queue_url(&self.queue)
            .set_entries(Some(entries));
        let answer = send
            .send()
            .await
            .map_err(|e| self.client.send_error(&e, REJECTED))?;
        let failed = answer.failed.into_iter().map(|one| {
            let message = one.message.unwrap_or_default();
            let failed = aws::failed(&one.code, &message, one.sender_fault);
            (one.id, failed)
        });
        verdicts::judge(verdicts::by_index(
            batch,
            answer.successful.iter().map(|one| one.id.as_str()),
            failed,
        ))
    }

    fn permissions(&self) -> Vec<Permission> {
        let queue = QueueUrl::parse(&self.queue);
        let account = queue.account.unwrap_or("${Account}");
        let mut permissions = self
            .client
            .permission(&["sqs:SendMessage"], queue.name, "sqs", "");
        permissions.iter_mut().for_each(|permission| {
            permission.resource = permission.resource.replace("${Account}", account)
        });
        permissions
    }

    async fn probe(&self) -> Result<Proof, SendError> {
        let send = self
            .client
            .get()
            .await
            .send_message_batch()
            .queue_url(&self.queue)
            .set_entries(Some(Vec::new()));
        self.client.probed(send.send().await, REJECTED)
    }

    fn needs(&self) -> Vec<Need> {
        self.group
            .and_then(|group| group.need("GROUP"))
            .into_iter()
            .collect()
    }

    fn describe(&self) -> Vec<(&'static str, String)> {
        let body = format!("{:?}", self.body).to_lowercase();
        let mut rows = vec![
            ("queue", ShownUrl(&self.queue).to_string()),
            ("body", body),
            ("format", self.form.to_string()),
        ];
        rows.extend(self.group.map(|group| ("order of", group.to_string())));
        rows.extend(self.client.describe());
        rows
    }
}
