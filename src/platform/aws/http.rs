//! The connections of AWS clients: whom they trust, their proxies, and what of a request no message
//! may repeat.

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::{Builder, Connector, tls};
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

use crate::config::vars::Secret;
use crate::platform::network::Network;
use crate::platform::proxy::Proxies;

/// The addresses at which machines ask for their own credentials: never through a proxy.
const METADATA: &str = "169.254.169.254,169.254.170.2,169.254.170.23,fd00:ec2::254,fd00:ec2::23";

/// The headers of a request that hold credentials or what is made of them.
pub(super) const CREDENTIALS: [&str; 2] = ["authorization", "x-amz-security-token"];

/// The credentials in a request, on the answer to it: some errors repeat them.
#[derive(Clone, Debug)]
pub(super) struct SentCredentials(pub(super) Vec<Secret>);

/// A client that builds its connections' settings when the first connection is opened, and not for
/// every service that may need one too: reading the certificates takes a millisecond each time.
#[derive(Debug)]
pub(super) struct LazyConnector {
    https: SharedHttpClient,
    /// For `http://`, if its proxy is another one.
    http: Option<SharedHttpClient>,
    proxies: Proxies,
}

impl LazyConnector {
    pub(super) fn new(network: &Network) -> LazyConnector {
        let proxies = network.proxies.clone();
        // What is no address was left out before.
        let https = proxies.https().and_then(|url| ProxyConfig::https(url).ok());
        let http = proxies.http().and_then(|url| ProxyConfig::http(url).ok());
        match (https, http) {
            (Some(https), Some(http)) => LazyConnector {
                https: client(network, https),
                http: Some(client(network, http)),
                proxies,
            },
            // One for `http://` leaves other addresses alone.
            (https, http) => LazyConnector {
                https: client(
                    network,
                    https.or(http).unwrap_or_else(ProxyConfig::disabled),
                ),
                http: None,
                proxies,
            },
        }
    }
}

/// Creates a client that goes through `proxy`.
fn client(network: &Network, proxy: ProxyConfig) -> SharedHttpClient {
    let proxy = proxy.no_proxy(format!("{},{METADATA}", network.proxies.direct()));
    let trust = network.trust.clone();
    Builder::new().build_with_connector_fn(move |settings, components| {
        let provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
        let mut connector = Connector::builder()
            .tls_provider(provider)
            .tls_context(trust.aws())
            .proxy_config(proxy.clone());
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        connector.build_with_resolver(Resolver)
    })
}

impl HttpClient for LazyConnector {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let connector = |client: &SharedHttpClient| client.http_connector(settings, components);
        SharedHttpConnector::new(Connections {
            https: connector(&self.https),
            http: self.http.as_ref().map(connector),
            proxies: self.proxies.clone(),
        })
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.https.connector_metadata()
    }
}

/// Finds hosts as the machine does, and says by the error's type that it found none.
#[derive(Clone, Debug)]
struct Resolver;

impl ResolveDns for Resolver {
    fn resolve_dns<'n>(&'n self, name: &'n str) -> DnsFuture<'n> {
        DnsFuture::new(async move {
            let found = tokio::net::lookup_host((name, 0)).await;
            let addresses = found.map_err(ResolveDnsError::new)?;
            Ok(addresses.map(|address| address.ip()).collect())
        })
    }
}

/// The connections of one client.
#[derive(Debug)]
struct Connections {
    https: SharedHttpConnector,
    http: Option<SharedHttpConnector>,
    proxies: Proxies,
}

impl HttpConnector for Connections {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let url = request.uri().to_owned();
        let plain = self.http.as_ref().filter(|_| url.starts_with("http://"));
        let headers = request.headers();
        let secrets = CREDENTIALS.iter().filter_map(|name| headers.get(*name));
        let secrets = SentCredentials(secrets.flat_map(secrets_of).collect());
        let (answer, proxies) = (
            plain.unwrap_or(&self.https).call(request),
            self.proxies.clone(),
        );
        HttpConnectorFuture::new(async move {
            match answer.await {
                Ok(mut answer) => {
                    answer.add_extension(secrets);
                    Ok(answer)
                }
                Err(error) if error.is_io() => Err(match proxies.refusal(&url).await {
                    Some(refusal) if refusal.passes() => ConnectorError::io(Box::new(refusal)),
                    Some(refusal) => ConnectorError::other(Box::new(refusal), None),
                    None => error,
                }),
                Err(error) => Err(error),
            }
        })
    }
}

/// Returns the parts of a header that no message may repeat: the token, or of a signature what is
/// not a name. A scope, for example, names the region.
fn secrets_of(header: &str) -> Vec<Secret> {
    let Some((_, parts)) = header.split_once(' ') else {
        return vec![Secret::new(header)];
    };
    let secret = |part: &str| {
        let (name, value) = part.trim().split_once('=')?;
        match name {
            "Credential" => value.split('/').next().map(Secret::new),
            "Signature" => Some(Secret::new(value)),
            _ => None,
        }
    };
    parts.split(',').filter_map(secret).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_request_the_token_the_key_and_the_signature_are_secret() {
        let header = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261126/eu-west-1/sqs/aws4_request, \
                      SignedHeaders=host;x-amz-date, Signature=5d672d79c15b";
        let exposed = |header| -> Vec<_> {
            let secrets = secrets_of(header);
            secrets
                .iter()
                .map(|secret| secret.expose().to_owned())
                .collect()
        };
        assert_eq!(exposed(header), ["AKIDEXAMPLE", "5d672d79c15b"]);
        assert_eq!(
            exposed("IQoJb3JpZ2luX2Vj//////////wE="),
            ["IQoJb3JpZ2luX2Vj//////////wE="]
        );
    }
}
