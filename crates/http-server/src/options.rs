//! The limits and timeouts of a server.

use std::time::Duration;

/// The limits and timeouts of a server.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// How long a request head may take, and how long a new connection may wait before its first request.
    pub header_timeout: Duration,
    /// How long the handler may take for a response, including the time to receive the request body.
    pub request_timeout: Duration,
    /// How long the client may take to accept the next part of a response.
    pub write_timeout: Duration,
    /// How long a connection may be idle between requests.
    pub keep_alive: Duration,
    /// How many connections may be open.
    pub max_connections: usize,
    /// How many of them one address may have, except a trusted peer ([`RequestHandler::is_trusted_peer`]).
    ///
    /// [`RequestHandler::is_trusted_peer`]: crate::RequestHandler::is_trusted_peer
    pub max_connections_per_address: usize,
    /// How many bytes of responses may wait on one connection for its client to take them; a single response may be larger.
    pub max_unsent_bytes_per_connection: usize,
    /// How many bytes of responses may wait on all connections together.
    pub max_unsent_bytes: usize,
    /// How many requests may be open on an HTTP/2 connection.
    pub max_concurrent_streams: u32,
    /// The longest path and query, in bytes.
    pub max_uri_bytes: usize,
    /// The largest header section, in bytes.
    pub max_header_bytes: usize,
    /// How long draining may take before open connections are cut.
    pub drain_timeout: Duration,
    /// How long idle connections may still send a request while the server drains.
    pub drain_idle: Duration,
}

impl ServerOptions {
    /// The longest head that the parser accepts, in bytes. Heads of up to twice the limits are checked by the rules; longer ones,
    /// or those with more than hyper's 100 header lines, are rejected by the parser, whose response is replaced.
    pub(crate) fn max_head_bytes(&self) -> usize {
        (2 * (self.max_uri_bytes + self.max_header_bytes)).max(64 * 1024)
    }
}
