//! TLS of both sides: certificates for clients by the name that they ask for, and none asked of targets.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
pub(crate) use rustls::{ClientConfig, ServerConfig};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};

use crate::table::{Certificate, Tls};

/// The name of HTTP/2 in a handshake.
pub(crate) const H2: &[u8] = b"h2";
const HTTP_1_1: &[u8] = b"http/1.1";

/// Why a certificate is of no use.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// There is none.
    #[error("the list of certificates is empty")]
    None,
    /// It is no PEM.
    #[error("the chain or the key of certificate {number} is no PEM")]
    Pem {
        /// Which, from 1.
        number: usize,
        /// What is wrong.
        #[source]
        source: pem::Error,
    },
    /// The key is of another kind, or belongs to another certificate.
    #[error("certificate {number} cannot be served")]
    Unusable {
        /// Which, from 1.
        number: usize,
        /// What is wrong.
        #[source]
        source: Error,
    },
}

/// What a listener needs to speak TLS.
pub(crate) fn server(tls: &Tls) -> Result<Arc<ServerConfig>, CertificateError> {
    let provider = Arc::new(ring::default_provider());
    let resolver = ByName::new(tls, &provider)?;
    let builder = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|source| CertificateError::Unusable { number: 1, source })?;
    let mut config = builder.with_no_client_auth().with_cert_resolver(Arc::new(resolver));
    config.alpn_protocols = vec![H2.to_vec(), HTTP_1_1.to_vec()];
    Ok(Arc::new(config))
}

/// What is needed to speak TLS with targets, whoever they are.
pub(crate) fn client() -> Result<Arc<ClientConfig>, Error> {
    let provider = Arc::new(ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
    let trust = Arc::new(AnyTarget(provider));
    Ok(Arc::new(builder.dangerous().with_custom_certificate_verifier(trust).with_no_client_auth()))
}

/// Certificates by name.
#[derive(Debug)]
struct ByName {
    exact: HashMap<String, Arc<CertifiedKey>>,
    /// By what follows the star of `*.example.com`.
    suffix: HashMap<String, Arc<CertifiedKey>>,
    default: Arc<CertifiedKey>,
}

impl ByName {
    fn new(tls: &Tls, provider: &CryptoProvider) -> Result<Self, CertificateError> {
        let (mut exact, mut suffix, mut default) = (HashMap::new(), HashMap::new(), None);
        for (place, certificate) in tls.certificates.iter().enumerate() {
            let key = Arc::new(certified(certificate, place + 1, provider)?);
            for name in &certificate.names {
                let name = name.to_ascii_lowercase();
                match name.strip_prefix('*') {
                    Some(rest) => suffix.entry(rest.to_owned()).or_insert_with(|| key.clone()),
                    None => exact.entry(name).or_insert_with(|| key.clone()),
                };
            }
            default.get_or_insert(key);
        }
        Ok(Self { exact, suffix, default: default.ok_or(CertificateError::None)? })
    }

    fn find(&self, name: &str) -> &Arc<CertifiedKey> {
        let name = name.to_ascii_lowercase();
        let by_suffix = || self.suffix.get(&name[name.find('.')?..]);
        self.exact.get(&name).or_else(by_suffix).unwrap_or(&self.default)
    }
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(hello.server_name().map_or(&self.default, |name| self.find(name)).clone())
    }
}

fn certified(
    certificate: &Certificate,
    number: usize,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, CertificateError> {
    let no_pem = |source| CertificateError::Pem { number, source };
    let chain = CertificateDer::pem_slice_iter(certificate.chain.as_bytes()).collect::<Result<Vec<_>, _>>();
    let key = PrivateKeyDer::from_pem_slice(certificate.key.0.as_bytes()).map_err(no_pem)?;
    CertifiedKey::from_der(chain.map_err(no_pem)?, key, provider)
        .map_err(|source| CertificateError::Unusable { number, source })
}

/// Application Load Balancers do not verify the certificates of targets (ELB User Guide, "Target groups"). The
/// signatures of the handshake are verified all the same: the target has the key of the certificate that it shows.
#[derive(Debug)]
struct AnyTarget(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyTarget {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
