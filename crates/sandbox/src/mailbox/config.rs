//! Where a mailbox listens, and what it accepts.

use std::net::{Ipv4Addr, SocketAddr};

/// Where a mailbox listens. Ports are free ones unless given.
#[derive(Debug, Clone)]
pub struct MailboxConfig {
    /// The SMTP address; loopback only.
    pub smtp: SocketAddr,
    /// The address of the page; loopback only.
    pub page: SocketAddr,
    /// The user and the password that clients must authenticate with (`AUTH PLAIN`).
    pub credentials: Option<(String, String)>,
    /// Whether addresses with other letters than ASCII are accepted (`SMTPUTF8`).
    pub accepts_utf8: bool,
}

impl Default for MailboxConfig {
    fn default() -> Self {
        let free_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            smtp: free_port,
            page: free_port,
            credentials: None,
            accepts_utf8: true,
        }
    }
}
