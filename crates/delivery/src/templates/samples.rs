//! Invented values with which templates are tried before a mail needs them.

use masthead_ports::mail::{MailKind, MailText, MailValues, TemplateError};
use time::{Duration, OffsetDateTime};

use super::values::{TemplateValues, escape_link};

const CODE: &str = "A1B2C3";
const LINK: &str = "https://herald.example/account?from=mail&token=c2FtcGxl";

/// The values that mails of a kind have: with and without those that may be left out.
pub(super) fn of(kind: MailKind) -> Vec<TemplateValues> {
    let now = OffsetDateTime::UNIX_EPOCH;
    let (code, link) = match kind {
        MailKind::Verification => (Some(CODE), Some(LINK)),
        MailKind::PasswordReset | MailKind::SetPassword => (None, Some(LINK)),
        MailKind::EmailChanged => (None, None),
    };
    let whole = MailValues {
        first_name: "Zoë".into(),
        code: code.map(Into::into),
        link: link.map(Into::into),
        expires_at: link.map(|_| now + Duration::HOUR),
    };
    let nameless = MailValues {
        first_name: "".into(),
        expires_at: link.map(|_| now + 48 * Duration::HOUR),
        ..whole.clone()
    };
    let mut all = vec![whole.clone(), nameless];
    if kind == MailKind::Verification {
        all.push(MailValues { link: None, ..whole });
    }
    let with_paper = |values| TemplateValues {
        paper: "The Herald & Post".into(),
        values,
        now,
    };
    all.into_iter().map(with_paper).collect()
}

/// Whether a rendered mail can be used: it has a subject, and its code or link.
pub(super) fn check(folder: &str, kind: MailKind, values: &MailValues, text: &MailText) -> Result<(), TemplateError> {
    let fault = |part: &str, reason: &str| {
        let template = format!("{folder}/{}.{part}", kind.name());
        Err(TemplateError {
            template: template.into(),
            reason: reason.into(),
        })
    };
    if text.subject.is_empty() {
        return fault("subject", "the subject is empty");
    }
    let escaped = values.link.as_deref().map(escape_link);
    for (part, shown, link) in [
        ("txt", &text.text, values.link.as_deref()),
        ("html", &text.html, escaped.as_deref()),
    ] {
        if values.code.as_deref().is_some_and(|code| !shown.contains(code)) {
            return fault(part, "does not show {{ code }}");
        }
        if link.is_some_and(|link| !shown.contains(link)) {
            return fault(part, "does not show {{ link }}");
        }
    }
    Ok(())
}
