//! Sends mails over SMTP: TLS unless the server is on this machine, connections that are reused, and a limit for each.

mod connections;
mod failure;
mod plain_phase;

use std::{
    fmt,
    net::IpAddr,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use lettre::transport::smtp::{
    authentication::Credentials,
    client::{Certificate, TlsParameters},
    commands::{Data, Mail, Rcpt},
    extension::{ClientId, Extension, MailBodyParameter, MailParameter},
};
use masthead_domain::mail::Sender;
use masthead_ports::mail::{MailError, MailErrorKind, Mailer, RenderedMail};
use tokio::{sync::Semaphore, time::timeout_at};

use crate::message::{self, OutgoingMessage};
use connections::{Connection, Connections, Encryption, Relay};
use failure::{SmtpStep, failed};

/// How the connection to the SMTP server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpTls {
    /// TLS from the first byte (RFC 8314), usually on port 465.
    Implicit,
    /// TLS after `STARTTLS`, which is required, usually on port 587.
    StartTls,
    /// None: for a server on this machine alone.
    None,
}

/// How mails are sent. `Debug` hides the password and the sender.
#[derive(Clone)]
pub struct SmtpOptions {
    /// The name or address of the SMTP server; its certificate must be for it.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The encryption.
    pub tls: SmtpTls,
    /// A certificate authority that is trusted besides those of the system, in PEM.
    pub ca_pem: Option<Vec<u8>>,
    /// User and password, if the server needs them.
    pub credentials: Option<(String, String)>,
    /// The name with which this client greets; `None` for the domain of `from`.
    pub hello_name: Option<String>,
    /// The sender of mails that have none.
    pub from: Sender,
    /// How long one mail may take, connecting included.
    pub timeout: Duration,
    /// The maximum number of connections.
    pub connections: usize,
}

/// Options that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SmtpOptionsError {
    /// Without TLS codes and links would be readable on the way.
    #[error("without TLS the server must be on this machine (127.0.0.1, [::1] or localhost)")]
    PlainNotLoopback,
    /// The certificate authority is no certificate in PEM.
    #[error("the certificate authority is no certificate in PEM")]
    Ca,
    /// TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls,
}

/// Sends mails to one SMTP server.
pub struct SmtpMailer {
    from: Sender,
    timeout: Duration,
    connections: Connections,
    permits: Semaphore,
}

const LATE: MailError = MailError {
    kind: MailErrorKind::TryLater,
    reason: "the SMTP server did not answer in time",
    code: None,
};

impl SmtpMailer {
    /// Checks the options and loads the system's certificates; connects with the first mail.
    ///
    /// # Errors
    /// The connection would not be encrypted although the server is elsewhere, or TLS cannot be set up.
    pub fn new(options: SmtpOptions) -> Result<Self, SmtpOptionsError> {
        let encryption = match options.tls {
            SmtpTls::Implicit => Encryption::Implicit(tls_parameters(&options)?),
            SmtpTls::StartTls => Encryption::StartTls(tls_parameters(&options)?),
            SmtpTls::None if is_loopback(&options.host) => Encryption::None,
            SmtpTls::None => return Err(SmtpOptionsError::PlainNotLoopback),
        };
        let key = options.from.address.key().as_str();
        let domain = key.rsplit_once('@').map_or(key, |(_, domain)| domain);
        let relay = Relay {
            host: without_brackets(&options.host).to_owned(),
            port: options.port,
            encryption,
            hello_name: ClientId::Domain(options.hello_name.unwrap_or_else(|| domain.to_owned())),
            credentials: options.credentials.map(Credentials::from),
        };
        Ok(Self {
            from: options.from,
            timeout: options.timeout,
            connections: Connections::new(relay, options.connections),
            permits: Semaphore::new(options.connections),
        })
    }

    /// Opens a connection as for a mail: whether the server can be reached, is trusted, and accepts user and password.
    ///
    /// # Errors
    /// Why no mail could be sent.
    pub async fn check(&self, deadline: Instant) -> Result<(), MailError> {
        let connected = async {
            let connection = self.connections.get().await?;
            self.connections.keep(connection);
            Ok(())
        };
        let limit = deadline.min(Instant::now() + self.timeout);
        timeout_at(limit.into(), connected).await.unwrap_or(Err(LATE))
    }

