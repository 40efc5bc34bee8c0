//! Keeps requests in the place of making them: for whoever wants to see what would be sent.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// The requests of everything that shares it, in their order. No connection is made.
#[derive(Clone, Debug, Default)]
pub struct Recorder(Arc<Mutex<Vec<RecordedRequest>>>);

/// A request as it would be sent, without secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedRequest {
    /// Its method; `None` if it is no request over HTTP.
    pub method: Option<String>,
    /// Where it goes.
    pub address: String,
    /// Its headers, in their order.
    pub headers: Vec<RecordedHeader>,
    /// Its body.
    pub body: Bytes,
}

/// A header of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedHeader {
    /// Its name, in lower case.
    pub name: String,
    /// Its value; `***` if it is a secret.
    pub value: String,
}

/// The place of a secret.
pub const SECRET: &str = "***";

impl Recorder {
    /// Keeps a request.
    pub fn record(&self, request: RecordedRequest) {
        self.requests().push(request);
    }

    /// Takes the requests that were kept since the last call.
    pub fn take(&self) -> Vec<RecordedRequest> {
        std::mem::take(&mut *self.requests())
    }

    fn requests(&self) -> MutexGuard<'_, Vec<RecordedRequest>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RecordedHeader {
    /// Returns the header `name`, whose value must not be shown if `is_secret`.
    pub fn new(name: impl Into<String>, value: impl Into<String>, is_secret: bool) -> Self {
        RecordedHeader {
            name: name.into(),
            value: if is_secret {
                SECRET.into()
            } else {
                value.into()
            },
        }
    }
}
