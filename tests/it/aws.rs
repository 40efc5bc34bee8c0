//! The targets inside AWS, request by request at a recording server, and what they make of each answer.

use std::fmt::Write;
use std::sync::Arc;

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clickstream_forwarder::config::Config;
use clickstream_forwarder::platform::aws::Aws;
use clickstream_forwarder::targets::{Context, Entry, SendError, Target, Verdict, Window};
use serde_json::{Value, json};
use wiremock::matchers::{any, header_regex};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::golden;
use crate::support::{context, lines, root, vars};
use crate::target::entries;

/// A target of the variables `text`, named `T`, whose service is `server`.
async fn build(server: &MockServer, text: &str) -> Arc<dyn Target> {
    let plain = aws_smithy_http_client::Builder::new().build_http();
    let config = aws_config::defaults(BehaviorVersion::latest())
        .credentials_provider(Credentials::new("testing", "testing", None, None, "tests"))
        .region(Region::new("eu-west-1"))
        .endpoint_url(server.uri())
        .http_client(plain);
    let context = Context {
        aws: Aws::of(config.load().await),
        ..context()
    };
    let config = Config::load(&vars(&format!("TARGETS=t {text}")), context)
        .unwrap_or_else(|errors| panic!("{errors}"));
    config.targets[0].target.clone()
}

/// A click with all that a target may ask for, and two small ones.
fn clicks(target: &dyn Target) -> Vec<Entry> {
    let rich = std::fs::read_to_string(root().join("crates/clicks/tests/data/s3-file-shape.json"))
        .unwrap();
    let window = Arc::new(Window::default());
    let mut entries = entries(target, &format!("{rich}\n{}", lines(0..2)));
    let id = entries[0].id;
    window.digest.set(id.into()).unwrap();
    entries
        .iter_mut()
        .for_each(|entry| entry.window = Some(window.clone()));
    entries
}

async fn answering(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

/// What a request says, without what is another each time: its date, its signature, its attempt.
fn told(request: &Request) -> String {
    let mut text = format!("{} {}", request.method, request.url.path());
    request
        .url
        .query()
        .into_iter()
        .for_each(|query| write!(text, "?{query}").unwrap());
    text.push('\n');
    let headers: std::collections::BTreeMap<_, _> = request
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value))
        .collect();
    for (name, value) in headers {
        let told = name.starts_with("x-amz-") || ["content-type", "if-none-match"].contains(&name);
        if told
            && ![
                "x-amz-date",
                "x-amz-user-agent",
                "x-amz-content-sha256",
                "x-amz-checksum-crc32",
            ]
            .contains(&name)
        {
            writeln!(text, "{name}: {}", value.to_str().unwrap()).unwrap();
        }
    }
    let body = match serde_json::from_slice::<Value>(&request.body) {
        Ok(mut json) => {
            plain(&mut json);
            serde_json::to_string_pretty(&json).unwrap()
        }
        Err(_) if request.body.starts_with(b"PAR1") => "(Parquet)".into(),
        Err(_) if request.body.starts_with(&[0x1f, 0x8b]) => "(gzip)".into(),
        Err(_) => form(&String::from_utf8_lossy(&request.body)),
    };
    format!("{text}\n{body}\n")
}

/// The members of a form, a line each. Attributes come in any order, so their names stand for their numbers.
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

