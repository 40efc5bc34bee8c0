//! Contents that a job names and that are not there any more: gone, or replaced by others.

use std::sync::Arc;

use super::claims::Claims;
use crate::job::Job;
use crate::object::{ObjectRef, Reader};
use crate::outcome::End;
use crate::quarantine::{Quarantine, Row, RowKind};
use clicks::decode::{BadRecord, Place};

/// Why contents that were named are not read, as their row in the quarantine says.
#[derive(Clone, Copy, Debug)]
pub(super) enum Loss {
    /// No spelling of the key exists.
    Gone,
    /// Others stand under the same name.
    Replaced,
}

impl Loss {
    fn reason(self) -> &'static str {
        match self {
            Loss::Gone => "the object is gone: no spelling of its key exists",
            Loss::Replaced => {
                "the object was replaced before all of it was forwarded; switch on the bucket's versions, so that this cannot happen"
            }
        }
    }
}

/// Whether `reader` reads other contents than those that the notice of `job` is about.
pub(super) fn is_replaced(job: &Job, reader: &Reader) -> bool {
    let plain = |etag: &str| etag.trim_matches('"').to_owned();
    // A later run is held to the revision that an earlier one read.
    let named = job.etag.as_deref().filter(|_| job.resume_point.is_none());
    match (named, reader.unversioned_etag()) {
        (Some(named), Some(found)) => plain(named) != plain(&found),
        _ => false,
    }
}

/// Ends the run over contents that are not there: somebody must learn of them, though they will
/// never come back. The progress is asked first, and if they were forwarded, nothing is lost.
///
/// Gives `Missing` if they were not, and their row is stored.
pub(super) async fn end(
    job: &Job,
    object: &ObjectRef,
    loss: Loss,
    claims: &Claims,
    quarantine: &Quarantine,
) -> End {
    if let Some(end) = claims.end_of_gone(job).await {
        return end;
    }
    let bad = BadRecord {
        place: Place::default(),
        length: 0,
        raw: Default::default(),
        reason: loss.reason().into(),
    };
    let row = Row::bad(Arc::new(object.clone()), bad, RowKind::Object);
    match quarantine.keep(std::iter::once(&row)).await {
        Ok(()) => End::Missing,
        Err(error) => End::Failed(error.to_string()),
    }
}
