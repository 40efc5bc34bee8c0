//! Jobs: the trigger's requests to the forwarder, and the rest that one run hands to the next.
//!
//! The trigger reads these from events, the forwarder works on them, and the end of an invocation
//! writes them into fresh messages: they are what both ends of the program speak.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::object::ObjectRef;
use crate::progress::Carried;
pub use crate::progress::ReplayRequest;

/// One object to forward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The object's bucket; empty for a file.
    pub bucket: String,
    /// The spellings of the object's key to try, in order.
    pub keys: Vec<String>,
    /// The object's version, if the event names one.
    pub version: Option<String>,
    /// The object's size in bytes, if the event gives it.
    pub size: Option<u64>,
    /// The ETag of the contents that the event is about, if it gives it.
    pub etag: Option<String>,
    /// Whether a person named the object: then neither `SOURCES` nor the program's own outputs are
    /// excluded.
    pub trusted: bool,
    /// The request to forward the object although it was forwarded before.
    pub replay: Option<ReplayRequest>,
    /// Where an earlier run stopped, if this job is a continuation.
    pub resume_point: Option<ResumePoint>,
    /// The message or request that named the object first, if this job is a continuation.
    pub first_message_id: Option<String>,
    /// The number of runs before this one.
    pub chain_length: u32,
    /// Before when the targets that are left asked not to be called, in milliseconds since 1970.
    pub not_before: Option<u64>,
}

/// Tells jobs for different contents apart, so that two notifications of one object are one job.
///
/// An object that was empty, or that a continuation goes on with, is another than the one that came
/// after it under the same key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct JobIdentity {
    bucket: String,
    keys: Vec<String>,
    version: Option<String>,
    is_empty: bool,
    replay: Option<ReplayRequest>,
    revision: Option<String>,
}

/// Where a run over an object stopped, for the run that goes on with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResumePoint {
    /// The version that was read, if the bucket has versions.
    pub version: Option<String>,
    /// Tells the contents that were read from later ones under the same name.
    pub revision: String,
    /// The object's size in bytes, if it is known.
    pub size: Option<u64>,
    /// The progress, if the run knows it.
    pub progress: Option<Carried>,
}

impl Job {
    /// Names the latest version of an object by the spellings of its key.
    pub fn new(bucket: impl Into<String>, keys: Vec<String>) -> Job {
        Job {
            bucket: bucket.into(),
            keys,
            version: None,
            size: None,
            etag: None,
            trusted: false,
            replay: None,
            resume_point: None,
            first_message_id: None,
            chain_length: 0,
            not_before: None,
        }
    }

    /// Names an object as a person did on the command line.
    pub fn named(object: ObjectRef) -> Job {
        Job {
            version: object.version,
            trusted: true,
            ..Job::new(object.bucket, vec![object.key])
        }
    }

    /// Returns the object by the first spelling of its key.
    pub fn object(&self) -> ObjectRef {
        ObjectRef {
            bucket: self.bucket.clone(),
            key: self.keys.first().cloned().unwrap_or_default(),
            version: self.version.clone(),
        }
    }

    /// Whether it goes on with what an earlier run left.
    pub fn is_continuation(&self) -> bool {
        self.first_message_id.is_some()
    }

    /// Returns what tells this job from jobs for other contents.
    pub fn identity(&self) -> JobIdentity {
        let revision = self.resume_point.as_ref().map(|point| &point.revision);
        JobIdentity {
            bucket: self.bucket.clone(),
            keys: self.keys.clone(),
            version: self.version.clone(),
            is_empty: self.size == Some(0),
            replay: self.replay.clone(),
            revision: revision.cloned(),
        }
    }
}

/// The member that marks a continuation; its value is the version of the format.
const MARKER: &str = "clickstream_continuation";
/// The version of the format that this program writes and reads.
const VERSION: u64 = 1;

