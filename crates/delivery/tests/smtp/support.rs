//! A mailer, its mailbox and an invented mail.

use std::time::{Duration, Instant};

use masthead_delivery::{SmtpMailer, SmtpOptions, SmtpTls};
use masthead_domain::{email::Email, mail::Sender};
use masthead_ports::mail::{MailError, MailId, MailText, Mailer as _, RenderedMail};
use masthead_sandbox::{Mailbox, MailboxConfig};
use time::macros::datetime;

pub(crate) const TO: &str = "ann.private@example.com";
pub(crate) const CODE: &str = "A1B2C3";

pub(crate) async fn start() -> Mailbox {
    Mailbox::start(MailboxConfig::default()).await.unwrap()
}

pub(crate) fn options(port: u16) -> SmtpOptions {
    SmtpOptions {
        host: "127.0.0.1".to_owned(),
        port,
        tls: SmtpTls::None,
        ca_pem: None,
        credentials: None,
        hello_name: None,
        from: Sender::parse("Zoë's Herald, Inc. <no-reply@herald.example>").unwrap(),
        timeout: Duration::from_secs(10),
        connections: 2,
    }
}

pub(crate) fn mailer(mailbox: &Mailbox) -> SmtpMailer {
    SmtpMailer::new(options(mailbox.smtp_address().port())).unwrap()
}

/// A mailer that gives up early.
pub(crate) fn hasty_mailer(mailbox: &Mailbox) -> SmtpMailer {
    let hasty = SmtpOptions {
        timeout: Duration::from_millis(200),
        ..options(mailbox.smtp_address().port())
    };
    SmtpMailer::new(hasty).unwrap()
}

pub(crate) fn mail(id: &str) -> RenderedMail {
    RenderedMail {
        id: MailId::new(id).unwrap(),
        date: datetime!(2026-03-01 12:00 UTC),
        from: None,
        to: Email::parse(TO).unwrap(),
        text: MailText {
            subject: "Grüße: your code".to_owned(),
            text: format!(
                "Grüße!\n.\n..two dots\n{CODE}\nhttps://herald.example/?x=1&y={}\n",
                "z".repeat(1_000)
            ),
            html: format!("<p>Grüße! {CODE}</p>\n"),
        },
    }
}

/// Far enough away for a busy machine.
pub(crate) fn soon() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

pub(crate) async fn send(mailer: &SmtpMailer, id: &str) -> Result<(), MailError> {
    mailer.send(&mail(id), soon()).await
}
