//! Runs a case: the click goes through the target's rules and encoding, and is not sent.

use std::sync::Arc;

use bytes::Bytes;
use clicks::ObjectRef;
use clicks::click::Normaliser;
use clicks::decode::{Decoder, Item};
use serde_json::Value;

use super::case::{Case, Expected};
use crate::cli::diff::{Difference, differences};
use crate::cli::offline::Offline;
use crate::config::vars::VarSet;
use crate::config::{Config, TargetConfig, prefix_of};
use crate::targets::Context;
use crate::transform::{Applied, Transformed};

/// The object that every case's click is read from, its first record: part of what is sent.
const BUCKET: &str = "clicks";
const KEY: &str = "test";

/// What became of a case.
pub(super) struct Judged {
    /// The target's name.
    pub(super) target: String,
    pub(super) found: Found,
    /// Where the body that was found differs from the one that was expected.
    pub(super) differences: Vec<Difference>,
    /// Whether the case came out as expected.
    pub(super) is_ok: bool,
}

/// What became of a click.
#[derive(Debug)]
pub(super) enum Found {
    /// It would be sent as this body.
    Kept(Value),
    /// This variable left it out, named without the target's prefix.
    Dropped(String),
    /// Why it has no entry.
    Fails(String),
}

/// Runs `case` over the configuration in `vars`. The error says what is wrong with the
/// configuration or the case.
pub(super) async fn judge(case: &Case, vars: &VarSet, context: &Context) -> Result<Judged, String> {
    let mut vars = vars.clone();
    vars.lay_over(case.env.clone());
    let offline = Offline::read(vars, context.clone()).await;
    let offline = offline.map_err(|problem| problem.to_string())?;
    let target = chosen(case, &offline.config.targets)?;
    let unknown = offline.unknown_rules(target);
    if !unknown.is_empty() {
        return Err(format!(
            "{}, which is not read here: give a value in the case's env",
            unknown
                .iter()
                .map(|rule| &*rule.text)
                .collect::<Vec<_>>()
                .join(", and ")
        ));
    }
    let found = run(&case.click, target, &offline.config)?;
    let mut differing = Vec::new();
    let is_ok = match (&case.expected, &found) {
        (Expected::Kept, Found::Kept(_)) | (Expected::Fails, Found::Fails(_)) => true,
        (Expected::Dropped, Found::Dropped(by)) => {
            let is_by = |expected: &String| *by == bare(expected, target);
            case.by.as_ref().is_none_or(is_by)
        }
        (Expected::Body(expected), Found::Kept(body)) => {
            differing = differences(expected, body);
            differing.is_empty()
        }
        _ => false,
    };
    Ok(Judged {
        target: target.name.to_string(),
        found,
        differences: differing,
        is_ok,
    })
}

/// Returns a variable's name without its target's prefix, however it was written.
fn bare(variable: &str, target: &TargetConfig) -> String {
    let prefix = prefix_of(&target.name);
    let bare = variable.strip_prefix(&prefix);
    bare.or(variable.strip_prefix('_'))
        .unwrap_or(variable)
        .to_owned()
}

/// Returns the target that a case names, or the only one.
fn chosen<'t>(case: &Case, targets: &'t [TargetConfig]) -> Result<&'t TargetConfig, String> {
    let names: Vec<_> = targets.iter().map(|target| &*target.name).collect();
    let names = names.join(", ");
    match (&case.target, targets) {
        (None, [only]) => Ok(only),
        (None, _) => Err(format!("names no target, and there are several: {names}")),
        (Some(name), _) => targets
            .iter()
            .find(|target| *target.name == **name)
            .ok_or_else(|| format!("its target {name:?} is none of TARGETS: {names}")),
    }
}

/// Takes the click in `raw` through the rules and the encoding of `target`.
fn run(raw: &Bytes, target: &TargetConfig, config: &Config) -> Result<Found, String> {
    let object = Arc::new(ObjectRef::new(BUCKET, KEY));
    let mut normaliser = Normaliser::new(config.qr_rule.clone());
    let mut decoder = Decoder::new(config.decode_limits);
    decoder.push(raw.clone());
    decoder.end();
    let record = match decoder.advance() {
        Item::Record(record) => record,
        Item::Bad(bad) | Item::Unreadable(bad) => {
            return Err(format!("its click cannot be read: {}", bad.reason));
        }
        Item::NeedInput | Item::End => return Err("its click holds none".into()),
    };
    let click = normaliser
        .click(&record, &object, |_| 1)
        .map_err(|reason| format!("its click is none: {reason}"))?;
    let TargetConfig {
        transform, target, ..
    } = target;
    Ok(
        match transform.encode(&click, Applied::default(), &**target) {
            Transformed::Filtered(filtered) => Found::Dropped(filtered.by.into_owned()),
            Transformed::Entry(entry) => Found::Kept(body(&entry.body)),
            Transformed::Never(_, reason) => Found::Fails(reason),
            Transformed::Failed(_, failure) => Found::Fails(failure.cause),
        },
    )
}

/// Returns a body as the JSON that it is, or as a text.
fn body(bytes: &Bytes) -> Value {
    serde_json::from_slice(bytes)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(bytes).into_owned()))
}
