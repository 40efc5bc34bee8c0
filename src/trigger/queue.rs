//! The queues that bring work back: a fresh message for the rest of an object, a delay for one that failed.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use tokio::sync::OnceCell;

use super::Message;
use super::again::Continuation;
use crate::platform::aws::Aws;
use crate::platform::log::causes;

/// How long one attempt of a call may take: the end of the invocation is near.
const ATTEMPT: Duration = Duration::from_secs(2);

/// Amazon SQS.
#[derive(Clone, Debug)]
pub struct Queues {
    /// Nothing where there is no AWS.
    aws: Option<Aws>,
    client: Arc<OnceCell<Client>>,
    /// Where continuations go; else to the queue that their message came from.
    next: Option<String>,
}

impl Queues {
    /// With `CONTINUE_QUEUE_URL`; without `aws` no queue is ever called. Opens no connection.
    pub fn new(aws: Option<Aws>, next: Option<String>) -> Queues {
        Queues {
            aws,
            client: Arc::default(),
            next,
        }
    }

    async fn client(&self) -> Result<&Client, String> {
        let aws = self
            .aws
            .as_ref()
            .ok_or("STORE is a directory, so no queue is called")?;
        let build = || async {
            let timeouts = TimeoutConfig::builder()
                .operation_attempt_timeout(ATTEMPT)
                .build();
            let config =
                aws_sdk_sqs::config::Builder::from(aws.config().await).timeout_config(timeouts);
            Client::from_conf(config.build())
        };
        Ok(self.client.get_or_init(build).await)
    }

    /// Whether there is a queue to hand the rest of `message` over to.
    pub(super) fn can_continue(&self, message: &Message) -> bool {
        self.aws.is_some() && (self.next.is_some() || message.queue.is_some())
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
        let sent = sent.map_err(|e| told("sqs:SendMessage", &url, &e))?;
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
                Err(told("sqs:SendMessage", url, &error))
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
            .map_err(|e| told("sqs:ChangeMessageVisibility", &url, &e))
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

fn told<E>(action: &str, url: &str, error: &SdkError<E>) -> String
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let code = error.code().unwrap_or_default();
    let said = error
        .message()
        .map_or_else(|| causes(error), |message| format!("{code}: {message}"));
    let hint = match code {
        "AccessDenied" | "AccessDeniedException" => {
            format!("; grant the function {action} on that queue")
        }
        code if code.contains("NonExistentQueue") || code.contains("QueueDoesNotExist") => {
            "; there is no such queue".into()
        }
        _ => String::new(),
    };
    format!("{action} on {url}: {said}{hint}")
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