    async fn try_send(&self, message: &OutgoingMessage) -> Result<(), MailError> {
        // It is never closed.
        let _permit = self.permits.acquire().await;
        let mut connection = self.connections.get().await?;
        transmit(&mut connection, message).await?;
        // Only now: one that was cut in the middle of a mail would give the next mail the replies of this one.
        self.connections.keep(connection);
        Ok(())
    }
}

#[async_trait]
impl Mailer for SmtpMailer {
    async fn send(&self, mail: &RenderedMail, deadline: Instant) -> Result<(), MailError> {
        let message = message::build(mail, &self.from)?;
        let limit = deadline.min(Instant::now() + self.timeout);
        match timeout_at(limit.into(), self.try_send(&message)).await {
            Ok(sent) => sent,
            Err(_) => Err(LATE),
        }
    }
}

impl fmt::Debug for SmtpOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpOptions")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

fn tls_parameters(options: &SmtpOptions) -> Result<TlsParameters, SmtpOptionsError> {
    let mut builder = TlsParameters::builder(without_brackets(&options.host).to_owned());
    if let Some(pem) = &options.ca_pem {
        builder = builder.add_root_certificate(Certificate::from_pem(pem).map_err(|_| SmtpOptionsError::Ca)?);
    }
    builder.build_rustls().map_err(|_| SmtpOptionsError::Tls)
}

/// The address of `[::1]`.
fn without_brackets(host: &str) -> &str {
    let inside = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inside.unwrap_or(host)
}

/// Whether a host is this machine by its name alone: a name server could lie.
fn is_loopback(host: &str) -> bool {
    let address = without_brackets(host).parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

/// Hands one message over, step by step, so that a refusal of the sender is not taken for one of the recipient.
async fn transmit(connection: &mut Connection, message: &OutgoingMessage) -> Result<(), MailError> {
    let has = |extension| connection.server_info().supports_feature(extension);
    let mut parameters = Vec::new();
    // Only the local part of an address can have other letters than ASCII.
    if !message.to.to_string().is_ascii() {
        if !has(Extension::SmtpUtfEight) || !has(Extension::EightBitMime) {
            return Err(MailError {
                kind: MailErrorKind::Refused,
                reason: "the SMTP server takes no address with other letters than ASCII",
                code: None,
            });
        }
        parameters.push(MailParameter::SmtpUtfEight);
        parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    let from = Mail::new(Some(message.from.clone()), parameters);
    connection.command(from).await.map_err(failed(SmtpStep::Sender))?;
    let to = Rcpt::new(message.to.clone(), Vec::new());
    connection.command(to).await.map_err(failed(SmtpStep::Recipient))?;
    connection.command(Data).await.map_err(failed(SmtpStep::Message))?;
    connection
        .message(&message.bytes)
        .await
        .map_err(failed(SmtpStep::Message))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(host: &str, tls: SmtpTls) -> SmtpOptions {
        SmtpOptions {
            host: host.to_owned(),
            port: 25,
            tls,
            ca_pem: None,
            credentials: Some(("user".to_owned(), "hidden-word".to_owned())),
            hello_name: None,
            from: Sender::parse("no-reply@herald.example").unwrap(),
            timeout: Duration::from_secs(1),
            connections: 1,
        }
    }

    #[test]
    fn without_tls_only_this_machine_is_accepted() {
        for host in ["127.0.0.1", "localhost", "LOCALHOST", "::1", "[::1]"] {
            assert!(SmtpMailer::new(options(host, SmtpTls::None)).is_ok(), "{host}");
        }
        for host in ["mail.example", "10.0.0.1", "localhost.example", "127.0.0.1.example", ""] {
            let refused = SmtpMailer::new(options(host, SmtpTls::None)).map(|_| ());
            assert_eq!(refused, Err(SmtpOptionsError::PlainNotLoopback), "{host}");
        }
    }

    #[test]
    fn debug_shows_no_password_and_no_address() {
        let text = format!("{:?}", options("mail.example", SmtpTls::Implicit));
        assert!(
            text.contains("mail.example") && !text.contains("hidden-word") && !text.contains("no-reply"),
            "{text}"
        );
    }
}