/// The rest of a job, as the body of a message.
///
/// A member that this version does not know is ignored: a later version may have added it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Continuation {
    #[serde(rename = "clickstream_continuation")]
    format: u64,
    #[serde(rename = "bucket")]
    bucket: String,
    #[serde(rename = "key")]
    key: String,
    /// The other spellings of the key, as long as none was found to exist.
    #[serde(rename = "spellings", default, skip_serializing_if = "Vec::is_empty")]
    spellings: Vec<String>,
    /// The message or request that named the object first.
    #[serde(rename = "origin")]
    pub first_message_id: String,
    /// The number of runs before the one that this message starts.
    #[serde(rename = "hop")]
    pub chain_length: u32,
    #[serde(rename = "version", default, skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(rename = "revision", default, skip_serializing_if = "Option::is_none")]
    revision: Option<String>,
    /// The ETag that the event gave, as long as no contents were read.
    #[serde(rename = "etag", default, skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    /// The object's size in bytes, if it is known.
    #[serde(rename = "size", default, skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    /// Before when the targets that are left asked not to be called, in milliseconds since 1970.
    #[serde(
        rename = "not_before",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    not_before: Option<u64>,
    #[serde(rename = "progress", default, skip_serializing_if = "Option::is_none")]
    progress: Option<Carried>,
    #[serde(rename = "again", default, skip_serializing_if = "Option::is_none")]
    replay: Option<ReplayRequest>,
}

impl Continuation {
    /// Describes what is left of `job`, which came in the message `message_id`, after a run over
    /// `object` that stopped at `resume_point`; `None` if that run did not open it.
    ///
    /// With `shared` progress the next run finds what is settled by itself; else it is carried.
    pub fn new(
        job: &Job,
        object: &ObjectRef,
        resume_point: Option<&ResumePoint>,
        message_id: &str,
        shared: bool,
    ) -> Continuation {
        // Once an object is claimed, its shared progress knows of the replay.
        let replay_is_known = shared && resume_point.is_some();
        let point = resume_point.or(job.resume_point.as_ref());
        let version = point.and_then(|point| point.version.clone());
        let progress = point.and_then(|point| point.progress.clone());
        let revision = point.map(|point| point.revision.clone());
        let size = point.and_then(|point| point.size).or(job.size);
        let is_other = |key: &&String| revision.is_none() && **key != object.key;
        Continuation {
            format: VERSION,
            bucket: object.bucket.clone(),
            key: object.key.clone(),
            spellings: job.keys.iter().filter(is_other).cloned().collect(),
            first_message_id: job
                .first_message_id
                .clone()
                .unwrap_or_else(|| message_id.to_owned()),
            chain_length: job.chain_length + 1,
            version: version.or_else(|| job.version.clone()),
            size,
            not_before: None,
            progress: progress.filter(|_| !shared),
            replay: job.replay.clone().filter(|_| !replay_is_known),
            etag: job.etag.clone().filter(|_| revision.is_none()),
            revision,
        }
    }

    /// Returns the object that is left.
    pub fn object(&self) -> ObjectRef {
        ObjectRef {
            bucket: self.bucket.clone(),
            key: self.key.clone(),
            version: self.version.clone(),
        }
    }

    /// Asks the next run not to begin before `not_before`, in milliseconds since 1970.
    pub fn not_before(self, not_before: Option<u64>) -> Continuation {
        Continuation { not_before, ..self }
    }

    /// Returns whether `value` is a continuation, of this format's version or of another.
    pub fn is_marked(value: &Value) -> bool {
        value.get(MARKER).is_some()
    }

