//! The names that AWS takes, by its documents: a wrong one is found before anything is sent. Each
//! error says what is expected in its place.

use crate::platform::queue::{QueueUrl, url_of_arn};

/// The shape of a name.
struct Shape {
    /// The thing that has such a name.
    of: &'static str,
    /// Fewest and most letters.
    length: (usize, usize),
    /// Allowed beside small letters and digits.
    others: &'static str,
    /// Whether capitals are allowed.
    capitals: bool,
}

const BUCKET: Shape = Shape {
    of: "a bucket's name",
    length: (3, 63),
    others: ".-",
    capitals: false,
};
const TABLE: Shape = Shape {
    of: "a table's name",
    length: (3, 255),
    others: "_.-",
    capitals: true,
};
const QUEUE: Shape = Shape {
    of: "a queue's name",
    length: (1, 80),
    others: "_-",
    capitals: true,
};
const KINESIS: Shape = Shape {
    of: "a stream's name",
    length: (1, 128),
    others: "_.-",
    capitals: true,
};
const FIREHOSE: Shape = Shape {
    length: (1, 64),
    ..KINESIS
};
const TOPIC: Shape = Shape {
    of: "a topic's name",
    length: (1, 256),
    others: "_-",
    capitals: true,
};
const BUS: Shape = Shape {
    of: "a bus's name",
    length: (1, 256),
    others: "/_.-",
    capitals: true,
};
const FUNCTION: Shape = Shape {
    of: "a function's name",
    length: (1, 64),
    others: "_-",
    capitals: true,
};

impl Shape {
    /// Checks `name`. The error says what is expected in place of what is wrong with it.
    fn check(&self, name: &str) -> Result<(), String> {
        let (least, most) = self.length;
        let is_other = |c: char| {
            let is_plain = c.is_ascii_lowercase() || c.is_ascii_digit();
            !(is_plain || self.capitals && c.is_ascii_uppercase() || self.others.contains(c))
        };
        let wrong = match name.chars().find(|c| is_other(*c)) {
            Some(c) if c.is_ascii_uppercase() => "no capitals".to_owned(),
            Some(c) if c.is_whitespace() => "no blanks".to_owned(),
            Some('*' | '?') => "no pattern".to_owned(),
            Some(c) => format!("no {c:?}"),
            None if name.len() < least => format!("at least {least} letters"),
            None if name.len() > most => format!("at most {most} letters"),
            None => return Ok(()),
        };
        Err(format!("{wrong}: {}", self.rule()))
    }

    fn rule(&self) -> String {
        let (least, most) = self.length;
        let letters = if self.capitals {
            "letters"
        } else {
            "small letters"
        };
        let mut others: Vec<String> = self.others.chars().map(String::from).collect();
        let last = others.pop().unwrap_or_default();
        let all = [vec![letters.to_owned(), "digits".into()], others].concat();
        format!(
            "{} is {least} to {most} {} and {last}",
            self.of,
            all.join(", ")
        )
    }
}

/// Checks the name of a bucket.
pub fn bucket(name: &str) -> Result<(), String> {
    if let Some(rest) = name.strip_prefix("arn:") {
        let bare = rest.rsplit(":::").next().unwrap_or_default();
        let bare = bare.split('/').next().unwrap_or_default();
        return Err(match bucket(bare) {
            Ok(()) => format!("the bucket's name alone and not its ARN: {bare}"),
            Err(_) => "a bucket's name alone and no ARN".into(),
        });
    }
    if name.contains("//") || name.contains(':') {
        return Err("the bucket's name alone and no address".into());
    }
    BUCKET.check(name)?;
    let is_end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let rule = BUCKET.rule();
    if !is_end(name.chars().next()) || !is_end(name.chars().last()) {
        Err(format!("a letter or digit first and last: {rule}"))
    } else if name.contains("..") {
        Err(format!("no two dots side by side: {rule}"))
    } else if name.parse::<std::net::Ipv4Addr>().is_ok() {
        Err("a bucket's name, which must not look like an IP address".into())
    } else if let Some(start) = ["xn--", "sthree-", "amzn-s3-demo-"]
        .iter()
        .find(|start| name.starts_with(**start))
    {
        Err(format!(
            "a bucket of yours: no name that begins with {start} can be had"
        ))
    } else {
        Ok(())
    }
}

