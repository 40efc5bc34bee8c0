//! A variable's reference to a value elsewhere.

use std::fmt;

use crate::config::lookalikes::is_near;

const SECRET: &str = "secretsmanager:";
const PARAMETER: &str = "ssm:";

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
}

impl Reference {
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
}
