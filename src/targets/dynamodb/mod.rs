//! `dynamodb`: a table, one item per click; its attributes are the columns of the flat form.

mod item;
mod key;
mod unprocessed;

use std::error::Error;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{
    DeleteRequest, PutRequest, ReturnValuesOnConditionCheckFailure, WriteRequest,
};

use super::support::aws;
use super::{
    Batching, Context, DeliveryMode, EncodeError, Entry, Kind, Limits, MapUse, Need, Permission,
    Proof, SendError, Target, Var, Verdict, View,
};
use crate::config::aws_names;
use crate::config::vars::Scope;
use key::{ID, TableKey};
use unprocessed::Unprocessed;

pub(super) const KIND: Kind = Kind {
    name: "dynamodb",
    doc: "a DynamoDB table, one item per click: the columns of the flat form",
    vars: &[
        Var {
            name: "TABLE",
            default: "",
            doc: "the table, by name or ARN; required",
        },
        Var {
            name: "KEY",
            default: "click_id",
            doc: "its partition key: a column, or `attribute=column` where it is called otherwise",
        },
        Var {
            name: "SORT_KEY",
            default: "",
            doc: "its sort key, if it has one, in the same way",
        },
        Var {
            name: "WRITE",
            default: "new",
            doc: "`new`: put an item only if its key is not there, one per request; `any`: put 25 per request, over what is there",
        },
    ],
    shared: aws::VARS,
    example: &[("TABLE", "clicks")],
    map: MapUse::Row,
    build,
};

/// Most bytes of an item: DynamoDB's 400 KiB. Its JSON text is no shorter than what is counted.
const ITEM: usize = 400 << 10;

/// Codes by which the service rejects a request for what is in it.
const REJECTED: &[&str] = &[
    "ItemCollectionSizeLimitExceededException",
    "SerializationException",
    "ValidationException",
];

struct DynamoDb {
    table: String,
    key: TableKey,
    /// Whether an item may take the place of another.
    any: bool,
    client: aws::Client<Client>,
}

fn build(scope: &Scope<'_>, context: Context) -> Option<Arc<dyn Target>> {
    let table = scope.required_checked("TABLE", "the name or ARN of a table", aws_names::table);
    let key = TableKey::read(scope);
    let any = scope.parse("WRITE", |text| match text {
        "new" => Ok(false),
        "any" => Ok(true),
        _ => Err("new or any".into()),
    });
    let region = table.as_deref().and_then(aws::region);
    let client = aws::Client::new(scope, context, region, Client::new);
    Some(Arc::new(DynamoDb {
        table: table?,
        key,
        any: any.unwrap_or(false),
        client,
    }))
}

#[async_trait]
impl Target for DynamoDb {
    fn limits(&self) -> Limits {
        let one = Limits {
            bytes: ITEM,
            record_bytes: ITEM,
            ..Limits::SINGLE
        };
        // The API's reference for BatchWriteItem: 25 items, 16 MiB, each key once.
        if self.any {
            Limits {
                records: 25,
                bytes: 16 << 20,
                ..one
            }
        } else {
            one
        }
    }

    fn delivery(&self) -> DeliveryMode {
        if self.any {
            DeliveryMode {
                batching: Batching::by_groups(!self.key.is_unique()),
                ..DeliveryMode::PER_RECORD
            }
        } else {
            DeliveryMode::WHOLE
        }
    }

    fn encode(&self, view: &View<'_>) -> Result<Entry, EncodeError> {
        let columns = view.columns();
        let key = self.key.text(&columns).map_err(|column| {
            EncodeError::Never(format!("it has no {column}, which is a key of the table"))
        })?;
        let body = match view.mapped() {
            Some(row) => self.key.with_keys(row, &columns).into(),
            None => columns,
        };
        let ordering_key = (self.any && !self.key.is_unique()).then(|| key.as_str().into());
        Ok(Entry {
            attributes: vec![("", key.into())],
            ordering_key,
            ..Entry::new(view, body)
        })
    }

    async fn send(&self, batch: &[Entry]) -> Result<Vec<Verdict>, SendError> {
        match batch {
            [entry] if !self.any => self.put(entry).await.map(|verdict| vec![verdict]),
            _ => self.put_all(batch).await,
        }
    }

