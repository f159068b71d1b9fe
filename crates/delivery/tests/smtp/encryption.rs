//! TLS: required, verified, and never given up for a plain connection.

use std::net::SocketAddr;
use std::sync::Arc;

use masthead_delivery::{SmtpMailer, SmtpOptions, SmtpTls};
use masthead_ports::mail::MailErrorKind;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, copy_bidirectional},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use super::support::{options, send, start};

/// A TLS front of a mailbox, and the certificate authority of its certificate in PEM.
struct TlsFront {
    port: u16,
    ca_pem: Vec<u8>,
}

impl TlsFront {
    async fn start(mailbox: SocketAddr, starts_plain: bool) -> Self {
        Self::with_surplus(mailbox, starts_plain, "").await
    }

    /// A front that adds this text after the reply to STARTTLS.
    async fn with_surplus(mailbox: SocketAddr, starts_plain: bool, surplus: &'static str) -> Self {
        use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(forward(client, acceptor.clone(), mailbox, starts_plain, surplus));
            }
        });
        Self {
            port,
            ca_pem: made.cert.pem().into_bytes(),
        }
    }

    fn mailer(&self, tls: SmtpTls, trusts: bool) -> SmtpMailer {
        SmtpMailer::new(SmtpOptions {
            host: "localhost".to_owned(),
            tls,
            ca_pem: trusts.then(|| self.ca_pem.clone()),
            ..options(self.port)
        })
        .unwrap()
    }
}

/// Serves STARTTLS itself, if wanted, and forwards what follows the handshake.
async fn forward(
    mut client: TcpStream,
    acceptor: TlsAcceptor,
    mailbox: SocketAddr,
    starts_plain: bool,
    surplus: &str,
) -> Option<()> {
    let mut server = BufReader::new(TcpStream::connect(mailbox).await.ok()?);
    if starts_plain {
        let mut greeting = String::new();
        server.read_line(&mut greeting).await.ok()?;
        client.write_all(greeting.as_bytes()).await.ok()?;
        for reply in ["250-front\r\n250 STARTTLS\r\n", &format!("220 Go on\r\n{surplus}")] {
            let mut command = [0; 512];
            let read = client.read(&mut command).await.ok()?;
            assert!(command[..read].ends_with(b"\r\n"), "a command at a time");
            client.write_all(reply.as_bytes()).await.ok()?;
        }
    }
    let mut client = acceptor.accept(client).await.ok()?;
    copy_bidirectional(&mut client, &mut server).await.ok()?;
    Some(())
}

#[tokio::test]
async fn mails_go_over_tls_from_the_first_byte_or_after_starttls() {
    let mailbox = start().await;
    for (tls, starts_plain) in [(SmtpTls::Implicit, false), (SmtpTls::StartTls, true)] {
        let front = TlsFront::start(mailbox.smtp_address(), starts_plain).await;
        send(&front.mailer(tls, true), "m-1").await.unwrap();
        send(&front.mailer(tls, true), "m-2").await.unwrap();
    }
    assert_eq!(mailbox.messages().len(), 4);
}

#[tokio::test]
async fn unknown_certificate_is_a_wrong_setting() {
    let mailbox = start().await;
    for (tls, starts_plain) in [(SmtpTls::Implicit, false), (SmtpTls::StartTls, true)] {
        let front = TlsFront::start(mailbox.smtp_address(), starts_plain).await;
        let error = send(&front.mailer(tls, false), "m-1").await.unwrap_err();
        assert_eq!(error.kind, MailErrorKind::Misconfigured, "{tls:?}: {error}");
    }
    assert!(mailbox.messages().is_empty());
}

#[tokio::test]
async fn server_without_starttls_gets_no_mail() {
    let mailbox = start().await;
    let plain = SmtpOptions {
        tls: SmtpTls::StartTls,
        credentials: Some(("herald".to_owned(), "hidden-word".to_owned())),
        ..options(mailbox.smtp_address().port())
    };
    let error = send(&SmtpMailer::new(plain).unwrap(), "m-1").await.unwrap_err();
    assert_eq!(error.kind, MailErrorKind::Misconfigured);
    assert!(mailbox.messages().is_empty());
}

#[tokio::test]
async fn surplus_before_the_handshake_ends_the_connection() {
    let mailbox = start().await;
    let front = TlsFront::with_surplus(mailbox.smtp_address(), true, "surplus").await;
    let error = send(&front.mailer(SmtpTls::StartTls, true), "m-1").await.unwrap_err();
    assert_eq!(error.kind, MailErrorKind::Misconfigured, "{error}");
}
