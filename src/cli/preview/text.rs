//! A rehearsal for people.

use super::layout::{Unpacked, lay_out, unpack};
use super::{Preview, variable};
use crate::cli::diff::{Difference, differences};
use crate::forward::rehearsal::{
    Change, Fate, RecordKind, RehearsedClick, RehearsedRecord, RehearsedTarget,
};
use crate::platform::recorder::RecordedRequest;

/// Headers that say nothing about the clicks.
const NOISE: [&str; 5] = [
    "amz-sdk-invocation-id",
    "amz-sdk-request",
    "content-length",
    "user-agent",
    "x-amz-user-agent",
];

/// Describes the records, then the requests, then what is to be known of them.
pub(super) fn text(preview: &Preview<'_>) -> String {
    let rehearsed = &preview.rehearsed;
    let mut out = String::new();
    for record in &rehearsed.records {
        out += &record_text(record, preview);
    }
    for (at, target) in rehearsed.targets.iter().enumerate() {
        out += &target_text(at, target, preview);
    }
    let notes = preview.notes();
    if !notes.is_empty() {
        out.push('\n');
        out.extend(notes.iter().map(|note| format!("{note}\n")));
    }
    out
}

fn record_text(record: &RehearsedRecord, preview: &Preview<'_>) -> String {
    let RehearsedRecord {
        object,
        place,
        kind,
    } = record;
    let head = format!("{object}, record {}", place.index + 1);
    match kind {
        RecordKind::Bad(reason) => format!("{head}: no click: {reason}\n"),
        RecordKind::Row => format!(
            "{head}: a row of the quarantine, whose click goes to its own target without filters; \
             not tried\n"
        ),
        RecordKind::Click(click) => click_text(&head, click, preview),
    }
}

fn click_text(head: &str, click: &RehearsedClick, preview: &Preview<'_>) -> String {
    let mut out = format!("{head}: click {} of {}\n", click.id, click.timestamp);
    let targets = &preview.rehearsed.targets;
    let width = targets.iter().map(|target| target.name.len()).max();
    for (target, fate) in targets.iter().zip(&click.fates) {
        let name = format!("{:<width$}", target.name, width = width.unwrap_or_default());
        let said = match fate {
            Fate::Kept(None) => "kept".to_owned(),
            Fate::Kept(Some(_)) => "kept, changed:".to_owned(),
            Fate::Dropped(by) => format!("dropped by {}", variable(&target.name, by)),
            Fate::Never(reason) => format!("cannot be sent: {reason}"),
            Fate::Failed(failure) => format!("FAILED: {}", failure.cause),
        };
        out += &format!("  {name}  {said}\n");
        if let Fate::Kept(Some(change)) = fate {
            let lines = changes(change).into_iter().map(|one| change_line(&one));
            out.extend(lines);
        }
    }
    out
}

/// Returns the fields that privacy changes.
pub(super) fn changes(change: &Change) -> Vec<Difference> {
    let value = |json: &[u8]| serde_json::from_slice(json).unwrap_or_default();
    let mut found = differences(&value(&change.before), &value(&change.after));
    // Where the record stands, and under which id, is not the click's own.
    found.retain(|one| {
        let own = one.path.split('.').next();
        !matches!(own, Some("id" | "source" | "key"))
    });
    found
}

fn change_line(one: &Difference) -> String {
    let Difference {
        path,
        before,
        after,
    } = one;
    match (before, after) {
        (Some(before), Some(after)) => format!("      {path}: {before} -> {after}\n"),
        (Some(before), None) => format!("      {path}: {before} -> removed\n"),
        (None, after) => {
            let after = after.as_ref().map(ToString::to_string);
            format!("      {path}: added {}\n", after.unwrap_or_default())
        }
    }
}

fn target_text(at: usize, target: &RehearsedTarget, preview: &Preview<'_>) -> String {
    let fates = preview.rehearsed.records.iter();
    let fates = fates.filter_map(|record| match &record.kind {
        RecordKind::Click(click) => click.fates.get(at),
        _ => None,
    });
    let (mut kept, mut dropped, mut failed) = (0_u64, 0_u64, 0_u64);
    for fate in fates {
        match fate {
            Fate::Kept(_) => kept += 1,
            Fate::Dropped(_) => dropped += 1,
            Fate::Never(_) | Fate::Failed(_) => failed += 1,
        }
    }
    let requests: usize = target.sent.iter().map(|sent| sent.requests.len()).sum();
    let noun = if requests == 1 { "request" } else { "requests" };
    let mut out = format!(
        "\n== {} (kind {}): {kept} kept, {dropped} dropped, {failed} failed; {requests} {noun}\n",
        target.name, target.kind
    );
    for sent in &target.sent {
        if let Some(problem) = &sent.problem {
            out += &format!("\nno request for {} clicks: {problem}\n", sent.clicks.len());
        }
        for request in &sent.requests {
            out += &request_text(request, preview);
        }
    }
    out
}

fn request_text(request: &RecordedRequest, preview: &Preview<'_>) -> String {
    let address = preview.offline.shown(&request.address);
    let method = request.method.as_deref();
    let mut out = match method {
        Some(method) => format!("\n{method} {address}\n"),
        None => format!("\n{address}\n"),
    };
    let headers = request.headers.iter();
    let told = headers.filter(|header| !NOISE.contains(&&*header.name));
    out.extend(told.map(|header| format!("{}: {}\n", header.name, header.value)));
    let media = request
        .headers
        .iter()
        .find(|header| header.name == "content-type");
    let media = media.map_or("", |header| &header.value);
    let Unpacked { packing, text } = unpack(&request.body);
    if let Some(packing) = packing {
        out += &format!(
            "({} bytes of {packing}, shown unpacked)\n",
            request.body.len()
        );
    }
    if request.method.is_some() && !text.is_empty() {
        out.push('\n');
    }
    let body = lay_out(&text, media);
    if !body.is_empty() {
        out += &format!("{body}\n");
    }
    out
}
