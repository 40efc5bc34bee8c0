//! Objects in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::sleep;

/// Objects in memory, shared between clones.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    objects: Arc<Mutex<BTreeMap<(String, String), Bytes>>>,
    /// How long storing a new object takes.
    put_delay: Duration,
}

impl Memory {
    /// Returns a memory that takes `put_delay` to store a new object, as a store that throttles
    /// does.
    pub fn slow(put_delay: Duration) -> Memory {
        Memory {
            put_delay,
            ..Memory::default()
        }
    }

    /// Stores or replaces an object.
    pub fn put(&self, bucket: &str, key: &str, body: impl Into<Bytes>) {
        self.lock().insert((bucket.into(), key.into()), body.into());
    }

    /// Returns an object's bytes.
    pub fn get(&self, bucket: &str, key: &str) -> Option<Bytes> {
        self.lock()
            .get(&(bucket.to_owned(), key.to_owned()))
            .cloned()
    }

    /// Deletes an object.
    pub fn delete(&self, bucket: &str, key: &str) {
        self.lock().remove(&(bucket.to_owned(), key.to_owned()));
    }

    #[expect(clippy::disallowed_methods, reason = "a slow store, not a target")]
    pub(super) async fn put_new(&self, bucket: &str, key: &str, body: Bytes) -> bool {
        sleep(self.put_delay).await;
        self.insert_new(bucket, key, body)
    }

    fn insert_new(&self, bucket: &str, key: &str, body: Bytes) -> bool {
        let mut objects = self.lock();
        let taken = objects.contains_key(&(bucket.to_owned(), key.to_owned()));
        if !taken {
            objects.insert((bucket.into(), key.into()), body);
        }
        !taken
    }

    /// Returns at most a thousand keys below `prefix` after `after`, in order.
    pub fn keys(&self, bucket: &str, prefix: &str, after: Option<&str>) -> Vec<String> {
        let objects = self.lock();
        let wanted = |key: &&String| {
            key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after)
        };
        objects
            .keys()
            .filter(|(b, _)| b == bucket)
            .map(|(_, key)| key)
            .filter(wanted)
            .take(1000)
            .cloned()
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(String, String), Bytes>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