    /// Reads the job that a continuation asks for. The error says what is wrong with it.
    pub fn read(value: &Value) -> Result<Job, String> {
        if value.get(MARKER).and_then(Value::as_u64) != Some(VERSION) {
            return Err(format!(
                "a continuation of another version than {VERSION}: deploy the newer version"
            ));
        }
        let it = Continuation::deserialize(value)
            .map_err(|e| format!("a continuation that cannot be read: {e}"))?;
        let resume_point = it.revision.map(|revision| ResumePoint {
            version: it.version.clone(),
            revision,
            size: it.size,
            progress: it.progress,
        });
        let keys = std::iter::once(it.key).chain(it.spellings).collect();
        Ok(Job {
            version: it.version,
            etag: it.etag,
            size: it.size,
            not_before: it.not_before,
            replay: it.replay,
            resume_point,
            first_message_id: Some(it.first_message_id),
            chain_length: it.chain_length,
            ..Job::new(it.bucket, keys)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_released_continuation_is_read_and_written_as_it_was() {
        let released = include_str!("../tests/data/formats/continuation.json");
        let read: Continuation = serde_json::from_str(released).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap() + "\n", released);
        let job = Continuation::read(&serde_json::from_str(released).unwrap()).unwrap();
        assert_eq!(
            (job.keys.len(), job.chain_length, job.resume_point.is_some()),
            (2, 2, true),
            "{job:?}"
        );
    }

    #[test]
    fn a_released_continuation_of_an_object_that_waits_is_read_and_written_as_it_was() {
        let released = include_str!("../tests/data/formats/continuation-waiting.json");
        let read: Continuation = serde_json::from_str(released).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap() + "\n", released);
        let job = Continuation::read(&serde_json::from_str(released).unwrap()).unwrap();
        let replay = job.replay.clone().unwrap();
        assert_eq!(job.not_before, Some(1_795_309_200_000));
        assert_eq!(job.size, Some(2895));
        let earlier = replay.an_hour_earlier.as_deref();
        assert_eq!(earlier, Some("2026-11-21T22Z hook"));
    }

    #[test]
    fn a_continuation_with_members_of_a_later_version_is_read() {
        let released = include_str!("../tests/data/formats/continuation.json");
        let mut later: Value = serde_json::from_str(released).unwrap();
        later["later"] = 1.into();
        later["progress"]["targets"]["hook"]["later"] = "x".into();
        let now = Continuation::read(&serde_json::from_str(released).unwrap());
        assert_eq!(Continuation::read(&later), now);
        later["clickstream_continuation"] = 2.into();
        assert!(Continuation::read(&later).unwrap_err().contains("newer"));
    }

    #[test]
    fn the_etag_of_a_notice_is_handed_on_until_contents_were_read() {
        let job = Job {
            etag: Some("e".into()),
            ..Job::new("b", vec!["/a".into()])
        };
        let next = |point: Option<&ResumePoint>| {
            let message = Continuation::new(&job, &job.object(), point, "message-1", true);
            Continuation::read(&serde_json::to_value(message).unwrap()).unwrap()
        };
        assert_eq!(next(None).etag, job.etag);
        let read = ResumePoint {
            version: None,
            revision: "e".into(),
            size: None,
            progress: None,
        };
        assert_eq!(next(Some(&read)).etag, None);
    }

    #[test]
    fn a_continuation_keeps_the_size_of_its_object() {
        let job = Job {
            size: Some(7),
            ..Job::new("b", vec!["k".into()])
        };
        let message = Continuation::new(&job, &job.object(), None, "message-1", true);
        let next = Continuation::read(&serde_json::to_value(message).unwrap()).unwrap();
        assert_eq!(next.size, Some(7));
    }

    #[test]
    fn a_continuation_of_an_object_that_was_not_found_keeps_all_spellings() {
        let job = Job::new("b", vec!["/a+b".into(), "/a b".into()]);
        let next = |object: &ObjectRef, point: Option<&ResumePoint>| {
            let message = Continuation::new(&job, object, point, "message-1", true);
            Continuation::read(&serde_json::to_value(message).unwrap()).unwrap()
        };
        assert_eq!(next(&job.object(), None).keys, job.keys);
        let point = ResumePoint {
            version: None,
            revision: "etag".into(),
            size: Some(90_210),
            progress: None,
        };
        let found = next(&ObjectRef::new("b", "/a b"), Some(&point));
        assert_eq!(
            (found.keys.as_slice(), found.chain_length),
            (&["/a b".to_owned()][..], 1)
        );
        assert_eq!(found.size, Some(90_210));
        assert!(
            found.identity() != job.identity(),
            "the object that came after it is another"
        );
    }
}
