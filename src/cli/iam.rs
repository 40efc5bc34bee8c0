//! `clickstream iam`.

use serde_json::{Value, json};

use super::Reply;
use super::session::{Session, names_no_target};
use crate::config::settings::{Reference, Settings};
use crate::config::vars::VarSet;
use crate::config::{Config, QuarantineStore, S3Prefix, TargetConfig};
use crate::platform::queue::QueueUrl;

/// What stands for the account and the region where they are not given, as in CloudFormation.
const ACCOUNT: &str = "${Account}";
const REGION: &str = "${Region}";

#[derive(clap::Args)]
pub(super) struct Args {
    /// The account, for resources that are named without it
    #[arg(long, default_value = ACCOUNT, value_parser = account)]
    account: String,
    /// The region, for resources that are named without it
    #[arg(long, default_value = REGION, value_parser = region)]
    region: String,
}

fn account(text: &str) -> Result<String, String> {
    let is_account = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_account || text == ACCOUNT {
        Ok(text.to_owned())
    } else {
        Err("expected the 12 digits of an account".into())
    }
}

fn region(text: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_region = text.contains('-') && text.bytes().all(fits);
    if is_region || text == REGION {
        Ok(text.to_owned())
    } else {
        Err("expected a region such as eu-west-1".into())
    }
}

/// Prints the least policy that the configuration needs.
pub(super) fn run(args: &Args, vars: VarSet) -> Reply {
    let names_no_target = names_no_target(&vars.vars);
    let opened = Session::open(vars, None).map_err(|error| error.to_string());
    let read = opened.and_then(|session| {
        let config = load(&session)?;
        Ok((session, config))
    });
    let (session, config) = match read {
        Ok(read) => read,
        Err(mistakes) => return Reply::wrong_usage(mistakes),
    };
    let mut stderr = session.warnings();
    if names_no_target {
        stderr += "TARGETS is not set: no permission for a target is among these\n";
    }
    if config.sources.is_none() {
        stderr += "SOURCES is not set: no permission to read a bucket is among these\n";
    }
    if config.continue_queue.is_none() {
        stderr += "CONTINUE_QUEUE_URL is not set: no permission for a queue is among these\n";
    }
    let policy = policy(&session.settings, &config)
        .replace(ACCOUNT, &args.account)
        .replace(REGION, &args.region);
    Reply {
        stderr,
        ..Reply::ok(policy + "\n")
    }
}

/// Reads the configuration. References are followed only where they name resources.
fn load(session: &Session) -> Result<Config, String> {
    let Session { runtime, settings } = session;
    match settings.resolve_partially() {
        Ok(config) if !has_unresolved_resource(settings, &config) => Ok(config),
        _ => runtime
            .block_on(settings.config())
            .map_err(|errors| errors.to_string()),
    }
}

/// Returns whether a resource of the configuration is named by a reference.
fn has_unresolved_resource(settings: &Settings, config: &Config) -> bool {
    let permissions = config.targets.iter().flat_map(|it| it.target.permissions());
    let resources = permissions.map(|permission| permission.resource);
    let mut resources = resources.chain(config.progress_table.clone());
    resources.any(|resource| {
        let mut references = settings.references().values();
        references.any(|reference| resource.contains(&reference.to_string()))
    })
}

/// The statements of a policy, in the order of what they are for.
#[derive(Default)]
struct Policy {
    statements: Vec<Value>,
}

impl Policy {
    /// Allows `actions` on `resource`. An identifier may stand once, so each ends in its number.
    fn allow(&mut self, purpose: &str, actions: &[&str], resource: impl Into<Value>) {
        let sid = format!("{purpose}{}", self.statements.len());
        self.statements.push(json!({
            "Sid": sid,
            "Effect": "Allow",
            "Action": actions,
            "Resource": resource.into(),
        }));
    }
}