/// Checks how keys of objects begin.
pub fn key_prefix(prefix: &str) -> Result<(), String> {
    /// Bytes of a key, less those that the program adds.
    const LONGEST: usize = 1024 - 124;
    if prefix.contains("://") {
        Err("how keys begin, such as clicks/, without the bucket".into())
    } else if let Some(at) = prefix.find(['*', '?']) {
        let start = prefix.get(..at).unwrap_or_default();
        Err(format!(
            "no pattern, but how the keys begin: {start:?} stands for all that begin so"
        ))
    } else if prefix.split('/').any(|part| matches!(part, "." | "..")) {
        Err("no part that is . or ..: they do not lead anywhere in a bucket".into())
    } else if prefix.len() > LONGEST {
        Err(format!("at most {LONGEST} bytes: a key has at most 1024"))
    } else if prefix.chars().any(char::is_control) {
        Err("no control characters".into())
    } else {
        Ok(())
    }
}

/// Checks the name or ARN of a DynamoDB table.
pub fn table(text: &str) -> Result<(), String> {
    name_or_arn(text, &TABLE, "dynamodb", "table/")
}

/// Checks the name or ARN of a Kinesis stream.
pub fn kinesis_stream(text: &str) -> Result<(), String> {
    name_or_arn(text, &KINESIS, "kinesis", "stream/")
}

/// Checks the name of a Firehose stream.
pub fn firehose_stream(text: &str) -> Result<(), String> {
    if text.starts_with("arn:") {
        let name = text.rsplit('/').next().unwrap_or_default();
        return Err(format!("the stream's name alone and not its ARN: {name}"));
    }
    FIREHOSE.check(text)
}

/// Checks the name or ARN of an EventBridge bus.
pub fn bus(text: &str) -> Result<(), String> {
    name_or_arn(text, &BUS, "events", "event-bus/")
}

/// Checks the ARN of an SNS topic.
pub fn topic_arn(text: &str) -> Result<(), String> {
    let example = "an ARN such as arn:aws:sns:eu-west-1:123456789012:clicks";
    let name = resource(text, "sns", "").ok_or(example)?;
    TOPIC.check(name.strip_suffix(".fifo").unwrap_or(name))
}

/// Checks the name or ARN of a Lambda function, perhaps with a version or an alias.
pub fn function(text: &str) -> Result<(), String> {
    let name = match text.split_once("function:") {
        None if text.starts_with("arn:") => return Err(arn_of("lambda", "function:")),
        None => text,
        Some((start, rest)) => {
            let account = start.strip_suffix(':').unwrap_or_default();
            let is_whole = resource(text, "lambda", "function:").is_some();
            if !is_whole && !is_account(account) {
                return Err(arn_of("lambda", "function:"));
            }
            rest
        }
    };
    let (name, version) = name.split_once(':').unwrap_or((name, "$LATEST"));
    FUNCTION.check(name)?;
    let fits = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-');
    match version {
        "$LATEST" => Ok(()),
        "" => Err("a version or an alias after the last colon".into()),
        version if version.bytes().all(fits) => Ok(()),
        _ => Err("a version or an alias of letters, digits, _ - after the name".into()),
    }
}