/// How each kind is asked, the answer that takes all three entries, and the one that does not take the second.
fn kinds() -> Vec<(&'static str, Value, Value)> {
    let name = |key: &str, at: usize| json!({ key: at.to_string(), "MessageId": "m", "MD5OfMessageBody": "0" });
    let failed =
        |code: &str| json!({ "Id": "1", "Code": code, "SenderFault": false, "Message": "later" });
    let two = |one: Value, other: Value| json!([one.clone(), other, one]);
    vec![
        (
            "KIND=firehose T_STREAM=clicks",
            json!({ "FailedPutCount": 0, "RequestResponses": two(json!({"RecordId": "r"}), json!({"RecordId": "r"})) }),
            json!({ "FailedPutCount": 1, "RequestResponses": two(
                json!({"RecordId": "r"}),
                json!({"ErrorCode": "ServiceUnavailableException", "ErrorMessage": "Slow down."}),
            ) }),
        ),
        (
            "KIND=kinesis T_STREAM=clicks T_PARTITION_KEY=link",
            json!({ "Records": two(json!({"SequenceNumber": "1", "ShardId": "s"}), json!({"SequenceNumber": "2", "ShardId": "s"})) }),
            json!({ "FailedRecordCount": 1, "Records": two(
                json!({"SequenceNumber": "1", "ShardId": "s"}),
                json!({"ErrorCode": "InternalFailure", "ErrorMessage": "Internal Service Failure"}),
            ) }),
        ),
        (
            "KIND=sqs T_QUEUE_URL=http://127.0.0.1:9/1/clicks",
            json!({ "Successful": [name("Id", 0), name("Id", 1), name("Id", 2)], "Failed": [] }),
            json!({ "Successful": [name("Id", 2), name("Id", 0)], "Failed": [failed("InternalError")] }),
        ),
        (
            "KIND=sqs T_QUEUE_URL=http://127.0.0.1:9/1/clicks.fifo T_FORMAT=flat",
            json!({ "Successful": [name("Id", 0), name("Id", 1), name("Id", 2)], "Failed": [] }),
            json!({ "Successful": [name("Id", 2), name("Id", 0)], "Failed": [] }),
        ),
        (
            "KIND=eventbridge T_BUS=clicks",
            json!({ "FailedEntryCount": 0, "Entries": two(json!({"EventId": "e"}), json!({"EventId": "e"})) }),
            json!({ "FailedEntryCount": 1, "Entries": two(
                json!({"EventId": "e"}),
                json!({"ErrorCode": "ThrottlingException", "ErrorMessage": "Rate exceeded"}),
            ) }),
        ),
        (
            "KIND=dynamodb T_TABLE=clicks T_KEY=pk=link_id T_SORT_KEY=clicked_at T_WRITE=any",
            json!({ "UnprocessedItems": {} }),
            json!({ "UnprocessedItems": { "clicks": [
                { "PutRequest": { "Item": { "click_id": { "S": "SECOND" }, "pk": { "S": "link-0" } } } }
            ] } }),
        ),
    ]
}

fn json_answer(body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(body.to_string(), "application/x-amz-json-1.1")
}

#[tokio::test]
async fn every_kind_is_its_golden_request() {
    let mut text = String::new();
    for (variables, answer, _) in kinds() {
        let server = answering(json_answer(&answer)).await;
        let target = build(&server, &format!("T_{variables}")).await;
        let verdicts = target.send(&clicks(&*target)).await.unwrap();
        assert_eq!(verdicts, vec![Verdict::Sent; 3], "{variables}");
        write!(
            text,
            "# {variables}\n{}\n",
            told(&server.received_requests().await.unwrap()[0])
        )
        .unwrap();
    }
    let sns = "<PublishBatchResponse><PublishBatchResult><Failed/><Successful>\
        <member><Id>0</Id><MessageId>m</MessageId></member><member><Id>1</Id><MessageId>m</MessageId></member>\
        <member><Id>2</Id><MessageId>m</MessageId></member></Successful></PublishBatchResult></PublishBatchResponse>";
    for (variables, answer) in [
        (
            "KIND=sns T_TOPIC_ARN=arn:aws:sns:eu-west-1:123456789012:clicks",
            ResponseTemplate::new(200).set_body_raw(sns, "text/xml"),
        ),
        (
            "KIND=sqs T_QUEUE_URL=http://127.0.0.1:9/1/clicks T_BODY=lines",
            json_answer(&json!({ "MessageId": "m" })),
        ),
        (
            "KIND=lambda T_FUNCTION=clicks:live",
            ResponseTemplate::new(202),
        ),
        (
            "KIND=lambda T_FUNCTION=clicks T_INVOCATION=response",
            json_answer(&Value::Null),
        ),
        (
            "KIND=s3 T_BUCKET=lake T_PREFIX=clicks",
            ResponseTemplate::new(200),
        ),
        (
            "KIND=s3 T_BUCKET=lake T_FILE=lines T_FORMAT=click",
            ResponseTemplate::new(200),
        ),
    ] {
        let server = answering(answer).await;
        let target = build(&server, &format!("T_{variables}")).await;
        assert_eq!(
            target.send(&clicks(&*target)).await.unwrap(),
            vec![Verdict::Sent; 3],
            "{variables}"
        );
        let mut requests: Vec<_> = server
            .received_requests()
            .await
            .unwrap()
            .iter()
            .map(told)
            .collect();
        requests.sort();
        write!(text, "# {variables}\n{}\n", requests.join("\n")).unwrap();
    }
    let server = answering(json_answer(&json!({}))).await;
    let target = build(&server, "T_KIND=dynamodb T_TABLE=clicks").await;
    assert_eq!(target.limits().records, 1);
    assert_eq!(
        target.send(&clicks(&*target)[..1]).await.unwrap(),
        [Verdict::Sent]
    );
    write!(
        text,
        "# KIND=dynamodb T_TABLE=clicks\n{}",
        told(&server.received_requests().await.unwrap()[0])
    )
    .unwrap();
    golden::check("aws.txt", &text);
}

