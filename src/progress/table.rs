//! Progress in a DynamoDB table, one item an object, each write on the condition that the claim
//! stands.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};

use super::item::Item;
use super::{ProgressError, State};
use crate::platform::aws::{Aws, ErrorKind, LazyClient, describe_sdk_error};

/// Seconds that an item is kept after its last write: longer than S3 or SQS can bring the object
/// again.
const KEEP: u64 = 35 * 86_400;
/// How long one attempt and all of them may take: a lease must not run out over a write.
const ATTEMPT: Duration = Duration::from_secs(1);
const ATTEMPTS: Duration = Duration::from_secs(5);

/// A DynamoDB table with the key attribute `object`.
#[derive(Clone, Debug)]
pub struct Table {
    name: Arc<str>,
    client: LazyClient<Client>,
}

type Attributes = HashMap<String, AttributeValue>;

impl Table {
    /// By its name or ARN. Opens no connection.
    pub fn new(name: &str, aws: Aws) -> Table {
        Table {
            name: name.into(),
            client: LazyClient::new(aws, client),
        }
    }

    pub(super) async fn get(&self, key: &str) -> Result<Option<Item>, ProgressError> {
        let get = self
            .client
            .get()
            .await
            .get_item()
            .table_name(&*self.name)
            .key("object", AttributeValue::S(key.to_owned()));
        let answer = get
            .consistent_read(true)
            .send()
            .await
            .map_err(|e| self.unavailable("dynamodb:GetItem", &e))?;
        answer.item().map(|item| read(item, &self.name)).transpose()
    }

    pub(super) async fn put(
        &self,
        key: &str,
        item: &Item,
        before: Option<&Item>,
        now: u64,
    ) -> Result<Option<Item>, ProgressError> {
        let put = self
            .client
            .get()
            .await
            .put_item()
            .table_name(&*self.name)
            .set_item(Some(attributes(key, item, now)?));
        let put = match before {
            None => put
                .condition_expression("attribute_not_exists(#object)")
                .expression_attribute_names("#object", "object"),
            Some(before) => put
                .condition_expression("#epoch = :epoch AND #writes = :writes")
                .expression_attribute_names("#epoch", "epoch")
                .expression_attribute_names("#writes", "writes")
                .expression_attribute_values(":epoch", AttributeValue::N(before.epoch.to_string()))
                .expression_attribute_values(
                    ":writes",
                    AttributeValue::N(before.writes.to_string()),
                ),
        };
        let old = ReturnValuesOnConditionCheckFailure::AllOld;
        match put
            .return_values_on_condition_check_failure(old)
            .send()
            .await
        {
            Ok(_) => Ok(None),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                    // Without an item it was deleted meanwhile, by its time to live or by hand.
                    failed
                        .item()
                        .ok_or(ProgressError::Deleted)
                        .and_then(|there| read(there, &self.name))
                        .map(Some)
                }
                _ => Err(self.unavailable("dynamodb:PutItem", &error)),
            },
        }
    }

    /// Reads an item that is not there, and writes it on a condition that does not hold.
    pub(super) async fn probe(&self) -> Result<(), ProgressError> {
        const KEY: &str = "clickstream-check";
        self.get(KEY).await?;
        let put = self
            .client
            .get()
            .await
            .put_item()
            .table_name(&*self.name)
            .item("object", AttributeValue::S(KEY.into()));
        let put = put
            .condition_expression("attribute_exists(#object)")
            .expression_attribute_names("#object", "object");
        match put.send().await {
            Err(error)
                if !matches!(
                    error.as_service_error(),
                    Some(PutItemError::ConditionalCheckFailedException(_))
                ) =>
            {
                Err(self.unavailable("dynamodb:PutItem", &error))
            }
            _ => Ok(()),
        }
    }

    /// Says that `action` failed, and what to do.
    fn unavailable<E>(&self, action: &str, error: &SdkError<E>) -> ProgressError
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let cause = describe_sdk_error(error, |kind| {
            Some(match kind {
                ErrorKind::NotFound => {
                    "create it with the key attribute object (S), or name another in PROGRESS_TABLE"
                        .into()
                }
                ErrorKind::Denied => format!("grant the function {action} on it"),
                _ if error.code() == Some("ValidationException") => {
                    "its key must be one attribute, object (S)".into()
                }
                _ => "the object comes back and is tried again".to_owned(),
            })
        });
        ProgressError::Unavailable(format!("table {}: {cause}", self.name))
    }
}

fn client(config: &SdkConfig) -> Client {
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(ATTEMPTS)
        .build();
    let config = aws_sdk_dynamodb::config::Builder::from(config);
    Client::from_conf(config.timeout_config(timeouts).build())
}

