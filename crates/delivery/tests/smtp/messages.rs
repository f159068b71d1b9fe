//! What arrives.

use std::sync::Arc;

use masthead_delivery::{SmtpMailer, SmtpOptions};
use masthead_domain::{email::Email, mail::Sender};
use masthead_ports::mail::{MailErrorKind, Mailer as _, RenderedMail};
use masthead_sandbox::{Mailbox, MailboxConfig, SmtpFault, SmtpStage};

use super::support::{CODE, TO, mail, mailer, options, send, soon, start};

#[tokio::test]
async fn both_parts_and_all_headers_arrive() {
    let mailbox = start().await;
    send(&mailer(&mailbox), "m-1").await.unwrap();
    let received = mailbox.messages().remove(0);
    assert_eq!(
        (received.envelope_from.as_str(), &*received.envelope_to),
        ("no-reply@herald.example", [TO.to_owned()].as_slice())
    );
    assert_eq!(received.message_id, "m-1@herald.example");
    assert_eq!(received.from, "Zoë's Herald, Inc. <no-reply@herald.example>");
    assert_eq!((&*received.to, &*received.subject), (TO, "Grüße: your code"));
    let sent = mail("m-1").text;
    assert_eq!(received.text.replace("\r\n", "\n").trim_end(), sent.text.trim_end());
    assert_eq!(received.html.trim_end(), sent.html.trim_end());
    assert!(received.raw.is_ascii(), "servers without 8BITMIME take it");
    assert!(
        received.raw.lines().all(|line| line.len() <= 998),
        "RFC 5322 section 2.1.1"
    );
}

#[tokio::test]
async fn sender_of_the_mail_comes_first() {
    let mailbox = start().await;
    let mail = RenderedMail {
        from: Sender::parse("The Times <hello@times.example>").ok(),
        ..mail("m-2")
    };
    mailer(&mailbox).send(&mail, soon()).await.unwrap();
    let received = mailbox.messages().remove(0);
    assert_eq!(received.from, "The Times <hello@times.example>");
    assert_eq!(
        (&*received.envelope_from, &*received.message_id),
        ("hello@times.example", "m-2@times.example")
    );
}

#[tokio::test]
async fn retry_is_the_same_message() {
    let mailbox = start().await;
    let mailer = mailer(&mailbox);
    // The server has taken the message, and its answer is lost.
    mailbox.inject(SmtpFault::Close.at(SmtpStage::Message).times(1));
    let lost = send(&mailer, "m-3").await.unwrap_err();
    assert_eq!(lost.kind, MailErrorKind::TryLater);
    send(&mailer, "m-3").await.unwrap();
    let received = mailbox.messages();
    assert_eq!(received.len(), 2);
    assert_eq!(received[0].message_id, received[1].message_id);
    let date = |raw: &str| raw.lines().find(|line| line.starts_with("Date:")).map(str::to_owned);
    assert_eq!(date(&received[0].raw), date(&received[1].raw));
}

#[tokio::test]
async fn connections_are_few_and_reused() {
    let mailbox = start().await;
    let mailer = Arc::new(mailer(&mailbox));
    let sending = (0..20).map(|number| {
        let mailer = Arc::clone(&mailer);
        tokio::spawn(async move { send(&mailer, &format!("m-{number}")).await })
    });
    for sent in sending.collect::<Vec<_>>() {
        sent.await.unwrap().unwrap();
    }
    assert_eq!(mailbox.messages().len(), 20);
    assert!(mailbox.connections() <= 2, "{}", mailbox.connections());
}

#[tokio::test]
async fn letters_beyond_ascii_in_an_address_need_a_willing_server() {
    for accepts_utf8 in [true, false] {
        let config = MailboxConfig {
            accepts_utf8,
            ..MailboxConfig::default()
        };
        let mailbox = Mailbox::start(config).await.unwrap();
        let mail = RenderedMail {
            to: Email::parse("jörg@müller.example").unwrap(),
            ..mail("m-4")
        };
        let sent = mailer(&mailbox).send(&mail, soon()).await;
        if accepts_utf8 {
            sent.unwrap();
            assert_eq!(mailbox.messages()[0].envelope_to, ["jörg@xn--mller-kva.example"]);
        } else {
            assert_eq!(sent.unwrap_err().kind, MailErrorKind::Refused);
            // The connection is fine.
            send(&mailer(&mailbox), "m-5").await.unwrap();
        }
    }
}

#[tokio::test]
async fn client_authenticates() {
    let config = MailboxConfig {
        credentials: Some(("herald".to_owned(), "open sesame".to_owned())),
        ..MailboxConfig::default()
    };
    let mailbox = Mailbox::start(config).await.unwrap();
    let with = |password: &str| {
        let options = SmtpOptions {
            credentials: Some(("herald".to_owned(), password.to_owned())),
            ..options(mailbox.smtp_address().port())
        };
        SmtpMailer::new(options).unwrap()
    };
    send(&with("open sesame"), "m-6").await.unwrap();
    assert_eq!(mailbox.messages()[0].user.as_deref(), Some("herald"));
    for mailer in [with("hidden-word"), mailer(&mailbox)] {
        let error = send(&mailer, "m-7").await.unwrap_err();
        assert_eq!(error.kind, MailErrorKind::Misconfigured);
        assert!(!format!("{error} {error:?}").contains("hidden-word"));
    }
    assert_eq!(mailbox.messages().len(), 1);
}

#[tokio::test]
async fn nothing_private_is_logged() {
    let log = masthead_testkit::logs::LogCapture::start(tracing::Level::TRACE);
    let mailbox = start().await;
    let mailer = mailer(&mailbox);
    mailbox.inject(SmtpFault::Reply { code: 550 }.at(SmtpStage::Recipient).times(1));
    let error = send(&mailer, "m-8").await.unwrap_err();
    send(&mailer, "m-8").await.unwrap();
    let text = format!(
        "{error} {error:?} {:?} {}",
        std::error::Error::source(&error),
        log.text()
    );
    for private in [TO, "ann.private", CODE, "https://herald.example"] {
        assert!(!text.contains(private), "{private} in {text}");
    }
}
