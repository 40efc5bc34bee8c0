//! Amazon SQS: sends messages, hides messages, and reads queues' names.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::operation::send_message_batch::SendMessageBatchOutput;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;

use super::aws::{Aws, ErrorKind, LazyClient, describe_sdk_error};
use super::words::ShownUrl;

/// How long one attempt of a call may take: the end of an invocation is near.
const ATTEMPT: Duration = Duration::from_secs(2);
/// The longest delay of a new message that SQS takes.
pub const LONGEST_DELAY: Duration = Duration::from_secs(900);
/// The longest time for which SQS hides a message, counted from when it was received.
pub const LONGEST_HIDING: Duration = Duration::from_secs(12 * 3600);
/// The most messages in one call.
pub const MOST_MESSAGES: usize = 10;

/// A message to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMessage {
    /// Its body.
    pub body: String,
    /// How long SQS keeps it before it is handed out, 15 minutes at most.
    pub delay: Duration,
}

/// Amazon SQS, connected to at the first call.
#[derive(Clone, Debug)]
pub struct Sqs(LazyClient<Client>);

impl Sqs {
    /// Prepares calls with the settings of `aws`. Opens no connection.
    pub fn new(aws: Aws) -> Sqs {
        Sqs(LazyClient::new(aws, client))
    }

    /// Sends up to [`MOST_MESSAGES`] messages and returns the id of each, in order. An error says
    /// what to do.
    pub async fn send(&self, url: &str, messages: Vec<NewMessage>) -> Vec<Result<String, String>> {
        let count = messages.len();
        let entry = |(number, message): (usize, NewMessage)| {
            let delay = message.delay.min(LONGEST_DELAY);
            SendMessageBatchRequestEntry::builder()
                .id(number.to_string())
                .message_body(message.body)
                .delay_seconds(delay.as_secs() as i32)
                .build()
        };
        let entries: Result<Vec<_>, _> = messages.into_iter().enumerate().map(entry).collect();
        let entries = match entries {
            Ok(entries) => entries,
            Err(error) => return vec![Err(error.to_string()); count],
        };
        let call = self.0.get().await.send_message_batch().queue_url(url);
        match call.set_entries(Some(entries)).send().await {
            Ok(output) => (0..count)
                .map(|number| sent(&output, number, url))
                .collect(),
            Err(error) => vec![Err(describe("sqs:SendMessage", url, &error)); count],
        }
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

/// Returns the id of the message `number` of a call, or why it was not taken.
fn sent(output: &SendMessageBatchOutput, number: usize, url: &str) -> Result<String, String> {
    let number = number.to_string();
    if let Some(taken) = output.successful().iter().find(|it| it.id() == number) {
        return Ok(taken.message_id().to_owned());
    }
    let failed = output.failed().iter().find(|it| it.id() == number);
    let cause = failed.map_or("no answer for it", |it| it.message().unwrap_or(it.code()));
    Err(format!("sqs:SendMessage on {}: {cause}", ShownUrl(url)))
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
