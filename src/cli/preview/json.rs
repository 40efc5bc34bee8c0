//! A rehearsal for programs: a JSON object a line. The names of members are kept.

use serde_json::{Map, Value, json};

use super::layout::{Unpacked, unpack};
use super::text::changes;
use super::{Preview, variable};
use crate::cli::diff::Difference;
use crate::forward::rehearsal::{Fate, RecordKind, RehearsedRecord, RehearsedTarget};
use crate::platform::recorder::RecordedRequest;
use clicks::click::ClickId;

/// Returns a line for each record and each request, and one for all.
pub(super) fn lines(preview: &Preview<'_>) -> String {
    let rehearsed = &preview.rehearsed;
    let mut lines: Vec<Value> = rehearsed
        .records
        .iter()
        .map(|record| record_json(record, preview))
        .collect();
    for target in &rehearsed.targets {
        for sent in &target.sent {
            let clicks = ids(&sent.clicks);
            let of_target = json!({ "target": *target.name, "clicks": clicks });
            let requests = sent.requests.iter();
            lines.extend(requests.map(|request| request_json(&of_target, request, preview)));
            let problem = sent.problem.as_ref();
            lines.extend(problem.map(
                |reason| json!({ "type": "problem", "target": *target.name, "clicks": clicks, "reason": reason }),
            ));
        }
    }
    lines.push(json!({
        "type": "summary",
        "records": rehearsed.records.len(),
        "cut": rehearsed.is_cut,
        "notes": preview.notes(),
    }));
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn ids(clicks: &[ClickId]) -> Vec<String> {
    clicks.iter().map(ToString::to_string).collect()
}

fn record_json(record: &RehearsedRecord, preview: &Preview<'_>) -> Value {
    let mut members = Map::new();
    let mut member = |name: &str, value| drop(members.insert(name.to_owned(), value));
    member("object", json!(record.object.to_string()));
    member("offset", json!(record.place.offset));
    member("index", json!(record.place.index));
    match &record.kind {
        RecordKind::Bad(reason) => {
            member("type", json!("bad"));
            member("reason", json!(reason));
        }
        RecordKind::Row => member("type", json!("row")),
        RecordKind::Click(click) => {
            member("type", json!("click"));
            member("id", json!(click.id.to_string()));
            member("timestamp", json!(click.timestamp));
            let targets = preview.rehearsed.targets.iter().zip(&click.fates);
            let targets = targets.map(|(target, fate)| fate_json(target, fate));
            member("targets", targets.collect());
        }
    }
    Value::Object(members)
}

fn fate_json(target: &RehearsedTarget, fate: &Fate) -> Value {
    let name = &*target.name;
    let one =
        |one: Difference| json!({ "path": one.path, "before": one.before, "after": one.after });
    match fate {
        Fate::Kept(change) => {
            let changes = change.iter().flat_map(changes).map(one);
            json!({ "target": name, "outcome": "kept", "changes": changes.collect::<Vec<_>>() })
        }
        Fate::Dropped(by) => {
            json!({ "target": name, "outcome": "dropped", "by": variable(name, by) })
        }
        Fate::Never(reason) => json!({ "target": name, "outcome": "never", "reason": reason }),
        Fate::Failed(failure) => {
            json!({ "target": name, "outcome": "failed", "reason": failure.cause })
        }
    }
}

/// Returns a request; `of_target` has its target and clicks.
fn request_json(of_target: &Value, request: &RecordedRequest, preview: &Preview<'_>) -> Value {
    let Unpacked { packing, text } = unpack(&request.body);
    let header = |name: &String, value: &String| (name.clone(), json!(value));
    let headers = request.headers.iter();
    let headers: Map<_, _> = headers.map(|it| header(&it.name, &it.value)).collect();
    let mut line = json!({
        "type": "request",
        "method": request.method,
        "address": preview.offline.shown(&request.address),
        "headers": headers,
        "packing": packing,
        "body": text,
    });
    if let (Value::Object(line), Value::Object(more)) = (&mut line, of_target) {
        line.extend(more.clone());
    }
    line
}
