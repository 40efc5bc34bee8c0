//! S3, DynamoDB and SQS as far as the function calls them, behind the SDK's own connector: what the
//! program does with an answer is what it does in production.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body::Frame;
use serde_json::{Value, json};

use super::process::{Lost, Process};
use super::world::{Object, Service, State};

/// The settings of a process whose AWS is the world's.
pub fn config(process: &Arc<Process>) -> SdkConfig {
    let connector = SharedHttpConnector::new(Connector(process.clone()));
    let credentials = Credentials::new("AKIAEXAMPLE", "secret", None, None, "chaos");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .endpoint_url("http://aws.test")
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(aws_config::retry::RetryConfig::standard().with_max_attempts(4))
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .build()
}

struct Connector(Arc<Process>);

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let process = self.0.clone();
        HttpConnectorFuture::new(async move { call(&process, request).await })
    }
}

/// An answer of a service's.
#[derive(Default)]
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Bytes,
}

impl Answer {
    fn of(status: u16, body: impl Into<Bytes>) -> Answer {
        Answer {
            status,
            body: body.into(),
            ..Answer::default()
        }
    }
}

async fn call(process: &Process, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let target = request.headers().get("x-amz-target").unwrap_or_default();
    let (service, operation) = match target.split_once('.') {
        None => (Service::S3, String::new()),
        Some(("AmazonSQS", operation)) => (Service::Queue, operation.to_owned()),
        Some((_, operation)) => (Service::Table, operation.to_owned()),
    };
    let answer = process.exchange(service, |state| match service {
        Service::S3 => s3(state, &request),
        Service::Queue => queue(state, &operation, &body(&request)),
        Service::Table | Service::Target => table(state, &operation, &body(&request)),
    });
    let lost = |Lost| ConnectorError::io("the connection was reset".into());
    let mut answer = answer.await.map_err(lost)?;
    let share = process.world.faults.of(service);
    if process.world.happens(share / 4.0) {
        // It was done, and the answer is of somebody on the way.
        if service == Service::Table {
            process.note_trouble();
        }
        answer = Answer::of([500, 502, 503][process.world.draw(0..3) as usize], "<html>");
    }
    let mut chunks = VecDeque::new();
    while !answer.body.is_empty() {
        let most = process.world.draw(0..answer.body.len() as u64) as usize + 1;
        chunks.push_back(Some(answer.body.split_to(most)));
        if process.world.happens(share / 4.0) {
            chunks.push_back(None); // The connection breaks.
            break;
        }
    }
    let status = answer.status.try_into().unwrap();
    let mut response = HttpResponse::new(status, SdkBody::from_body_1_x(Body(chunks)));
    response.headers_mut().insert("x-amzn-requestid", "chaos");
    for (name, value) in answer.headers {
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

fn body(request: &HttpRequest) -> Value {
    let bytes = request.body().bytes().unwrap();
    serde_json::from_slice(bytes).unwrap()
}

/// A body whose connection may break.
struct Body(VecDeque<Option<Bytes>>);

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        Poll::Ready(self.0.pop_front().map(|chunk| match chunk {
            Some(chunk) => Ok(Frame::data(chunk)),
            None => Err(std::io::ErrorKind::ConnectionReset.into()),
        }))
    }
}

fn s3(state: &mut State, request: &HttpRequest) -> Answer {
    let address = request.uri();
    let (_, address) = address.split_once("://").unwrap();
    let (host, path) = address.split_once('/').unwrap();
    let bucket = host.strip_suffix(".aws.test").unwrap();
    let path = path.split('?').next().unwrap_or_default();
    let key = percent_encoding::percent_decode_str(path)
        .decode_utf8()
        .unwrap()
        .into_owned();
    let place = (bucket.to_owned(), key.clone());
    let header = |name| request.headers().get(name).unwrap_or_default();
    match request.method() {
        "PUT" if header("if-none-match") == "*" && state.objects.contains_key(&place) => {
            error(412, "PreconditionFailed")
        }
        "PUT" => {
            let bytes = request.body().bytes().unwrap().to_vec();
            let metadata = request.headers().iter();
            let metadata = metadata
                .filter(|(name, _)| name.starts_with("x-amz-meta-"))
                .map(|(name, value)| (name.to_owned(), value.to_owned()));
            let etag = state.put(bucket, &key, bytes.into(), metadata.collect());
            let headers = vec![("etag".to_owned(), etag)];
            Answer {
                headers,
                ..Answer::of(200, "")
            }
        }
        "GET" | "HEAD" => match state.objects.get(&place) {
            None => error(404, "NoSuchKey"),
            Some(object) if !["", &object.etag].contains(&header("if-match")) => {
                error(412, "PreconditionFailed")
            }
            Some(object) => contents(object, header("range")),
        },
        method => unreachable!("S3 is not asked for {method}"),
    }
}