    fn permissions(&self) -> Vec<Permission> {
        let actions: &[_] = if self.any {
            &["dynamodb:BatchWriteItem"]
        } else {
            &["dynamodb:PutItem"]
        };
        self.client
            .permission(actions, &self.table, "dynamodb", "table/")
    }

    async fn probe(&self) -> Result<Proof, SendError> {
        let client = self.client.get().await;
        let key = self.key.sample();
        if self.any {
            // To delete what is not there.
            let delete = DeleteRequest::builder()
                .set_key(Some(key))
                .build()
                .map_err(|e| SendError::Misconfigured(e.to_string()))?;
            let request = WriteRequest::builder().delete_request(delete).build();
            let write = client
                .batch_write_item()
                .request_items(&self.table, vec![request]);
            self.probed(write.send().await, &[])
        } else {
            // On a condition that nothing meets; the key is looked at before.
            let put = client
                .put_item()
                .table_name(&self.table)
                .set_item(Some(key))
                .condition_expression("attribute_exists(#key) AND attribute_not_exists(#key)")
                .expression_attribute_names("#key", self.key.partition());
            self.probed(put.send().await, &["ConditionalCheckFailedException"])
        }
    }

    fn needs(&self) -> Vec<Need> {
        self.key.needs()
    }

    fn describe(&self) -> Vec<(&'static str, String)> {
        let write = if self.any {
            "over what is there"
        } else {
            "only if the key is not there"
        };
        let mut rows = vec![
            ("table", self.table.clone()),
            ("key", self.key.to_string()),
            ("write", write.into()),
        ];
        rows.extend(self.client.describe());
        rows
    }
}

impl DynamoDb {
    /// Says what the answer to a probe means.
    fn probed<T, E>(
        &self,
        answer: Result<T, SdkError<E, HttpResponse>>,
        rejected: &[&str],
    ) -> Result<Proof, SendError>
    where
        E: Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let code = answer.as_ref().err().and_then(|error| error.code());
        let is_invalid = code == Some("ValidationException");
        match self.client.probed(answer, rejected) {
            Err(SendError::Misconfigured(cause)) if is_invalid => {
                let hint = "name the table's own key in _KEY and _SORT_KEY";
                Err(SendError::Misconfigured(format!("{cause}: {hint}")))
            }
            result => result,
        }
    }

    /// Puts one item where none is.
    async fn put(&self, entry: &Entry) -> Result<Verdict, SendError> {
        let put = self
            .client
            .get()
            .await
            .put_item()
            .table_name(&self.table)
            .set_item(Some(self.key.item(&entry.body)));
        let put = put
            .condition_expression("attribute_not_exists(#key)")
            .expression_attribute_names("#key", self.key.partition())
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let error = match put.send().await {
            Ok(_) => return Ok(Verdict::Sent),
            Err(error) => error,
        };
        let Some(PutItemError::ConditionalCheckFailedException(taken)) = error.as_service_error()
        else {
            return Err(self.client.send_error(&error, REJECTED));
        };
        // There already: this click from an earlier run, or another one under a key that is not its
        // own.
        let other = taken.item().and_then(|item| item.get(ID)?.as_s().ok());
        match other {
            _ if self.key.is_unique() => Ok(Verdict::Sent),
            Some(id) if *id == entry.id.to_string() => Ok(Verdict::Sent),
            _ => Ok(Verdict::Rejected(format!(
                "its key is that of another click, {}: let the table's key hold {ID}, or set _WRITE=any",
                other.map_or("unknown", String::as_str)
            ))),
        }
    }

    /// Puts items over what is there.
    async fn put_all(&self, batch: &[Entry]) -> Result<Vec<Verdict>, SendError> {
        let request = |entry: &Entry| {
            let put = PutRequest::builder()
                .set_item(Some(self.key.item(&entry.body)))
                .build()?;
            Ok(WriteRequest::builder().put_request(put).build())
        };
        let requests: Result<Vec<_>, aws_sdk_dynamodb::error::BuildError> =
            batch.iter().map(request).collect();
        let requests = requests.map_err(|e| SendError::Misconfigured(e.to_string()))?;
        let write = self
            .client
            .get()
            .await
            .batch_write_item()
            .request_items(&self.table, requests);
        let answer = write
            .send()
            .await
            .map_err(|e| self.client.send_error(&e, REJECTED))?;
        Unprocessed::of(&answer).verdicts(batch)
    }
}
