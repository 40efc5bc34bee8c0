//! Amazon SQS: sends messages, hides messages, and reads queues' names.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};

use super::aws::{Aws, ErrorKind, LazyClient, describe_sdk_error};

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
    format!("{action} on {url}: {cause}")
}

/// What the URL of a queue, `https://sqs.REGION.amazonaws.com/ACCOUNT/NAME`, says of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueUrl<'u> {
    /// The queue's region, if the host is AWS's.
    pub region: Option<&'u str>,
    /// The twelve digits of the queue's account.
    pub account: Option<&'u str>,
    /// The queue's name.
    pub name: &'u str,
}

impl<'u> QueueUrl<'u> {
    /// Reads the URL of a queue as far as it has AWS's form.
    pub fn parse(url: &'u str) -> QueueUrl<'u> {
        let host = url
            .split_once("://")
            .and_then(|(_, rest)| rest.split('/').next())
            .and_then(|host| host.strip_prefix("sqs."));
        let region = host
            .and_then(|host| host.split_once('.'))
            .filter(|(_, rest)| rest.starts_with("amazonaws.com"));
        let mut parts = url.rsplit('/');
        let (name, account) = (parts.next().unwrap_or_default(), parts.next());
        QueueUrl {
            region: region.map(|(region, _)| region),
            account: account.filter(|part| part.len() == 12),
            name,
        }
    }
}

/// Returns the URL of the queue with this ARN; `None` if it is no queue's.
pub fn url_of_arn(arn: &str) -> Option<String> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_found_by_its_arn() {
        let url = url_of_arn("arn:aws:sqs:eu-west-1:123456789012:clicks");
        assert_eq!(
            url.as_deref(),
            Some("https://sqs.eu-west-1.amazonaws.com/123456789012/clicks")
        );
        let url = url_of_arn("arn:aws-cn:sqs:cn-north-1:123456789012:clicks");
        assert_eq!(
            url.as_deref(),
            Some("https://sqs.cn-north-1.amazonaws.com.cn/123456789012/clicks")
        );
        assert_eq!(url_of_arn("clicks"), None);
    }

    #[test]
    fn a_url_says_what_it_has_of_awss_form() {
        let url = QueueUrl::parse("https://sqs.eu-west-1.amazonaws.com/123456789012/clicks");
        let expected = QueueUrl {
            region: Some("eu-west-1"),
            account: Some("123456789012"),
            name: "clicks",
        };
        assert_eq!(url, expected);
        let local = QueueUrl::parse("http://127.0.0.1:9324/queue/clicks");
        assert_eq!(
            (local.region, local.account, local.name),
            (None, None, "clicks")
        );
    }
}
