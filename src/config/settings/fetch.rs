//! Values of Secrets Manager and Parameter Store.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_sdk_ssm::types::ParameterType;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use futures::future::{join, join_all};
use serde_json::Value;

use super::{Parameter, Reference};
use crate::platform::aws::{Aws, CONNECT, ErrorKind, LazyClient, describe_sdk_error};

/// How long one attempt and all of them may take: an event waits for them.
const ATTEMPT: Duration = Duration::from_secs(3);
const ATTEMPTS: Duration = Duration::from_secs(8);

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(ATTEMPTS)
        .build()
}

/// Most parameters of a request.
const PARAMETERS: usize = 10;

/// A value, or why it cannot be read.
type Fetched = Result<String, String>;

/// The two services.
pub(super) struct Fetch {
    secrets: LazyClient<aws_sdk_secretsmanager::Client>,
    parameters: LazyClient<aws_sdk_ssm::Client>,
}

impl Fetch {
    pub(super) fn new(aws: Aws) -> Fetch {
        Fetch {
            secrets: LazyClient::new(aws.clone(), |config| {
                let config = aws_sdk_secretsmanager::config::Builder::from(config);
                aws_sdk_secretsmanager::Client::from_conf(config.timeout_config(timeouts()).build())
            }),
            parameters: LazyClient::new(aws, |config| {
                let config = aws_sdk_ssm::config::Builder::from(config);
                aws_sdk_ssm::Client::from_conf(config.timeout_config(timeouts()).build())
            }),
        }
    }

    /// Returns the values of all references to the two services, each read once and all at a time.
    pub(super) async fn all<'r>(
        &self,
        references: impl Iterator<Item = &'r Reference> + Clone,
    ) -> BTreeMap<Reference, Fetched> {
        let secret = |reference: &'r Reference| match reference {
            Reference::Secret { name, .. } => Some(name.as_str()),
            _ => None,
        };
        let parameter = |reference: &'r Reference| match reference {
            Reference::Parameter(name) => Some(name.as_str()),
            _ => None,
        };
        let secrets: BTreeSet<_> = references.clone().filter_map(secret).collect();
        let parameters: Vec<_> = references
            .clone()
            .filter_map(parameter)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        let secrets = join_all(
            secrets
                .into_iter()
                .map(|name| async move { (name, self.secret(name).await) }),
        );
        let parameters = join_all(
            parameters
                .chunks(PARAMETERS)
                .map(|names| self.some_parameters(names)),
        );
        let (secrets, parameters) = join(secrets, parameters).await;
        let secrets: BTreeMap<_, _> = secrets.into_iter().collect();
        let parameters: BTreeMap<_, _> = parameters.into_iter().flatten().collect();
        let value = |reference: &Reference| match reference {
            Reference::Secret { name, field } => {
                let text = secrets
                    .get(name.as_str())
                    .cloned()
                    .unwrap_or_else(|| Err("it was not asked for".into()))?;
                field
                    .as_ref()
                    .map_or(Ok(text.clone()), |field| member(&text, field))
            }
            Reference::Parameter(name) => parameters
                .get(name.as_str())
                .cloned()
                .unwrap_or_else(|| Err("there is no such parameter".into())),
            Reference::Object { .. } | Reference::File(_) => {
                Err("it is not in AWS's stores".into())
            }
        };
        let secret = references.filter(|reference| reference.is_secret());
        secret
            .map(|reference| (reference.clone(), value(reference)))
            .collect()
    }

    async fn secret(&self, name: &str) -> Fetched {
        let answer = self
            .secrets
            .get()
            .await
            .get_secret_value()
            .secret_id(name)
            .send()
            .await;
        let answer = answer.map_err(|e| describe(&e, "secretsmanager:GetSecretValue"))?;
        answer
            .secret_string
            .ok_or_else(|| "it holds bytes and no text".into())
    }

    async fn some_parameters<'n>(&self, names: &[&'n str]) -> Vec<(&'n str, Fetched)> {
        let get = self
            .parameters
            .get()
            .await
            .get_parameters()
            .with_decryption(true);
        let answer = get
            .set_names(Some(names.iter().map(|name| (*name).to_owned()).collect()))
            .send()
            .await;
        let answer = match answer {
            Ok(answer) => answer.parameters.unwrap_or_default(),
            Err(error) => {
                let cause = describe(&error, "ssm:GetParameters");
                return names
                    .iter()
                    .map(|name| (*name, Err(cause.clone())))
                    .collect();
            }
        };
        // The answer has a version or label apart from the name.
        let bare = |name: &str| {
            name.rsplit_once(':')
                .map_or(name.to_owned(), |(bare, _)| bare.to_owned())
        };
        let is = |told: Option<&str>, name: &str| {
            told.is_some_and(|told| told == name || told == bare(name))
        };
        let found = |name: &str| {
            answer
                .iter()
                .find(|p| is(p.name.as_deref(), name) || is(p.arn.as_deref(), name))
        };
        let value = |name: &&'n str| Some((*name, Ok(found(name)?.value.clone()?)));
        names.iter().filter_map(value).collect()
    }

    /// Returns the parameters right below `path`, by the last parts of their names.
    pub(super) async fn path(&self, path: &str) -> Result<BTreeMap<String, Parameter>, String> {
        let client = self.parameters.get().await;
        let (mut found, mut next) = (BTreeMap::new(), None);
        loop {
            let get = client
                .get_parameters_by_path()
                .path(path)
                .with_decryption(true)
                .set_next_token(next);
            let answer = get
                .send()
                .await
                .map_err(|e| describe(&e, "ssm:GetParametersByPath"))?;
            for parameter in answer.parameters.unwrap_or_default() {
                let name = parameter.name.unwrap_or_default();
                let name = name.rsplit('/').next().unwrap_or_default().to_owned();
                let is_secret = parameter.r#type == Some(ParameterType::SecureString);
                let value = parameter.value.unwrap_or_default();
                found.insert(name, Parameter { value, is_secret });
            }
            next = answer.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(found);
            }
        }
    }
}

/// Returns a member of the JSON object in `text`.
fn member(text: &str, field: &str) -> Fetched {
    let object: Value = serde_json::from_str(text)
        .map_err(|_| format!("it is not JSON, so it has no member {field}"))?;
    match object.get(field) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(value @ (Value::Number(_) | Value::Bool(_))) => Ok(value.to_string()),
        Some(_) => Err(format!("its member {field} is not a text")),
        None => Err(format!("it has no member {field}")),
    }
}

/// Says why a request failed; `action` is what the function must be allowed for it.
fn describe<E>(error: &SdkError<E, HttpResponse>, action: &str) -> String
where
    E: Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    describe_sdk_error(error, |kind| {
        (kind == ErrorKind::Denied).then(|| format!("allow {action} on it to the function's role"))
    })
}
