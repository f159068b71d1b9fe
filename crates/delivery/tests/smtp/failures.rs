//! What a refusal, silence or a broken connection means.

use std::time::{Duration, Instant};

use masthead_ports::mail::{MailErrorKind, Mailer as _};
use masthead_sandbox::{Outage, SmtpFault, SmtpStage};

use super::support::{hasty_mailer, mail, mailer, send, start};

#[tokio::test]
async fn refusal_means_what_its_step_and_code_mean() {
    use MailErrorKind::{Misconfigured, Refused, TryLater};
    let mailbox = start().await;
    let mailer = mailer(&mailbox);
    for (stage, code, expected) in [
        (SmtpStage::Recipient, 550, Refused),
        (SmtpStage::Recipient, 450, TryLater),
        (SmtpStage::Message, 554, Refused),
        (SmtpStage::Message, 451, TryLater),
        (SmtpStage::Data, 421, TryLater),
        (SmtpStage::Sender, 550, Misconfigured),
        (SmtpStage::Sender, 451, TryLater),
        (SmtpStage::Hello, 554, Misconfigured),
        (SmtpStage::Greeting, 421, TryLater),
    ] {
        // A failed mail leaves no connection, so that greeting and EHLO happen anew.
        mailbox.inject(SmtpFault::Reply { code }.at(stage).times(1));
        let error = send(&mailer, "m-1").await.unwrap_err();
        assert_eq!((error.kind, error.code), (expected, Some(code)), "{stage:?}");
    }
    send(&mailer, "m-1").await.unwrap();
    assert_eq!(mailbox.messages().len(), 1);
}

#[tokio::test]
async fn closed_connection_is_tried_later() {
    let mailbox = start().await;
    let mailer = mailer(&mailbox);
    for stage in [
        SmtpStage::Greeting,
        SmtpStage::Hello,
        SmtpStage::Sender,
        SmtpStage::Recipient,
        SmtpStage::Data,
        SmtpStage::Message,
    ] {
        mailbox.inject(SmtpFault::Close.at(stage).times(1));
        let error = send(&mailer, "m-1").await.unwrap_err();
        assert_eq!((error.kind, error.code), (MailErrorKind::TryLater, None), "{stage:?}");
    }
}

#[tokio::test]
async fn connection_that_the_server_closed_costs_no_mail() {
    let mailbox = start().await;
    let mailer = mailer(&mailbox);
    send(&mailer, "m-1").await.unwrap();
    mailbox.inject(SmtpFault::Close.at(SmtpStage::Noop).times(1));
    send(&mailer, "m-2").await.unwrap();
    mailbox.set_outage(Some(Outage::Refused)).await.unwrap();
    mailbox.set_outage(None).await.unwrap();
    send(&mailer, "m-3").await.unwrap();
    assert_eq!((mailbox.messages().len(), mailbox.connections()), (3, 3));
}

#[tokio::test]
async fn late_reply_is_not_taken_for_that_of_the_next_mail() {
    let mailbox = start().await;
    let mailer = hasty_mailer(&mailbox);
    for stage in [
        SmtpStage::Sender,
        SmtpStage::Recipient,
        SmtpStage::Data,
        SmtpStage::Message,
    ] {
        mailbox.inject(SmtpFault::Delay { ms: 400 }.at(stage).times(1));
        let error = send(&mailer, "m-1").await.unwrap_err();
        assert_eq!(error.kind, MailErrorKind::TryLater, "{stage:?}");
        // The next mail is refused, and must learn that, not the delayed "250 OK".
        mailbox.inject(SmtpFault::Reply { code: 554 }.at(SmtpStage::Message).times(1));
        let error = send(&mailer, "m-2").await.unwrap_err();
        assert_eq!(
            (error.kind, error.code),
            (MailErrorKind::Refused, Some(554)),
            "{stage:?}"
        );
    }
}

#[tokio::test]
async fn silence_ends_with_the_time_limit() {
    let mailbox = start().await;
    let begun = Instant::now();
    for outage in [Outage::Silent, Outage::Unreachable, Outage::Refused] {
        mailbox.set_outage(Some(outage)).await.unwrap();
        let error = send(&hasty_mailer(&mailbox), "m-1").await.unwrap_err();
        assert_eq!((error.kind, error.code), (MailErrorKind::TryLater, None), "{outage:?}");
    }
    // The caller's deadline counts where it is earlier.
    mailbox.set_outage(Some(Outage::Silent)).await.unwrap();
    let deadline = Instant::now() + Duration::from_millis(100);
    assert!(mailer(&mailbox).send(&mail("m-1"), deadline).await.is_err());
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}
