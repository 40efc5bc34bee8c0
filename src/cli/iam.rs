//! `clickstream iam`.

use crate::config::settings::{Reference, Settings};
use crate::config::{Config, Place, S3Prefix};
use crate::platform::aws::QueueUrl;
use clap::Args as Arguments;
use serde_json::{Value, json};

#[derive(Arguments)]
pub struct Args {
    /// The account, for resources that are named without it
    #[arg(long, default_value = "${Account}")]
    account: String,
    /// The region, for resources that are named without it
    #[arg(long, default_value = "${Region}")]
    region: String,
}

/// Prints the least policy that the configuration needs.
pub fn run(args: &Args) -> u8 {
    let found = crate::cli::settings(None).and_then(|(runtime, settings)| {
        // Names of resources may stand elsewhere too.
        let config = settings
            .resolve_partially()
            .ok()
            .filter(|config| !is_elsewhere(&settings, config));
        let config = config
            .map_or_else(|| runtime.block_on(settings.config()), Ok)
            .map_err(|e| e.to_string())?;
        if config.sources.is_none() {
            eprintln!("SOURCES is not set: no permission to read a bucket is among these");
        }
        if config.continue_queue.is_none() {
            eprintln!("CONTINUE_QUEUE_URL is not set: no permission for a queue is among these");
        }
        Ok(policy(&settings, &config)
            .replace("${Account}", &args.account)
            .replace("${Region}", &args.region)
            + "\n")
    });
    crate::cli::show(found)
}

/// Whether a resource of the configuration is named by a reference.
fn is_elsewhere(settings: &Settings, config: &Config) -> bool {
    let resources = config
        .targets
        .iter()
        .flat_map(|target| target.target.permissions())
        .map(|permission| permission.resource);
    let mut resources = resources.chain(config.progress_table.clone());
    resources.any(|resource| {
        settings
            .references()
            .values()
            .any(|reference| resource.contains(&reference.to_string()))
    })
}

/// Statements in the order of what they are for.
fn policy(settings: &Settings, config: &Config) -> String {
    let mut statements = vec![statement(
        "Logs",
        &["logs:CreateLogStream", "logs:PutLogEvents"],
        "arn:aws:logs:${Region}:${Account}:log-group:/aws/lambda/*:*",
    )];
    for location in config.sources.iter().flatten() {
        statements.push(statement(
            "Read",
            &["s3:GetObject", "s3:GetObjectVersion"],
            delivered(location),
        ));
        statements.push(statement(
            "Missing",
            &["s3:ListBucket"],
            format!("arn:aws:s3:::{}", location.bucket),
        ));
    }
    if let Place::S3(location) = &config.quarantine {
        statements.push(statement(
            "Quarantine",
            &["s3:PutObject"],
            format!("arn:aws:s3:::{}/{}*", location.bucket, location.prefix),
        ));
    }
    if let Some(table) = &config.progress_table {
        let table = if table.starts_with("arn:") {
            table.clone()
        } else {
            format!("arn:aws:dynamodb:${{Region}}:${{Account}}:table/{table}")
        };
        statements.push(statement(
            "Progress",
            &["dynamodb:GetItem", "dynamodb:PutItem"],
            table,
        ));
    }
    if let Some(url) = &config.continue_queue {
        let queue = QueueUrl::parse(url);
        let (region, account, name) = (
            queue.region.unwrap_or("${Region}"),
            queue.account.unwrap_or("${Account}"),
            queue.name,
        );
        let actions = [
            "sqs:ReceiveMessage",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ChangeMessageVisibility",
            "sqs:SendMessage",
        ];
        statements.push(statement(
            "Queue",
            &actions,
            format!("arn:aws:sqs:{region}:{account}:{name}"),
        ));
    }
    for target in &config.targets {
        let name: String = target
            .name
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect();
        let permissions = target.target.permissions().into_iter();
        statements.extend(
            permissions.map(|p| statement(&format!("Target{name}"), p.actions, p.resource)),
        );
    }
    if let Some(path) = settings.path() {
        // The path is asked for as it is written, with a last slash or without.
        let path = path.trim_matches('/');
        let resources = ["", "/*"]
            .map(|end| format!("arn:aws:ssm:${{Region}}:${{Account}}:parameter/{path}{end}"));
        statements.push(statement(
            "Settings",
            &["ssm:GetParametersByPath"],
            Vec::from(resources),
        ));
    }
    for reference in settings.references().values() {
        statements.push(match reference {
            Reference::Secret { name, .. } if name.starts_with("arn:") => {
                statement("Secret", &["secretsmanager:GetSecretValue"], name.as_str())
            }
            // Secrets Manager adds six letters to a name.
            Reference::Secret { name, .. } => {
                let resource =
                    format!("arn:aws:secretsmanager:${{Region}}:${{Account}}:secret:{name}-??????");
                statement("Secret", &["secretsmanager:GetSecretValue"], resource)
            }
            Reference::Parameter(name) if name.starts_with("arn:") => {
                statement("Parameter", &["ssm:GetParameters"], name.as_str())
            }
            Reference::Parameter(name) => {
                let resource = format!(
                    "arn:aws:ssm:${{Region}}:${{Account}}:parameter/{}",
                    name.trim_start_matches('/')
                );
                statement("Parameter", &["ssm:GetParameters"], resource)
            }
        });
    }
    // An identifier may stand once.
    for (at, statement) in statements.iter_mut().enumerate() {
        statement["Sid"] = format!("{}{at}", statement["Sid"].as_str().unwrap_or_default()).into();
    }
    let policy = json!({ "Version": "2012-10-17", "Statement": statements });
    serde_json::to_string_pretty(&policy).unwrap_or_default()
}

fn statement(sid: &str, actions: &[&str], resource: impl Into<Value>) -> Value {
    json!({ "Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resource.into() })
}

/// The objects below a source: Rebrandly's keys begin with a slash, which SOURCES leaves out.
fn delivered(location: &S3Prefix) -> Vec<String> {
    ["/", "//"]
        .map(|slash| {
            format!(
                "arn:aws:s3:::{}{slash}{}*",
                location.bucket, location.prefix
            )
        })
        .into()
}