/// The bytes of an object, from the beginning of `range` on if there is one.
fn contents(object: &Object, range: &str) -> Answer {
    let range = range.strip_prefix("bytes=");
    let from = range.map(|range| range.trim_end_matches('-').parse().unwrap());
    let body = object.bytes.slice(from.unwrap_or(0)..);
    let mut headers = vec![
        ("etag".to_owned(), object.etag.clone()),
        ("content-length".to_owned(), body.len().to_string()),
    ];
    headers.extend(object.metadata.iter().cloned());
    if let Some(from) = from {
        let all = object.bytes.len();
        let range = format!("bytes {from}-{}/{all}", all - 1);
        headers.push(("content-range".to_owned(), range));
    }
    Answer {
        status: if from.is_some() { 206 } else { 200 },
        headers,
        body,
    }
}

fn error(status: u16, code: &str) -> Answer {
    Answer::of(status, format!("<Error><Code>{code}</Code></Error>"))
}

fn table(state: &mut State, operation: &str, body: &Value) -> Answer {
    let json = |status, body: Value| Answer::of(status, body.to_string());
    match operation {
        "GetItem" => {
            let found = state.items.get(text(&body["Key"]["object"]["S"]));
            json(200, found.map_or(json!({}), |item| json!({"Item": item})))
        }
        "PutItem" => {
            let key = text(&body["Item"]["object"]["S"]).to_owned();
            let there = state.items.get(&key);
            if holds(text(&body["ConditionExpression"]), body, there) {
                state.items.insert(key, body["Item"].clone());
                return json(200, json!({}));
            }
            let kind = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException";
            let mut refusal = json!({"__type": kind, "message": "The conditional request failed"});
            if let Some(there) = there {
                refusal["Item"] = there.clone();
            }
            json(400, refusal)
        }
        _ => unreachable!("the table is not asked for {operation}"),
    }
}

/// Whether a condition holds, of the two forms that are used.
fn holds(condition: &str, body: &Value, there: Option<&Value>) -> bool {
    if condition.starts_with("attribute_not_exists") {
        return there.is_none();
    }
    let Some(there) = there else { return false };
    condition.split(" AND ").all(|equation| {
        let (name, value) = equation.split_once(" = ").unwrap();
        let name = text(&body["ExpressionAttributeNames"][name]);
        there[name] == body["ExpressionAttributeValues"][value]
    })
}

fn queue(state: &mut State, operation: &str, body: &Value) -> Answer {
    let seconds = |value: &Value| Duration::from_secs(value.as_u64().unwrap_or_default());
    let answer = match operation {
        "SendMessage" => {
            let (body, delay) = (text(&body["MessageBody"]), seconds(&body["DelaySeconds"]));
            let id = state.queue.send(body.to_owned(), delay);
            json!({"MessageId": id.to_string(), "MD5OfMessageBody": ""})
        }
        "SendMessageBatch" => {
            let entries = body["Entries"].as_array().unwrap();
            let mut send = |entry: &Value| {
                let delay = seconds(&entry["DelaySeconds"]);
                let id = state
                    .queue
                    .send(text(&entry["MessageBody"]).to_owned(), delay);
                json!({"Id": entry["Id"], "MessageId": id.to_string(), "MD5OfMessageBody": ""})
            };
            json!({"Successful": entries.iter().map(&mut send).collect::<Vec<_>>(), "Failed": []})
        }
        "ChangeMessageVisibility" => {
            let delay = seconds(&body["VisibilityTimeout"]);
            state.queue.hide(text(&body["ReceiptHandle"]), delay);
            json!({})
        }
        _ => unreachable!("the queue is not asked for {operation}"),
    };
    Answer::of(200, answer.to_string())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
