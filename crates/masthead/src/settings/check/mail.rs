//! Checks the raw settings of mails.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use masthead_delivery::SmtpTls;
use masthead_domain::mail::Sender;

use crate::settings::{
    checker::Checker,
    model::{MailSettings, SmtpSettings},
    raw::{RawMail, RawSmtp},
    secret::SecretText,
};

/// The longest time for one mail; the relay leases a mail for that long.
const MAX_TIMEOUT: Duration = Duration::from_mins(5);

pub(in crate::settings) fn mail(smtp: &RawSmtp, mail: &RawMail, c: &mut Checker<'_>) -> Option<MailSettings> {
    let smtp = if is_empty(smtp) {
        Some(None)
    } else {
        check_smtp(smtp, c).map(Some)
    };
    Some(MailSettings {
        smtp: smtp?,
        templates_dir: path(&mail.templates_dir),
    })
}

/// Whether no mail is sent: none of the settings without a default is given.
fn is_empty(raw: &RawSmtp) -> bool {
    let given = [
        &raw.host,
        &raw.ca_file,
        &raw.user,
        &raw.password,
        &raw.password_file,
        &raw.from,
        &raw.hello_name,
    ];
    given.iter().all(|text| text.is_empty())
}

fn check_smtp(raw: &RawSmtp, c: &mut Checker<'_>) -> Option<SmtpSettings> {
    let host = c.required("smtp.host", raw.host.trim()).filter(|host| is_host(host, c));
    let tls = c.choice(
        "smtp.tls",
        &raw.tls,
        &[
            ("tls", SmtpTls::Implicit),
            ("starttls", SmtpTls::StartTls),
            ("none", SmtpTls::None),
        ],
    );
    let port = c.number("smtp.port", &raw.port, 0..=u64::from(u16::MAX));
    let credentials = credentials(raw, c);
    let from = c.required("smtp.from", &raw.from).and_then(|text| {
        let sender = Sender::parse(&text);
        sender
            .map_err(|error| c.errors.add("smtp.from", error.to_string()))
            .ok()
    });
    let hello_name = hello_name(&raw.hello_name, c);
    let timeout = c.duration("smtp.timeout", &raw.timeout, Duration::from_millis(100)..=MAX_TIMEOUT);
    let connections = c.size("smtp.connections", &raw.connections, 1..=100);
    let tls = tls?;
    Some(SmtpSettings {
        host: host?,
        port: match (u16::try_from(port?).ok()?, tls) {
            (0, SmtpTls::Implicit) => 465,
            (0, SmtpTls::StartTls) => 587,
            (0, SmtpTls::None) => 25,
            (port, _) => port,
        },
        tls,
        ca_file: path(&raw.ca_file),
        credentials: credentials?,
        from: from?,
        hello_name: hello_name?,
        timeout: timeout?,
        connections: connections?,
    })
}

/// A host alone: a URL, or a port beside it, would be looked up as a name.
fn is_host(host: &str, c: &mut Checker<'_>) -> bool {
    let is_address = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    let is_good = is_address || !host.contains(['/', ':', '@', ' ']);
    if !is_good {
        c.errors.add(
            "smtp.host",
            "must be a name or an address, without scheme, user and port; the port is smtp.port",
        );
    }
    is_good
}

#[expect(clippy::option_option, reason = "an error and no credentials are different")]
fn credentials(raw: &RawSmtp, c: &mut Checker<'_>) -> Option<Option<(String, SecretText)>> {
    let password = c.secret("smtp.password", &raw.password, &raw.password_file)?;
    match (raw.user.as_str(), password) {
        ("", None) => Some(None),
        ("", Some(_)) => {
            c.errors.add("smtp.user", "must be given with smtp.password");
            None
        }
        (_, None) => {
            c.errors
                .add("smtp.password", "must be given with smtp.user (or smtp.password_file)");
            None
        }
        (user, Some(password)) => Some(Some((user.to_owned(), password))),
    }
}

#[expect(clippy::option_option, reason = "an error and no name are different")]
fn hello_name(text: &str, c: &mut Checker<'_>) -> Option<Option<String>> {
    let is_good = text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'));
    if !is_good {
        c.errors.add(
            "smtp.hello_name",
            "must be the name of a host, such as masthead.example",
        );
        return None;
    }
    Some((!text.is_empty()).then(|| text.to_owned()))
}

fn path(text: &str) -> Option<PathBuf> {
    (!text.is_empty()).then(|| text.into())
}
