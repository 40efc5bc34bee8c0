//! The requests of every kind, each against its golden file.
//!
//! `tests/golden/targets/KIND.txt` has a section for each configuration: `# NAME=VALUE …` are its
//! variables (`SERVER` stands for the address of the server), `< STATUS BODY` is what the server
//! answers, and the request follows. `make golden` writes the requests anew, and for a kind without
//! a file a section with its example; the first two lines of a section are written by hand.

use std::collections::BTreeMap;
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clickstream_forwarder::targets::{KINDS, Kind, Verdict};
use serde_json::Value;
use wiremock::{Request, ResponseTemplate};

use crate::aws::{answering, build, clicks};
use crate::golden;
use crate::support::root;

/// One configuration of a kind, and what its requests are answered.
struct Section {
    variables: String,
    answer: String,
}

#[tokio::test]
async fn every_kind_is_its_golden_requests() {
    for kind in KINDS.iter().filter(|kind| kind.name != "stdout") {
        let name = format!("targets/{}.txt", kind.name);
        let mut text = String::new();
        for section in sections(kind, &name) {
            text += &requests(kind, &section).await;
        }
        golden::check(&name, &text);
    }
}

/// Reads the sections of a golden file; a file that is not there yet has one, with the example.
fn sections(kind: &Kind, name: &str) -> Vec<Section> {
    let path = root().join("tests/golden").join(name);
    let Ok(text) = std::fs::read_to_string(path) else {
        let pairs = kind
            .example
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        return vec![Section {
            variables: pairs.collect::<Vec<_>>().join(" "),
            answer: "200".into(),
        }];
    };
    let mut lines = text.lines().peekable();
    let mut sections = Vec::new();
    while let Some(line) = lines.next() {
        if let Some(variables) = line.strip_prefix("# ") {
            let answer = lines.peek().and_then(|line| line.strip_prefix("< "));
            sections.push(Section {
                variables: variables.trim().into(),
                answer: answer.unwrap_or("200").into(),
            });
        }
    }
    sections
}

/// Sends three clicks, or as many as a request takes, and returns the section with the requests.
async fn requests(kind: &Kind, Section { variables, answer }: &Section) -> String {
    let (status, body) = answer.split_once(' ').unwrap_or((answer, ""));
    let media_type = match body.starts_with('<') {
        true => "text/xml",
        false => "application/x-amz-json-1.1",
    };
    let answers = ResponseTemplate::new(status.parse::<u16>().unwrap())
        .insert_header("x-amz-request-id", "R");
    let server = answering(answers.set_body_raw(body, media_type)).await;
    let set = variables.replace("SERVER", &server.uri());
    let set: Vec<_> = set
        .split_whitespace()
        .map(|pair| format!("T_{pair}"))
        .collect();
    let target = build(&server, &format!("T_KIND={} {}", kind.name, set.join(" "))).await;
    let clicks = clicks(&*target);
    let batch = &clicks[..target.limits().records.min(clicks.len())];
    assert_eq!(
        target.send(batch).await.unwrap(),
        vec![Verdict::Sent; batch.len()],
        "{}: {variables}",
        kind.name
    );
    let requests = server.received_requests().await.unwrap();
    let mut requests: Vec<_> = requests.iter().map(describe).collect();
    requests.sort();
    format!("# {variables}\n< {answer}\n{}\n", requests.join("\n"))
}

/// Writes a request down, without what is another each time: its date, its signature, its attempt.
fn describe(request: &Request) -> String {
    let mut text = format!("{} {}", request.method, request.url.path());
    if let Some(query) = request.url.query() {
        write!(text, "?{query}").unwrap();
    }
    text.push('\n');
    let headers = request.headers.iter();
    let headers: BTreeMap<_, _> = headers
        .map(|(name, value)| (name.as_str(), value))
        .collect();
    let of_aws = headers.contains_key("x-amz-date");
    for (name, value) in headers {
        if if of_aws {
            is_told_of_aws(name)
        } else {
            is_told(name)
        } {
            writeln!(text, "{name}: {}", value.to_str().unwrap()).unwrap();
        }
    }
    let body = match serde_json::from_slice::<Value>(&request.body) {
        Ok(mut json) if of_aws => {
            plain(&mut json);
            serde_json::to_string_pretty(&json).unwrap()
        }
        _ if request.body.starts_with(b"PAR1") => "(Parquet)".into(),
        _ if request.body.starts_with(&[0x1f, 0x8b]) => "(gzip)".into(),
        _ if of_aws => form(&String::from_utf8_lossy(&request.body)),
        _ => String::from_utf8(request.body.clone()).unwrap(),
    };
    format!("{text}\n{body}\n")
}

/// Whether a header of a request over plain HTTP is worth telling.
fn is_told(name: &str) -> bool {
    !["host", "accept", "content-length"].contains(&name)
}

/// Whether a header of a request to AWS is worth telling, and the same each time.
fn is_told_of_aws(name: &str) -> bool {
    let changing = [
        "x-amz-date",
        "x-amz-user-agent",
        "x-amz-content-sha256",
        "x-amz-checksum-crc32",
    ];
    let told = name.starts_with("x-amz-") || ["content-type", "if-none-match"].contains(&name);
    told && !changing.contains(&name)
}

/// The members of a form, a line each. Attributes come in any order, so their names stand for their
/// numbers.
fn form(text: &str) -> String {
    let mut lines: Vec<String> = text.split('&').map(str::to_owned).collect();
    let named = |line: &String| {
        line.split_once(".Name=")
            .map(|(entry, name)| (format!("{entry}."), name.to_owned()))
    };
    for (entry, name) in lines.iter().filter_map(named).collect::<Vec<_>>() {
        let parent = entry.rsplit_once("entry.").unwrap().0.to_owned();
        lines
            .iter_mut()
            .for_each(|line| *line = line.replace(&entry, &format!("{parent}{name}.")));
    }
    lines.sort();
    lines.join("\n")
}

/// Puts the bytes of `Data` members in the place of their base64.
fn plain(json: &mut Value) {
    match json {
        Value::Object(members) => members.iter_mut().for_each(|(name, value)| match value {
            Value::String(text) if name == "Data" => {
                *text = String::from_utf8(STANDARD.decode(&*text).unwrap()).unwrap()
            }
            value => plain(value),
        }),
        Value::Array(values) => values.iter_mut().for_each(plain),
        _ => {}
    }
}
