//! The TLS of a listener: certificate, key and the certificates of callers. They can be replaced while connections are open.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
};
use thiserror::Error;
use tokio::{net::TcpStream, sync::Semaphore, time::timeout};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// What is spoken after the handshake, in order of preference.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The bounds of handshakes.
#[derive(Debug, Clone, Copy)]
pub struct TlsOptions {
    /// How long one may take.
    pub handshake_timeout: Duration,
    /// How many may be under way; further connections are closed.
    pub max_handshakes: usize,
}

/// Which certificates callers present. One is a gate, not an identity: a token names the caller.
#[derive(Debug, Clone, Copy)]
pub struct CallerCertificates<'a> {
    /// The authorities that issue them, as PEM.
    pub authorities: &'a [u8],
    /// A caller without one is refused. Otherwise it is let in; a certificate of another authority is always refused.
    pub are_required: bool,
}

/// Why a certificate and its key cannot be used. The text has no part of either.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TlsIdentityError {
    /// The certificates are not PEM, or there is none.
    #[error("the certificate file is not PEM, or holds no certificate")]
    Certificates,
    /// The key is not PEM, encrypted, or of an unknown kind.
    #[error("the key file holds no usable private key in PEM (an encrypted one is not)")]
    Key,
    /// The key is not that of the first certificate.
    #[error("the key is not that of the first certificate")]
    Mismatch,
    /// The authorities of callers are not PEM, or there is none.
    #[error("the file of the callers' authorities is not PEM, or holds no certificate")]
    Authorities,
}

/// A certificate chain with its key, checked.
#[derive(Clone)]
pub struct TlsIdentity {
    config: Arc<ServerConfig>,
    leaf: CertificateDer<'static>,
}

impl TlsIdentity {
    /// Parses PEM: the server's certificate first, then those that lead to its root; the key as PKCS#8, PKCS#1 or SEC1.
    /// TLS 1.2 and 1.3 are spoken, HTTP/2 and HTTP/1.1 are offered.
    ///
    /// # Errors
    /// A part cannot be used, or key and certificate do not belong together.
    pub fn from_pem(
        certificates: &[u8],
        key: &[u8],
        callers: Option<CallerCertificates<'_>>,
    ) -> Result<Self, TlsIdentityError> {
        let chain = pem_certificates(certificates).ok_or(TlsIdentityError::Certificates)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsIdentityError::Key)?;
        let leaf = chain.first().cloned().ok_or(TlsIdentityError::Certificates)?;
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|_| TlsIdentityError::Key)?;
        let builder = match callers {
            Some(callers) => builder.with_client_cert_verifier(caller_verifier(callers)?),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, key).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => TlsIdentityError::Mismatch,
            rustls::Error::InvalidCertificate(_) => TlsIdentityError::Certificates,
            _ => TlsIdentityError::Key,
        })?;
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        Ok(Self {
            config: Arc::new(config),
            leaf,
        })
    }

    /// The server's own certificate, as DER.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        &self.leaf
    }
}

impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsIdentity").finish_non_exhaustive()
    }
}

fn caller_verifier(callers: CallerCertificates<'_>) -> Result<Arc<dyn ClientCertVerifier>, TlsIdentityError> {
    let unusable = TlsIdentityError::Authorities;
    let mut roots = RootCertStore::empty();
    for authority in pem_certificates(callers.authorities).ok_or(unusable)? {
        roots.add(authority).map_err(|_| unusable)?;
    }
    let provider = Arc::new(ring::default_provider());
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = if callers.are_required {
        builder
    } else {
        builder.allow_unauthenticated()
    };
    builder.build().map_err(|_| unusable)
}

/// All certificates of a PEM text; `None` when there is none, or one that cannot be read.
fn pem_certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let all: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().ok()?;
    (!all.is_empty()).then_some(all)
}

/// The TLS of a listener, shared by its connections.
pub struct ServerTls {
    current: RwLock<Arc<ServerConfig>>,
    pending: Semaphore,
    handshake_timeout: Duration,
}

impl ServerTls {
    /// With this identity.
    #[must_use]
    pub fn new(identity: &TlsIdentity, options: TlsOptions) -> Self {
        Self {
            current: RwLock::new(Arc::clone(&identity.config)),
            pending: Semaphore::new(options.max_handshakes.min(Semaphore::MAX_PERMITS)),
            handshake_timeout: options.handshake_timeout,
        }
    }

    /// Uses this identity for handshakes from now on; open connections keep the former one, and no earlier session is resumed.
    pub fn replace(&self, identity: &TlsIdentity) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&identity.config);
    }

    /// Completes a handshake within its time; `None` when it fails.
    pub(crate) async fn accept(&self, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
        let Ok(permit) = self.pending.try_acquire() else {
            count("refused");
            return None;
        };
        let config = Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner));
        let accepted = timeout(self.handshake_timeout, TlsAcceptor::from(config).accept(stream)).await;
        drop(permit);
        match accepted {
            Ok(Ok(stream)) => {
                let has_certificate = stream.get_ref().1.peer_certificates().is_some();
                count(if has_certificate { "ok_with_certificate" } else { "ok" });
                Some(stream)
            }
            Ok(Err(error)) => {
                // Scanners and clients without the authority are usual; the metric shows a trend.
                tracing::debug!(error = &error as &dyn std::error::Error, "a TLS handshake failed");
                count("failed");
                None
            }
            Err(_) => {
                count("timeout");
                None
            }
        }
    }
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls").finish_non_exhaustive()
    }
}

fn count(result: &'static str) {
    metrics::counter!("masthead_tls_handshakes_total", "result" => result).increment(1);
}
