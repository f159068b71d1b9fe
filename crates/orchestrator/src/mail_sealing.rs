//! The form of a mail at rest: JSON, sealed for its tenant. This is the only place that writes and reads it.

use masthead_domain::{
    email::Email,
    mail::{Language, Sender},
    tenant::TenantId,
};
use masthead_ports::{
    mail::{Mail, MailKind, MailValues, SealedMail},
    sealing::{Purpose, Sealing},
};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use time::OffsetDateTime;

/// The longest JSON: sealed, it stays below what a codec opens.
const MAX_BYTES: usize = 11 * 1024;

/// A mail cannot be sealed or opened. It contains nothing of the mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MailSealingError {
    /// Its values are too long.
    #[error("the mail is too long")]
    TooLong,
    /// It was sealed under a key that is gone or for another tenant, or was changed.
    #[error("the mail cannot be opened")]
    Unreadable,
}

/// A mail as JSON. Fields are only added: mails of older versions wait in the outbox.
#[derive(Serialize, Deserialize)]
struct StoredMail<'a> {
    kind: &'a str,
    paper: Box<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<(Option<Box<str>>, Box<str>)>,
    to: Box<str>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    languages: Vec<Box<str>>,
    #[serde(default, skip_serializing_if = "str::is_empty")]
    first_name: Box<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    link: Option<Box<str>>,
    /// Seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<i64>,
}

/// Seals a mail for the outbox.
///
/// # Errors
/// Its values are too long.
pub fn seal_mail(mail: &Mail, sealing: &dyn Sealing) -> Result<SealedMail, MailSealingError> {
    let values = &mail.values;
    let sender = |sender: &Sender| (sender.name.clone(), sender.address.as_str().into());
    let stored = StoredMail {
        kind: mail.kind.name(),
        paper: mail.paper.clone(),
        from: mail.from.as_ref().map(sender),
        to: mail.to.as_str().into(),
        languages: mail.languages.iter().map(|language| language.as_str().into()).collect(),
        first_name: values.first_name.clone(),
        code: values.code.clone(),
        link: values.link.clone(),
        expires_at: values.expires_at.map(OffsetDateTime::unix_timestamp),
    };
    let text = serde_json::to_string(&stored).map_err(|_| MailSealingError::TooLong)?;
    if text.len() > MAX_BYTES {
        return Err(MailSealingError::TooLong);
    }
    let sealed = sealing.seal(&mail.tenant, Purpose::Mail, &text);
    Ok(SealedMail(sealed.into()))
}

/// Opens a mail of the outbox.
///
/// # Errors
/// No known key opens it for this tenant.
pub fn open_mail(tenant: &TenantId, content: &SealedMail, sealing: &dyn Sealing) -> Result<Mail, MailSealingError> {
    let opened = sealing.open(tenant, Purpose::Mail, &content.0);
    let text = opened.map_err(|_| MailSealingError::Unreadable)?;
    let stored: StoredMail<'_> = serde_json::from_str(&text).map_err(|_| MailSealingError::Unreadable)?;
    stored.into_mail(tenant).ok_or(MailSealingError::Unreadable)
}

impl StoredMail<'_> {
    fn into_mail(self, tenant: &TenantId) -> Option<Mail> {
        let from = match self.from {
            Some((name, address)) => Some(Sender {
                name,
                address: Email::from_source(&address).ok()?,
            }),
            None => None,
        };
        let languages: Result<_, _> = self.languages.iter().map(|tag| Language::parse(tag)).collect();
        let expires_at = self.expires_at.map(OffsetDateTime::from_unix_timestamp);
        Some(Mail {
            kind: MailKind::from_name(self.kind)?,
            tenant: tenant.clone(),
            paper: self.paper,
            from,
            to: Email::from_source(&self.to).ok()?,
            languages: languages.ok()?,
            values: MailValues {
                first_name: self.first_name,
                code: self.code,
                link: self.link,
                expires_at: expires_at.transpose().ok()?,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use masthead_testkit::{mail::sample_mail, sealing::FakeSealing};

    use super::*;

    fn whole() -> Mail {
        let mut mail = sample_mail("Zoë.O'Hara@Müller.example");
        mail.from = Sender::parse("The Herald, Inc. <no-reply@herald.example>").ok();
        mail.languages = vec![Language::parse("pt-BR").unwrap(), Language::english()];
        mail
    }

    #[test]
    fn sealed_mail_opens_unchanged() {
        let mut least = sample_mail("ann@example.com");
        least.values = MailValues::default();
        for mail in [whole(), least] {
            let sealed = seal_mail(&mail, &FakeSealing).unwrap();
            assert!(open_mail(&mail.tenant, &sealed, &FakeSealing).unwrap() == mail);
        }
    }

    #[test]
    fn mail_of_an_older_version_opens() {
        let tenant = whole().tenant;
        let sealed = |text: &str| SealedMail(FakeSealing.seal(&tenant, Purpose::Mail, text).into());
        let json = r#"{"kind":"verification","paper":"The Herald","to":"ann@example.com","code":"A1B2C3","later":1}"#;
        let mail = open_mail(&tenant, &sealed(json), &FakeSealing).unwrap();
        assert_eq!(
            (mail.kind, mail.values.code.as_deref()),
            (MailKind::Verification, Some("A1B2C3"))
        );
        for bad in ["", "{}", r#"{"kind":"another","paper":"","to":"a@example.com"}"#] {
            let error = open_mail(&tenant, &sealed(bad), &FakeSealing).map(|_| ());
            assert_eq!(error, Err(MailSealingError::Unreadable), "{bad}");
        }
    }

    #[test]
    fn mail_opens_for_its_tenant_alone() {
        let sealed = seal_mail(&whole(), &FakeSealing).unwrap();
        let other = TenantId::parse("north/daily/times").unwrap();
        assert!(open_mail(&other, &sealed, &FakeSealing).is_err());
    }

    #[test]
    fn overlong_mail_is_refused() {
        let mut mail = whole();
        mail.values.link = Some("x".repeat(MAX_BYTES).into());
        assert_eq!(seal_mail(&mail, &FakeSealing), Err(MailSealingError::TooLong));
    }
}
