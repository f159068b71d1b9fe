//! Builds the message of a mail: headers, a text part and an HTML part.

use std::time::SystemTime;

use lettre::{
    Address, Message,
    message::{
        Mailbox, MultiPart,
        header::{Date, HeaderName, HeaderValue},
    },
};
use masthead_domain::{email::Email, mail::Sender};
use masthead_ports::mail::{MailError, MailErrorKind, RenderedMail};

/// A message with the addresses of its envelope.
pub(crate) struct OutgoingMessage {
    pub(crate) from: Address,
    pub(crate) to: Address,
    pub(crate) bytes: Vec<u8>,
}

/// The message of a mail, alike in each try but for the boundary of its parts.
///
/// # Errors
/// An address cannot be used in SMTP, although it is stored: systems have addresses that no standard allows.
pub(crate) fn build(mail: &RenderedMail, default_sender: &Sender) -> Result<OutgoingMessage, MailError> {
    let sender = mail.from.as_ref().unwrap_or(default_sender);
    let from = address(&sender.address).ok_or(UNUSABLE_SENDER)?;
    let to = address(&mail.to).ok_or(UNUSABLE_RECIPIENT)?;
    let message_id = format!("<{}@{}>", mail.id.as_str(), from.domain());
    let name = sender.name.as_deref().map(str::to_owned);
    let built = Message::builder()
        .message_id(Some(message_id))
        .header(Date::from(SystemTime::from(mail.date)))
        .from(Mailbox::new(name, from.clone()))
        .to(Mailbox::new(None, to.clone()))
        .subject(&mail.text.subject)
        // No program answers it with an absence note (RFC 3834 §5).
        .raw_header(HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".to_owned(),
        ))
        .multipart(MultiPart::alternative_plain_html(
            mail.text.text.clone(),
            mail.text.html.clone(),
        ));
    let message = built.map_err(|_| UNUSABLE_RECIPIENT)?;
    Ok(OutgoingMessage {
        from,
        to,
        bytes: message.formatted(),
    })
}

const UNUSABLE_SENDER: MailError = MailError {
    kind: MailErrorKind::Misconfigured,
    reason: "the sender's address cannot be used in SMTP",
    code: None,
};

const UNUSABLE_RECIPIENT: MailError = MailError {
    kind: MailErrorKind::Refused,
    reason: "the recipient's address cannot be used in SMTP",
    code: None,
};

/// The address as typed, with its domain in ASCII, which lettre does not convert.
fn address(email: &Email) -> Option<Address> {
    let (local, _) = email.as_str().rsplit_once('@')?;
    let (_, domain) = email.key().as_str().rsplit_once('@')?;
    let is_plain = !local.chars().any(char::is_control);
    is_plain.then(|| Address::new(local, domain).ok())?
}

#[cfg(test)]
mod tests {
    use masthead_ports::mail::{MailId, MailText};
    use time::macros::datetime;

    use super::*;

    fn mail(to: &str) -> RenderedMail {
        RenderedMail {
            id: MailId::new("m-1").unwrap(),
            date: datetime!(2026-03-01 12:00 UTC),
            from: None,
            to: Email::from_source(to).unwrap(),
            text: MailText {
                subject: "Grüße\r\nBcc: x@evil.example".to_owned(),
                text: ".\nHello".to_owned(),
                html: "<p>Hello</p>".to_owned(),
            },
        }
    }

    fn build_for(to: &str) -> Result<OutgoingMessage, MailError> {
        build(
            &mail(to),
            &Sender::parse("Zoë, Inc. <no-reply@herald.example>").unwrap(),
        )
    }

    #[test]
    fn headers_are_fixed_and_ascii() {
        let message = build_for("Ann@Example.com").unwrap();
        let text = String::from_utf8(message.bytes).unwrap();
        assert!(text.is_ascii());
        for header in [
            "Message-ID: <m-1@herald.example>\r\n",
            "Date: Sun, 01 Mar 2026 12:00:00 +0000\r\n",
            "To: Ann@example.com\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "MIME-Version: 1.0\r\n",
        ] {
            assert!(text.contains(header), "{header} is missing in:\n{text}");
        }
        assert!(!text.contains("\r\nBcc:"), "a subject cannot inject a header:\n{text}");
    }

    #[test]
    fn domain_is_sent_in_ascii() {
        assert_eq!(
            build_for("ann@müller.example").unwrap().to.to_string(),
            "ann@xn--mller-kva.example"
        );
    }

    #[test]
    fn address_that_smtp_cannot_carry_is_refused() {
        for bad in [
            "no address",
            "a b@example.com",
            "a>\r\nRCPT TO:<b@example.com",
            "a..b@example.com",
            "@example.com",
        ] {
            let error = build_for(bad).map(|_| ()).unwrap_err();
            assert_eq!(error.kind, MailErrorKind::Refused, "{bad}");
            assert!(!error.to_string().contains("example"), "{error}");
        }
    }
}
