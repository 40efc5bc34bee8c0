//! Which certificate authorities connections trust.

use std::collections::BTreeMap;
use std::sync::OnceLock;

#[cfg(feature = "aws")]
use aws_smithy_http_client::tls::{TlsContext, TrustStore};
#[cfg(feature = "aws")]
use base64::Engine;
#[cfg(feature = "aws")]
use base64::engine::general_purpose::STANDARD;
#[cfg(feature = "aws")]
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use webpki_root_certs::TLS_SERVER_ROOT_CERTS;

/// Which certificate authorities connections trust.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// Those that Mozilla trusts, which are part of this program: reading a machine's files of them
    /// takes longer than all else before the first request.
    #[default]
    Bundled,
    /// Those that this machine trusts; `SSL_CERT_FILE` and `SSL_CERT_DIR` name others.
    Machine,
}

impl Trust {
    /// Trusts the bundled authorities unless `SSL_CERT_FILE` or `SSL_CERT_DIR` names others.
    pub fn from_vars(vars: &BTreeMap<String, String>) -> Trust {
        let is_set = |name: &&str| vars.get(*name).is_some_and(|path| !path.is_empty());
        if ["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().any(is_set) {
            Trust::Machine
        } else {
            Trust::Bundled
        }
    }

    /// Returns the settings of a target's connections; `None` where the client finds them itself.
    pub fn client_config(self) -> Option<ClientConfig> {
        static BUNDLED: OnceLock<Option<ClientConfig>> = OnceLock::new();
        let bundled = || {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(TLS_SERVER_ROOT_CERTS.iter().cloned());
            let builder = ClientConfig::builder_with_provider(
                rustls::crypto::ring::default_provider().into(),
            );
            let mut config = builder
                .with_safe_default_protocol_versions()
                .ok()?
                .with_root_certificates(roots)
                .with_no_client_auth();
            config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
            Some(config)
        };
        (self == Trust::Bundled)
            .then(|| BUNDLED.get_or_init(bundled).clone())
            .flatten()
    }

    /// Returns the settings of connections to AWS.
    #[cfg(feature = "aws")]
    pub fn aws(self) -> TlsContext {
        let store = match self {
            Trust::Bundled => TrustStore::empty().with_pem_certificate(pem(TLS_SERVER_ROOT_CERTS)),
            Trust::Machine => TrustStore::default(),
        };
        // Nothing in it can be wrong yet: certificates are read when they are needed.
        TlsContext::builder()
            .with_trust_store(store)
            .build()
            .unwrap_or_default()
    }
}

/// Renders certificates as the AWS client takes them.
#[cfg(feature = "aws")]
fn pem(certificates: &[CertificateDer<'_>]) -> Vec<u8> {
    let mut text = String::new();
    for certificate in certificates {
        text += "-----BEGIN CERTIFICATE-----\n";
        STANDARD.encode_string(certificate, &mut text);
        text += "\n-----END CERTIFICATE-----\n";
    }
    text.into_bytes()
}
