//! Finds out whether everything that a configuration names may be used, by requests that change
//! nothing.

use std::path::Path;
use std::time::Duration;

use futures::future::join_all;

use super::Forwarder;
use super::within::within;
use crate::config::{QuarantineStore, S3Prefix};
use crate::deliver::Delivery;
use crate::object::{Directory, ObjectError, ObjectRef, Store};
use crate::outcome::Failure;
use crate::targets::Proof;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The answer to one request that changes nothing.
pub struct Probe {
    /// The thing that was asked for, for people.
    pub what: String,
    /// The IAM actions that it needs.
    pub needs: String,
    /// What the answer proved; `Err` says what is wrong, for people.
    pub answer: Result<Proof, String>,
}

impl Forwarder {
    /// Asks every source, target and store.
    pub async fn probe(&self) -> Vec<Probe> {
        let mut probes = Vec::new();
        for source in self.objects.sources.iter().flatten() {
            probes.extend(source_probes(&self.objects.store, source).await);
        }
        match self.quarantine.place() {
            QuarantineStore::S3(prefix) => {
                probes.push(quarantine_probe(&self.objects.store, prefix).await);
            }
            QuarantineStore::Directory(path) => probes.push(directory_probe(path).await),
            QuarantineStore::Log => {}
        }
        if let Some(progress) = &self.claims.progress {
            let answer = progress.probe().await;
            probes.push(Probe {
                what: "progress table".into(),
                needs: "dynamodb:GetItem, dynamodb:PutItem".into(),
                answer: whole(answer),
            });
        }
        probes.extend(join_all(self.deliveries.iter().map(target_probe)).await);
        probes
    }
}

/// The answer to a request that proves all if it succeeds.
fn whole<T>(answer: Result<T, impl std::fmt::Display>) -> Result<Proof, String> {
    let proof = answer.map(|_| Proof::Whole);
    proof.map_err(|error| error.to_string())
}

/// Lists a source, and reads an object of it that does not exist.
async fn source_probes(store: &Store, source: &S3Prefix) -> [Probe; 2] {
    let S3Prefix { bucket, prefix } = source;
    let what = format!("source s3://{bucket}/{prefix}");
    let listed = within(TIMEOUT, store.list(bucket, prefix, None)).await;
    // Who may not read is told so even of an object that is not there; who may not list is too.
    let object = ObjectRef::new(bucket.as_str(), format!("{prefix}clickstream-check"));
    let read = match within(TIMEOUT, store.open(&object)).await {
        Ok(_) | Err(ObjectError::Missing) => Ok(Proof::Whole),
        Err(error) => Err(error.to_string()),
    };
    [
        Probe {
            what: what.clone(),
            needs: "s3:ListBucket".into(),
            answer: whole(listed),
        },
        Probe {
            what,
            needs: "s3:GetObject".into(),
            answer: read,
        },
    ]
}

/// Asks whether rows may be stored.
async fn quarantine_probe(store: &Store, place: &S3Prefix) -> Probe {
    let S3Prefix { bucket, prefix } = place;
    let answer = within(TIMEOUT, store.may_put(bucket, prefix)).await;
    let explain = |error| match error {
        ObjectError::Denied(cause) => {
            format!("access denied ({cause}): grant s3:PutObject on it")
        }
        error => error.to_string(),
    };
    Probe {
        what: format!("quarantine s3://{bucket}/{prefix}"),
        needs: "s3:PutObject".into(),
        answer: answer.map(|()| Proof::Whole).map_err(explain),
    }
}

/// Writes a file where rows are written, and deletes it.
async fn directory_probe(path: &Path) -> Probe {
    let store = Store::Directory(Directory { root: None });
    let below = path.join("").to_string_lossy().into_owned();
    Probe {
        what: format!("quarantine {}", path.display()),
        needs: "a file written and deleted".into(),
        answer: whole(store.may_put("", &below).await),
    }
}

/// Asks a target.
async fn target_probe(delivery: &Delivery) -> Probe {
    let answer = delivery.probe().await;
    Probe {
        what: format!("target {}", delivery.name()),
        needs: delivery.needs(),
        answer: answer.map_err(|error| Failure::from(error).to_string()),
    }
}