fn policy(settings: &Settings, config: &Config) -> String {
    let mut policy = Policy::default();
    policy.allow(
        "Logs",
        &["logs:CreateLogStream", "logs:PutLogEvents"],
        "arn:aws:logs:${Region}:${Account}:log-group:/aws/lambda/*:*",
    );
    for source in config.sources.iter().flatten() {
        allow_source(&mut policy, source);
    }
    if let QuarantineStore::S3(location) = &config.quarantine {
        let objects = format!("arn:aws:s3:::{}/{}*", location.bucket, location.prefix);
        policy.allow("Quarantine", &["s3:PutObject"], objects);
    }
    if let Some(table) = &config.progress_table {
        let actions = ["dynamodb:GetItem", "dynamodb:PutItem"];
        policy.allow("Progress", &actions, table_arn(table));
    }
    if let Some(url) = &config.continue_queue {
        allow_queue(&mut policy, url);
    }
    for target in &config.targets {
        allow_target(&mut policy, target);
    }
    if let Some(path) = settings.path() {
        // The path is asked for as it is written, with a last slash or without.
        let path = path.trim_matches('/');
        let resources = ["", "/*"]
            .map(|end| format!("arn:aws:ssm:${{Region}}:${{Account}}:parameter/{path}{end}"));
        policy.allow("Settings", &["ssm:GetParametersByPath"], resources.to_vec());
    }
    for reference in settings.references().values() {
        allow_reference(&mut policy, reference);
    }
    let document = json!({ "Version": "2012-10-17", "Statement": policy.statements });
    serde_json::to_string_pretty(&document).unwrap_or_default()
}

/// Allows to read a source's objects, and to learn that one is missing.
fn allow_source(policy: &mut Policy, source: &S3Prefix) {
    let S3Prefix { bucket, prefix } = source;
    // Rebrandly's keys begin with a slash, which `SOURCES` leaves out.
    let objects = ["/", "//"].map(|slash| format!("arn:aws:s3:::{bucket}{slash}{prefix}*"));
    let actions = ["s3:GetObject", "s3:GetObjectVersion"];
    policy.allow("Read", &actions, objects.to_vec());
    policy.allow(
        "Missing",
        &["s3:ListBucket"],
        format!("arn:aws:s3:::{bucket}"),
    );
}

fn table_arn(table: &str) -> String {
    if table.starts_with("arn:") {
        table.to_owned()
    } else {
        format!("arn:aws:dynamodb:${{Region}}:${{Account}}:table/{table}")
    }
}

fn allow_queue(policy: &mut Policy, url: &str) {
    let queue = QueueUrl::parse(url);
    let region = queue.region.unwrap_or(REGION);
    let account = queue.account.unwrap_or(ACCOUNT);
    policy.allow(
        "Queue",
        &[
            "sqs:ReceiveMessage",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ChangeMessageVisibility",
            "sqs:SendMessage",
        ],
        format!("arn:aws:sqs:{region}:{account}:{}", queue.name),
    );
}

fn allow_target(policy: &mut Policy, target: &TargetConfig) {
    let letters = target.name.chars().filter(char::is_ascii_alphanumeric);
    let purpose = format!("Target{}", letters.collect::<String>());
    for permission in target.target.permissions() {
        policy.allow(&purpose, permission.actions, permission.resource);
    }
}

fn allow_reference(policy: &mut Policy, reference: &Reference) {
    let is_arn = |name: &str| name.starts_with("arn:");
    match reference {
        Reference::Secret { name, .. } => {
            let resource = if is_arn(name) {
                name.clone()
            } else {
                // Secrets Manager adds six letters to a name.
                format!("arn:aws:secretsmanager:${{Region}}:${{Account}}:secret:{name}-??????")
            };
            policy.allow("Secret", &["secretsmanager:GetSecretValue"], resource);
        }
        Reference::Parameter(name) => {
            let resource = if is_arn(name) {
                name.clone()
            } else {
                let path = name.trim_start_matches('/');
                format!("arn:aws:ssm:${{Region}}:${{Account}}:parameter/{path}")
            };
            policy.allow("Parameter", &["ssm:GetParameters"], resource);
        }
        Reference::Object { bucket, key } => {
            let resource = format!("arn:aws:s3:::{bucket}/{key}");
            policy.allow("Rules", &["s3:GetObject"], resource);
        }
        Reference::File(_) => {}
    }
}
