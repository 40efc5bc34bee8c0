//! The names of SQS queues: their URLs and ARNs.

/// The parts of a queue's URL, `https://sqs.REGION.amazonaws.com/ACCOUNT/NAME`.
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
