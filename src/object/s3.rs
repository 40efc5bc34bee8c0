//! S3: objects, and a reader that resumes where a connection was lost.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::StalledStreamProtectionConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;

use super::{ObjectError, ObjectRef};
use crate::platform::aws::{Aws, CONNECT, LazyClient, describe_sdk_error};
use crate::platform::log::causes;

/// How long a body may give nothing before its connection counts as lost. The SDK's own guard
/// measures throughput and would blame the network for a slow target.
const SILENCE: Duration = Duration::from_secs(20);
/// Conflicts of a conditional write before it fails.
const CONFLICTS: u32 = 4;
/// Connections lost without a byte in between before the object fails.
const LOSSES: u32 = 5;

/// Amazon S3.
#[derive(Clone, Debug)]
pub struct S3 {
    client: LazyClient<Client>,
}

/// The bytes of one object.
pub struct S3Reader {
    client: Client,
    object: ObjectRef,
    etag: Option<String>,
    version: Option<String>,
    size: u64,
    at: u64,
    losses: u32,
    body: ByteStream,
}

impl S3 {
    /// Returns S3 with the settings of the surroundings. Opens no connection.
    pub fn new(aws: Aws) -> S3 {
        S3 {
            client: LazyClient::new(aws, client),
        }
    }

    /// Opens an object at its first byte.
    pub(super) async fn open(&self, object: &ObjectRef) -> Result<S3Reader, ObjectError> {
        let client = self.client.get().await.clone();
        let answer = get(&client, object, None).await?;
        let size = answer
            .content_length()
            .and_then(|n| u64::try_from(n).ok())
            .unwrap_or(0);
        let (etag, object) = (answer.e_tag().map(str::to_owned), object.clone());
        // Objects of a bucket without versions have the version `null`.
        let version = answer
            .version_id()
            .filter(|version| *version != "null")
            .map(str::to_owned);
        Ok(S3Reader {
            client,
            object,
            etag,
            version,
            size,
            at: 0,
            losses: 0,
            body: answer.body,
        })
    }

    /// Stores `body` unless the key is taken; then returns `false`.
    pub(super) async fn put_new(
        &self,
        bucket: &str,
        key: &str,
        body: Bytes,
    ) -> Result<bool, ObjectError> {
        let client = self.client.get().await;
        for attempt in 1.. {
            let put = client
                .put_object()
                .bucket(bucket)
                .key(key)
                .if_none_match("*")
                .content_type("application/x-ndjson");
            match put.body(body.clone().into()).send().await {
                Ok(_) => return Ok(true),
                Err(e) if status(&e) == Some(412) => return Ok(false),
                // Another writer is storing the same rows.
                Err(e) if status(&e) == Some(409) && attempt < CONFLICTS => {}
                Err(e) => return Err(classify(&e)),
            }
        }
        Ok(false)
    }

    /// Checks that objects may be stored under `key`, without storing one.
    pub(super) async fn may_put(&self, bucket: &str, key: &str) -> Result<(), ObjectError> {
        // Stores nothing: no object there has this tag.
        let put = self
            .client
            .get()
            .await
            .put_object()
            .bucket(bucket)
            .key(key)
            .if_match("\"none\"")
            .send()
            .await;
        match put.map_err(|e| (status(&e), classify(&e))) {
            Ok(_) | Err((Some(404 | 412), ObjectError::Missing | ObjectError::Changed)) => Ok(()),
            Err((_, error)) => Err(error),
        }
    }

    /// Returns at most a thousand keys below `prefix` after `after`.
    pub(super) async fn list(
        &self,
        bucket: &str,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<Vec<String>, ObjectError> {
        let list = self
            .client
            .get()
            .await
            .list_objects_v2()
            .bucket(bucket)
            .prefix(prefix)
            .set_start_after(after.map(str::to_owned));
        let answer = list.send().await.map_err(|e| classify(&e))?;
        Ok(answer
            .contents()
            .iter()
            .filter_map(|object| object.key().map(str::to_owned))
            .collect())
    }
}

impl S3Reader {
    /// Returns the object's version, if its bucket has versions.
    pub(super) fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// Returns the object's version, else its ETag.
    pub(super) fn revision(&self) -> Option<&str> {
        self.version().or(self.etag.as_deref())
    }

    /// Returns the next chunk; `None` at the end. A lost connection is resumed with a range of the
    /// same version.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ObjectError> {
        loop {
            let cause = match tokio::time::timeout(SILENCE, self.body.try_next()).await {
                Ok(Ok(Some(chunk))) => {
                    self.at += chunk.len() as u64;
                    self.losses = 0;
                    return Ok(Some(chunk));
                }
                Ok(Ok(None)) if self.at >= self.size => return Ok(None),
                Ok(Ok(None)) => "the body ended early".to_owned(),
                Ok(Err(e)) => causes(&e),
                Err(_) => format!("no bytes for {} s", SILENCE.as_secs()),
            };
            self.losses += 1;
            if self.losses > LOSSES {
                return Err(ObjectError::Unavailable(format!(
                    "connection lost {LOSSES} times at byte {}: {cause}",
                    self.at
                )));
            }
            tracing::warn!(object = %self.object, byte = self.at, cause = cause, "connection lost, resuming");
            let (at, etag) = (self.at, self.etag.clone());
            let resume = Some(Resume { at, etag });
            self.body = get(&self.client, &self.object, resume).await?.body;
        }
    }
}

fn client(config: &SdkConfig) -> Client {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .read_timeout(SILENCE)
        .build();
    let config = aws_sdk_s3::config::Builder::from(config)
        .timeout_config(timeouts)
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    Client::from_conf(config.build())
}

/// Where a lost connection is resumed.
struct Resume {
    /// The first byte that is missing.
    at: u64,
    /// The ETag that the object must still have.
    etag: Option<String>,
}

/// Sends one GET, from `resume` on if it is given.
async fn get(
    client: &Client,
    object: &ObjectRef,
    resume: Option<Resume>,
) -> Result<GetObjectOutput, ObjectError> {
    let mut get = client
        .get_object()
        .bucket(&object.bucket)
        .key(&object.key)
        .set_version_id(object.version.clone());
    if let Some(Resume { at, etag }) = &resume {
        get = get.range(format!("bytes={at}-")).set_if_match(etag.clone());
    }
    let answer = get.send().await.map_err(|e| classify(&e))?;
    match resume {
        // A whole object, taken for the rest, would repeat what was read.
        Some(Resume { at, .. })
            if !answer
                .content_range()
                .is_some_and(|range| range.starts_with(&format!("bytes {at}-"))) =>
        {
            Err(ObjectError::Unavailable(format!(
                "asked for the bytes from {at} on, the store answered with others"
            )))
        }
        _ => Ok(answer),
    }
}

fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error.raw_response().map(|r| r.status().as_u16())
}

fn classify<E>(error: &SdkError<E>) -> ObjectError
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let (code, status) = (error.code().unwrap_or_default(), status(error));
    let cause = || describe_sdk_error(error, |_| None);
    match (code, status) {
        ("NoSuchBucket", _) => ObjectError::Unavailable(cause()),
        ("NoSuchKey" | "NoSuchVersion" | "MethodNotAllowed", _) | (_, Some(404)) => {
            ObjectError::Missing
        }
        (_, Some(403)) => ObjectError::Denied(cause()),
        (_, Some(412)) => ObjectError::Changed,
        _ => ObjectError::Unavailable(cause()),
    }
}
