//! A received message: its envelope, and what a mail program shows of it.

use mail_parser::{Address, MessageParser};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// A message as it was received and as a mail program reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceivedMail {
    /// Counts from 1.
    pub number: u64,
    /// When it was received.
    #[serde(with = "time::serde::rfc3339")]
    pub received_at: OffsetDateTime,
    /// The sender of the envelope.
    pub envelope_from: String,
    /// The recipients of the envelope.
    pub envelope_to: Vec<String>,
    /// The user that the client authenticated as.
    pub user: Option<String>,
    /// `Message-ID`, without angle brackets.
    pub message_id: String,
    /// `From`, decoded: `name <address>`.
    pub from: String,
    /// `To`, decoded.
    pub to: String,
    /// `Subject`, decoded.
    pub subject: String,
    /// The text part.
    pub text: String,
    /// The HTML part.
    pub html: String,
    /// The links in the text part, in order.
    pub links: Vec<String>,
    /// The whole message.
    pub raw: String,
}

/// The envelope of a message.
#[derive(Debug, Clone, Default)]
pub(super) struct MailEnvelope {
    pub(super) from: String,
    pub(super) to: Vec<String>,
}

impl ReceivedMail {
    pub(super) fn parse(
        number: u64,
        received_at: OffsetDateTime,
        envelope: MailEnvelope,
        user: Option<String>,
        raw: &[u8],
    ) -> Self {
        // Without a header it is no message, and a default one has not even a root part.
        let parsed = MessageParser::default().parse(raw);
        let parsed = parsed.as_ref();
        let body = |is_html: bool| {
            // The parser turns one form into the other where a part is missing; only real parts are shown.
            let mut parts = parsed.into_iter().flat_map(|mail| &mail.parts);
            let part = parts.find(|part| {
                if is_html {
                    part.is_text_html()
                } else {
                    part.is_text() && !part.is_text_html()
                }
            });
            part.and_then(|part| part.text_contents())
                .unwrap_or_default()
                .to_owned()
        };
        let text = body(false);
        Self {
            number,
            received_at,
            envelope_from: envelope.from,
            envelope_to: envelope.to,
            user,
            message_id: parsed.and_then(|mail| mail.message_id()).unwrap_or_default().to_owned(),
            from: shown(parsed.and_then(|mail| mail.from())),
            to: shown(parsed.and_then(|mail| mail.to())),
            subject: parsed.and_then(|mail| mail.subject()).unwrap_or_default().to_owned(),
            links: links(&text),
            html: body(true),
            text,
            raw: String::from_utf8_lossy(raw).into_owned(),
        }
    }
}

fn shown(address: Option<&Address<'_>>) -> String {
    let each = address.into_iter().flat_map(|address| address.iter());
    let each = each.map(|one| match (one.name(), one.address().unwrap_or_default()) {
        (Some(name), address) => format!("{name} <{address}>"),
        (None, address) => address.to_owned(),
    });
    each.collect::<Vec<_>>().join(", ")
}

fn links(text: &str) -> Vec<String> {
    let words = text.split_whitespace();
    let links = words.filter(|word| word.starts_with("https://") || word.starts_with("http://"));
    links.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn parse(raw: &str) -> ReceivedMail {
        let now = datetime!(2026-03-01 12:00 UTC);
        ReceivedMail::parse(1, now, MailEnvelope::default(), None, raw.as_bytes())
    }

    #[test]
    fn both_parts_and_headers_are_decoded() {
        let mail = parse(
            "Message-ID: <1@a.example>\r\nFrom: =?utf-8?q?Zo=C3=AB?= <z@a.example>\r\nTo: ann@example.com, b@example.com\r\n\
             Subject: =?utf-8?b?R3LDvMOfZQ==?=\r\nContent-Type: multipart/alternative; boundary=x\r\n\r\n--x\r\n\
             Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe \
             https://a.example/?x=3D1 http://b.example\r\n--x\r\nContent-Type: text/html\r\n\r\n<p>Hi</p>\r\n--x--\r\n",
        );
        assert_eq!((&*mail.message_id, &*mail.subject), ("1@a.example", "Grüße"));
        assert_eq!(
            (&*mail.from, &*mail.to),
            ("Zoë <z@a.example>", "ann@example.com, b@example.com")
        );
        assert!(mail.text.starts_with("Grüße "), "{}", mail.text);
        assert_eq!(mail.html.trim(), "<p>Hi</p>");
        assert_eq!(mail.links, ["https://a.example/?x=1", "http://b.example"]);
    }

    #[test]
    fn missing_part_is_not_made_up() {
        let mail = parse("Subject: x\r\n\r\nplain text\r\n");
        assert_eq!((mail.text.trim(), &*mail.html), ("plain text", ""));
        let broken = parse("");
        assert_eq!((&*broken.subject, &*broken.raw), ("", ""));
    }
}
