//! The TLS configuration: the platform's root certificates and the operator's.

use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};

use crate::options::ClientOptionsError;

/// Creates the configuration: ring, TLS 1.2 and 1.3, the platform's roots and the extra ones.
pub(crate) fn config(extra_roots_pem: Option<&[u8]>) -> Result<ClientConfig, ClientOptionsError> {
    let mut roots = RootCertStore::empty();
    let platform = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(platform.certs);
    if let Some(pem) = extra_roots_pem {
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
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map(|builder| builder.with_root_certificates(roots).with_no_client_auth())
        .map_err(|_| ClientOptionsError::Tls)
}
