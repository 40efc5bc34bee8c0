//! `clickstream try`: what it shows is what would be sent, and nothing is.

use std::collections::BTreeMap;

use clickstream_forwarder::targets::KINDS;
use serde_json::Value;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::program::{self, Run};
use crate::support::{lines, temporary, vars};

/// Returns the lines of JSON of one type that a run printed.
fn lines_of(run: &Run, kind: &str) -> Vec<Value> {
    let lines = run.out.lines();
    let lines = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["type"] == kind).collect()
}

/// Runs `clickstream` with `env` alone.
fn clickstream(args: &[&str], env: &BTreeMap<String, String>) -> Run {
    let env = env.iter().map(|(name, value)| (&**name, &**value));
    program::clickstream(args, env)
}

#[test]
fn every_kind_shows_its_requests_without_credentials() {
    let (_keep, directory) = temporary();
    let path = directory.join("clicks.json");
    std::fs::write(&path, lines(0..3)).unwrap();
    for kind in KINDS {
        let mut env = kind.example("T_");
        env.insert("TARGETS".into(), "t".into());
        let args = ["try", "--json", path.to_str().unwrap()];
        let run = clickstream(&args, &env);
        assert_eq!(run.code, 0, "{}: {}{}", kind.name, run.out, run.err);
        assert_eq!(lines_of(&run, "click").len(), 3, "{}", kind.name);
        let requests = lines_of(&run, "request");
        let clicks = requests.iter().map(|one| one["clicks"].as_array().unwrap());
        assert_eq!(clicks.map(Vec::len).sum::<usize>(), 3, "{}", kind.name);
        for request in requests {
            let body = request["body"].as_str().unwrap();
            assert!(
                !body.is_empty() && !body.contains("cannot be read"),
                "{body}"
            );
        }
        let run = clickstream(&["try", path.to_str().unwrap()], &env);
        let shown = run.out.contains("link-1") || run.out.contains("\"link_id\"");
        assert!(run.code == 0 && shown, "{}: {}", kind.name, run.out);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_requests_that_are_shown_are_those_that_forward_sends() {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200))
        .mount(&server)
        .await;
    let (_keep, directory) = temporary();
    let path = directory.join("clicks.json");
    std::fs::write(&path, lines(0..10)).unwrap();
    for more in [
        "",
        "T_BODY=lines T_FORMAT=flat",
        "T_COMPRESSION=gzip T_METHOD=PUT",
    ] {
        let url = format!("{}/a/b?c=d", server.uri());
        let env = vars(&format!(
            "TARGETS=t T_KIND=http T_URL={url} T_MAX_RECORDS=3 T_CONCURRENCY=1 {more}"
        ));
        let shown = clickstream(&["try", "--json", path.to_str().unwrap()], &env);
        assert!(server.received_requests().await.unwrap().is_empty());
        let sent = clickstream(&["forward", path.to_str().unwrap()], &env);
        assert_eq!((shown.code, sent.code), (0, 0), "{}{}", shown.err, sent.err);
        let received = server.received_requests().await.unwrap();
        let shown = lines_of(&shown, "request");
        assert_eq!((shown.len(), received.len()), (4, 4));
        for (shown, received) in shown.iter().zip(&received) {
            assert_eq!(shown["method"], received.method.as_str());
            for (name, value) in shown["headers"].as_object().unwrap() {
                assert_eq!(value, received.headers[name.as_str()].to_str().unwrap());
            }
            if !more.contains("gzip") {
                assert_eq!(shown["body"].as_str().unwrap().as_bytes(), received.body);
            }
        }
        server.reset().await;
        Mock::given(any())
            .respond_with(ResponseTemplate::new(200))
            .mount(&server)
            .await;
    }
}

#[test]
fn what_becomes_of_each_click_is_shown_for_each_target() {
    let (_keep, directory) = temporary();
    let path = directory.join("clicks.json");
    let clicks = [
        r#"{"timestamp":"2026-11-21T23:54:50Z","client":{"agent":{"type":"bot"}},"route":{"id":"a","domain":{"raw":"a.example"}}}"#,
        r#"{"timestamp":"2026-11-21T23:54:51Z","route":{"id":"b","domain":{"raw":"b.example"}}}"#,
        r#"{"timestamp":"2026-11-21T23:54:52Z","route":{"id":"c"}}"#,
    ];
    std::fs::write(&path, clicks.join("\n")).unwrap();
    let path = path.to_str().unwrap();
    let env = vars(
        "TARGETS=people,each PEOPLE_KIND=stdout PEOPLE_AGENTS=human EACH_KIND=http \
         EACH_URL=https://example.com/{route.domain.raw}",
    );
    let run = clickstream(&["try", "--json", path], &env);
    // A placeholder fails on the last click.
    assert_eq!(run.code, 1, "{}", run.err);
    let clicks = lines_of(&run, "click");
    let outcome = |click: usize, target: usize| clicks[click]["targets"][target].clone();
    assert_eq!(outcome(0, 0)["outcome"], "dropped");
    assert_eq!(outcome(0, 0)["by"], "PEOPLE_AGENTS");
    assert_eq!(outcome(1, 0)["outcome"], "kept");
    assert_eq!(outcome(2, 1)["outcome"], "failed");
    assert!(
        outcome(2, 1)["reason"]
            .as_str()
            .unwrap()
            .contains("EACH_URL")
    );
    let requests = lines_of(&run, "request");
    let of_each = requests.iter().filter(|one| one["target"] == "each");
    let addresses: Vec<_> = of_each
        .map(|one| one["address"].as_str().unwrap())
        .collect();
    assert_eq!(
        addresses,
        [
            "https://example.com/a.example",
            "https://example.com/b.example"
        ]
    );
    let run = clickstream(&["try", path], &env);
    assert!(
        run.out.contains("  people  dropped by PEOPLE_AGENTS\n"),
        "{}",
        run.out
    );
    assert!(run.out.contains("  each    FAILED: "), "{}", run.out);
}

