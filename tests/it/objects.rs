//! S3 as it answers, and as gateways answer in its place: what is read, and what counts as read.

use std::sync::{Arc, Mutex};

use clickstream_forwarder::object::{ObjectError, ObjectRef, S3, Store};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::aws;

/// A request's head, as text.
type Head = str;

/// A server that writes the bytes that `answer` gives for a request's head, and then closes.
struct Raw {
    store: Store,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Raw {
    async fn start(answer: impl Fn(&Head) -> Vec<u8> + Send + 'static) -> Raw {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = heads.clone();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let (mut head, mut byte) = (Vec::new(), [0]);
                while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).await.unwrap() > 0 {
                    head.push(byte[0]);
                }
                let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
                let answer = answer(&head);
                seen.lock().unwrap().push(head);
                stream.write_all(&answer).await.unwrap();
                // What the client still sends is taken, so that closing is no reset.
                stream.shutdown().await.unwrap();
                tokio::spawn(
                    async move { while stream.read(&mut [0; 4096]).await.unwrap_or(0) > 0 {} },
                );
            }
        });
        Raw {
            store: Store::S3(S3::new(aws(&url).await)),
            heads,
        }
    }

    fn requests(&self) -> usize {
        self.heads.lock().unwrap().len()
    }

    /// Reads `object`, of which an event says that it has `size` bytes.
    async fn read(&self, size: Option<u64>) -> Result<Vec<u8>, ObjectError> {
        let mut reader = self.store.open(&ObjectRef::new("b", "k")).await?;
        if let Some(size) = size {
            reader.expect(size);
        }
        let mut read = Vec::new();
        while let Some(chunk) = reader.next().await? {
            read.extend_from_slice(&chunk);
        }
        Ok(read)
    }
}

fn response(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\n{headers}\r\n");
    [head.as_bytes(), body].concat()
}

fn error(status: &str, code: &str) -> Vec<u8> {
    let body = format!("<Error><Code>{code}</Code><Message>m</Message></Error>");
    let length = format!("Content-Length: {}\r\n", body.len());
    response(status, &length, body.as_bytes())
}

fn chunked(body: &[u8]) -> Vec<u8> {
    let head = format!("{:x}\r\n", body.len());
    [head.as_bytes(), body, b"\r\n0\r\n\r\n"].concat()
}

/// The first byte that a request asks for.
fn first_byte(head: &Head) -> Option<usize> {
    let (_, range) = head.split_once("range: bytes=")?;
    range.split('-').next()?.parse().ok()
}

/// Answers as S3 does, but without a length and with at most `most` bytes of the object at a time.
fn without_length(body: &'static [u8], most: usize) -> impl Fn(&Head) -> Vec<u8> {
    move |head| {
        let at = first_byte(head).unwrap_or(0);
        if first_byte(head).is_some() && at >= body.len() {
            return error("416 Requested Range Not Satisfiable", "InvalidRange");
        }
        let (last, all) = (body.len() - 1, body.len());
        let part = &body[at..all.min(at + most)];
        match first_byte(head) {
            None => response("200 OK", "ETag: \"e\"\r\nx-amz-request-id: R\r\n", part),
            Some(_) => {
                let range = format!(
                    "ETag: \"e\"\r\nx-amz-request-id: R\r\nContent-Range: bytes {at}-{last}/{all}\r\n"
                );
                response("206 Partial Content", &range, part)
            }
        }
    }
}

const BODY: &[u8] = b"a body of some thirty bytes";

#[tokio::test]
async fn a_body_without_a_length_that_ends_early_is_read_to_the_end_of_the_object() {
    let cut = Raw::start(without_length(BODY, 10)).await;
    assert_eq!(cut.read(None).await.unwrap(), BODY);
    assert_eq!(cut.requests(), 3, "of ten bytes each");
    let cut = Raw::start(without_length(BODY, 10)).await;
    assert_eq!(cut.read(Some(BODY.len() as u64)).await.unwrap(), BODY);
}

#[tokio::test]
async fn a_whole_body_without_a_length_ends_where_the_event_or_the_store_says_so() {
    let whole = Raw::start(without_length(BODY, 99)).await;
    assert_eq!(whole.read(Some(BODY.len() as u64)).await.unwrap(), BODY);
    assert_eq!(whole.requests(), 1, "the event told the length");
    assert_eq!(whole.read(None).await.unwrap(), BODY);
    assert_eq!(
        whole.requests(),
        3,
        "the store was asked whether more follows"
    );
}

#[tokio::test]
async fn chunks_end_an_object_only_if_no_other_length_is_known() {
    let answer = |_: &Head| {
        let headers = "ETag: \"e\"\r\nx-amz-request-id: R\r\nTransfer-Encoding: chunked\r\n";
        response("200 OK", headers, &chunked(BODY))
    };
    let knows_no_ranges = Raw::start(answer).await;
    assert_eq!(knows_no_ranges.read(None).await.unwrap(), BODY);
    let error = knows_no_ranges.read(Some(99)).await.unwrap_err();
    assert!(matches!(error, ObjectError::Unavailable(_)), "{error}");
}

