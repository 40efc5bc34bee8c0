//! Requests of `http` whose address and headers are made from the click.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use clickstream_forwarder::deliver::RunControl;
use clickstream_forwarder::forward::Forwarder;
use clickstream_forwarder::object::{Memory, Store};
use clickstream_forwarder::outcome::Outcome;
use clickstream_forwarder::targets::{Batching, EncodeError, Entry, SendError, Target, View};
use serde_json::{Value, json};
use tokio::time::Instant;
use wiremock::matchers::{any, method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::scripted::{job, rows};
use crate::support::config;
use crate::target::{build, clicks, entries};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A click of a domain, in a country.
fn click(number: usize, domain: &str, country: &str) -> String {
    let click = json!({
        "timestamp": format!("2026-11-21T23:54:50.{number:06}Z"),
        "client": {"geo": {"country": country}},
        "route": {"id": format!("link-{number}"), "domain": {"raw": domain}},
    });
    click.to_string() + "\n"
}

async fn taking() -> MockServer {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(200);
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

/// Forwards clicks to a target `t` with these variables, and returns what became of them.
async fn forward(variables: &str, clicks: String) -> (Outcome, Memory) {
    let memory = Memory::default();
    memory.put("clicks", "k", clicks);
    let quarantine = "QUARANTINE=s3://rows/q/";
    let config = config(&format!("TARGETS=t T_KIND=http {quarantine} {variables}"));
    let forwarder = Forwarder::with_store(config, Store::Memory(memory.clone()));
    let control = RunControl::until(Instant::now() + Duration::from_secs(60));
    let outcome = forwarder.forward(&job("k"), control).await;
    (outcome, memory)
}

fn header<'r>(request: &'r Request, name: &str) -> &'r str {
    std::str::from_utf8(request.headers[name].as_bytes()).unwrap()
}

fn rule(target: &dyn Target, text: &str) -> String {
    let mut error = None;
    clicks(text, |click| error = target.encode(&View::of(click)).err());
    match error {
        Some(EncodeError::Rule(cause)) => cause,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn each_request_holds_the_clicks_of_its_address_and_headers() {
    let server = taking().await;
    let domains = ["go.example", "a/b?c#d", "x y", ".hidden"];
    let countries = ["de", "fr"];
    let text = (0..400).map(|n| click(n, domains[n % 4], countries[n / 4 % 2]));
    let variables = format!(
        "T_URL={}/t0ken/{{route.domain.raw}}/clicks?v=1&d={{route.domain.raw}} T_BODY=lines \
         T_HEADER_X_COUNTRY=c:{{client.location.country}} T_HEADER_X_API_KEY=key \
         T_SIGNING_SECRET={SECRET}",
        server.uri()
    );
    let (outcome, _) = forward(&variables, text.collect()).await;
    assert_eq!(outcome.targets[0].tally.sent, 400, "{outcome:?}");

    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len(), 8, "one for each pair of values");
    let (mut links, mut ids) = (BTreeSet::new(), BTreeSet::new());
    for request in &requests {
        let segments: Vec<_> = request.url.path_segments().unwrap().collect();
        assert_eq!(
            (segments[0], segments[2], segments.len()),
            ("t0ken", "clicks", 3)
        );
        let query: BTreeMap<_, _> = request.url.query_pairs().into_owned().collect();
        assert_eq!((query.len(), &*query["v"]), (2, "1"));
        assert_eq!(header(request, "x-api-key"), "key");
        let signature = header(request, "webhook-signature");
        assert!(signature.starts_with("v1,"), "{signature}");
        assert!(ids.insert(header(request, "webhook-id").to_owned()));
        for line in request
            .body
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            let click: Value = serde_json::from_slice(line).unwrap();
            assert_eq!(click["route"]["domain"]["raw"], *query["d"]);
            let country = click["client"]["location"]["country"].as_str().unwrap();
            assert_eq!(header(request, "x-country"), format!("c:{country}"));
            assert!(links.insert(click["route"]["id"].to_string()));
        }
    }
    assert_eq!(links.len(), 400);
}

#[test]
fn a_click_without_a_value_or_with_one_that_cannot_be_sent_fails_by_its_rule() {
    let url = "T_KIND=http T_URL=https://h/{route.domain.raw}";
    let target = build(url);
    assert_eq!(target.delivery().batching, Batching::OneGroupOnly);
    let missing = "T_URL: {route.domain.raw} is missing or empty in this click";
    assert_eq!(rule(&*target, &click(1, "", "de")), missing);
    assert_eq!(rule(&*target, &crate::support::click(1)), missing);
    let dots = rule(&*target, &click(1, "..", "de"));
    assert!(
        dots.starts_with("T_URL: {route.domain.raw} is . or .."),
        "{dots}"
    );
    let long = rule(&*target, &click(1, &"x".repeat(9000), "de"));
    assert!(long.starts_with("T_URL: the address would have"), "{long}");
    let target = build(&format!("{url} T_HEADER_X_CITY={{other:client.city}}"));
    let cut = r#"{"timestamp":"2026-11-21T00:00:00Z","route":{"domain":{"raw":"d"}},"client":{"city":"a\r\nb: c"}}"#;
    let cut = rule(&*target, cut);
    assert!(
        cut.starts_with("T_HEADER_X_CITY: {other:client.city} holds a character"),
        "{cut}"
    );
    assert!(!cut.contains("b: c"), "{cut}");
}

