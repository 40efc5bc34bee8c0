//! The queues that bring work back: a fresh message for the rest of an object, a delay for one that failed.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};

use super::Message;
use super::again::Continuation;
use crate::platform::aws::{Aws, ErrorKind, LazyClient, describe_sdk_error};

/// How long one attempt of a call may take: the end of the invocation is near.
const ATTEMPT: Duration = Duration::from_secs(2);

/// Amazon SQS.
#[derive(Clone, Debug)]
pub struct Queues {
    /// `None` where there is no AWS.
    client: Option<LazyClient<Client>>,
    /// Where continuations go; else to the queue that their message came from.
    next: Option<String>,
}

impl Queues {
    /// With `CONTINUE_QUEUE_URL`; without `aws` no queue is ever called. Opens no connection.
    pub fn new(aws: Option<Aws>, next: Option<String>) -> Queues {
        Queues {
            client: aws.map(|aws| LazyClient::new(aws, client)),
            next,
        }
    }

    async fn client(&self) -> Result<&Client, String> {
        match &self.client {
            Some(client) => Ok(client.get().await),
            None => Err("STORE is a directory, so no queue is called".into()),
        }
    }

    /// Whether there is a queue to hand the rest of `message` over to.
    pub(super) fn can_continue(&self, message: &Message) -> bool {
        self.client.is_some() && (self.next.is_some() || message.queue.is_some())
    }

    /// Sends the rest of an object as a fresh message. The error says what to do.
    pub(super) async fn send(
        &self,
        message: &Message,
        rest: &Continuation,
        delay: Duration,
    ) -> Result<String, String> {
        let url = self
            .next
            .clone()
            .or_else(|| message.queue.as_deref().and_then(url_of));
        let url = url.ok_or("no queue to continue in: set CONTINUE_QUEUE_URL to an SQS queue that wakes this function")?;
        let body = serde_json::to_string(rest).map_err(|e| e.to_string())?;
        let seconds = delay.as_secs().min(super::again::LONGEST_DELAY.as_secs()) as i32;
        let sent = self
            .client()
            .await?
            .send_message()
            .queue_url(&url)
            .message_body(body)
            .delay_seconds(seconds)
            .send()
            .await;
        let sent = sent.map_err(|e| describe("sqs:SendMessage", &url, &e))?;
        Ok(sent.message_id().unwrap_or_default().to_owned())
    }

    /// Whether messages may be sent to `CONTINUE_QUEUE_URL`, without sending one.
    pub async fn probe(&self) -> Result<(), String> {
        let Some(url) = &self.next else { return Ok(()) };
        let sent = self
            .client()
            .await?
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

    /// Keeps a message away for so long. The error says what to do.
    pub(super) async fn delay(&self, message: &Message, delay: Duration) -> Result<(), String> {
        let (Some(url), Some(receipt)) = (
            message.queue.as_deref().and_then(url_of),
            message.receipt.as_deref(),
        ) else {
            return Err("the event does not name its queue or its receipt".into());
        };
        let change = self
            .client()
            .await?
            .change_message_visibility()
            .queue_url(&url)
            .receipt_handle(receipt);
        let changed = change
            .visibility_timeout(delay.as_secs() as i32)
            .send()
            .await;
        changed
            .map(drop)
            .map_err(|e| describe("sqs:ChangeMessageVisibility", &url, &e))
    }
}

/// The URL of the queue with this ARN.
fn url_of(arn: &str) -> Option<String> {
    let mut parts = arn.split(':');
    let (Some("arn"), Some(partition), Some("sqs")) = (parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let (region, account, name) = (parts.next()?, parts.next()?, parts.next()?);
    let suffix = if partition == "aws-cn" {
        "amazonaws.com.cn"
    } else {
        "amazonaws.com"
    };
    Some(format!("https://sqs.{region}.{suffix}/{account}/{name}"))
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
    format!("{action} on {url}: {cause}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_found_by_its_arn() {
        let url = url_of("arn:aws:sqs:eu-west-1:123456789012:clicks");
        assert_eq!(
            url.as_deref(),
            Some("https://sqs.eu-west-1.amazonaws.com/123456789012/clicks")
        );
        let url = url_of("arn:aws-cn:sqs:cn-north-1:123456789012:clicks");
        assert_eq!(
            url.as_deref(),
            Some("https://sqs.cn-north-1.amazonaws.com.cn/123456789012/clicks")
        );
        assert_eq!(url_of("clicks"), None);
    }
}
