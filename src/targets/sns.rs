//! `sns`: an SNS topic, one message per click, with attributes that filter policies match.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_sns::Client;
use aws_sdk_sns::types::{MessageAttributeValue, PublishBatchRequestEntry};

use super::support::keys::KeySource;
use super::support::{aws, body, verdicts};
use super::{
    Batching, Context, DeliveryMode, EncodeError, Entry, Kind, Limits, MapUse, Need, Permission,
    Proof, SendError, Target, Var, Verdict, View,
};
use crate::config::aws_names;
use crate::config::vars::Scope;
use clicks::click::Form;

pub(super) const KIND: Kind = Kind {
    name: "sns",
    doc: "an SNS topic, standard or FIFO; each message has the attributes `country`, `agent_type`, `slashtag`, `domain` and `workspace`",
    vars: &[
        Var {
            name: "TOPIC_ARN",
            default: "",
            doc: "the topic's ARN; one that ends in .fifo is a FIFO topic; required",
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
    example: &[("TOPIC_ARN", "arn:aws:sns:eu-west-1:123456789012:clicks")],
    map: MapUse::Body,
    build,
};

/// The attributes of a message, and the members of the click that they hold.
const ATTRIBUTES: &[(&str, &[&str])] = &[
    ("country", &["client", "location", "country"]),
    ("agent_type", &["client", "agent", "type"]),
    ("slashtag", &["route", "slashtag"]),
    ("domain", &["route", "domain", "raw"]),
    ("workspace", &["route", "creator", "workspace", "id"]),
];
/// The type of an attribute.
const STRING: &str = "String";
/// Most bytes of an attribute: no slashtag is longer. A longer text is no use to a filter policy.
const LONGEST: usize = 256;
/// Most bytes of a message with its attributes, and of the messages of a request together: what a
/// topic takes by default.
const BYTES: usize = 256 << 10;

/// Codes by which the service says that something in a request is wrong.
const REJECTED: &[&str] = &[
    "BatchRequestTooLong",
    "EmptyBatchRequest",
    "InvalidParameter",
    "InvalidParameterValue",
    "ParameterValueInvalid",
    "ValidationException",
];

struct Sns {
    topic: String,
    /// The source of the message group, in a FIFO topic.
    group: Option<KeySource>,
    form: Form,
    client: aws::Client<Client>,
}

fn build(scope: &Scope<'_>, context: Context) -> Option<Arc<dyn Target>> {
    let expected = "an ARN such as arn:aws:sns:eu-west-1:123456789012:clicks";
    let topic = scope.required_checked("TOPIC_ARN", expected, aws_names::topic_arn);
    let fifo = topic.as_ref().is_some_and(|arn| arn.ends_with(".fifo"));
    let group = scope.parsed("GROUP");
    if group.is_some() && topic.is_some() && !fifo {
        scope.conflict(
            "GROUP",
            "is for FIFO topics, whose ARN ends in .fifo; remove it, or name such a topic",
        );
    }
    let form = scope.parsed("FORMAT").unwrap_or(Form::Click);
    let client = aws::Client::new(
        scope,
        context,
        topic.as_deref().and_then(aws::region),
        Client::new,
    );
    let group = fifo.then(|| group.unwrap_or(KeySource::Link));
    Some(Arc::new(Sns {
        topic: topic?,
        group,
        form,
        client,
    }))
}

#[async_trait]
impl Target for Sns {
    fn limits(&self) -> Limits {
        // The entry counts names and values of its attributes; their types are the rest.
        let per_record = STRING.len() * ATTRIBUTES.len();
        Limits {
            records: 10,
            bytes: BYTES,
            record_bytes: BYTES,
            per_record,
            ..Limits::SINGLE
        }
    }

    fn delivery(&self) -> DeliveryMode {
        DeliveryMode {
            batching: Batching::by_groups(self.group.is_some()),
            ..DeliveryMode::PER_RECORD
        }
    }

    fn encode(&self, view: &View<'_>) -> Result<Entry, EncodeError> {
        let attribute = |(name, path): &(&'static str, &[&str])| {
            // What SNS would refuse, or not deliver, is no use to a filter policy either.
            let fits = |c: char| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}');
            let text = view
                .text(path)
                .filter(|text| (1..=LONGEST).contains(&text.len()) && text.chars().all(fits))?;
            Some((*name, text.into_owned().into_boxed_str()))
        };
        let attributes = ATTRIBUTES.iter().filter_map(attribute).collect();
        let ordering_key = self.group.map(|key| key.key(view).into());
        Ok(Entry {
            attributes,
            ordering_key,
            ..Entry::new(view, body::xml_text(&view.form(self.form)).into())
        })
    }

    async fn send(&self, batch: &[Entry]) -> Result<Vec<Verdict>, SendError> {
        let entry = |(at, entry): (usize, &Entry)| {
            let mut message = PublishBatchRequestEntry::builder()
                .id(at.to_string())
                .message(body::text(&entry.body));
            for (name, value) in &entry.attributes {
                let value = MessageAttributeValue::builder()
                    .data_type(STRING)
                    .string_value(&**value)
                    .build()?;
                message = message.message_attributes(*name, value);
            }
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
        let publish = self
            .client
            .get()
            .await
            .publish_batch()
            .topic_arn(&self.topic)
            .set_publish_batch_request_entries(Some(entries));
        let answer = publish
            .send()
            .await
            .map_err(|e| self.client.send_error(&e, REJECTED))?;
        let failed = answer.failed.unwrap_or_default().into_iter().map(|one| {
            let message = one.message.unwrap_or_default();
            let failed = aws::failed(&one.code, &message, one.sender_fault);
            (one.id, failed)
        });
        let successful = answer.successful.unwrap_or_default();
        verdicts::judge(verdicts::by_index(
            batch,
            successful.iter().filter_map(|one| one.id.as_deref()),
            failed,
        ))
    }

    fn permissions(&self) -> Vec<Permission> {
        self.client
            .permission(&["sns:Publish"], &self.topic, "sns", "")
    }

    async fn probe(&self) -> Result<Proof, SendError> {
        let publish = self
            .client
            .get()
            .await
            .publish_batch()
            .topic_arn(&self.topic);
        self.client.probed(
            publish
                .set_publish_batch_request_entries(Some(Vec::new()))
                .send()
                .await,
            REJECTED,
        )
    }

    fn needs(&self) -> Vec<Need> {
        self.group
            .and_then(|group| group.need("GROUP"))
            .into_iter()
            .collect()
    }

    fn describe(&self) -> Vec<(&'static str, String)> {
        let mut rows = vec![
            ("topic", self.topic.clone()),
            ("format", self.form.to_string()),
        ];
        rows.extend(self.group.map(|group| ("order of", group.to_string())));
        rows.extend(self.client.describe());
        rows
    }
}
