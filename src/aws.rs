//! What the clients of AWS share: credentials, region and connections, found when the first of them is needed.

use std::sync::Arc;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::tls;
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{HttpClient, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use tokio::sync::OnceCell;

use crate::tls::Trust;

/// How long a connection may take to open.
pub const CONNECT: Duration = Duration::from_secs(5);

/// A client that builds its connections' settings when the first connection is opened, and not for every service
/// that may need one too: reading the certificates takes a millisecond each time.
#[derive(Debug)]
struct Untried(SharedHttpClient);

impl HttpClient for Untried {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        self.0.http_connector(settings, components)
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.0.connector_metadata()
    }
}

/// The surroundings' settings for AWS, shared between clones.
#[derive(Clone, Debug, Default)]
pub struct Aws {
    trust: Trust,
    config: Arc<OnceCell<SdkConfig>>,
}

impl Aws {
    /// Settings that nobody has looked for yet.
    pub fn new(trust: Trust) -> Aws {
        Aws { trust, config: Arc::default() }
    }

    /// The settings. The first call looks for them.
    pub async fn config(&self) -> &SdkConfig {
        let load = || async {
            let http = aws_smithy_http_client::Builder::new()
                .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
                .tls_context(self.trust.aws())
                .build_https();
            aws_config::defaults(BehaviorVersion::latest())
                .http_client(SharedHttpClient::new(Untried(http)))
                .retry_config(RetryConfig::standard().with_max_attempts(4))
                .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT).build())
                .load()
                .await
        };
        self.config.get_or_init(load).await
    }
}
