//! Finds out whether everything that a configuration names may be used, by requests that change
//! nothing.

use std::time::Duration;

use futures::future::join_all;

use super::Forwarder;
use super::within::within;
use crate::config::QuarantineStore;
use crate::deliver::Delivery;
use crate::object::{ObjectError, ObjectRef};
use crate::outcome::Failure;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The answer to one request that changes nothing.
pub struct Probe {
    /// What was asked for, for people.
    pub what: String,
    /// The IAM actions that it needs.
    pub needs: String,
    /// The answer; `Err` says what is wrong, for people.
    pub answer: Result<(), String>,
}

impl Forwarder {
    /// Asks every source, target and store.
    pub async fn probe(&self) -> Vec<Probe> {
        let mut probes = Vec::new();
        for location in self.objects.sources.iter().flatten() {
            let what = format!("source s3://{}/{}", location.bucket, location.prefix);
            let listed = within(
                TIMEOUT,
                self.objects
                    .store
                    .list(&location.bucket, &location.prefix, None),
            )
            .await
            .map(drop);
            probes.push(Probe {
                what: what.clone(),
                needs: "s3:ListBucket".into(),
                answer: listed.map_err(|e| e.to_string()),
            });
            // Who may not read is told so even of an object that is not there; who may not list is
            // too.
            let object = ObjectRef::new(
                location.bucket.as_str(),
                format!("{}clickstream-check", location.prefix),
            );
            let answer = match within(TIMEOUT, self.objects.store.open(&object)).await {
                Ok(_) | Err(ObjectError::Missing) => Ok(()),
                Err(error) => Err(error.to_string()),
            };
            probes.push(Probe {
                what,
                needs: "s3:GetObject".into(),
                answer,
            });
        }
        if let QuarantineStore::S3(location) = self.quarantine.place() {
            let answer = within(
                TIMEOUT,
                self.objects
                    .store
                    .may_put(&location.bucket, &location.prefix),
            )
            .await
            .map_err(|error| match error {
                ObjectError::Denied(cause) => {
                    format!("access denied ({cause}): grant s3:PutObject on it")
                }
                error => error.to_string(),
            });
            let what = format!("quarantine s3://{}/{}", location.bucket, location.prefix);
            probes.push(Probe {
                what,
                needs: "s3:PutObject".into(),
                answer,
            });
        }
        if let Some(progress) = &self.claims.progress {
            let answer = progress.probe().await.map_err(|e| e.to_string());
            probes.push(Probe {
                what: "progress table".into(),
                needs: "dynamodb:GetItem, dynamodb:PutItem".into(),
                answer,
            });
        }
        let target = async |delivery: &Delivery| {
            let answer = delivery
                .probe()
                .await
                .map_err(|halt| Failure::from(halt).to_string());
            Probe {
                what: format!("target {}", delivery.name()),
                needs: delivery.needs(),
                answer,
            }
        };
        probes.extend(join_all(self.deliveries.iter().map(target)).await);
        probes
    }
}
