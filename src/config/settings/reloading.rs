//! A target whose variables refer to values that change: it is made anew when they have.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::Instant;

use super::Settings;
use crate::config::Config;
use crate::config::vars::Vars;
use crate::object::ObjectRef;
use crate::targets::{
    DeliveryMode, EncodeError, Entry, Limits, Permission, SendError, Target, Verdict, View,
};

/// How long values are taken for granted.
const KEPT: Duration = Duration::from_secs(300);
/// How long they are after a refusal: many requests are refused at a time.
const KEPT_WHEN_REFUSED: Duration = Duration::from_secs(30);

/// A target that is made anew when what its variables refer to has changed.
pub(super) struct ReloadingTarget {
    settings: Arc<Settings>,
    name: Arc<str>,
    target: RwLock<Arc<dyn Target>>,
    known: Mutex<Known>,
}

/// The values that the target was made of.
struct Known {
    vars: Vars,
    since: Instant,
}

impl ReloadingTarget {
    /// `target`, called `name`, as `vars` made it.
    pub(super) fn new(
        settings: Arc<Settings>,
        name: Arc<str>,
        vars: Vars,
        target: Arc<dyn Target>,
    ) -> ReloadingTarget {
        ReloadingTarget {
            settings,
            name,
            target: RwLock::new(target),
            known: Mutex::new(Known {
                vars,
                since: Instant::now(),
            }),
        }
    }

    fn target(&self) -> Arc<dyn Target> {
        self.target
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Asks for the values again if they are old; while somebody does, the others go on with what there is.
    async fn refresh_old(&self) {
        if let Ok(known) = self.known.try_lock() {
            self.refresh(known, KEPT).await;
        }
    }

    /// Asks for the values again if they are as old as `kept`. Without an answer the old ones stay.
    async fn refresh(&self, mut known: MutexGuard<'_, Known>, kept: Duration) {
        if known.since.elapsed() < kept {
            return;
        }
        known.since = Instant::now();
        let made = match self.settings.resolve().await {
            Ok(vars) if vars == known.vars => return,
            Ok(vars) => {
                Config::load(&vars, self.settings.context.clone()).map(|config| (vars, config))
            }
            Err(mistakes) => Err(mistakes),
        };
        match made {
            Ok((vars, config)) => {
                let found = config
                    .targets
                    .into_iter()
                    .find(|target| target.name == self.name);
                if let Some(found) = found {
                    *self.target.write().unwrap_or_else(PoisonError::into_inner) = found.target;
                }
                known.vars = vars;
                tracing::info!(
                    target_name = &*self.name,
                    "values that the target refers to were read again"
                );
            }
            Err(mistakes) => {
                tracing::warn!(target_name = &*self.name, mistakes = %mistakes, "values that the target refers to stay as they were")
            }
        }
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
        self.refresh_old().await;
        let target = self.target();
        let refused = match target.send(batch).await {
            Err(halt @ SendError::Misconfigured(_)) => halt,
            answer => return answer,
        };
        // The token may be another by now; once.
        self.refresh(self.known.lock().await, KEPT_WHEN_REFUSED)
            .await;
        let renewed = self.target();
        if Arc::ptr_eq(&renewed, &target) {
            Err(refused)
        } else {
            renewed.send(batch).await
        }
    }

    fn describe(&self) -> Vec<(&'static str, String)> {
        self.target().describe()
    }

    fn permissions(&self) -> Vec<Permission> {
        self.target().permissions()
    }

    async fn probe(&self) -> Result<(), SendError> {
        self.target().probe().await
    }

    fn wrote(&self, object: &ObjectRef) -> bool {
        self.target().wrote(object)
    }
}