fn attributes(key: &str, item: &Item, now: u64) -> Result<Attributes, ProgressError> {
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let number = |value: u64| AttributeValue::N(value.to_string());
    let state = match item.state {
        State::Running => "running",
        State::Open => "open",
        State::Done => "done",
    };
    let progress = serde_json::to_string(&item.document)
        .map_err(|e| ProgressError::Unavailable(e.to_string()))?;
    let mut attributes = HashMap::from([
        ("object".to_owned(), text(key)),
        ("format".to_owned(), number(item.format)),
        ("state".to_owned(), text(state)),
        ("owner".to_owned(), text(&item.owner)),
        ("epoch".to_owned(), number(item.epoch)),
        ("writes".to_owned(), number(item.writes)),
        ("lease".to_owned(), number(item.lease)),
        ("expires".to_owned(), number(now / 1000 + KEEP)),
        ("generation".to_owned(), number(item.generation)),
        ("progress".to_owned(), text(&progress)),
    ]);
    for (name, texts) in [("replays", &item.replays), ("again", &item.again)] {
        if !texts.is_empty() {
            let texts = texts.iter().map(|it| text(it)).collect();
            attributes.insert(name.to_owned(), AttributeValue::L(texts));
        }
    }
    Ok(attributes)
}

fn read(attributes: &Attributes, table: &str) -> Result<Item, ProgressError> {
    let strange = |name: &str| {
        ProgressError::Unavailable(format!(
            "an item of table {table} has an attribute {name} that this program does not write so; delete the item"
        ))
    };
    let text = |name: &str| {
        attributes
            .get(name)
            .and_then(|value| value.as_s().ok())
            .ok_or_else(|| strange(name))
    };
    let number = |name: &str| {
        let digits = attributes.get(name).and_then(|value| value.as_n().ok());
        digits
            .and_then(|digits| digits.parse().ok())
            .ok_or_else(|| strange(name))
    };
    let format = number("format")?;
    if format > super::item::FORMAT {
        // What else a later version writes, this one cannot know.
        return Err(ProgressError::Newer {
            found: format,
            place: format!("table {table}"),
        });
    }
    let state = match text("state")?.as_str() {
        "running" => State::Running,
        "open" => State::Open,
        "done" => State::Done,
        _ => return Err(strange("state")),
    };
    let texts = |name: &str| -> Vec<String> {
        let list = attributes.get(name).and_then(|value| value.as_l().ok());
        let texts = list.into_iter().flatten().filter_map(|it| it.as_s().ok());
        texts.cloned().collect()
    };
    Ok(Item {
        format,
        state,
        owner: text("owner")?.clone(),
        epoch: number("epoch")?,
        writes: number("writes")?,
        lease: number("lease")?,
        generation: number("generation")?,
        replays: texts("replays"),
        again: texts("again"),
        document: serde_json::from_str(text("progress")?).map_err(|_| strange("progress"))?,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::progress::{Document, Gap, TargetProgress};
    use serde_json::Value;

    #[test]
    fn an_item_reads_back_as_it_was_written() {
        let hook = TargetProgress {
            high_watermark: 900,
            gaps: vec![Gap { from: 3, to: 40 }],
            accepted: true,
            ..TargetProgress::default()
        };
        let item = Item {
            format: 1,
            state: State::Running,
            owner: "me".into(),
            epoch: 7,
            writes: 9,
            lease: 1_795_305_600_000,
            generation: 2,
            replays: vec!["message".into()],
            again: vec!["hook".into()],
            document: Document {
                targets: [("hook".to_owned(), hook)].into(),
                bad: 5,
                rules: 7,
            },
        };
        let written = attributes("s3://b/k#1", &item, 1_000).unwrap();
        assert_eq!(
            written["expires"],
            AttributeValue::N((1 + 35 * 86_400).to_string())
        );
        assert_eq!(read(&written, "t"), Ok(item));
        let mut newer = written.clone();
        newer.insert("format".into(), AttributeValue::N("2".into()));
        newer.remove("progress");
        assert_eq!(
            read(&newer, "t"),
            Err(ProgressError::Newer {
                found: 2,
                place: "table t".into()
            })
        );
        let mut strange = written;
        strange.insert("epoch".into(), AttributeValue::S("x".into()));
        assert!(
            matches!(read(&strange, "t"), Err(ProgressError::Unavailable(why)) if why.contains("epoch"))
        );
    }

    #[test]
    fn released_items_are_read_and_written_as_they_were() {
        for released in [
            include_str!("../../tests/data/formats/progress-item.json"),
            include_str!("../../tests/data/formats/progress-item-counted.json"),
        ] {
            check_released(released);
        }
    }

    fn check_released(text: &str) {
        type Plain = BTreeMap<String, BTreeMap<String, Value>>;
        let attribute = |kind: &str, value: &Value| match (kind, value) {
            ("S", Value::String(text)) => AttributeValue::S(text.clone()),
            ("N", Value::String(digits)) => AttributeValue::N(digits.clone()),
            ("L", Value::Array(tokens)) => {
                let token = |token: &Value| token["S"].as_str().unwrap().to_owned();
                AttributeValue::L(tokens.iter().map(token).map(AttributeValue::S).collect())
            }
            other => panic!("{other:?}"),
        };
        let released: Plain = serde_json::from_str(text).unwrap();
        let released: Attributes = released
            .into_iter()
            .map(|(name, value)| {
                let (kind, value) = value.first_key_value().unwrap();
                (name, attribute(kind, value))
            })
            .collect();
        let item = read(&released, "t").unwrap();
        let (key, now) = (released["object"].as_s().unwrap(), 1_795_305_590_000);
        assert_eq!(attributes(key, &item, now).unwrap(), released);
    }
}
