//! Connections to the SMTP server: opened, encrypted, authenticated, and kept for the next mail.
//!
//! lettre's own pool is not used: its connections have no time limit after connecting, and one that is dropped while it waits
//! for a reply is reused, so that the next mail is given that reply (docs/adr/0121).

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use lettre::transport::smtp::{
    authentication::{Credentials, DEFAULT_MECHANISMS},
    client::{AsyncSmtpConnection, TlsParameters},
    extension::ClientId,
};
use masthead_ports::mail::MailError;
use tokio::net::TcpStream;

use super::{
    failure::{SmtpStep, UNREACHABLE, failed},
    plain_phase::PlainPhase,
};

/// A connection to the SMTP server, ready for a mail.
pub(super) type Connection = AsyncSmtpConnection;

/// How long a connection is kept without use; servers wait five minutes for a command (RFC 5321 §4.5.3.2.7).
const KEPT_FOR: Duration = Duration::from_secs(30);

/// The SMTP server, and how this client introduces itself.
pub(super) struct Relay {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) encryption: Encryption,
    pub(super) hello_name: ClientId,
    pub(super) credentials: Option<Credentials>,
}

pub(super) enum Encryption {
    Implicit(TlsParameters),
    StartTls(TlsParameters),
    None,
}

/// The connections that wait for a mail.
pub(super) struct Connections {
    relay: Relay,
    most: usize,
    idle: Mutex<Vec<(Connection, Instant)>>,
}

impl Connections {
    pub(super) fn new(relay: Relay, most: usize) -> Self {
        let idle = Mutex::new(Vec::with_capacity(most));
        Self { relay, most, idle }
    }

    /// A connection that the server still answers on, or a new one.
    pub(super) async fn get(&self) -> Result<Connection, MailError> {
        while let Some(mut connection) = self.take_idle() {
            if connection.test_connected().await {
                return Ok(connection);
            }
        }
        self.relay.connect().await
    }

    /// Keeps a connection between two mails.
    pub(super) fn keep(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.most {
            idle.push((connection, Instant::now()));
        }
    }

    /// The connection that was used last; those that waited too long are closed.
    fn take_idle(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(_, since)| since.elapsed() < KEPT_FOR);
        idle.pop().map(|(connection, _)| connection)
    }
}

impl Relay {
    async fn connect(&self) -> Result<Connection, MailError> {
        // The time limit is the caller's.
        let (server, hello) = ((self.host.as_str(), self.port), &self.hello_name);
        let mut connection = match &self.encryption {
            Encryption::Implicit(tls) => {
                let connected = Connection::connect_tokio1(server, None, hello, Some(tls.clone()), None).await;
                connected.map_err(failed(SmtpStep::Connect))?
            }
            Encryption::StartTls(tls) => {
                let stream = TcpStream::connect(server).await.map_err(|_| UNREACHABLE)?;
                let connected = Connection::connect_with_transport(Box::new(PlainPhase::new(stream)), hello).await;
                let mut connection = connected.map_err(failed(SmtpStep::Connect))?;
                let encrypted = connection.starttls(tls.clone(), hello).await;
                encrypted.map_err(failed(SmtpStep::Encrypt))?;
                connection
            }
            Encryption::None => {
                let connected = Connection::connect_tokio1(server, None, hello, None, None).await;
                connected.map_err(failed(SmtpStep::Connect))?
            }
        };
        if let Some(credentials) = &self.credentials {
            let authenticated = connection.auth(DEFAULT_MECHANISMS, credentials).await;
            authenticated.map_err(failed(SmtpStep::Authenticate))?;
        }
        Ok(connection)
    }
}