#[tokio::test]
async fn what_was_not_taken_alone_is_sent_again() {
    for (variables, _, answer) in kinds() {
        let first = MockServer::start().await;
        let target = build(&first, &format!("T_{variables}")).await;
        let clicks = clicks(&*target);
        let answer = answer
            .to_string()
            .replace("SECOND", &clicks[1].id.to_string());
        Mock::given(any())
            .respond_with(
                ResponseTemplate::new(200).set_body_raw(answer, "application/x-amz-json-1.1"),
            )
            .mount(&first)
            .await;
        assert_eq!(
            target.send(&clicks).await.unwrap(),
            [Verdict::Sent, Verdict::Retry, Verdict::Sent],
            "{variables}"
        );
    }
}

/// The halt of a request that is answered with `code` and `status`.
async fn halted(variables: &str, status: u16, code: &str) -> SendError {
    let body = json!({ "__type": code, "message": "it says why" });
    let answer =
        ResponseTemplate::new(status).set_body_raw(body.to_string(), "application/x-amz-json-1.1");
    let server = answering(answer.insert_header("x-amzn-errortype", code)).await;
    let target = build(&server, &format!("T_{variables}")).await;
    let halt = target.send(&clicks(&*target)).await.unwrap_err();
    assert_eq!(
        server.received_requests().await.unwrap().len(),
        1,
        "a target tries once"
    );
    halt
}

/// The halt of a request whose answer is cut off.
async fn cut(variables: &str) -> SendError {
    let server =
        answering(ResponseTemplate::new(200).set_body_raw("{\"Rec", "application/x-amz-json-1.1"))
            .await;
    let target = build(&server, &format!("T_{variables}")).await;
    target.send(&clicks(&*target)).await.unwrap_err()
}

#[tokio::test]
async fn a_whole_request_fails_for_its_clicks_only_if_the_service_says_so() {
    for (variables, ..) in kinds() {
        let halted = |status, code| halted(variables, status, code);
        assert!(
            matches!(
                halted(400, "ThrottlingException").await,
                SendError::Throttled(None, _)
            ),
            "{variables}"
        );
        assert!(
            matches!(
                halted(503, "ServiceUnavailableException").await,
                SendError::Unavailable(_)
            ),
            "{variables}"
        );
        assert!(
            matches!(halted(500, "").await, SendError::Unavailable(_)),
            "{variables}"
        );
        assert!(
            matches!(cut(variables).await, SendError::Unavailable(_)),
            "{variables}"
        );
        assert!(
            matches!(
                halted(400, "ValidationException").await,
                SendError::PayloadRejected(_)
            ),
            "{variables}"
        );
        for (code, advice) in [
            ("AccessDeniedException", "allow it to the function's role"),
            ("ResourceNotFoundException", "check its name"),
            ("KMSAccessDeniedException", "use the key"),
            ("UnrecognizedClientException", "check the credentials"),
        ] {
            let SendError::Misconfigured(cause) = halted(400, code).await else {
                panic!("{variables}: {code}")
            };
            assert!(cause.starts_with(code) && cause.contains(advice), "{cause}");
        }
    }
}

