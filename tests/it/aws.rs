//! The targets inside AWS, request by request at a recording server, and what they make of each
//! answer.

use std::sync::Arc;
use std::time::Duration;

use clickstream_forwarder::config::Config;
use clickstream_forwarder::deliver::RunControl;
use clickstream_forwarder::forward::Forwarder;
use clickstream_forwarder::object::{Memory, Store};
use clickstream_forwarder::targets::{Context, Entry, SendError, Target, Verdict, Window};
use serde_json::{Value, json};
use tokio::time::Instant;
use wiremock::matchers::{any, header_regex};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::scripted::job;
use crate::support::{aws, context, lines, root, vars};
use crate::target::entries;

/// A target of the variables `text`, named `T`, whose service is `server`.
pub async fn build(server: &MockServer, text: &str) -> Arc<dyn Target> {
    configure(server, text).await.targets[0].target.clone()
}

/// The configuration of such a target.
async fn configure(server: &MockServer, text: &str) -> Config {
    let context = Context {
        aws: aws(&server.uri()).await,
        ..context()
    };
    Config::load(&vars(&format!("TARGETS=t {text}")), context)
        .unwrap_or_else(|errors| panic!("{errors}"))
}

/// A click with all that a target may ask for, and two small ones.
pub fn clicks(target: &dyn Target) -> Vec<Entry> {
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

pub async fn answering(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

/// Kinds that answer for each entry, and an answer that does not take the second of three.
fn kinds() -> Vec<(&'static str, Value)> {
    let taken =
        |at: usize| json!({ "Id": at.to_string(), "MessageId": "m", "MD5OfMessageBody": "0" });
    let failed =
        |code: &str| json!({ "Id": "1", "Code": code, "SenderFault": false, "Message": "later" });
    let two = |one: Value, other: Value| json!([one.clone(), other, one]);
    vec![
        (
            "KIND=firehose T_STREAM=clicks",
            json!({ "FailedPutCount": 1, "RequestResponses": two(
                json!({"RecordId": "r"}),
                json!({"ErrorCode": "ServiceUnavailableException", "ErrorMessage": "Slow down."}),
            ) }),
        ),
        (
            "KIND=kinesis T_STREAM=clicks T_PARTITION_KEY=link",
            json!({ "FailedRecordCount": 1, "Records": two(
                json!({"SequenceNumber": "1", "ShardId": "s"}),
                json!({"ErrorCode": "InternalFailure", "ErrorMessage": "Internal Service Failure"}),
            ) }),
        ),
        (
            "KIND=sqs T_QUEUE_URL=http://127.0.0.1:9/1/clicks",
            json!({ "Successful": [taken(2), taken(0)], "Failed": [failed("InternalError")] }),
        ),
        (
            "KIND=sqs T_QUEUE_URL=http://127.0.0.1:9/1/clicks.fifo T_FORMAT=flat",
            json!({ "Successful": [taken(2), taken(0)], "Failed": [] }),
        ),
        (
            "KIND=eventbridge T_BUS=clicks",
            json!({ "FailedEntryCount": 1, "Entries": two(
                json!({"EventId": "e"}),
                json!({"ErrorCode": "ThrottlingException", "ErrorMessage": "Rate exceeded"}),
            ) }),
        ),
        (
            "KIND=dynamodb T_TABLE=clicks T_KEY=pk=link_id T_SORT_KEY=clicked_at T_WRITE=any",
            json!({ "UnprocessedItems": { "clicks": [
                { "PutRequest": { "Item": { "click_id": { "S": "SECOND" }, "pk": { "S": "link-0" } } } }
            ] } }),
        ),
    ]
}

#[tokio::test]
async fn what_was_not_taken_alone_is_sent_again() {
    for (variables, answer) in kinds() {
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

/// The error of a request that is answered with `code` and `status`.
async fn failed(variables: &str, status: u16, code: &str) -> SendError {
    let body = json!({ "__type": code, "message": "it says why" });
    let answer =
        ResponseTemplate::new(status).set_body_raw(body.to_string(), "application/x-amz-json-1.1");
    let server = answering(answer.insert_header("x-amzn-errortype", code)).await;
    let target = build(&server, &format!("T_{variables}")).await;
    let error = target.send(&clicks(&*target)).await.unwrap_err();
    assert_eq!(
        server.received_requests().await.unwrap().len(),
        1,
        "a target tries once"
    );
    error
}

/// The error of a request whose answer is cut off.
async fn cut_off(variables: &str) -> SendError {
    let server =
        answering(ResponseTemplate::new(200).set_body_raw("{\"Rec", "application/x-amz-json-1.1"))
            .await;
    let target = build(&server, &format!("T_{variables}")).await;
    target.send(&clicks(&*target)).await.unwrap_err()
}

#[tokio::test]
async fn a_whole_request_fails_for_its_clicks_only_if_the_service_says_so() {
    for (variables, ..) in kinds() {
        let failed = |status, code| failed(variables, status, code);
        assert!(
            matches!(
                failed(400, "ThrottlingException").await,
                SendError::Throttled(None, _)
            ),
            "{variables}"
        );
        assert!(
            matches!(
                failed(503, "ServiceUnavailableException").await,
                SendError::Unavailable(_)
            ),
            "{variables}"
        );
        assert!(
            matches!(failed(500, "").await, SendError::Unavailable(_)),
            "{variables}"
        );
        assert!(
            matches!(cut_off(variables).await, SendError::Unavailable(_)),
            "{variables}"
        );
        assert!(
            matches!(
                failed(400, "ValidationException").await,
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
            let SendError::Misconfigured(cause) = failed(400, code).await else {
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

/// The clicks of each file that was put into a lake, as the files say.
async fn put(server: &MockServer) -> Vec<usize> {
    let requests = server.received_requests().await.unwrap();
    let puts = requests
        .iter()
        .filter(|request| request.method.as_str() == "PUT");
    puts.map(|put| put.headers["x-amz-meta-clicks"].to_str().unwrap())
        .map(|clicks| clicks.parse().unwrap())
        .collect()
}

#[tokio::test]
async fn a_file_of_the_lake_that_is_too_large_is_never_stored_in_parts_under_its_name() {
    let too_large = "<Error><Code>EntityTooLarge</Code><Message>too large</Message></Error>";
    for body in [too_large, "<html>413 Request Entity Too Large</html>", ""] {
        let server = MockServer::start().await;
        Mock::given(any())
            .respond_with(ResponseTemplate::new(413).set_body_string(body))
            .up_to_n_times(1)
            .mount(&server)
            .await;
        Mock::given(any())
            .respond_with(ResponseTemplate::new(200).insert_header("x-amz-request-id", "R"))
            .mount(&server)
            .await;
        let memory = Memory::default();
        memory.put("clicks", "k", lines(0..1000));
        let store = Store::Memory(memory);
        let forward = async |text: &str| {
            let config = configure(&server, &format!("T_KIND=s3 T_BUCKET=lake {text}")).await;
            let control = RunControl::until(Instant::now() + Duration::from_secs(60));
            let forwarder = Forwarder::with_store(config, store.clone());
            forwarder.forward(&job("k"), control).await
        };
        let refused = forward("").await;
        let failure = refused.failure().unwrap();
        assert!(
            failure.contains("window of 1000 clicks") && failure.contains("_MAX_BYTES"),
            "{failure}"
        );
        assert_eq!(refused.targets[0].tally.failed, 1000);
        assert_eq!(put(&server).await, [1000]);
        assert_eq!(forward("").await.failure(), None);
        assert_eq!(put(&server).await, [1000, 1000]);
        // The way out that the message names.
        assert_eq!(forward("T_MAX_BYTES=65536").await.failure(), None);
        let files = put(&server).await.split_off(2);
        assert_eq!((files.len(), files.iter().sum::<usize>()), (2, 1000));
    }
}

/// Variables that cannot be, and what is said of them.
const MISTAKES: &[(&str, &str)] = &[
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
        "T_KIND=sqs T_QUEUE_URL=https://q/1/q.fifo T_BODY=lines",
        "T_BODY: puts many clicks in a message",
    ),
    (
        "T_KIND=sqs T_QUEUE_URL=https://q/1/q T_GROUP=link",
        "T_GROUP: is for FIFO queues",
    ),
    (
        "T_KIND=sns T_TOPIC_ARN=clicks",
        "T_TOPIC_ARN: found \"clicks\"; expected an ARN",
    ),
    (
        "T_KIND=dynamodb T_TABLE=clicks T_KEY=country=link_id",
        "T_KEY: found",
    ),
    (
        "T_KIND=dynamodb T_TABLE=clicks T_KEY=pk=click_id T_SORT_KEY=pk=link_id",
        "T_SORT_KEY: names the attribute of _KEY once more",
    ),
    (
        "T_KIND=dynamodb T_TABLE=clicks T_KEY=link",
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
        "T_KIND=s3 T_BUCKET=lake T_MAX_BYTES=9000000",
        "T_MAX_BYTES: found 9000000; for this kind it is 65536 to 8388608",
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
];

#[test]
fn a_variable_that_cannot_be_is_named() {
    for (text, said) in MISTAKES {
        let errors = Config::load(&vars(&format!("TARGETS=t {text}")), context())
            .err()
            .unwrap()
            .to_string();
        assert!(errors.contains(said), "{text}: {errors}");
    }
}