#[test]
fn clicks_with_the_same_values_are_one_group_however_they_are_spelled() {
    let target =
        build("T_KIND=http T_URL=https://h/{client.location.country} T_HEADER_X_ID={route.id}");
    let group = |text: &str| entries(&*target, text).remove(0).group;
    let delivered = |place: &str| {
        let text = r#"{"timestamp":"2026-11-21T00:00:00Z","route":{"id":"l"},"client":{"PLACE":{"country":"de"}}}"#;
        group(&text.replace("PLACE", place))
    };
    assert_eq!(delivered("geo"), delivered("location"));
    assert_ne!(delivered("geo"), group(&click(1, "d", "de")));
    let needs = target.needs().into_iter();
    let needs: Vec<_> = needs
        .map(|need| (need.path.to_string(), need.variable))
        .collect();
    let need = |path: &str, variable: &str| (path.to_owned(), variable.to_owned());
    assert_eq!(
        needs,
        [
            need("client.location.country", "URL"),
            need("route.id", "HEADER_X_ID")
        ]
    );
}

#[tokio::test]
async fn a_value_beyond_ascii_is_a_header_as_it_is() {
    let server = taking().await;
    let variables = format!(
        "T_URL={}/ T_HEADER_X_DOMAIN={{route.domain.raw}}",
        server.uri()
    );
    let (outcome, _) = forward(&variables, click(1, "münchen.example", "de")).await;
    assert_eq!(outcome.targets[0].tally.sent, 1, "{outcome:?}");
    let requests = server.received_requests().await.unwrap();
    assert_eq!(header(&requests[0], "x-domain"), "münchen.example");
}

#[tokio::test]
async fn an_address_that_a_click_makes_too_long_is_the_fault_of_the_click() {
    let server = MockServer::start().await;
    let long = Mock::given(path("/long")).respond_with(ResponseTemplate::new(414));
    long.mount(&server).await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200))
        .mount(&server)
        .await;
    let variables = format!("T_URL={}/{{route.domain.raw}}", server.uri());
    let text = click(1, "short", "de") + &click(2, "long", "de") + &click(3, "short", "de");
    let (outcome, memory) = forward(&variables, text).await;
    let tally = outcome.targets[0].tally;
    assert_eq!((tally.sent, tally.quarantined), (2, 1), "{outcome:?}");
    assert!(rows(&memory)[0]["raw"].as_str().unwrap().contains("long"));
    // One that is not made of the click is the target's own.
    let target = build(&format!("T_KIND=http T_URL={}/long", server.uri()));
    let refused = target.send(&entries(&*target, &click(1, "d", "de"))).await;
    assert!(
        matches!(refused, Err(SendError::Misconfigured(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_check_asks_with_an_example_in_the_place_of_each_value() {
    let server = MockServer::start().await;
    let head = Mock::given(method("HEAD")).and(path("/a/check"));
    head.respond_with(ResponseTemplate::new(204))
        .mount(&server)
        .await;
    let target = build(&format!(
        "T_KIND=http T_URL={}/a/{{route.domain.raw}}?c={{id}} T_HEADER_X_ID=id-{{id}}",
        server.uri()
    ));
    let proof = target.probe().await.unwrap().to_string();
    let said = "HEAD with \"check\" in the place of {route.domain.raw}, {id} answered 204: name is \
                right, path and headers not proved";
    assert_eq!(proof, said);
    let asked = &server.received_requests().await.unwrap()[0];
    assert_eq!(
        (asked.url.query(), header(asked, "x-id")),
        (Some("c=check"), "id-check")
    );
    let described: BTreeMap<_, _> = target.describe().into_iter().collect();
    assert_eq!(
        described["url"],
        format!("{}/***{{route.domain.raw}}***{{id}}", server.uri())
    );
    assert_eq!(described["headers"], "x-id: ***{id}");
}

#[tokio::test]
async fn what_a_refusing_answer_repeats_of_a_value_is_not_logged() {
    let server = MockServer::start().await;
    let says = ResponseTemplate::new(404).set_body_string("no tenant münchen & söhne");
    Mock::given(any()).respond_with(says).mount(&server).await;
    let target = build(&format!(
        "T_KIND=http T_URL={}/{{route.domain.raw}}",
        server.uri()
    ));
    let mut entries: Vec<Entry> = entries(&*target, &click(1, "münchen & söhne", "de"));
    entries[0].body = "{}".into();
    let Err(SendError::Misconfigured(cause)) = target.send(&entries).await else {
        panic!()
    };
    assert!(
        cause.contains("made with {route.domain.raw} of its clicks"),
        "{cause}"
    );
    assert!(
        cause.contains("no tenant") && !cause.contains("nchen"),
        "{cause}"
    );
}