#[tokio::test]
async fn an_item_that_is_there_is_this_click_or_anothers_key() {
    let target = async |text: &str, there: &str| {
        let body = json!({ "__type": "ConditionalCheckFailedException", "Item": { "click_id": { "S": there } } });
        let server = answering(
            ResponseTemplate::new(400).set_body_raw(body.to_string(), "application/x-amz-json-1.0"),
        )
        .await;
        let target = build(&server, &format!("T_KIND=dynamodb T_TABLE=clicks {text}")).await;
        let clicks = clicks(&*target);
        target.send(&clicks[..1]).await.unwrap().remove(0)
    };
    assert_eq!(
        target("", "whatever").await,
        Verdict::Sent,
        "its id is the key"
    );
    let Verdict::Rejected(reason) = target("T_KEY=link_id", "another").await else {
        panic!()
    };
    assert!(
        reason.contains("another click, another") && reason.contains("_WRITE=any"),
        "{reason}"
    );
}

#[tokio::test]
async fn a_function_that_fails_has_taken_nothing_and_may_name_what_it_could_not_take() {
    let sent = async |answer: ResponseTemplate| {
        let server = MockServer::start().await;
        let target = build(&server, "T_KIND=lambda T_FUNCTION=f T_INVOCATION=response").await;
        let clicks = clicks(&*target);
        Mock::given(header_regex("x-amz-invocation-type", "RequestResponse"))
            .respond_with(answer)
            .mount(&server)
            .await;
        target.send(&clicks).await
    };
    let failed = json!({ "errorType": "KeyError", "errorMessage": "a secret click" });
    let answer = ResponseTemplate::new(200)
        .insert_header("X-Amz-Function-Error", "Unhandled")
        .set_body_json(failed);
    let Err(SendError::Unavailable(cause)) = sent(answer).await else {
        panic!()
    };
    assert!(
        cause.contains("Unhandled: KeyError") && !cause.contains("secret"),
        "{cause}"
    );

    let server = MockServer::start().await;
    let target = build(&server, "T_KIND=lambda T_FUNCTION=f T_INVOCATION=response").await;
    let second = clicks(&*target)[1].id.to_string();
    let some = json!({ "batchItemFailures": [{ "itemIdentifier": second }] });
    let verdicts = sent(ResponseTemplate::new(200).set_body_json(some))
        .await
        .unwrap();
    assert_eq!(verdicts, [Verdict::Sent, Verdict::Retry, Verdict::Sent]);
    for wrong in [
        json!([{ "itemIdentifier": "another" }]),
        json!([{ "itemIdentifier": "" }]),
        json!([{}]),
        json!("all"),
    ] {
        let answer =
            ResponseTemplate::new(200).set_body_json(json!({ "batchItemFailures": wrong }));
        assert!(
            matches!(sent(answer).await, Err(SendError::Unavailable(_))),
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn a_file_that_is_there_counts_as_sent_only_if_it_holds_the_same_clicks() {
    let stored = async |clicks: &str, digest: &str| {
        let server = MockServer::start().await;
        Mock::given(wiremock::matchers::method("PUT"))
            .respond_with(ResponseTemplate::new(412))
            .mount(&server)
            .await;
        let there = ResponseTemplate::new(200)
            .insert_header("x-amz-meta-clicks", clicks)
            .insert_header("x-amz-meta-form", "flat")
            .insert_header("x-amz-meta-digest", digest);
        Mock::given(wiremock::matchers::method("HEAD"))
            .respond_with(there)
            .mount(&server)
            .await;
        let target = build(&server, "T_KIND=s3 T_BUCKET=lake").await;
        let result = target.send(&self::clicks(&*target)[..1]).await;
        let put = server.received_requests().await.unwrap().remove(0);
        (
            result,
            put.headers["x-amz-meta-digest"]
                .to_str()
                .unwrap()
                .to_owned(),
        )
    };
    let (result, digest) = stored("1", "another").await;
    let Err(SendError::Misconfigured(cause)) = result else {
        panic!()
    };
    assert!(
        cause.contains("digest another there") && cause.contains("_PREFIX"),
        "{cause}"
    );
    assert_eq!(stored("1", &digest).await.0.unwrap(), [Verdict::Sent]);
    assert!(matches!(
        stored("2", &digest).await.0,
        Err(SendError::Misconfigured(_))
    ));
}

#[test]
fn a_variable_that_cannot_be_is_named() {
    for (text, said) in [
        (
            "T_KIND=firehose T_STREAM=arn:aws:firehose:eu-west-1:1:deliverystream/x",
            "T_STREAM: found",
        ),
        (
            "T_KIND=stdout QUARANTINE=my-bucket",
            "QUARANTINE: found \"my-bucket\"; expected s3://bucket/prefix/",
        ),
        (
            "T_KIND=sqs T_QUEUE_URL=clicks",
            "T_QUEUE_URL: found \"clicks\"",
        ),
        (
            "T_KIND=sqs T_QUEUE_URL=https://q.fifo T_BODY=lines",
            "T_BODY: puts many clicks in a message",
        ),
        (
            "T_KIND=sqs T_QUEUE_URL=https://q T_GROUP=link",
            "T_GROUP: is for FIFO queues",
        ),
        (
            "T_KIND=sns T_TOPIC_ARN=clicks",
            "T_TOPIC_ARN: found \"clicks\"; expected an ARN",
        ),
        (
            "T_KIND=dynamodb T_TABLE=t T_KEY=country=link_id",
            "T_KEY: found",
        ),
        (
            "T_KIND=dynamodb T_TABLE=t T_KEY=pk=click_id T_SORT_KEY=pk=link_id",
            "T_SORT_KEY: is the attribute \"pk\"",
        ),
        (
            "T_KIND=dynamodb T_TABLE=t T_KEY=link",
            "T_KEY: found \"link\"; expected a column",
        ),
        (
            "T_KIND=s3 T_BUCKET=s3://lake",
            "T_BUCKET: found \"s3://lake\"",
        ),
        (
            "T_KIND=s3 T_BUCKET=lake T_FORMAT=click",
            "T_FORMAT: found \"click\"; Parquet files hold the flat form",
        ),
        (
            "T_KIND=s3 T_BUCKET=lake T_FILE=lines T_COMPRESSION=zstd",
            "T_COMPRESSION: is for Parquet files",
        ),
        (
            "T_KIND=s3 T_BUCKET=lake T_MAX_RECORDS=10",
            "T_MAX_RECORDS: cannot be set",
        ),
        (
            "T_KIND=firehose T_STREAM=s T_ROLE_ARN=clicks",
            "T_ROLE_ARN: found \"clicks\"; expected the ARN",
        ),
        (
            "T_KIND=firehose T_STREAM=s T_ROLE_EXTERNAL_ID=x",
            "T_ROLE_EXTERNAL_ID: is set, but there is no role",
        ),
        (
            "T_KIND=eventbridge T_SOURCE=aws.clicks",
            "T_SOURCE: found \"aws.clicks\"",
        ),
    ] {
        let errors = Config::load(&vars(&format!("TARGETS=t {text}")), context())
            .err()
            .unwrap()
            .to_string();
        assert!(errors.contains(said), "{text}: {errors}");
    }
}
