//! Settings that are kept outside the environment: a path of parameters, and secrets; what happens
//! when they change or cannot be read.

use std::sync::Arc;

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use clickstream_forwarder::config::ConfigErrors;
use clickstream_forwarder::config::settings::Settings;
use clickstream_forwarder::platform::aws::Aws;
use clickstream_forwarder::targets::{Context, SendError, Verdict};
use serde_json::{Value, json};
use tokio::time::Instant;
use wiremock::matchers::{body_partial_json, header};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{context, lines, vars};
use crate::target::entries;

/// Reads settings from the variables `text`, with `server` in the place of AWS.
async fn settings(server: &MockServer, text: &str) -> Result<Arc<Settings>, ConfigErrors> {
    let plain = aws_smithy_http_client::Builder::new().build_http();
    let config = aws_config::defaults(BehaviorVersion::latest())
        .credentials_provider(Credentials::new("testing", "testing", None, None, "tests"))
        .region(Region::new("eu-west-1"))
        .endpoint_url(server.uri())
        .retry_config(aws_config::retry::RetryConfig::disabled())
        .http_client(plain);
    let context = Context {
        aws: Aws::of(config.load().await),
        ..context()
    };
    Settings::read(vars(text), context).await.map(Arc::new)
}

/// Has `server` answer the requests of one operation whose body holds `asked`.
async fn answer(server: &MockServer, operation: &str, asked: Value, status: u16, answer: Value) {
    let response = ResponseTemplate::new(status)
        .set_body_raw(answer.to_string(), "application/x-amz-json-1.1");
    Mock::given(header("x-amz-target", operation))
        .and(body_partial_json(asked))
        .respond_with(response)
        .mount(server)
        .await;
}

const SECRET: &str = "secretsmanager.GetSecretValue";
const PARAMETERS: &str = "AmazonSSM.GetParameters";

fn count(requests: &[wiremock::Request], operation: &str) -> usize {
    requests
        .iter()
        .filter(|request| {
            request
                .headers
                .get("x-amz-target")
                .is_some_and(|target| target == operation)
        })
        .count()
}

