//! A variable's reference to a value elsewhere.

use std::fmt;

use crate::config::aws_names;
use crate::config::lookalikes::is_near;

const SECRET: &str = "secretsmanager:";
const PARAMETER: &str = "ssm:";
const OBJECT: &str = "s3://";
const FILE: &str = "file:";

/// A reference to a value elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reference {
    /// A secret of Secrets Manager, by name or ARN, or a member of the JSON object that it holds.
    Secret {
        /// The secret.
        name: String,
        /// The member.
        field: Option<String>,
    },
    /// A parameter of Parameter Store, by name or ARN.
    Parameter(String),
    /// The text of an object of S3. Only rules may stand there.
    Object {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
    },
    /// The text of a file, by its path. Only rules may stand there.
    File(String),
}

impl Reference {
    /// Reads the reference in `text`, the value of a variable that may stand in a file, as
    /// [`parse`](Self::parse) does.
    pub fn parse_rule(text: &str) -> Option<Result<Reference, String>> {
        let text = text.trim();
        if let Some(location) = text.strip_prefix(OBJECT) {
            return Some(object(location));
        }
        let Some(path) = text.strip_prefix(FILE) else {
            return Reference::parse(text);
        };
        // As in an address, two slashes begin a path that is none.
        let path = path.strip_prefix("//").unwrap_or(path).trim_start();
        Some(match path {
            "" | "-" => Err("file:PATH, such as file:rules/slashtags.txt".into()),
            path => Ok(Reference::File(path.into())),
        })
    }

    /// Whether what it refers to must not be shown.
    pub fn is_secret(&self) -> bool {
        matches!(self, Reference::Secret { .. } | Reference::Parameter(_))
    }

    /// Reads the reference in `text`; `None` if it does not look like one. `Err` says what is
    /// expected.
    pub fn parse(text: &str) -> Option<Result<Reference, String>> {
        let text = text.trim();
        if let Some(rest) = text.strip_prefix(SECRET) {
            let (name, field) = rest
                .split_once('#')
                .map_or((rest, None), |(name, field)| (name, Some(field)));
            let expected = || "secretsmanager:NAME or secretsmanager:NAME#field".to_owned();
            let whole = !name.is_empty() && field.is_none_or(|field| !field.is_empty());
            let secret = || Reference::Secret {
                name: name.into(),
                field: field.map(str::to_owned),
            };
            return Some(whole.then(secret).ok_or_else(expected));
        }
        let Some(name) = text.strip_prefix(PARAMETER) else {
            return is_nearly_one(text)
                .then(|| Err("secretsmanager:NAME, secretsmanager:NAME#field or ssm:NAME".into()));
        };
        Some(if name.is_empty() {
            Err("ssm:NAME".into())
        } else {
            Ok(Reference::Parameter(name.into()))
        })
    }
}

fn object(location: &str) -> Result<Reference, String> {
    let expected = || "s3://bucket/key, the key of one object".to_owned();
    let (bucket, key) = location.split_once('/').ok_or_else(expected)?;
    aws_names::bucket(bucket)?;
    if key.is_empty() || key.ends_with('/') {
        return Err(expected());
    }
    Ok(Reference::Object {
        bucket: bucket.into(),
        key: key.into(),
    })
}

/// Returns whether `text` was meant as a reference, most likely: as a token it would be sent.
fn is_nearly_one(text: &str) -> bool {
    let Some((start, _)) = text.split_once(':') else {
        return false;
    };
    let start = start.to_ascii_lowercase().replace(['-', '_', ' '], "");
    is_near(&start, SECRET.trim_end_matches(':')) || start == PARAMETER.trim_end_matches(':')
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reference::Secret { name, field: None } => write!(f, "{SECRET}{name}"),
            Reference::Secret {
                name,
                field: Some(field),
            } => write!(f, "{SECRET}{name}#{field}"),
            Reference::Parameter(name) => write!(f, "{PARAMETER}{name}"),
            Reference::Object { bucket, key } => write!(f, "{OBJECT}{bucket}/{key}"),
            Reference::File(path) => write!(f, "{FILE}{path}"),
        }
    }
}

/// A parameter of Parameter Store.
pub(crate) struct Parameter {
    /// Its value.
    pub value: String,
    /// Whether it is a `SecureString`, whose value must not be shown.
    pub is_secret: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_names_a_secret_or_a_parameter() {
        let arn = "secretsmanager:arn:aws:secretsmanager:eu-west-1:1:secret:clicks/hook-AbCdEf";
        for text in [
            "secretsmanager:clicks/hook",
            "secretsmanager:clicks/hook#token",
            arn,
            "ssm:/clicks/token",
        ] {
            assert_eq!(Reference::parse(text).unwrap().unwrap().to_string(), text);
        }
        for text in ["", "https://example.com", "Bearer ssm:x", "secrets:x"] {
            assert_eq!(Reference::parse(text), None, "{text}");
        }
        for text in [
            "ssm:",
            "secretsmanager:",
            "secretsmanager:#token",
            "secretsmanager:x#",
            "secretmanager:clicks/hook",
            "SecretsManager:clicks/hook",
            "secrets-manager:clicks/hook",
            "SSM:/clicks",
        ] {
            assert!(Reference::parse(text).unwrap().is_err(), "{text}");
        }
    }

    #[test]
    fn a_rule_may_stand_in_an_object_or_a_file_too() {
        for text in [
            "s3://my-rules/slashtags.txt",
            "s3://my-rules//a,b.txt",
            "file:slashtags.txt",
            "file:/opt/rules/slashtags.txt",
            "ssm:/clicks/slashtags",
        ] {
            let read = Reference::parse_rule(text).unwrap().unwrap();
            assert_eq!(read.to_string(), text);
        }
        let read = Reference::parse_rule("file:///opt/x").unwrap().unwrap();
        assert_eq!(read, Reference::File("/opt/x".into()));
        for text in ["spring,summer", "/spring", "./spring", "brand.link"] {
            assert_eq!(Reference::parse_rule(text), None, "{text}");
        }
        for text in [
            "s3://my-rules",
            "s3://my-rules/",
            "s3://My_Rules/x",
            "s3:///x",
            "file:",
            "file:-",
            "ssm:",
        ] {
            assert!(Reference::parse_rule(text).unwrap().is_err(), "{text}");
        }
    }
}
