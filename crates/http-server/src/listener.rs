//! Where connections are accepted, with or without TLS.

use std::sync::Arc;

use tokio::net::TcpListener;

use crate::tls::ServerTls;

/// A listening socket, and the TLS of its connections.
pub struct Listener {
    pub(crate) socket: TcpListener,
    pub(crate) tls: Option<Arc<ServerTls>>,
}

impl Listener {
    /// Connections of this socket; they speak TLS where `tls` is given.
    #[must_use]
    pub const fn new(socket: TcpListener, tls: Option<Arc<ServerTls>>) -> Self {
        Self { socket, tls }
    }
}

/// Without TLS.
impl From<TcpListener> for Listener {
    fn from(socket: TcpListener) -> Self {
        Self::new(socket, None)
    }
}
