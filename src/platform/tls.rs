//! Which certificate authorities connections trust, and why one is not made.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

#[cfg(feature = "aws")]
use aws_smithy_http_client::tls::{TlsContext, TrustStore};
#[cfg(feature = "aws")]
use base64::Engine;
#[cfg(feature = "aws")]
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateDer;
use rustls::{CertificateError, ClientConfig, RootCertStore};
use rustls_native_certs::{CertificateResult, load_certs_from_paths, load_native_certs};
use webpki_root_certs::TLS_SERVER_ROOT_CERTS;

use super::log::chain;

/// The variables that name certificates, of files and of directories.
const FILE: &str = "SSL_CERT_FILE";
const DIRECTORIES: &str = "SSL_CERT_DIR";

/// The authorities that are trusted in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Authorities {
    /// Those that Mozilla trusts, which are part of this program: reading a machine's files of them
    /// takes longer than all else before the first request.
    #[default]
    Bundled,
    /// Those that this machine trusts; the bundled ones if it has none.
    Machine,
}

/// Whom connections trust.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    authorities: Authorities,
    file: Option<PathBuf>,
    directories: Vec<PathBuf>,
    /// Shared by the clients that trust alike.
    config: Arc<OnceLock<Result<ClientConfig, String>>>,
}

impl Trust {
    /// Trusts `authorities`, and those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name beside them.
    pub fn from_vars(vars: &BTreeMap<String, String>, authorities: Authorities) -> Trust {
        let text = |name| vars.get(name).filter(|text| !text.is_empty());
        let directories = text(DIRECTORIES).map(|text| std::env::split_paths(text).collect());
        Trust {
            authorities,
            file: text(FILE).map(PathBuf::from),
            directories: directories.unwrap_or_default(),
            config: Arc::default(),
        }
    }

    /// Returns the settings of a target's connections. The error names the variable that is wrong.
    pub fn client_config(&self) -> Result<ClientConfig, String> {
        self.config.get_or_init(|| self.build()).clone()
    }

    fn build(&self) -> Result<ClientConfig, String> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(self.certificates()?);
        let provider = rustls::crypto::ring::default_provider();
        let mut config = ClientConfig::builder_with_provider(provider.into())
            .with_safe_default_protocol_versions()
            .map_err(|e| format!("no TLS: {e}"))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }

    /// Returns the settings of connections to AWS. What a variable names and cannot be read is left
    /// out, with an error in the log.
    #[cfg(feature = "aws")]
    pub fn aws(&self) -> TlsContext {
        let certificates = self.certificates().unwrap_or_else(|problem| {
            tracing::error!(
                problem = problem,
                "AWS is trusted by the authorities built in alone"
            );
            TLS_SERVER_ROOT_CERTS.to_vec()
        });
        // The client ends the process at one that it cannot read.
        let is_readable =
            |one: &&CertificateDer<'static>| RootCertStore::empty().add((*one).clone()).is_ok();
        let store =
            TrustStore::empty().with_pem_certificate(pem(certificates.iter().filter(is_readable)));
        TlsContext::builder()
            .with_trust_store(store)
            .build()
            .unwrap_or_default()
    }

    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, String> {
        let mut all = match self.authorities {
            // The machine's own loader takes the variables for the only authorities.
            Authorities::Machine if self.file.is_none() && self.directories.is_empty() => {
                load_native_certs().certs
            }
            Authorities::Machine | Authorities::Bundled => Vec::new(),
        };
        if all.is_empty() {
            all.extend(TLS_SERVER_ROOT_CERTS.iter().cloned());
        }
        if let Some(path) = &self.file {
            all.extend(read(FILE, path, load_certs_from_paths(Some(path), None))?);
        }
        for path in &self.directories {
            all.extend(read(
                DIRECTORIES,
                path,
                load_certs_from_paths(None, Some(path)),
            )?);
        }
        Ok(all)
    }
}

/// Returns the certificates found at `path`, which `variable` names; `Err` if there are none.
fn read(
    variable: &str,
    path: &Path,
    found: CertificateResult,
) -> Result<Vec<CertificateDer<'static>>, String> {
    if !found.certs.is_empty() {
        return Ok(found.certs);
    }
    let path = path.display();
    Err(match found.errors.first() {
        Some(error) => format!("{variable}: {path} cannot be read: {error}"),
        None => format!("{variable}: {path} holds no certificate in PEM form"),
    })
}