#[tokio::test]
async fn only_the_code_of_s3_says_that_an_object_is_gone() {
    let page = b"<html><body>Not Found</body></html>";
    let not_its_word = [
        response(
            "404 Not Found",
            "Content-Type: text/html\r\nContent-Length: 35\r\n",
            page,
        ),
        response("404 Not Found", "Content-Length: 0\r\n", b""),
        error("404 Not Found", "NoSuchAccessPoint"),
        error("404 Not Found", "NoSuchBucket"),
        error("405 Method Not Allowed", "MethodNotAllowed"),
        response("410 Gone", "Content-Length: 0\r\n", b""),
        response("200 OK", "Content-Length: 35\r\n", page),
        response("200 OK", "Content-Length: 0\r\n", b""),
    ];
    for answer in not_its_word {
        let said = String::from_utf8_lossy(&answer).into_owned();
        let server = Raw::start(move |_| answer.clone()).await;
        let error = server.read(None).await.unwrap_err();
        assert!(
            matches!(error, ObjectError::Unavailable(_)),
            "{error}: {said}"
        );
    }
    for code in ["NoSuchKey", "NoSuchVersion"] {
        let server = Raw::start(move |_| error("404 Not Found", code)).await;
        assert_eq!(server.read(None).await, Err(ObjectError::Missing));
    }
    let marker = Raw::start(|_| error("405 Method Not Allowed", "MethodNotAllowed")).await;
    let version = ObjectRef {
        version: Some("v".into()),
        ..ObjectRef::new("b", "k")
    };
    let opened = marker.store.open(&version).await;
    assert!(
        matches!(opened, Err(ObjectError::Missing)),
        "a delete marker"
    );
}

#[tokio::test]
async fn each_refusal_of_s3_names_its_own_way_out() {
    for (code, hint, other) in [
        ("AccessDenied", "grant s3:GetObject", "restore"),
        ("InvalidObjectState", "restore the object", "grant"),
        ("KMS.DisabledException", "on the key", "grant s3"),
        ("InvalidAccessKeyId", "check the credentials", "grant"),
    ] {
        let server = Raw::start(move |_| error("403 Forbidden", code)).await;
        let said = server.read(None).await.unwrap_err().to_string();
        assert!(said.contains(code) && said.contains(hint), "{said}");
        assert!(!said.contains(other), "{said}");
    }
}

#[tokio::test]
async fn rows_count_as_stored_only_if_s3_says_so() {
    let put = async |answer: Vec<u8>| {
        let server = Raw::start(move |_| answer.clone()).await;
        server.store.put_new("b", "k", "row\n".into()).await
    };
    let empty = "Content-Length: 0\r\n";
    let stored = response(
        "200 OK",
        &format!("ETag: \"e\"\r\nx-amz-request-id: R\r\n{empty}"),
        b"",
    );
    assert_eq!(put(stored).await, Ok(true));
    let taken = error("412 Precondition Failed", "PreconditionFailed");
    assert_eq!(put(taken).await, Ok(false));
    for answer in [
        response("200 OK", empty, b""),
        response("200 OK", &format!("ETag: \"e\"\r\n{empty}"), b""),
        response("412 Precondition Failed", empty, b""),
    ] {
        assert!(put(answer).await.is_err());
    }
}

#[tokio::test]
async fn a_page_of_a_gateway_is_no_object_whatever_its_headers_say() {
    let page: &[u8] = b"<html>Please sign in</html>";
    for body in [page, b""] {
        let length = body.len();
        let headers = format!(
            "ETag: \"5f3c-57\"\r\nLast-Modified: Sat, 21 Nov 2026 23:57:09 GMT\r\nContent-Length: {length}\r\n"
        );
        let server = Raw::start(move |_| response("200 OK", &headers, body)).await;
        let error = server.read(None).await.unwrap_err();
        assert!(matches!(error, ObjectError::Unavailable(_)), "{error:?}");
        assert!(error.to_string().contains("not S3's"), "{error}");
    }
}

#[tokio::test]
async fn a_body_whose_checksum_does_not_match_fails_and_says_so() {
    let headers = format!(
        "ETag: \"e\"\r\nx-amz-request-id: R\r\nx-amz-checksum-crc32: AAAAAA==\r\nContent-Length: {}\r\n",
        BODY.len()
    );
    let server = Raw::start(move |_| response("200 OK", &headers, BODY)).await;
    let error = server.read(None).await.unwrap_err();
    assert!(error.to_string().contains("checksum"), "{error}");
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn keys_of_any_characters_are_listed() {
    let answer = |head: &Head| {
        let key = if head.contains("encoding-type=url") {
            "a%2Bb+c%25/%01%C3%A9"
        } else {
            "a+b c%/\u{1}é"
        };
        let body = format!(
            "<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>{key}</Key></Contents></ListBucketResult>"
        );
        let length = format!("Content-Length: {}\r\n", body.len());
        response("200 OK", &length, body.as_bytes())
    };
    let server = Raw::start(answer).await;
    let keys = server.store.list("b", "", None).await.unwrap();
    assert_eq!(keys, ["a+b c%/\u{1}é"]);
}