#[tokio::test]
async fn references_are_followed_together_and_each_once() {
    let server = MockServer::start().await;
    answer(
        &server,
        SECRET,
        json!({ "SecretId": "clicks" }),
        200,
        json!({ "SecretString": r#"{"token":"t-1","port":8}"# }),
    )
    .await;
    let parameters =
        json!({ "Parameters": [{ "Name": "/clicks/url", "Value": "http://127.0.0.1:9/clicks" }] });
    answer(
        &server,
        PARAMETERS,
        json!({ "Names": ["/clicks/url"], "WithDecryption": true }),
        200,
        parameters,
    )
    .await;
    let text = "TARGETS=a,b A_KIND=http A_URL=ssm:/clicks/url A_BEARER=secretsmanager:clicks#token \
                B_KIND=http B_URL=ssm:/clicks/url B_HEADER_X_PORT=secretsmanager:clicks#port";
    let settings = settings(&server, text).await.unwrap();
    assert_eq!(settings.references().len(), 4);
    assert_eq!(
        server.received_requests().await.unwrap().len(),
        0,
        "nothing is asked for at the start"
    );
    let config = settings.config().await.unwrap();
    assert_eq!(config.targets.len(), 2);
    let told = format!("{:?}", config.targets[0].target.describe());
    assert!(
        told.contains("127.0.0.1:9")
            && told.contains("authorization: ***")
            && !told.contains("t-1"),
        "{told}"
    );
    let requests = server.received_requests().await.unwrap();
    assert_eq!(
        (count(&requests, SECRET), count(&requests, PARAMETERS)),
        (1, 1)
    );
}

#[tokio::test]
async fn a_path_is_laid_over_the_environment() {
    let server = MockServer::start().await;
    let operation = "AmazonSSM.GetParametersByPath";
    let first = json!({ "Parameters": [{ "Name": "/clicks/prod/TARGETS", "Value": "out" }], "NextToken": "more" });
    let second = json!({ "Parameters": [{ "Name": "/clicks/prod/OUT_KIND", "Value": "stdout" }] });
    answer(
        &server,
        operation,
        json!({ "Path": "/clicks/prod/", "NextToken": "more" }),
        200,
        second,
    )
    .await;
    answer(
        &server,
        operation,
        json!({ "Path": "/clicks/prod/" }),
        200,
        first,
    )
    .await;
    let settings = settings(
        &server,
        "SETTINGS_PATH=/clicks/prod/ TARGETS=other OUT_FORMAT=flat",
    )
    .await
    .unwrap();
    let config = settings.config().await.unwrap();
    assert_eq!(
        (&*config.targets[0].name, config.targets[0].kind),
        ("out", "stdout")
    );
    assert_eq!(settings.path(), Some("/clicks/prod/"));
}

#[tokio::test]
async fn what_cannot_be_read_is_named_with_what_is_missing() {
    let server = MockServer::start().await;
    let denied = json!({ "__type": "AccessDeniedException", "message": "no" });
    let asked = json!({ "SecretId": "denied" });
    answer(&server, SECRET, asked, 400, denied.clone()).await;
    answer(
        &server,
        SECRET,
        json!({ "SecretId": "plain" }),
        200,
        json!({ "SecretString": "very hidden" }),
    )
    .await;
    answer(
        &server,
        PARAMETERS,
        json!({}),
        200,
        json!({ "Parameters": [], "InvalidParameters": ["/none"] }),
    )
    .await;
    let by_path = "AmazonSSM.GetParametersByPath";
    answer(&server, by_path, json!({}), 400, denied).await;
    let text = "TARGETS=t T_KIND=http T_URL=ssm:/none T_BEARER=secretsmanager:plain#token T_HEADER_A=secretsmanager:denied";
    let settings_of = async |text: &str| settings(&server, text).await;
    let errors = settings_of(text)
        .await
        .unwrap()
        .config()
        .await
        .err()
        .unwrap()
        .to_string();
    for said in [
        "T_URL: ssm:/none cannot be read: there is no such parameter",
        "T_BEARER: secretsmanager:plain#token cannot be read: it is not JSON, so it has no member token",
        "T_HEADER_A: secretsmanager:denied cannot be read: AccessDeniedException: no; allow secretsmanager:GetSecretValue on it",
    ] {
        assert!(errors.contains(said), "{errors}");
    }
    assert!(!errors.contains("hidden"));
    let errors = settings_of("SETTINGS_PATH=/clicks/")
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(
        errors.contains("SETTINGS_PATH: /clicks/ cannot be read")
            && errors.contains("ssm:GetParametersByPath"),
        "{errors}"
    );
}

#[tokio::test]
async fn a_value_that_does_not_fit_is_not_told() {
    let server = MockServer::start().await;
    answer(
        &server,
        SECRET,
        json!({ "SecretId": "clicks" }),
        200,
        json!({ "SecretString": "very-hidden" }),
    )
    .await;
    for variable in [
        "T_TIMEOUT",
        "T_METHOD",
        "T_KIND",
        "T_CONCURRENCY",
        "MAX_CONCURRENCY",
        "SOURCES",
        "QUARANTINE",
    ] {
        let kind = if variable == "T_KIND" {
            ""
        } else {
            "T_KIND=http"
        };
        let text =
            format!("TARGETS=t {kind} T_URL=http://127.0.0.1:9/ {variable}=secretsmanager:clicks");
        let settings = settings(&server, &text).await.unwrap();
        if let Err(errors) = settings.config().await {
            let said = errors.to_string();
            assert!(
                said.contains(variable)
                    && said.contains("secretsmanager:clicks")
                    && !said.contains("hidden"),
                "{said}"
            );
        }
    }
    let errors = settings(&server, "TARGETS=secretsmanager:clicks")
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(
        errors.contains("TARGETS: cannot stand elsewhere"),
        "{errors}"
    );
}

#[tokio::test]
async fn mistakes_are_found_at_the_start_as_far_as_they_do_not_depend_on_a_reference() {
    let server = MockServer::start().await;
    let errors = async |text: &str| {
        settings(&server, text)
            .await
            .err()
            .map(|errors| errors.to_string())
            .unwrap_or_default()
    };
    let text = "TARGETS=t T_KIND=http T_URL=ssm:/url T_BODY=xml T_SIGNING_SECRET=secretsmanager: T_URLS=x \
                T_BEARR=secretsmanager:x";
    let said = errors(text).await;
    for part in [
        "T_BODY: found \"xml\"",
        "T_BEARR: is not a variable of target t; did you mean T_BEARER?",
        "T_SIGNING_SECRET: expected secretsmanager:NAME",
        "T_URLS: is not a variable",
    ] {
        assert!(said.contains(part), "{said}");
    }
    assert!(!said.contains("T_URL:"), "{said}");
    let other = errors("TARGETS=t,u T_KIND=http T_URL=ssm:/url U_KIND=sqs U_QUEUE_URL=https://q/1/q.fifo U_BODY=lines").await;
    assert!(other.contains("U_BODY: puts many clicks"), "{other}");
    let own = errors("TARGETS=t T_KIND=http T_URL=example.com T_BEARER=ssm:/token").await;
    assert!(own.contains("T_URL: is not an address"), "{own}");
    assert_eq!(
        errors("TARGETS=t T_KIND=http T_URL=ssm:/url T_SIGNING_SECRET=secretsmanager:s").await,
        ""
    );
    assert_eq!(
        errors("TARGETS=t T_KIND=sqs T_QUEUE_URL=ssm:/url T_GROUP=link").await,
        "",
        "it may be a FIFO queue"
    );
}

/// Advances the clock by a minute, between requests.
async fn a_minute_later() {
    tokio::time::pause();
    tokio::time::advance(std::time::Duration::from_secs(60)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_secret_that_was_rotated_is_read_again_when_the_target_refuses_and_once() {
    let server = MockServer::start().await;
    let rotate = async |token: &str| {
        server.reset().await;
        let (asked, found) = (
            json!({ "SecretId": "clicks" }),
            json!({ "SecretString": token }),
        );
        answer(&server, SECRET, asked, 200, found).await;
        let takes = ResponseTemplate::new(200);
        Mock::given(header("authorization", "Bearer new"))
            .respond_with(takes)
            .mount(&server)
            .await;
        Mock::given(header("authorization", "Bearer old"))
            .respond_with(ResponseTemplate::new(401))
            .mount(&server)
            .await;
    };
    rotate("old").await;
    let text = format!(
        "TARGETS=t T_KIND=http T_URL={} T_BEARER=secretsmanager:clicks",
        server.uri()
    );
    let config = settings(&server, &text)
        .await
        .unwrap()
        .config()
        .await
        .unwrap();
    let target = config.targets[0].target.clone();
    let clicks = entries(&*target, &lines(0..2));
    // As a lane sends: what is refused is sent once more if the secret is another by now.
    let send = async || {
        let began = Instant::now();
        match target.send(&clicks).await {
            Err(SendError::Unauthorized(_)) if target.renew(began).await => {
                target.send(&clicks).await
            }
            result => result,
        }
    };
    assert!(matches!(send().await, Err(SendError::Unauthorized(_))));
    a_minute_later().await;
    assert!(
        matches!(send().await, Err(SendError::Unauthorized(_))),
        "the secret is still the old one"
    );
    rotate("new").await;
    assert!(
        matches!(send().await, Err(SendError::Unauthorized(_))),
        "it was read a moment ago"
    );
    a_minute_later().await;
    assert_eq!(send().await.unwrap(), [Verdict::Sent, Verdict::Sent]);
    let requests = server.received_requests().await.unwrap();
    assert_eq!(
        (count(&requests, SECRET), requests.len()),
        (1, 4),
        "refused, read, taken; and the one before"
    );
}

#[tokio::test]
async fn a_blank_value_is_a_mistake_and_never_switches_a_setting_off() {
    let blank = [
        (
            "SOURCES",
            "#blank",
            json!({ "SecretString": r#"{"blank":""}"# }),
        ),
        (
            "QUARANTINE",
            "#blank",
            json!({ "SecretString": r#"{"blank":" "}"# }),
        ),
        ("PROGRESS_TABLE", "", json!({ "SecretString": " \n" })),
        ("T_SIGNING_SECRET", "", json!({ "SecretString": "" })),
        (
            "T_BASIC",
            "#blank",
            json!({ "SecretString": r#"{"blank":"\t"}"# }),
        ),
        (
            "T_HEADER_X_API_KEY",
            "",
            json!({ "SecretString": "\u{a0}" }),
        ),
        ("T_URL", "", json!({ "SecretString": " " })),
    ];
    for (variable, field, found) in blank {
        let server = MockServer::start().await;
        answer(&server, SECRET, json!({ "SecretId": "clicks" }), 200, found).await;
        let url = if variable == "T_URL" {
            ""
        } else {
            "T_URL=http://127.0.0.1:9/"
        };
        let text = format!("TARGETS=t T_KIND=http {url} {variable}=secretsmanager:clicks{field}");
        let settings = settings(&server, &text).await.unwrap();
        let errors = settings.config().await.err().unwrap().to_string();
        let said = format!(
            "{variable}: secretsmanager:clicks{field} is blank; store a value there, or remove \
             the variable"
        );
        assert!(errors.contains(&said), "{errors}");
    }
}

#[tokio::test]
async fn a_blank_parameter_below_the_path_is_a_mistake() {
    let server = MockServer::start().await;
    let found = json!({ "Parameters": [
        { "Name": "/clicks/SOURCES", "Value": " " },
        { "Name": "/clicks/OTHERS", "Value": " " },
    ] });
    let by_path = "AmazonSSM.GetParametersByPath";
    answer(&server, by_path, json!({}), 200, found).await;
    let text = "SETTINGS_PATH=/clicks/ TARGETS=t T_KIND=stdout SOURCES=my-clicks";
    let errors = settings(&server, text).await.err().unwrap().to_string();
    assert!(
        errors.starts_with("1 mistake") && errors.contains("SOURCES: its parameter is blank"),
        "{errors}"
    );
}

#[tokio::test]
async fn a_secure_string_that_does_not_fit_is_not_told() {
    let server = MockServer::start().await;
    let secure = |name: &str, value: &str| json!({ "Name": format!("/clicks/{name}"), "Value": value, "Type": "SecureString" });
    let found = json!({ "Parameters": [
        secure("T_TIMEOUT", "very-hidden"),
        secure("T_QUEUE_URL", "https://very:hidden@queue/1/q?hidden"),
        secure("T_TOKEN", "very-hidden"),
        secure("T_ENDPOINT_URL", "very-hidden"),
        secure("MAX_DEPTH", "very-hidden"),
        secure("PROGRES_TABLE", "very-hidden"),
        secure("SOURCES", "very hidden,very*hidden"),
    ] });
    let by_path = "AmazonSSM.GetParametersByPath";
    answer(&server, by_path, json!({}), 200, found).await;
    let text = "SETTINGS_PATH=/clicks/ TARGETS=t T_KIND=sqs T_REGION=very-hidden";
    let errors = settings(&server, text).await.err().unwrap().to_string();
    assert!(!errors.contains("hidden"), "{errors}");
    for said in [
        "T_TIMEOUT: its SecureString does not hold what this variable takes; expected a time",
        "T_QUEUE_URL: its SecureString does not hold",
        "T_TOKEN: is not a variable of target t",
        "PROGRES_TABLE: is not a variable of the forwarder, but nearly PROGRESS_TABLE",
        "SOURCES: its SecureString does not hold",
        "T_REGION: found \"***\"",
    ] {
        assert!(errors.contains(said), "{said} is missing in\n{errors}");
    }
}

#[tokio::test]
async fn a_running_target_keeps_its_values_where_new_ones_are_blank_or_anothers_are() {
    let server = MockServer::start().await;
    let store = async |own: &str, other: &str| {
        server.reset().await;
        for (name, value) in [("own", own), ("other", other)] {
            let found = json!({ "SecretString": value });
            answer(&server, SECRET, json!({ "SecretId": name }), 200, found).await;
        }
        Mock::given(wiremock::matchers::path("/hook"))
            .respond_with(ResponseTemplate::new(200))
            .mount(&server)
            .await;
    };
    store("old", "fine").await;
    let url = format!("{}/hook", server.uri());
    let text = format!(
        "TARGETS=t,u T_KIND=http T_URL={url} T_BEARER=secretsmanager:own \
         U_KIND=http U_URL={url} U_BEARER=secretsmanager:other"
    );
    let settings = settings(&server, &text).await.unwrap();
    let config = settings.config().await.unwrap();
    let target = config.targets[0].target.clone();
    let clicks = entries(&*target, &lines(0..1));
    let sent_with = async || {
        for _ in 0..6 {
            a_minute_later().await;
        }
        assert_eq!(target.send(&clicks).await.unwrap(), [Verdict::Sent]);
        let requests = server.received_requests().await.unwrap();
        let sent = requests
            .iter()
            .rfind(|one| one.url.path() == "/hook")
            .unwrap();
        sent.headers["authorization"].to_str().unwrap().to_owned()
    };
    store(" ", "fine").await;
    assert_eq!(sent_with().await, "Bearer old");
    store("new", "").await;
    assert_eq!(
        sent_with().await,
        "Bearer new",
        "another target's value is its own affair"
    );
}