/// Renders certificates as the AWS client takes them.
#[cfg(feature = "aws")]
fn pem<'c>(certificates: impl Iterator<Item = &'c CertificateDer<'static>>) -> Vec<u8> {
    let mut text = String::new();
    for certificate in certificates {
        text += "-----BEGIN CERTIFICATE-----\n";
        STANDARD.encode_string(certificate, &mut text);
        text += "\n-----END CERTIFICATE-----\n";
    }
    text.into_bytes()
}

/// Why TLS does not connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlsProblem {
    /// The way out.
    pub hint: &'static str,
    /// Whether it stays so until somebody changes something.
    pub stays: bool,
}

/// Returns what is wrong with TLS, if `error` or one of its causes says so.
pub fn problem_of(error: &(dyn Error + 'static)) -> Option<TlsProblem> {
    let of_one = |cause: &(dyn Error + 'static)| match cause.downcast_ref() {
        Some(rustls::Error::InvalidCertificate(error)) => Some(TlsProblem {
            hint: certificate_hint(error),
            stays: true,
        }),
        Some(rustls::Error::InvalidMessage(_)) => Some(TlsProblem {
            hint: "what answers there does not speak TLS: check the port, or begin with http://",
            stays: false,
        }),
        Some(rustls::Error::AlertReceived(_) | rustls::Error::PeerIncompatible(_)) => {
            Some(TlsProblem {
                hint: "the server must offer TLS 1.2 or 1.3, and a certificate with a key of RSA, \
                       P-256, P-384 or Ed25519 (P-521 is not supported)",
                stays: false,
            })
        }
        _ => None,
    };
    chain(error).find_map(of_one)
}

fn certificate_hint(error: &CertificateError) -> &'static str {
    match error {
        CertificateError::UnknownIssuer => {
            "nobody who is trusted vouches for the certificate: name your authority's file in \
             SSL_CERT_FILE, or let the server send its intermediate certificates"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the certificate has expired: renew it, or set this machine's clock"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the certificate is not valid yet: set this machine's clock"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the certificate is for another host: use the name that it has"
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "the certificate needs a key of RSA, P-256, P-384 or Ed25519 (P-521 is not supported)"
        }
        _ => "the server needs another certificate",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trust(pairs: &[(&str, &str)]) -> Trust {
        let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        Trust::from_vars(&pairs.iter().map(owned).collect(), Authorities::Bundled)
    }

    #[test]
    fn named_certificates_are_trusted_beside_those_built_in() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
        // Whose it is does not matter here.
        base64::Engine::encode_string(
            &base64::engine::general_purpose::STANDARD,
            &TLS_SERVER_ROOT_CERTS[0],
            &mut text,
        );
        text += "\n-----END CERTIFICATE-----\n";
        std::fs::write(file.path(), text).unwrap();
        let path = file.path().to_str().unwrap();
        let all = trust(&[(FILE, path)]).certificates().unwrap();
        assert_eq!(all.len(), TLS_SERVER_ROOT_CERTS.len() + 1);
        let none = trust(&[(FILE, ""), (DIRECTORIES, "")]);
        assert_eq!(
            none.certificates().unwrap().len(),
            TLS_SERVER_ROOT_CERTS.len()
        );
    }

    #[test]
    fn certificates_that_cannot_be_read_are_named_with_their_variable() {
        let missing = trust(&[(FILE, "/no/such/file.pem")]);
        let problem = missing.client_config().unwrap_err();
        assert!(
            problem.starts_with("SSL_CERT_FILE: /no/such/file.pem"),
            "{problem}"
        );
        let empty = tempfile::tempdir().unwrap();
        let empty = trust(&[(DIRECTORIES, empty.path().to_str().unwrap())]);
        let problem = empty.client_config().unwrap_err();
        assert!(
            problem.contains("holds no certificate in PEM form"),
            "{problem}"
        );
    }

    #[test]
    fn a_certificate_that_nobody_vouches_for_stays_so_and_names_the_way_out() {
        let refused = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let inner = std::io::Error::new(std::io::ErrorKind::InvalidData, refused);
        let error = std::io::Error::other(inner);
        let problem = problem_of(&error).unwrap();
        assert!(problem.stays && problem.hint.contains("SSL_CERT_FILE"));
        assert_eq!(problem_of(&std::io::Error::other("reset")), None);
    }
}
