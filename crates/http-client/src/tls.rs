//! The TLS configuration: the platform's root certificates and the operator's.

use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use crate::options::{ClientIdentity, ClientOptionsError, HttpOptions};

/// The platform's root certificates.
pub(crate) fn platform_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

/// Creates the configuration: ring, TLS 1.2 and 1.3, the platform's roots and the extra ones, and the client's certificate.
pub(crate) fn config(platform: &RootCertStore, options: &HttpOptions) -> Result<ClientConfig, ClientOptionsError> {
    let mut roots = platform.clone();
    if let Some(pem) = options.extra_roots_pem.as_deref() {
        let mut any = false;
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|_| ClientOptionsError::ExtraRoots)?;
            roots.add(certificate).map_err(|_| ClientOptionsError::ExtraRoots)?;
            any = true;
        }
        if !any {
            return Err(ClientOptionsError::ExtraRoots);
        }
    }
    if roots.is_empty() {
        // Not an error: a system that only calls its own network in plain http needs none.
        tracing::warn!("no root certificates on this machine: no https address can be called");
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|_| ClientOptionsError::Tls)?
        .with_root_certificates(roots);
    let Some(ClientIdentity {
        certificates_pem,
        key_pem,
    }) = &options.identity
    else {
        return Ok(builder.with_no_client_auth());
    };
    let chain = CertificateDer::pem_slice_iter(certificates_pem.expose()).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|_| ClientOptionsError::Identity)?;
    let key = PrivateKeyDer::from_pem_slice(key_pem.expose()).map_err(|_| ClientOptionsError::Identity)?;
    builder
        .with_client_auth_cert(chain, key)
        .map_err(|_| ClientOptionsError::Identity)
}
