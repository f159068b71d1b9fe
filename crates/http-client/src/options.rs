//! The options of the client, and why they can be invalid.

use std::time::Duration;

use http::HeaderMap;
use ipnet::IpNet;
use thiserror::Error;

use crate::secret::Secret;

/// The options of an outbound client.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// The time limit for a connection: name resolution, TCP and TLS together.
    pub connect_timeout: Duration,
    /// The longest pause between two pieces of a body.
    pub idle_timeout: Duration,
    /// The time limit for one call, also when its deadline is later.
    pub total_timeout: Duration,
    /// The largest accepted body, both as received and decompressed.
    pub max_body_bytes: usize,
    /// Allows loopback, private and other non-public addresses, and plain http to every address.
    pub allow_private: bool,
    /// Allows the addresses of these networks, also where they are not public, and plain http to them alone.
    pub networks: Vec<IpNet>,
    /// Root certificates (PEM) in addition to the platform's.
    pub extra_roots_pem: Option<Vec<u8>>,
    /// The certificate that is presented to servers that request one.
    pub identity: Option<ClientIdentity>,
    /// Adds the headers by which the receiver continues the trace of the current span.
    pub add_trace_headers: Option<fn(&mut HeaderMap)>,
}

/// A client's certificate and its key.
#[derive(Debug, Clone)]
pub struct ClientIdentity {
    /// PEM: the client's certificate first, then those that lead to its root.
    pub certificates_pem: Secret,
    /// PEM, without a password: PKCS#8, PKCS#1 or SEC1.
    pub key_pem: Secret,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(2),
            idle_timeout: Duration::from_secs(5),
            total_timeout: Duration::from_secs(30),
            max_body_bytes: 8 * 1024 * 1024,
            allow_private: false,
            networks: Vec::new(),
            extra_roots_pem: None,
            identity: None,
            add_trace_headers: None,
        }
    }
}

/// The options are invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ClientOptionsError {
    /// The extra roots are not PEM, or contain no certificate.
    #[error("the extra root certificates are not PEM, or hold no certificate")]
    ExtraRoots,
    /// The client's certificate or its key is not PEM, or they do not belong together.
    #[error("the client certificate and its key are not PEM, or do not belong together")]
    Identity,
    /// The TLS library rejects its settings.
    #[error("tls cannot be set up")]
    Tls,
}
