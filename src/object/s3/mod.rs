//! Amazon S3.

mod error;
mod get;
mod reader;

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::StalledStreamProtectionConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::types::EncodingType;
use bytes::Bytes;
use percent_encoding::percent_decode_str;

use super::{ObjectError, ObjectRef};
use crate::platform::aws::{Aws, CONNECT, LazyClient, is_genuine};
use error::classify;
pub use reader::S3Reader;
use reader::SILENCE;

/// Conflicts of a conditional write before it fails.
const CONFLICTS: u32 = 4;
/// Why an answer that succeeded counts for nothing.
const NOT_S3: &str =
    "the answer has no request id, or no ETag: it is not S3's, but a gateway's or proxy's";

/// Amazon S3.
#[derive(Clone, Debug)]
pub struct S3 {
    client: LazyClient<Client>,
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
        S3Reader::open(self.client.get().await.clone(), object.clone()).await
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
                Ok(stored) if is_genuine(&stored) && stored.e_tag().is_some() => return Ok(true),
                Ok(_) => return Err(ObjectError::Unavailable(NOT_S3.into())),
                // The key is taken: S3 itself must say so, because the rows count as stored then.
                Err(e) if e.code() == Some("PreconditionFailed") => return Ok(false),
                // Another writer is storing the same rows.
                Err(e) if e.code() == Some("ConditionalRequestConflict") && attempt < CONFLICTS => {
                }
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
        match put {
            Ok(_) => Ok(()),
            Err(e) if matches!(e.code(), Some("NoSuchKey" | "PreconditionFailed")) => Ok(()),
            Err(e) => Err(classify(&e)),
        }
    }

    /// Returns at most a thousand keys below `prefix` after `after`. Keys come encoded: some
    /// hold characters that XML cannot.
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
            .encoding_type(EncodingType::Url)
            .set_start_after(after.map(str::to_owned));
        let answer = list.send().await.map_err(|e| classify(&e))?;
        let is_encoded = answer.encoding_type() == Some(&EncodingType::Url);
        let keys = answer.contents().iter().filter_map(|object| object.key());
        Ok(keys
            .map(|key| if is_encoded { decode(key) } else { key.into() })
            .collect())
    }
}

/// Decodes a key of a listing: S3 writes `+` for a blank, and `%2B` for a plus.
fn decode(key: &str) -> String {
    let key = key.replace('+', " ");
    percent_decode_str(&key).decode_utf8_lossy().into_owned()
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
