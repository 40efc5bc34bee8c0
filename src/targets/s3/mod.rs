//! `s3`: a data lake. Files of clicks by day and hour, named after the window that they are of, so
//! that the same clicks are stored once however often they come.

mod file;
mod name;
mod parquet;
pub mod sql;
mod store;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::StalledStreamProtectionConfig;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};

use super::support::aws;
use super::{
    Batching, Context, DeliveryMode, EncodeError, Entry, Kind, Limits, MapUse, Permission, Proof,
    SendError, Target, Var, Verdict, View, WindowBounds,
};
use crate::config::S3Prefix;
use crate::config::vars::Scope;
use crate::object::ObjectRef;
use crate::platform::aws::denied_action;
use crate::transform::jq::MAP;
use file::File;
use name::Part;

pub(super) const KIND: Kind = Kind {
    name: "s3",
    doc: "a data lake: Parquet files or compressed lines in a bucket, by day and hour (`dt=2026-11-21/hour=23/`)",
    vars: &[
        Var {
            name: "BUCKET",
            default: "",
            doc: "the bucket; required",
        },
        Var {
            name: "PREFIX",
            default: "",
            doc: "how the keys begin, `clicks/` say",
        },
        Var {
            name: "FILE",
            default: "parquet",
            doc: "`parquet`, or `lines` of JSON, compressed with gzip",
        },
        Var {
            name: "COMPRESSION",
            default: "zstd",
            doc: "of Parquet files: `zstd` or `snappy`",
        },
        Var {
            name: "FORMAT",
            default: "flat",
            doc: "of lines: `click`, `flat`, `raw` or `webhook`; Parquet is always `flat`",
        },
    ],
    shared: aws::VARS,
    example: &[("BUCKET", "my-lake")],
    map: MapUse::Body,
    build,
};

/// Where objects are cut into windows. Frozen: other bounds would store the same clicks again, in
/// other files. The entries of a window wait in memory until it is complete, so a function of 128
/// MB must be able to hold several.
const BOUNDS: WindowBounds = WindowBounds {
    bytes: 8 << 20,
    clicks: 16_384,
    hours: 32,
};
/// Most files of one window that are stored at a time.
const FILES_AT_A_TIME: usize = 4;

/// A data lake.
struct Lake {
    location: S3Prefix,
    file: File,
    client: aws::Client<Client>,
}

fn build(scope: &Scope<'_>, context: Context) -> Option<Arc<dyn Target>> {
    let location = name::location(scope);
    let file = File::read(scope);
    if let Some(File::Parquet(_)) = file
        && scope.peek(MAP).is_some_and(|map| !map.is_empty())
    {
        scope.conflict(
            MAP,
            "is not for Parquet files, whose columns are those of the flat form: set _FILE=lines, \
             or leave it out",
        );
    }
    let client = aws::Client::new(scope, context, None, |config| {
        let config = aws_sdk_s3::config::Builder::from(config);
        Client::from_conf(
            config
                .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
                .build(),
        )
    });
    Some(Arc::new(Lake {
        location: location?,
        file: file?,
        client,
    }))
}

#[async_trait]
impl Target for Lake {
    fn limits(&self) -> Limits {
        Limits::NONE
    }

    fn delivery(&self) -> DeliveryMode {
        DeliveryMode {
            batching: Batching::Windows(BOUNDS),
            ..DeliveryMode::WHOLE
        }
    }

    fn encode(&self, view: &View<'_>) -> Result<Entry, EncodeError> {
        let body = view.form(self.file.form());
        let attributes = vec![("folder", name::folder(&view.timestamp()).into())];
        // No click of a window is ever quarantined, so nobody needs it as delivered.
        Ok(Entry {
            attributes,
            raw: Bytes::new(),
            ..Entry::new(view, body)
        })
    }

    async fn send(&self, batch: &[Entry]) -> Result<Vec<Verdict>, SendError> {
        let mut parts: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
        for entry in batch {
            let folder = entry.attribute("folder").unwrap_or_default();
            let part = parts.entry(folder).or_default();
            part.extend((!entry.is_left_out).then_some(entry));
        }
        let window = batch.first().and_then(|entry| entry.window.as_deref());
        let window = window.and_then(|window| Some((*window.digest.get()?, window.terms)));
        let (digest, terms) = window.ok_or_else(|| {
            SendError::Misconfigured("the clicks belong to no whole window".into())
        })?;
        let store = |(folder, entries): (&str, Vec<&Entry>)| {
            let part = Part::new(
                format!(
                    "{}{folder}/{digest}.{}",
                    self.location.prefix,
                    self.file.extension()
                ),
                self.file.form(),
                &entries,
                terms.rules,
            );
            let rows: Vec<Bytes> = entries.iter().map(|entry| entry.body.clone()).collect();
            self.store(part, rows, terms.replaces)
        };
        let stored = stream::iter(parts)
            .map(store)
            .buffer_unordered(FILES_AT_A_TIME);
        stored.try_collect::<()>().await?;
        Ok(vec![Verdict::Sent; batch.len()])
    }

    fn permissions(&self) -> Vec<Permission> {
        // To look at a file that is already there takes the permission to read it.
        let resource = format!(
            "arn:aws:s3:::{}/{}dt=*",
            self.location.bucket, self.location.prefix
        );
        self.client
            .permission(&["s3:PutObject", "s3:GetObject"], &resource, "s3", "")
    }

    async fn probe(&self) -> Result<Proof, SendError> {
        // Stores nothing: no object there has this tag.
        let (client, key) = (
            self.client.get().await,
            format!("{}dt=0000-00-00/clickstream-check", self.location.prefix),
        );
        let put = client
            .put_object()
            .bucket(&self.location.bucket)
            .key(&key)
            .if_match(store::NO_ETAG);
        self.client
            .probed(put.send().await, &["NoSuchKey", "PreconditionFailed"])?;
        let get = client.get_object().bucket(&self.location.bucket).key(&key);
        match get.send().await {
            // A caller who may not list the bucket is denied what is not there; then the action
            // that it lacks is another one.
            Err(error) if denied_action(&error) == Some("s3:GetObject") => {
                Err(self.client.send_error(&error, &[]))
            }
            _ => Ok(Proof::Whole),
        }
    }

    fn describe(&self) -> Vec<(&'static str, String)> {
        let mut rows = vec![
            (
                "stores in",
                format!("s3://{}/{}", self.location.bucket, self.location.prefix),
            ),
            ("files", self.file.to_string()),
        ];
        rows.extend(self.client.describe());
        rows
    }

    fn wrote(&self, object: &ObjectRef) -> bool {
        self.location.holds(object)
            && name::is_ours(
                object
                    .key
                    .trim_start_matches('/')
                    .get(self.location.prefix.len()..)
                    .unwrap_or_default(),
            )
    }
}
