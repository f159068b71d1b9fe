//! What a failed step of a mail means for the caller.

use std::{error::Error as _, io};

use lettre::transport::smtp::Error;
use masthead_ports::mail::{MailError, MailErrorKind};

/// The steps of a mail, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SmtpStep {
    Connect,
    Encrypt,
    Authenticate,
    Sender,
    Recipient,
    Message,
}

/// No connection.
pub(super) const UNREACHABLE: MailError = MailError {
    kind: MailErrorKind::TryLater,
    reason: reason(SmtpStep::Connect, false),
    code: None,
};

/// Maps the error of a step. The server's text is dropped: it often repeats the address.
pub(super) fn failed(step: SmtpStep) -> impl FnOnce(Error) -> MailError {
    move |error| {
        let code = error.status().map(u16::from);
        let is_tls = is_tls(&error);
        MailError {
            kind: kind(step, code, error.is_client(), is_tls),
            reason: reason(step, is_tls),
            code,
        }
    }
}

/// Whether the handshake failed for what the server presented. lettre calls that a connection error; further down is rustls'
/// error, in an I/O error of this kind.
fn is_tls(error: &Error) -> bool {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    let mut io_errors = causes.filter_map(|cause| cause.downcast_ref::<io::Error>());
    error.is_tls() || io_errors.any(|error| error.kind() == io::ErrorKind::InvalidData)
}

const fn kind(step: SmtpStep, code: Option<u16>, is_client: bool, is_tls: bool) -> MailErrorKind {
    match (step, code) {
        // 421: the server ends the connection. 4yz: a later try may succeed (RFC 5321 §4.2.1).
        (_, Some(400..=499)) => MailErrorKind::TryLater,
        // Only these two are about this mail; all other refusals are about our settings.
        (SmtpStep::Recipient | SmtpStep::Message, Some(code)) if !is_about_client(code) => MailErrorKind::Refused,
        (_, Some(_)) => MailErrorKind::Misconfigured,
        // No certificate, or another one; no STARTTLS, or no way to authenticate that both sides know.
        (_, None) if is_client || is_tls => MailErrorKind::Misconfigured,
        (_, None) => MailErrorKind::TryLater,
    }
}

/// Whether a reply means that the client must authenticate or encrypt first (RFC 4954 §6, RFC 3207 §4).
const fn is_about_client(code: u16) -> bool {
    matches!(code, 530 | 534 | 535 | 538)
}

const fn reason(step: SmtpStep, is_tls: bool) -> &'static str {
    match step {
        SmtpStep::Connect if is_tls => "the SMTP server's certificate or TLS is not accepted",
        SmtpStep::Connect => "the SMTP server cannot be reached",
        SmtpStep::Encrypt => "the connection to the SMTP server cannot be encrypted",
        SmtpStep::Authenticate => "the SMTP server does not accept user and password",
        SmtpStep::Sender => "the SMTP server does not take the sender",
        SmtpStep::Recipient => "the SMTP server does not take the recipient",
        SmtpStep::Message => "the SMTP server does not take the message",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_recipient_and_message_can_be_refused_for_good() {
        use MailErrorKind::{Misconfigured, Refused, TryLater};
        for (step, code, expected) in [
            (SmtpStep::Recipient, 550, Refused),
            (SmtpStep::Recipient, 553, Refused),
            (SmtpStep::Recipient, 530, Misconfigured),
            (SmtpStep::Recipient, 450, TryLater),
            (SmtpStep::Message, 554, Refused),
            (SmtpStep::Message, 451, TryLater),
            (SmtpStep::Sender, 550, Misconfigured),
            (SmtpStep::Sender, 421, TryLater),
            (SmtpStep::Authenticate, 535, Misconfigured),
            (SmtpStep::Authenticate, 454, TryLater),
            (SmtpStep::Connect, 554, Misconfigured),
        ] {
            assert_eq!(kind(step, Some(code), false, false), expected, "{step:?} {code}");
        }
    }

    #[test]
    fn silence_is_tried_later_and_bad_tls_is_a_setting() {
        assert_eq!(kind(SmtpStep::Message, None, false, false), MailErrorKind::TryLater);
        assert_eq!(kind(SmtpStep::Connect, None, false, true), MailErrorKind::Misconfigured);
        assert_eq!(kind(SmtpStep::Encrypt, None, true, false), MailErrorKind::Misconfigured);
    }
}
