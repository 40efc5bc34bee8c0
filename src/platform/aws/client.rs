//! A client of one AWS service that is built when it is first used.

use std::sync::Arc;

use aws_config::SdkConfig;
use tokio::sync::OnceCell;

use super::{Aws, Overrides};

/// A client of one service, built at its first use and shared between clones: looking for
/// credentials and a region takes time, which a run that does not need the service saves.
#[derive(Clone, Debug)]
pub struct LazyClient<C> {
    aws: Aws,
    /// `None` for the program's own clients.
    overrides: Option<Overrides>,
    build: fn(&SdkConfig) -> C,
    built: Arc<OnceCell<Built<C>>>,
}

#[derive(Debug)]
struct Built<C> {
    client: C,
    has_region: bool,
}

impl<C> LazyClient<C> {
    /// Returns a client with the settings of the surroundings, which `build` makes of them.
    pub fn new(aws: Aws, build: fn(&SdkConfig) -> C) -> LazyClient<C> {
        LazyClient {
            aws,
            overrides: None,
            build,
            built: Arc::default(),
        }
    }

    /// Returns a client for a target: with `overrides`, and without retries of its own.
    pub fn for_target(aws: Aws, overrides: Overrides, build: fn(&SdkConfig) -> C) -> LazyClient<C> {
        LazyClient {
            overrides: Some(overrides),
            ..LazyClient::new(aws, build)
        }
    }

    /// Returns the client. The first call looks for credentials and a region.
    pub async fn get(&self) -> &C {
        let build = || async {
            let config = match &self.overrides {
                None => self.aws.config().await.clone(),
                Some(overrides) => self.aws.for_target(overrides).await,
            };
            Built {
                client: (self.build)(&config),
                has_region: config.region().is_some(),
            }
        };
        &self.built.get_or_init(build).await.client
    }

    /// Whether the client was built and has no region, without which no request can be signed.
    pub fn lacks_region(&self) -> bool {
        self.built.get().is_some_and(|built| !built.has_region)
    }
}
