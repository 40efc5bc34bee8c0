//! What the trigger asks of the forwarder, and what one run hands on to the next.

use serde::{Deserialize, Serialize};

use crate::object::ObjectRef;
use crate::progress::Carried;
pub use crate::progress::ReplayRequest;

/// One object to forward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its bucket.
    pub bucket: String,
    /// The spellings of its key to try, in order.
    pub keys: Vec<String>,
    /// Its version, if the event names one.
    pub version: Option<String>,
    /// Its size, if the event says it.
    pub size: Option<u64>,
    /// Whether a person named it: then neither `SOURCES` nor the program's own outputs matter.
    pub trusted: bool,
    /// Whether it is to be forwarded though it was.
    pub replay: Option<ReplayRequest>,
    /// Where an earlier run has stopped, if this is a continuation.
    pub resume_point: Option<ResumePoint>,
    /// The message or request that named it first, if that was another.
    pub first_message_id: Option<String>,
    /// How many runs there were before.
    pub chain_length: u32,
}

impl Job {
    /// The latest version of an object by the spellings of its key.
    pub fn new(bucket: impl Into<String>, keys: Vec<String>) -> Job {
        let bucket = bucket.into();
        Job {
            bucket,
            keys,
            version: None,
            size: None,
            trusted: false,
            replay: None,
            resume_point: None,
            first_message_id: None,
            chain_length: 0,
        }
    }

    /// The object by the first spelling of its key.
    pub fn object(&self) -> ObjectRef {
        let key = self.keys.first().cloned().unwrap_or_default();
        ObjectRef {
            bucket: self.bucket.clone(),
            key,
            version: self.version.clone(),
        }
    }

    /// What tells jobs for different objects apart. An object that was empty, or that a continuation goes on
    /// with, is another than the one that came after it under the same key.
    pub fn identity(&self) -> impl Ord + '_ {
        let revision = self.resume_point.as_ref().map(|point| &point.revision);
        (
            &self.bucket,
            &self.keys,
            &self.version,
            self.size == Some(0),
            &self.replay,
            revision,
        )
    }

    /// For an object that a person named on the command line.
    pub fn named(object: ObjectRef) -> Job {
        Job {
            version: object.version,
            trusted: true,
            ..Job::new(object.bucket, vec![object.key])
        }
    }
}

/// What a run must know to go on with an object where the one before has stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumePoint {
    /// The version that was read, if its bucket has versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What tells the object from later ones under its name.
    pub revision: String,
    /// What is settled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<Carried>,
}
