//! Stands in for all that calls AWS in a build without the feature `aws`.
//!
//! Such a build compiles in a few minutes: it leaves out the ten services' clients and Lambda's
//! runtime. It forwards files, directories and standard input to `http` and `stdout`. Every function
//! here that would need AWS ends with [`ABSENT`], which says how to get it.

use std::collections::BTreeMap;

use bytes::Bytes;
use clicks::ObjectRef;

use crate::config::settings::{Parameter, Reference};
use crate::object::ObjectError;
use crate::platform::network::Network;
use crate::progress::ProgressError;

/// Says that the program was built without AWS, and the way out.
pub const ABSENT: &str = "this program was built without AWS, to be built quickly; \
                          `cargo build --release` builds it with AWS";

/// The settings of AWS clients, of which there are none.
#[derive(Clone, Debug, Default)]
pub struct Aws;

impl Aws {
    /// Ignores how connections would be made.
    pub fn new(_network: Network) -> Aws {
        Aws
    }
}

/// Amazon S3.
#[derive(Clone, Debug)]
pub struct S3;

impl S3 {
    /// Ignores the settings.
    pub fn new(_aws: Aws) -> S3 {
        S3
    }

    pub(crate) async fn open(&self, _object: &ObjectRef) -> Result<S3Reader, ObjectError> {
        Err(absent())
    }

    pub(crate) async fn put_new(
        &self,
        _bucket: &str,
        _key: &str,
        _body: Bytes,
    ) -> Result<bool, ObjectError> {
        Err(absent())
    }

    pub(crate) async fn may_put(&self, _bucket: &str, _key: &str) -> Result<(), ObjectError> {
        Err(absent())
    }

    pub(crate) async fn list(
        &self,
        _bucket: &str,
        _prefix: &str,
        _after: Option<&str>,
    ) -> Result<Vec<String>, ObjectError> {
        Err(absent())
    }
}

fn absent() -> ObjectError {
    ObjectError::Unavailable(ABSENT.into())
}

/// An object of S3. There is none.
pub enum S3Reader {}

impl S3Reader {
    pub(crate) fn version(&self) -> Option<&str> {
        match *self {}
    }

    pub(crate) fn revision(&self) -> Option<&str> {
        match *self {}
    }

    pub(crate) fn size(&self) -> Option<u64> {
        match *self {}
    }

    pub(crate) fn expect(&mut self, _size: u64) {
        match *self {}
    }

    /// Cannot be called.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ObjectError> {
        match *self {}
    }
}

/// A DynamoDB table.
#[derive(Clone, Debug)]
pub struct Table;

impl Table {
    /// Ignores the name and the settings.
    pub fn new(_name: &str, _aws: Aws) -> Table {
        Table
    }

    pub(crate) async fn get<I>(&self, _key: &str) -> Result<Option<I>, ProgressError> {
        Err(ProgressError::Unavailable(ABSENT.into()))
    }

    pub(crate) async fn put<I>(
        &self,
        _key: &str,
        _item: &I,
        _before: Option<&I>,
        _now: u64,
    ) -> Result<Option<I>, ProgressError> {
        Err(ProgressError::Unavailable(ABSENT.into()))
    }

    pub(crate) async fn probe(&self) -> Result<(), ProgressError> {
        Err(ProgressError::Unavailable(ABSENT.into()))
    }
}

/// Secrets Manager and Parameter Store.
pub(crate) struct Fetch;

impl Fetch {
    pub(crate) fn new(_aws: Aws) -> Fetch {
        Fetch
    }

    pub(crate) async fn all<'r>(
        &self,
        references: impl Iterator<Item = &'r Reference> + Clone,
    ) -> BTreeMap<Reference, Result<String, String>> {
        let secret = references.filter(|reference| reference.is_secret());
        secret
            .map(|reference| (reference.clone(), Err(ABSENT.to_owned())))
            .collect()
    }

    pub(crate) async fn path(&self, _path: &str) -> Result<BTreeMap<String, Parameter>, String> {
        Err(ABSENT.into())
    }
}

/// Amazon SQS.
#[derive(Clone, Debug)]
pub struct Sqs;

impl Sqs {
    /// Ignores the settings.
    pub fn new(_aws: Aws) -> Sqs {
        Sqs
    }

    /// Always `Err`.
    pub async fn may_send(&self, _url: &str) -> Result<(), String> {
        Err(ABSENT.into())
    }
}