/// Checks the URL of an SQS queue. No error shows a part of it: it may hold a password.
pub fn queue_url(text: &str) -> Result<(), String> {
    let example = "a queue's URL such as https://sqs.eu-west-1.amazonaws.com/123456789012/clicks";
    if text.starts_with("arn:") {
        return Err(match url_of_arn(text) {
            Some(url) => format!("the queue's URL and not its ARN: {url}"),
            None => example.into(),
        });
    }
    let url = reqwest::Url::parse(text).map_err(|_| example)?;
    let is_http = matches!(url.scheme(), "http" | "https");
    if !is_http || url.path().trim_matches('/').is_empty() {
        return Err(example.into());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("no user and password in it: {example}"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("nothing after the queue's name: {example}"));
    }
    let queue = QueueUrl::parse(text);
    let is_awss = url
        .host_str()
        .is_some_and(|host| host.contains("amazonaws.com"));
    if is_awss && queue.account.is_none_or(|account| !is_account(account)) {
        return Err(format!(
            "the account's twelve digits before the queue's name: {example}"
        ));
    }
    QUEUE.check(queue.name.strip_suffix(".fifo").unwrap_or(queue.name))
}

/// Checks the name of a region.
pub fn region(text: &str) -> Result<(), String> {
    let (start, number) = text.rsplit_once('-').unwrap_or_default();
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|c| c.is_ascii_lowercase());
    let is_number = !number.is_empty() && number.bytes().all(|c| c.is_ascii_digit());
    if is_number && start.contains('-') && start.split('-').all(is_word) {
        Ok(())
    } else {
        Err("a region such as eu-west-1".into())
    }
}

/// Checks the ARN of a role.
pub fn role_arn(text: &str) -> Result<(), String> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    match parts.as_slice() {
        ["arn", _, "iam", "", account, role] if is_account(account) && is_role(role) => Ok(()),
        _ => Err("the ARN of a role, such as arn:aws:iam::123456789012:role/clicks".into()),
    }
}

fn is_role(resource: &str) -> bool {
    let name = resource.strip_prefix("role/");
    name.is_some_and(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_graphic()))
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|c| c.is_ascii_digit())
}

/// Returns the part of an ARN after `start`, if it is one of `service`, in a region and an account.
fn resource<'t>(text: &'t str, service: &str, start: &str) -> Option<&'t str> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let &["arn", _, found, place, account, resource] = parts.as_slice() else {
        return None;
    };
    let is_here = found == service && region(place).is_ok() && is_account(account);
    resource.strip_prefix(start).filter(|_| is_here)
}

fn arn_of(service: &str, start: &str) -> String {
    format!("a name, or an ARN such as arn:aws:{service}:eu-west-1:123456789012:{start}clicks")
}

