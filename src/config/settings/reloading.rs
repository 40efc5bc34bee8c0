//! A target whose variables refer to values that may change: it is built anew when they have.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::{Settings, owner};
use crate::config::vars::Vars;
use crate::config::{TargetConfig, prefix_of};
use crate::object::ObjectRef;
use crate::targets::{
    DeliveryMode, EncodeError, Entry, Limits, Need, Permission, Proof, SendError, Target, Verdict,
    View,
};
use crate::transform::Transform;
use crate::transform::key::HASH_KEY;

/// How long values are used before they are read again.
const KEPT: Duration = Duration::from_secs(300);
/// How long they are used after the target did not accept them: many requests are refused at a
/// time.
const KEPT_WHEN_REFUSED: Duration = Duration::from_secs(30);

/// A target that is built anew when the values that its variables refer to have changed.
pub struct ReloadingTarget {
    settings: Arc<Settings>,
    name: Arc<str>,
    built: RwLock<Built>,
    values: Mutex<Values>,
    /// How often it was built anew.
    revision: AtomicU64,
}

/// What was built from the values.
#[derive(Clone)]
struct Built {
    target: Arc<dyn Target>,
    transform: Arc<Transform>,
}

/// The values that the target is built from.
struct Values {
    vars: Vars,
    /// When they were last read.
    read: Instant,
    /// When they last turned out to be others.
    changed: Option<Instant>,
    /// What was last said of values that cannot be used; it is said once.
    said: Option<String>,
}

impl ReloadingTarget {
    /// Wraps the target of `config`, which was built from `vars`.
    pub(super) fn new(
        settings: Arc<Settings>,
        vars: Vars,
        config: &TargetConfig,
    ) -> ReloadingTarget {
        ReloadingTarget {
            settings,
            name: config.name.clone(),
            built: RwLock::new(Built {
                target: config.target.clone(),
                transform: config.transform.clone(),
            }),
            values: Mutex::new(Values {
                vars,
                read: Instant::now(),
                changed: None,
                said: None,
            }),
            revision: AtomicU64::new(0),
        }
    }

    fn built(&self) -> Built {
        let built = self.built.read().unwrap_or_else(PoisonError::into_inner);
        built.clone()
    }

    fn target(&self) -> Arc<dyn Target> {
        self.built().target
    }

    /// Returns the target's rules as they are now.
    pub(crate) fn transform(&self) -> Arc<Transform> {
        self.built().transform
    }

    /// Reads the values again if they are old; while one request does, the others go on with what
    /// there is.
    pub(crate) async fn reload_old(&self) {
        if let Ok(mut values) = self.values.try_lock() {
            self.reload(&mut values, KEPT).await;
        }
    }

    /// Reads the values again if they are as old as `kept`. If they cannot be read, or are no good,
    /// the old ones stay.
    async fn reload(&self, values: &mut Values, kept: Duration) {
        if values.read.elapsed() < kept {
            return;
        }
        values.read = Instant::now();
        let (settings, name) = (&self.settings, &*self.name);
        // Another target's values are its own affair.
        let prefix = Some(prefix_of(name));
        // Hashes stay the same for the life of the process, so the key does.
        let is_key = |variable: &str| {
            let key = prefix.as_deref().and_then(|it| variable.strip_prefix(it));
            key == Some(HASH_KEY)
        };
        let is_own =
            |variable: &str| owner(&settings.vars, variable) == prefix && !is_key(variable);
        let read = settings.resolve(&values.vars, is_own).await;
        let loaded = read.and_then(|vars| {
            let is_new = vars != values.vars;
            let config = is_new.then(|| settings.load(&vars)).transpose()?;
            Ok(config.map(|config| (vars, config)))
        });
        let (vars, config) = match loaded {
            Ok(Some(changed)) => changed,
            Ok(None) => {
                values.said = None;
                return;
            }
            Err(mistakes) => {
                let said = Some(mistakes.to_string());
                if values.said != said {
                    tracing::warn!(target_name = name, mistakes = %mistakes, "values that the target refers to stay as they were");
                    values.said = said;
                }
                return;
            }
        };
        values.said = None;
        let mut targets = config.targets.into_iter();
        if let Some(found) = targets.find(|target| target.name == self.name) {
            *self.built.write().unwrap_or_else(PoisonError::into_inner) = Built {
                target: found.target,
                transform: found.transform,
            };
            self.revision.fetch_add(1, Ordering::Relaxed);
            values.changed = Some(Instant::now());
        }
        values.vars = vars;
        tracing::info!(
            target_name = name,
            "values that the target refers to were read again"
        );
    }
}

#[async_trait]
impl Target for ReloadingTarget {
    fn limits(&self) -> Limits {
        self.target().limits()
    }

    fn delivery(&self) -> DeliveryMode {
        self.target().delivery()
    }

    fn encode(&self, view: &View<'_>) -> Result<Entry, EncodeError> {
        self.target().encode(view)
    }

    async fn send(&self, batch: &[Entry]) -> Result<Vec<Verdict>, SendError> {
        self.reload_old().await;
        match self.target().send(batch).await {
            // One of the values, for example a URL, may be another by now.
            Err(SendError::Misconfigured(cause)) => Err(SendError::Unauthorized(cause)),
            result => result,
        }
    }

    async fn renew(&self, began: Instant) -> bool {
        let mut values = self.values.lock().await;
        self.reload(&mut values, KEPT_WHEN_REFUSED).await;
        values.changed.is_some_and(|changed| changed >= began) || self.target().renew(began).await
    }

    fn describe(&self) -> Vec<(&'static str, String)> {
        self.target().describe()
    }

    fn needs(&self) -> Vec<Need> {
        self.target().needs()
    }

    fn permissions(&self) -> Vec<Permission> {
        self.target().permissions()
    }

    async fn probe(&self) -> Result<Proof, SendError> {
        self.target().probe().await
    }

    fn revision(&self) -> u64 {
        self.revision.load(Ordering::Relaxed)
    }

    fn wrote(&self, object: &ObjectRef) -> bool {
        self.target().wrote(object)
    }
}
