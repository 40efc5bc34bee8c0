//! Stores the files of a lake, each under a condition, so that none is overwritten by mistake.

use aws_sdk_s3::error::ProvideErrorMetadata;
use bytes::Bytes;
use tokio::task::spawn_blocking;

use super::Lake;
use super::name::{Difference, Part};
use crate::object::ObjectRef;
use crate::platform::aws::is_genuine;
use crate::targets::SendError;

/// An ETag that no object has.
pub(super) const NO_ETAG: &str = "\"none\"";

/// The condition on which a file is stored.
enum Condition<'c> {
    /// There is none under its name.
    New,
    /// The one under its name has this ETag.
    InPlaceOf(&'c str),
}

/// The answer to a request to store a file.
enum Answer {
    Stored,
    /// The condition does not hold: there is another one.
    Another,
    /// The condition does not hold: there is none.
    Missing,
}

impl Lake {
    /// Stores one file, unless one with the same clicks is there. One that was stored under other
    /// rules is replaced if the run `replaces` such. A file without clicks is stored only in place
    /// of another.
    pub(super) async fn store(
        &self,
        part: Part,
        rows: Vec<Bytes>,
        replaces: bool,
    ) -> Result<(), SendError> {
        let condition = match rows.is_empty() {
            true => Condition::InPlaceOf(NO_ETAG),
            false => Condition::New,
        };
        let file = self.file;
        let body = spawn_blocking(move || file.write(&rows))
            .await
            .unwrap_or_else(|e| Err(e.to_string()));
        let body: Bytes = body
            .map_err(|cause| {
                SendError::Misconfigured(format!("the file cannot be written: {cause}"))
            })?
            .into();
        match self.put(&part, body.clone(), condition).await? {
            Answer::Stored | Answer::Missing => Ok(()),
            Answer::Another => self.compare(&part, body, replaces).await,
        }
    }

    async fn put(
        &self,
        part: &Part,
        body: Bytes,
        condition: Condition<'_>,
    ) -> Result<Answer, SendError> {
        let client = self.client.get().await;
        let put = client
            .put_object()
            .bucket(&self.location.bucket)
            .key(&part.key)
            .content_type(self.file.media_type())
            .set_metadata(Some(part.metadata.clone()))
            .body(body.into());
        let put = match condition {
            Condition::New => put.if_none_match("*"),
            Condition::InPlaceOf(etag) => put.if_match(etag),
        };
        let error = match put.send().await {
            Ok(stored) if is_genuine(&stored) => return Ok(Answer::Stored),
            Ok(_) => {
                return Err(SendError::Unavailable(
                    "the answer is not S3's: it has no request id".into(),
                ));
            }
            Err(error) => error,
        };
        let status = error.raw_response().map(|answer| answer.status().as_u16());
        match (condition, error.code()) {
            _ if status == Some(412) => Ok(Answer::Another),
            (Condition::InPlaceOf(_), Some("NoSuchKey")) => Ok(Answer::Missing),
            _ => Err(self.client.send_error(&error, &[])),
        }
    }

    /// Compares the file that already has this name. `Err` if it holds other clicks, or was stored
    /// under other rules and is not to be replaced.
    async fn compare(&self, part: &Part, body: Bytes, replaces: bool) -> Result<(), SendError> {
        let changed = |how: &str| {
            Err(SendError::Unavailable(format!(
                "the object was {how} just now"
            )))
        };
        let head = self
            .client
            .get()
            .await
            .head_object()
            .bucket(&self.location.bucket)
            .key(&part.key)
            .send()
            .await;
        let head = match head {
            Ok(head) => head,
            // The next attempt stores it.
            Err(error) if error.code() == Some("NotFound") => return changed("removed"),
            Err(error) => return Err(self.client.send_error(&error, &[])),
        };
        let place = ObjectRef::new(self.location.bucket.as_str(), part.key.as_str());
        let etag = head.e_tag.as_deref().unwrap_or(NO_ETAG);
        match part.difference(&head.metadata.unwrap_or_default()) {
            None => Ok(()),
            Some(Difference::Rules) if replaces => {
                match self.put(part, body, Condition::InPlaceOf(etag)).await? {
                    Answer::Stored => {
                        let clicks = part.clicks;
                        tracing::info!(object = %place, clicks = clicks, "replaced a file that was stored under other rules");
                        Ok(())
                    }
                    // The next attempt looks at what is there then.
                    Answer::Another => changed("replaced"),
                    Answer::Missing => changed("removed"),
                }
            }
            Some(Difference::Rules) => Err(SendError::Misconfigured(format!(
                "{place} was stored under other rules than this target has now (filters, privacy, \
                 map), and is left as it is: to replace it, forward the click file again, with \
                 \"again\": true or `clickstream forward --again`; to keep both, give this target \
                 another _PREFIX"
            ))),
            Some(Difference::Clicks(difference)) => Err(SendError::Misconfigured(format!(
                "{place} holds these clicks otherwise ({difference}): was it stored in another \
                 form? Remove it, or give this target another _PREFIX"
            ))),
        }
    }
}
