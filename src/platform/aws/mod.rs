//! The settings that AWS clients share: credentials, region and connections, looked for when the
//! first client is needed; and what their errors mean.

mod client;
mod error;
mod http;
mod kind;
mod recording;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::origin::Origin;
use aws_types::request_id::RequestId;
use tokio::sync::{Mutex, OnceCell};

use crate::platform::network::Network;
pub use client::LazyClient;
pub use error::{describe_code, describe_sdk_error};
use http::LazyConnector;
pub use kind::{ErrorKind, denied_action};

/// How long a connection may take to open.
pub const CONNECT: Duration = Duration::from_secs(5);

/// The settings in which one target's client differs from its environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// The region.
    pub region: Option<String>,
    /// The role to assume, and its external id.
    pub role: Option<Role>,
    /// The address of the service.
    pub endpoint: Option<String>,
}

/// A role, perhaps of another account.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Role {
    /// Its ARN.
    pub arn: String,
    /// The external id that its owner asks for.
    pub external_id: Option<String>,
}

/// Whether an answer is AWS's own, or that of an emulator: both number their answers. A page of a
/// gateway or of a proxy, whatever its status, has no such number.
pub fn is_genuine(answer: &impl RequestId) -> bool {
    answer.request_id().is_some()
}

/// The name of this program's sessions in CloudTrail.
const SESSION: &str = "clickstream-forwarder";

/// The environment's settings for AWS, shared between clones.
#[derive(Clone, Debug, Default)]
pub struct Aws {
    network: Arc<Network>,
    config: Arc<OnceCell<SdkConfig>>,
    /// The credentials of each role, so that two targets assume it once.
    roles: Arc<Mutex<HashMap<Role, SharedCredentialsProvider>>>,
}

impl Aws {
    /// Creates settings that are looked for when they are first needed.
    pub fn new(network: Network) -> Aws {
        Aws {
            network: Arc::new(network),
            ..Aws::default()
        }
    }

    /// Uses these settings, whatever the environment says.
    pub fn of(config: SdkConfig) -> Aws {
        Aws {
            config: Arc::new(OnceCell::new_with(Some(config))),
            ..Aws::default()
        }
    }

    /// Returns the settings. The first call looks for them.
    pub async fn config(&self) -> &SdkConfig {
        let load = || async {
            if let Some(recorder) = &self.network.recorder {
                return recording::config(recorder).await;
            }
            aws_config::defaults(BehaviorVersion::latest())
                .http_client(SharedHttpClient::new(LazyConnector::new(&self.network)))
                .retry_config(RetryConfig::standard().with_max_attempts(4))
                .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT).build())
                .load()
                .await
        };
        self.config.get_or_init(load).await
    }

    /// Returns the settings of a target: with its overrides, and without the client's own retries,
    /// since `deliver` retries.
    pub async fn for_target(&self, overrides: &Overrides) -> SdkConfig {
        let base = self.config().await;
        let mut config = base.to_builder().retry_config(RetryConfig::disabled());
        if let Some(region) = &overrides.region {
            config.set_region(Region::new(region.clone()));
        }
        if let Some(endpoint) = &overrides.endpoint {
            config.set_endpoint_url(Some(endpoint.clone()));
            // Otherwise the environment's address would win over it.
            config.insert_origin("endpoint_url", Origin::shared_config());
        }
        // Nobody takes on a role for requests that are not made.
        if let Some(role) = &overrides.role
            && self.network.recorder.is_none()
        {
            config.set_credentials_provider(Some(
                self.credentials(role, base, overrides.region.as_ref())
                    .await,
            ));
        }
        config.build()
    }

    async fn credentials(
        &self,
        role: &Role,
        base: &SdkConfig,
        region: Option<&String>,
    ) -> SharedCredentialsProvider {
        let mut roles = self.roles.lock().await;
        if let Some(credentials) = roles.get(role) {
            return credentials.clone();
        }
        let mut provider = AssumeRoleProvider::builder(&role.arn)
            .session_name(SESSION)
            .configure(base);
        if let (None, Some(region)) = (base.region(), region) {
            provider = provider.region(Region::new(region.clone()));
        }
        if let Some(id) = &role.external_id {
            provider = provider.external_id(id);
        }
        let credentials = SharedCredentialsProvider::new(provider.build().await);
        roles.insert(role.clone(), credentials.clone());
        credentials
    }
}