#[test]
fn secrets_are_masked_and_references_shown() {
    let (_keep, directory) = temporary();
    let path = directory.join("clicks.json");
    std::fs::write(&path, lines(0..1)).unwrap();
    let path = path.to_str().unwrap();
    let env = vars(
        "TARGETS=a,b A_KIND=http A_URL=https://example.com/hooks/T0KENT0KENT0KEN?key=T0KENT0KEN \
         A_BEARER=T0KENT0KENT0KEN A_HEADER_X_KEY=T0KEN B_KIND=http B_URL=ssm:/hook/url \
         B_BASIC=secretsmanager:basic A_SIGNING_SECRET=whsec_T0KENT0KENT0KENT0KENT0KENT0KENT0",
    );
    for args in [&["try", path][..], &["try", "--json", path]] {
        let run = clickstream(args, &env);
        assert_eq!(run.code, 0, "{}", run.err);
        assert!(!run.out.contains("T0KEN"), "{}", run.out);
        assert!(run.out.contains("ssm:/hook/url"), "{}", run.out);
        assert!(!run.out.contains(".invalid"), "{}", run.out);
    }
    let run = clickstream(&["try", "--target", "b", path], &env);
    assert!(!run.out.contains("example.com"), "{}", run.out);
    let run = clickstream(&["try", "--target", "c", path], &env);
    assert_eq!(run.code, 2);
    assert!(
        run.err.contains("\"c\" is none of TARGETS: a, b"),
        "{}",
        run.err
    );
}

#[test]
fn reading_stops_at_the_limit_and_bad_records_are_shown() {
    let (_keep, directory) = temporary();
    let path = directory.join("clicks.json");
    std::fs::write(&path, format!("{}7\n{}", lines(0..2), lines(2..9))).unwrap();
    let path = path.to_str().unwrap();
    let env = BTreeMap::new();
    let run = clickstream(&["try", "--json", "--limit", "4", path], &env);
    assert_eq!(run.code, 0, "{}", run.err);
    assert_eq!(
        (lines_of(&run, "click").len(), lines_of(&run, "bad").len()),
        (3, 1)
    );
    assert_eq!(lines_of(&run, "summary")[0]["cut"], true);
    let run = clickstream(&["try", path], &env);
    assert!(run.out.contains("record 3: no click: "), "{}", run.out);
    assert!(!run.out.contains("--limit"), "{}", run.out);
    for wrong in [
        &["try", "--limit", "0", path][..],
        &["try", "--limit=-1", path],
        &["try", "none"],
    ] {
        let run = clickstream(wrong, &env);
        assert_eq!((run.code, &*run.out), (2, ""), "{wrong:?}");
    }
}

#[test]
fn clicks_whose_addresses_differ_are_shown_in_requests_of_their_own() {
    let (_keep, directory) = temporary();
    let path = directory.join("clicks.json");
    let click = |number: u8, domain: &str| {
        format!(
            r#"{{"timestamp":"2026-11-21T23:54:5{number}Z","route":{{"domain":{{"raw":"{domain}"}}}}}}"#
        )
    };
    let clicks = [click(1, "go.one"), click(2, "x/y"), click(3, "go.one")];
    std::fs::write(&path, clicks.join("\n")).unwrap();
    let env = vars("TARGETS=a A_KIND=http A_URL=https://example.com/{route.domain.raw}/clicks");
    let run = clickstream(&["try", "--json", path.to_str().unwrap()], &env);
    let requests = lines_of(&run, "request");
    let shown: Vec<_> = requests.iter().map(|request| &request["address"]).collect();
    let address = |domain: &str| format!("https://example.com/{domain}/clicks");
    assert_eq!(
        shown,
        [&address("go.one"), &address("x%2Fy")],
        "{}",
        run.out
    );
}
