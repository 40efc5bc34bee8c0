//! Amazon SQS: sends messages, hides messages, and reads queues' names.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};

use super::aws::{Aws, ErrorKind, LazyClient, describe_sdk_error};
use super::words::ShownUrl;

/// How long one attempt of a call may take: the end of an invocation is near.
const ATTEMPT: Duration = Duration::from_secs(2);
/// The longest delay of a new message that SQS takes.
pub const LONGEST_DELAY: Duration = Duration::from_secs(900);

/// Amazon SQS, connected to at the first call.
#[derive(Clone, Debug)]
pub struct Sqs(LazyClient<Client>);

impl Sqs {
    /// Prepares calls with the settings of `aws`. Opens no connection.
    pub fn new(aws: Aws) -> Sqs {
        Sqs(LazyClient::new(aws, client))
    }

    /// Sends a message that SQS hands out after `delay`, 15 minutes at most, and returns its id.
    /// The error says what to do.
    pub async fn send(&self, url: &str, body: String, delay: Duration) -> Result<String, String> {
        let message = self
            .0
            .get()
            .await
            .send_message()
            .queue_url(url)
            .message_body(body)
            .delay_seconds(delay.min(LONGEST_DELAY).as_secs() as i32);
        let sent = message
            .send()
            .await
            .map_err(|e| describe("sqs:SendMessage", url, &e))?;
        Ok(sent.message_id().unwrap_or_default().to_owned())
    }

    /// Hides the message with this receipt handle for `delay`. The error says what to do.
    pub async fn hide(&self, url: &str, receipt: &str, delay: Duration) -> Result<(), String> {
        let change = self
            .0
            .get()
            .await
            .change_message_visibility()
            .queue_url(url)
            .receipt_handle(receipt)
            .visibility_timeout(delay.as_secs() as i32);
        change
            .send()
            .await
            .map(drop)
            .map_err(|e| describe("sqs:ChangeMessageVisibility", url, &e))
    }

    /// Asks whether messages may be sent to a queue, without sending one.
    pub async fn may_send(&self, url: &str) -> Result<(), String> {
        let sent = self
            .0
            .get()
            .await
            .send_message_batch()
            .queue_url(url)
            .set_entries(Some(Vec::new()))
            .send()
            .await;
        match sent {
            // It is refused for being empty, so it was allowed.
            Err(error) if !error.code().is_some_and(|code| code.contains("EmptyBatch")) => {
                Err(describe("sqs:SendMessage", url, &error))
            }
            _ => Ok(()),
        }
    }
}

fn client(config: &SdkConfig) -> Client {
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(ATTEMPT)
        .build();
    let config = aws_sdk_sqs::config::Builder::from(config);
    Client::from_conf(config.timeout_config(timeouts).build())
}

/// Says that `action` on the queue at `url` failed, and what to do.
fn describe<E>(action: &str, url: &str, error: &SdkError<E>) -> String
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let cause = describe_sdk_error(error, |kind| match kind {
        ErrorKind::Denied => Some(format!("grant the function {action} on that queue")),
        ErrorKind::NotFound => Some("there is no such queue".into()),
        _ => None,
    });
    format!("{action} on {}: {cause}", ShownUrl(url))
}
