//! The bytes of one object of S3: resumed where a connection was lost, and never ended before the
//! object's own end.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::{ByteStream, ByteStreamError};
use aws_smithy_checksums::body::validate::Error as ChecksumError;
use bytes::Bytes;

use super::NOT_S3;
use super::get::{Answer, get, resume};
use crate::object::{ObjectError, ObjectRef};
use crate::platform::aws::is_genuine;
use crate::platform::log::causes;

/// How long a body may give nothing before its connection counts as lost. The SDK's own guard
/// measures throughput and would blame the network for a slow target.
pub(super) const SILENCE: Duration = Duration::from_secs(20);
/// Connections lost without a byte in between before the object fails.
const LOSSES: u32 = 5;

/// The bytes of one object.
pub struct S3Reader {
    client: Client,
    object: ObjectRef,
    etag: Option<String>,
    version: Option<String>,
    length: Length,
    at: u64,
    losses: u32,
    body: ByteStream,
}

/// The length of an object, as far as anything tells it.
#[derive(Clone, Copy, Debug, Default)]
struct Length {
    /// Said by the store.
    stated: Option<u64>,
    /// Said by the event that named the object.
    expected: Option<u64>,
    /// Whether the body marks its own end, as chunks do; one that ends with its connection does
    /// not.
    is_delimited: bool,
}

/// What the end of a body after so many bytes proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// All of the object was read.
    Whole,
    /// Some of it is missing.
    Early,
    /// Neither: the store has to be asked.
    Unproved,
}

/// The result of asking for the rest of an object.
enum Resumed {
    /// The rest comes.
    GoesOn,
    /// There is none.
    Ended,
}

impl Length {
    fn ended(&self, at: u64) -> Ended {
        match (self.stated, self.expected) {
            (Some(stated), _) if at < stated => Ended::Early,
            (Some(_), _) => Ended::Whole,
            (None, Some(expected)) if at == expected => Ended::Whole,
            (None, _) => Ended::Unproved,
        }
    }
}

impl S3Reader {
    /// Opens an object at its first byte.
    pub(super) async fn open(client: Client, object: ObjectRef) -> Result<S3Reader, ObjectError> {
        let Answer {
            output,
            is_delimited,
        } = get(&client, &object).await?;
        let stated = match output.content_range() {
            Some(range) => total(range),
            None => output.content_length().and_then(|n| u64::try_from(n).ok()),
        };
        let etag = output.e_tag().map(str::to_owned);
        // Objects of a bucket without versions have the version `null`.
        let version = output
            .version_id()
            .filter(|version| *version != "null")
            .map(str::to_owned);
        if !is_genuine(&output) || (etag.is_none() && version.is_none()) {
            return Err(ObjectError::Unavailable(NOT_S3.into()));
        }
        Ok(S3Reader {
            client,
            object,
            etag,
            version,
            length: Length {
                stated,
                expected: None,
                is_delimited,
            },
            at: 0,
            losses: 0,
            body: output.body,
        })
    }

    /// Returns the object's version, if its bucket has versions.
    pub(crate) fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// Returns the object's version, else its ETag.
    pub(crate) fn revision(&self) -> Option<&str> {
        self.version().or(self.etag.as_deref())
    }

    /// Returns the object's length, if the store stated it.
    pub(crate) fn size(&self) -> Option<u64> {
        self.length.stated
    }

    /// Takes the length that the object's event names, which proves where a body ends whose length
    /// the store does not state.
    pub(crate) fn expect(&mut self, size: u64) {
        self.length.expected = Some(size);
    }

    /// Returns the next chunk; `None` at the end. A lost connection is resumed with a range of the
    /// same version. Where nothing told the length, the store is asked whether more follows.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ObjectError> {
        loop {
            let mut is_altered = false;
            let cause = match tokio::time::timeout(SILENCE, self.body.try_next()).await {
                Ok(Ok(Some(chunk))) => {
                    self.at += chunk.len() as u64;
                    self.losses = 0;
                    return Ok(Some(chunk));
                }
                Ok(Ok(None)) => match self.length.ended(self.at) {
                    Ended::Whole => return Ok(None),
                    Ended::Early => "the body ended early".to_owned(),
                    Ended::Unproved => "the end of the body is not proved".to_owned(),
                },
                // Everything was handed on: only another run can read it again.
                Ok(Err(e)) if is_mismatch(&e) && self.length.ended(self.at) == Ended::Whole => {
                    return Err(altered());
                }
                Ok(Err(e)) => {
                    is_altered = is_mismatch(&e);
                    causes(&e)
                }
                Err(_) => format!("no bytes for {} s", SILENCE.as_secs()),
            };
            match self.resume(cause).await? {
                Resumed::GoesOn => {}
                Resumed::Ended if is_altered => return Err(altered()),
                Resumed::Ended => return Ok(None),
            }
        }
    }

    /// Asks for the rest after the bytes that were read, for `cause`.
    async fn resume(&mut self, cause: String) -> Result<Resumed, ObjectError> {
        let at = self.at;
        self.losses += 1;
        if self.losses > LOSSES {
            return Err(ObjectError::Unavailable(format!(
                "connection lost {LOSSES} times at byte {at}: {cause}"
            )));
        }
        tracing::warn!(object = %self.object, byte = at, cause = cause, "connection lost, resuming");
        let Some(answer) = resume(&self.client, &self.object, at, self.etag.clone()).await? else {
            return match self.length.ended(at) {
                Ended::Early => Err(ObjectError::Changed),
                Ended::Whole | Ended::Unproved => Ok(Resumed::Ended),
            };
        };
        let range = answer.output.content_range().unwrap_or_default();
        if !range.starts_with(&format!("bytes {at}-")) {
            // The store knows no ranges. Its own mark of the end has to do, if no length speaks
            // against it.
            let Length {
                stated,
                expected,
                is_delimited,
            } = self.length;
            if is_delimited && stated.is_none() && expected.is_none() {
                return Ok(Resumed::Ended);
            }
            // A whole object, taken for the rest, would repeat what was read.
            return Err(ObjectError::Unavailable(format!(
                "asked for the bytes from {at} on, the store answered with others"
            )));
        }
        if answer
            .output
            .e_tag()
            .is_some_and(|etag| self.etag.as_deref() != Some(etag))
        {
            return Err(ObjectError::Changed);
        }
        self.length.stated = total(range).or(self.length.stated);
        self.body = answer.output.body;
        Ok(Resumed::GoesOn)
    }
}

/// Returns the whole length that a `Content-Range` names.
fn total(range: &str) -> Option<u64> {
    range.rsplit_once('/')?.1.trim().parse().ok()
}

/// The error of a whole body that is not the one that was stored.
fn altered() -> ObjectError {
    let cause =
        "the checksum of the body does not match: it was altered in the store or on its way";
    ObjectError::Unavailable(cause.into())
}

/// Whether the checksum of the body, as far as it came, is another than the store's.
fn is_mismatch(error: &ByteStreamError) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if cause.downcast_ref::<ChecksumError>().is_some() {
            return true;
        }
        source = cause.source();
    }
    false
}
