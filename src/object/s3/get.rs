//! GETs of one object.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::{BoxError, ProvideErrorMetadata};
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::operation::get_object::builders::GetObjectFluentBuilder;

use super::error::{classify, is_gone};
use crate::object::{ObjectError, ObjectRef};

/// An answer, whose body is still to come.
pub(super) struct Answer {
    pub(super) output: GetObjectOutput,
    /// Whether the body marks its own end.
    pub(super) is_delimited: bool,
}

/// Notes whether an answer's body comes in chunks, which the SDK does not tell.
#[derive(Clone, Debug, Default)]
struct NotesChunks(Arc<AtomicBool>);

impl Intercept for NotesChunks {
    fn name(&self) -> &'static str {
        "NotesChunks"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let encoding = context.response().headers().get("transfer-encoding");
        let is_chunked = encoding.is_some_and(|it| it.to_ascii_lowercase().contains("chunked"));
        self.0.store(is_chunked, Ordering::Relaxed);
        Ok(())
    }
}

/// Asks for the whole object.
pub(super) async fn get(client: &Client, object: &ObjectRef) -> Result<Answer, ObjectError> {
    send(request(client, object), object)
        .await
        .map_err(|e| e.error)
}

/// Asks for the bytes from `at` on of the contents with the tag `etag`; `None` if S3 says that
/// there are none.
pub(super) async fn resume(
    client: &Client,
    object: &ObjectRef,
    at: u64,
    etag: Option<String>,
) -> Result<Option<Answer>, ObjectError> {
    let get = request(client, object)
        .range(format!("bytes={at}-"))
        .set_if_match(etag);
    match send(get, object).await {
        Ok(answer) => Ok(Some(answer)),
        Err(refused) if refused.is_past_the_end => Ok(None),
        Err(refused) => Err(refused.error),
    }
}

fn request(client: &Client, object: &ObjectRef) -> GetObjectFluentBuilder {
    client
        .get_object()
        .bucket(&object.bucket)
        .key(&object.key)
        .set_version_id(object.version.clone())
}

/// A GET that gave no body.
struct Refused {
    /// Whether S3 itself says that the range begins where the object has ended.
    is_past_the_end: bool,
    error: ObjectError,
}

async fn send(get: GetObjectFluentBuilder, object: &ObjectRef) -> Result<Answer, Refused> {
    let chunks = NotesChunks::default();
    let sent = get.customize().interceptor(chunks.clone()).send().await;
    match sent {
        Ok(output) => Ok(Answer {
            output,
            is_delimited: chunks.0.load(Ordering::Relaxed),
        }),
        Err(error) => Err(Refused {
            is_past_the_end: error.code() == Some("InvalidRange"),
            error: if is_gone(&error, object) {
                ObjectError::Missing
            } else {
                classify(&error)
            },
        }),
    }
}
