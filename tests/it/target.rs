//! Every kind against the same demands, and `http` request by request at a recording server.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use clicks::click::{Click, Normaliser};
use clicks::decode::{DecodeLimits, Decoder, Item};
use clickstream_forwarder::config::vars::Scope;
use clickstream_forwarder::object::ObjectRef;
use clickstream_forwarder::targets::{
    Entry, KINDS, Kind, SendError, Target, Verdict, View, common,
};
use serde_json::Value;
use wiremock::matchers::{any, method};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::support::{config, context, lines, vars};

/// Calls `visit` with each click of `text`.
pub fn clicks(text: &str, mut visit: impl FnMut(&Click<'_>)) {
    let object = Arc::new(ObjectRef::new(
        "clicks",
        "/2026/11/21/23/rb-clicks-stream-1-2026-11-21-23-54-50-x",
    ));
    let (mut decoder, mut normaliser) =
        (Decoder::new(DecodeLimits::default()), Normaliser::default());
    decoder.push(text.to_owned().into());
    decoder.end();
    loop {
        match decoder.advance() {
            Item::Record(record) => {
                visit(&normaliser.click(&record, &object, |_| 1).unwrap());
            }
            Item::End => return,
            other => panic!("{other:?}"),
        }
    }
}

pub fn entries(target: &dyn Target, text: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    clicks(text, |click| {
        entries.push(target.encode(&View::of(click)).unwrap())
    });
    entries
}

/// A target of the variables `text`, named `T`.
pub fn build(text: &str) -> Arc<dyn Target> {
    let config = config(&format!("TARGETS=t {text}"));
    config.targets[0].target.clone()
}

/// The example of a kind, for a target named `T`.
fn example(kind: &Kind) -> String {
    let pairs = kind.example("T_").into_iter();
    let pairs: Vec<_> = pairs
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join(" ")
}

#[test]
fn every_kind_is_documented_and_named_once() {
    let mut names = Vec::new();
    for kind in KINDS {
        assert!(!names.contains(&kind.name) && !kind.doc.is_empty());
        names.push(kind.name);
        let mut vars: Vec<_> = common()
            .chain(kind.variables())
            .map(|var| var.name)
            .collect();
        vars.sort_unstable();
        assert!(
            vars.windows(2).all(|pair| pair[0] != pair[1]),
            "{}: {vars:?}",
            kind.name
        );
    }
}

#[test]
fn every_variable_that_a_kind_reads_is_documented() {
    for kind in KINDS {
        let vars = kind.example("T_");
        let scope = Scope::new(&vars, "T_");
        (kind.build)(&scope, context()).unwrap();
        for name in scope.read() {
            let key = name.strip_prefix("T_").unwrap();
            assert!(
                kind.variables().any(|var| var.name == key),
                "{}: {key} is read but not documented",
                kind.name
            );
        }
        for var in kind.variables().filter(|var| !var.name.ends_with('*')) {
            assert!(
                scope.read().contains(&format!("T_{}", var.name)),
                "{}: {} is documented but not read",
                kind.name,
                var.name
            );
        }
    }
}

#[test]
fn limits_may_only_be_lowered() {
    // A kind that cuts windows has no limits of requests.
    for kind in KINDS.iter().filter(|kind| {
        build(&example(kind))
            .delivery()
            .batching
            .windows()
            .is_none()
    }) {
        let target = build(&example(kind));
        let limits = target.limits();
        let with = |more: &str| {
            let vars = vars(&format!("TARGETS=t {} {more}", example(kind)));
            clickstream_forwarder::config::Config::load(&vars, context())
                .map(|c| c.targets[0].limits)
                .map_err(|e| e.to_string())
        };
        let fewer = limits.records.min(7);
        assert_eq!(
            with(&format!("T_MAX_RECORDS={fewer}")).unwrap().records,
            fewer
        );
        let said = with(&format!("T_MAX_BYTES={}", limits.bytes + 1)).unwrap_err();
        assert!(
            said.contains("T_MAX_BYTES") && said.contains(&limits.bytes.to_string()),
            "{said}"
        );
    }
}

const SECRETS: &str = "T_BEARER=very-hidden T_HEADER_X_API_KEY=very-hidden-too T_SIGNING_SECRET=whsec_dmVyeS1oaWRkZW4tdmVyeS1oaWRkZW4tMQ==";

#[test]
fn secrets_are_in_no_description() {
    let text = format!(
        "{:?}",
        build(&format!(
            "T_KIND=http T_URL=https://h/p?token=very-hidden {SECRETS}"
        ))
        .describe()
    );
    assert!(
        !text.contains("hidden") && text.contains("***") && text.contains("x-api-key"),
        "{text}"
    );
}

async fn server(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

/// Sends the clicks 0 to 2 to a server that answers `answer`.
async fn sent(
    answer: ResponseTemplate,
    text: &str,
) -> (Result<Vec<Verdict>, SendError>, Vec<Request>) {
    let server = server(answer).await;
    let target = build(&format!("T_KIND=http T_URL={}/clicks {text}", server.uri()));
    let result = target.send(&entries(&*target, &lines(0..2))).await;
    (result, server.received_requests().await.unwrap())
}

fn headers(request: &Request) -> BTreeMap<String, String> {
    let own = ["host", "accept", "content-length"];
    let headers = request
        .headers
        .iter()
        .filter(|(name, _)| !own.contains(&name.as_str()));
    headers
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect()
}

#[tokio::test]
async fn single_sends_one_click_a_request() {
    let target = build("T_KIND=http T_URL=http://h T_BODY=single");
    assert_eq!(target.limits().records, 1);
    let server = server(ResponseTemplate::new(204)).await;
    let target = build(&format!("T_KIND=http T_URL={} T_BODY=single", server.uri()));
    let entries = entries(&*target, &lines(4..5));
    target.send(&entries).await.unwrap();
    assert_eq!(
        server.received_requests().await.unwrap()[0].body,
        entries[0].body
    );
}

#[tokio::test]
async fn a_compressed_body_is_the_same_body() {
    let (_, plain) = sent(ResponseTemplate::new(200), "").await;
    let (_, gzip) = sent(ResponseTemplate::new(200), "T_COMPRESSION=gzip").await;
    assert_eq!(headers(&gzip[0])["content-encoding"], "gzip");
    let mut body = Vec::new();
    flate2::read::MultiGzDecoder::new(&gzip[0].body[..])
        .read_to_end(&mut body)
        .unwrap();
    assert_eq!(body, plain[0].body);
}

#[tokio::test]
async fn the_same_body_has_the_same_id_and_each_attempt_its_own_signature() {
    let (server, target) = {
        let server = server(ResponseTemplate::new(503)).await;
        let target = build(&format!("T_KIND=http T_URL={} {SECRETS}", server.uri()));
        (server, target)
    };
    let three = entries(&*target, &lines(0..3));
    for batch in [&three[..2], &three[..2], &three[1..]] {
        assert!(target.send(batch).await.is_err());
    }
    let requests = server.received_requests().await.unwrap();
    let header = |at: usize, name: &str| headers(&requests[at])[name].clone();
    assert_eq!(header(0, "webhook-id"), header(1, "webhook-id"));
    assert_ne!(header(0, "webhook-id"), header(2, "webhook-id"));
    assert_eq!(header(0, "idempotency-key"), header(0, "webhook-id"));
    for at in 0..3 {
        assert_eq!(header(at, "webhook-timestamp"), "1795305600");
        assert!(header(at, "webhook-signature").starts_with("v1,"));
    }
}

#[tokio::test]
async fn answers_are_judged_by_their_status() {
    let judged = |answer: ResponseTemplate| async { sent(answer, "").await.0.unwrap_err() };
    assert!(matches!(
        judged(ResponseTemplate::new(500)).await,
        SendError::Unavailable(_)
    ));
    let SendError::Throttled(after, _) =
        judged(ResponseTemplate::new(429).insert_header("Retry-After", "7")).await
    else {
        panic!()
    };
    assert_eq!(after, Some(Duration::from_secs(7)));
    assert!(matches!(
        judged(ResponseTemplate::new(413)).await,
        SendError::PayloadRejected(_)
    ));
    let SendError::Unauthorized(cause) = judged(ResponseTemplate::new(401)).await else {
        panic!()
    };
    assert!(cause.contains("credentials"), "{cause}");
    let (result, requests) = sent(
        ResponseTemplate::new(307).insert_header("Location", "/elsewhere"),
        "",
    )
    .await;
    assert!(matches!(result, Err(SendError::Misconfigured(_))));
    assert_eq!(requests.len(), 1, "redirects are not followed");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_down_and_its_address_not_in_the_message() {
    let target = build("T_KIND=http T_URL=http://127.0.0.1:1/secret-path");
    let Err(SendError::Unavailable(cause)) = target.send(&entries(&*target, &lines(0..1))).await
    else {
        panic!()
    };
    assert!(
        cause.contains("refused") && !cause.contains("secret-path"),
        "{cause}"
    );
}

#[tokio::test]
async fn an_envelope_is_read_as_rebrandly_documents_it() {
    let server = server(ResponseTemplate::new(200)).await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(200))
        .mount(&server)
        .await;
    let target = build(&format!("T_KIND=http T_URL={}", server.uri()));
    let text = r#"{"timestamp":"2026-11-21T00:00:00Z","client":{"location":{"country":"us"}},"route":{"id":"1"}}"#;
    target.send(&entries(&*target, text)).await.unwrap();
    let body: Value =
        serde_json::from_slice(&server.received_requests().await.unwrap()[0].body).unwrap();
    assert_eq!(body["key"], "rb-clicks-stream-1-2026-11-21-23-54-50-x");
    assert_eq!(body["data"][0]["client"]["geo"]["country"], "us");
    assert!(body["data"][0]["id"].is_string());
}