fn name_or_arn(text: &str, shape: &Shape, service: &str, start: &str) -> Result<(), String> {
    if !text.starts_with("arn:") {
        return shape.check(text);
    }
    let name = resource(text, service, start).ok_or_else(|| arn_of(service, start))?;
    shape.check(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Check = fn(&str) -> Result<(), String>;

    /// Names, and what checks them.
    const TAKEN: &[(Check, &[&str])] = &[
        (
            bucket,
            &["my-clicks", "a.b", "123", "lake--x-s3", "ap-s3alias"],
        ),
        (key_prefix, &["", "clicks/", "/2026/11/", "a b/é", "a..b/"]),
        (
            table,
            &[
                "abc",
                "Clicks_1.2-3",
                "arn:aws:dynamodb:eu-west-1:123456789012:table/clicks",
            ],
        ),
        (
            kinesis_stream,
            &["c", "arn:aws:kinesis:eu-west-1:123456789012:stream/clicks"],
        ),
        (firehose_stream, &["PUT-S3-x.y_z"]),
        (
            bus,
            &[
                "default",
                "a/b.c",
                "arn:aws-cn:events:cn-north-1:123456789012:event-bus/a",
            ],
        ),
        (
            topic_arn,
            &["arn:aws:sns:us-gov-west-1:123456789012:clicks.fifo"],
        ),
        (
            function,
            &[
                "f",
                "f:live",
                "f:7",
                "f:$LATEST",
                "123456789012:function:f",
                "arn:aws:lambda:eu-west-1:123456789012:function:f:live",
            ],
        ),
        (
            queue_url,
            &[
                "https://sqs.eu-west-1.amazonaws.com/123456789012/clicks.fifo",
                "https://eu-west-1.queue.amazonaws.com/123456789012/clicks",
                "http://127.0.0.1:9324/queue/clicks",
                "http://localhost:4566/000000000000/clicks",
            ],
        ),
        (
            region,
            &[
                "eu-west-1",
                "us-gov-east-1",
                "ap-southeast-4",
                "eusc-de-east-1",
            ],
        ),
        (role_arn, &["arn:aws:iam::123456789012:role/a/b"]),
    ];

    #[test]
    fn names_that_aws_takes_are_taken() {
        assert_eq!(bucket(&"a".repeat(63)), Ok(()));
        for (check, names) in TAKEN {
            for name in *names {
                assert_eq!(check(name), Ok(()), "{name}");
            }
        }
    }

    #[test]
    fn names_that_aws_refuses_are_told_by_their_fault() {
        let long = "a".repeat(400);
        let refused: &[(Check, &str, &str)] = &[
            (bucket, "My-Clicks", "no capitals"),
            (bucket, "my_clicks", "no '_'"),
            (bucket, "my clicks", "no blanks"),
            (bucket, "my-*", "no pattern"),
            (bucket, "${BUCKET}", "no '$'"),
            (bucket, "ab", "at least 3"),
            (bucket, &long, "at most 63"),
            (bucket, "-clicks", "a letter or digit first"),
            (bucket, "clicks.", "a letter or digit first"),
            (bucket, "a..b", "no two dots"),
            (bucket, "192.168.5.4", "an IP address"),
            (bucket, "xn--clicks", "begins with xn--"),
            (bucket, "arn:aws:s3:::my-clicks/*", "not its ARN: my-clicks"),
            (bucket, "https://b.s3.amazonaws.com", "no address"),
            (key_prefix, "2026/*", "\"2026/\" stands for all"),
            (key_prefix, "s3://b/c", "without the bucket"),
            (key_prefix, "../x", "no part that is"),
            (key_prefix, &"a/".repeat(500), "at most"),
            (table, "t", "at least 3"),
            (table, "my clicks", "no blanks"),
            (table, "table/clicks", "no '/'"),
            (
                table,
                "arn:aws:dynamodb:eu-west-1:1:table/clicks",
                "an ARN such as",
            ),
            (table, "arn:aws:s3:::clicks", "an ARN such as"),
            (kinesis_stream, "a:b", "no ':'"),
            (kinesis_stream, &long, "at most 128"),
            (firehose_stream, &"a".repeat(65), "at most 64"),
            (
                firehose_stream,
                "arn:aws:firehose:eu-west-1:1:deliverystream/x",
                "not its ARN: x",
            ),
            (bus, "my bus", "no blanks"),
            (topic_arn, "clicks", "an ARN such as"),
            (
                topic_arn,
                "arn:aws:sns:eu-west-1:123456789012:a.b",
                "no '.'",
            ),
            (function, "my.function", "no '.'"),
            (function, "f:", "a version"),
            (
                function,
                "arn:aws:lambda:eu-west-1:1:function:f",
                "an ARN such as",
            ),
            (
                queue_url,
                "arn:aws:sqs:eu-west-1:123456789012:clicks",
                "https://sqs.eu-west-1.amazonaws.com/123456789012/clicks",
            ),
            (queue_url, "clicks", "a queue's URL such as"),
            (queue_url, "https://q", "a queue's URL such as"),
            (queue_url, "https://u:p@q.test/1/q", "no user and password"),
            (queue_url, "https://q.test/1/q?a=b", "nothing after"),
            (queue_url, "https://q.test/1/my.queue", "no '.'"),
            (
                queue_url,
                "https://sqs.eu-west-1.amazonaws.com/q",
                "twelve digits",
            ),
            (region, "eu-west", "a region such as"),
            (region, "eu-west-1a", "a region such as"),
            (region, "Ireland", "a region such as"),
            (role_arn, "arn:aws:iam::1:role/a", "the ARN of a role"),
        ];
        for (check, name, fault) in refused {
            let told = check(name).expect_err(name);
            assert!(told.contains(fault), "{name}: {told}");
        }
    }
}
