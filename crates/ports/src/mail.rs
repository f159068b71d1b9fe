//! Mails to users: what they contain, how they are rendered and sent, and where they wait until they are.

use std::{
    fmt,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use masthead_domain::{
    email::Email,
    mail::{Language, Sender},
    tenant::{Tenant, TenantId},
};
use thiserror::Error;
use time::OffsetDateTime;

use crate::source::SourceError;

/// What a mail is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MailKind {
    /// The code, and where there is one the link, that verify an address.
    Verification,
    /// The link that resets a password.
    PasswordReset,
    /// The link that sets the first password of an account that was created without one.
    SetPassword,
    /// The notice to the old address that the address of an account was changed.
    EmailChanged,
}

impl MailKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [
        Self::Verification,
        Self::PasswordReset,
        Self::SetPassword,
        Self::EmailChanged,
    ];

    /// The name in logs, stored mails and the files of templates.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Verification => "verification",
            Self::PasswordReset => "password-reset",
            Self::SetPassword => "set-password",
            Self::EmailChanged => "email-changed",
        }
    }

    /// The kind with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// The values of a mail's text; what a kind does not need is left out. `Debug` hides them.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct MailValues {
    /// The user's first name, `""` for none.
    pub first_name: Box<str>,
    /// The code to type.
    pub code: Option<Box<str>>,
    /// The link to follow; it carries one opaque value.
    pub link: Option<Box<str>>,
    /// When code and link end; the mail is not sent after that.
    pub expires_at: Option<OffsetDateTime>,
}

/// A mail to one user of a tenant, complete enough to be rendered and sent later. `Debug` hides address and values.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// What it is about.
    pub kind: MailKind,
    /// The tenant.
    pub tenant: TenantId,
    /// The name of the paper.
    pub paper: Box<str>,
    /// The sender; `None` for that of the server's settings.
    pub from: Option<Sender>,
    /// The recipient.
    pub to: Email,
    /// The languages in which it may be written, the best one first; English follows them.
    pub languages: Vec<Language>,
    /// The values of the text.
    pub values: MailValues,
}

impl Mail {
    /// A mail in the name of a tenant, in its language, preferably in `language`.
    #[must_use]
    pub fn for_tenant(
        kind: MailKind,
        tenant: &Tenant,
        to: Email,
        language: Option<Language>,
        values: MailValues,
    ) -> Self {
        let settings = &tenant.settings.mail;
        let paper = settings.paper_name.clone();
        Self {
            kind,
            tenant: tenant.id.clone(),
            paper: paper.unwrap_or_else(|| tenant.id.paper().into()),
            from: settings.from.clone(),
            to,
            languages: language.into_iter().chain(settings.language.clone()).collect(),
            values,
        }
    }
}

/// The content of a mail at rest, sealed for its tenant ([`Purpose::Mail`](crate::sealing::Purpose::Mail)): an address, a code
/// or a link is never stored in the clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedMail(pub Box<str>);

/// The identity of a mail in the outbox: unique for all time and not to be guessed, such as a random UUID. It becomes part of
/// the `Message-ID`, so that each try sends the same message.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MailId(Box<str>);

impl MailId {
    /// Takes 1 to 64 ASCII letters, digits and hyphens; `None` for any other text.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let is_good =
            (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        is_good.then(|| Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The texts of a mail. `Debug` hides them.
#[derive(Clone, PartialEq, Eq)]
pub struct MailText {
    /// The subject, one line.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
}

/// A mail as it is sent. `Debug` hides everything but the id.
#[derive(Clone, PartialEq, Eq)]
pub struct RenderedMail {
    /// Names the message, in each try alike.
    pub id: MailId,
    /// When it was queued, which is its date.
    pub date: OffsetDateTime,
    /// The sender; `None` for that of the server's settings.
    pub from: Option<Sender>,
    /// The recipient.
    pub to: Email,
    /// The texts.
    pub text: MailText,
}

/// A template that cannot be rendered. It contains no value of the mail.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the template {template} cannot be rendered: {reason}")]
pub struct TemplateError {
    /// The name of the template's file.
    pub template: Box<str>,
    /// The line and the kind of the error.
    pub reason: Box<str>,
}

/// Renders mails by the templates of their tenant, in the first of their languages that has one.
pub trait MailTemplates: Send + Sync {
    /// The texts of a mail that is sent now.
    ///
    /// # Errors
    /// A template has an error that the check at the start of the server did not find.
    fn render(&self, mail: &Mail, now: OffsetDateTime) -> Result<MailText, TemplateError>;
}

/// Why a mail was not sent. It never contains the server's own words, which may repeat an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{reason}{}", Code(*.code))]
pub struct MailError {
    /// What the caller can do.
    pub kind: MailErrorKind,
    /// What failed.
    pub reason: &'static str,
    /// The reply code of the SMTP server (RFC 5321 §4.2), if it replied.
    pub code: Option<u16>,
}

/// What the caller can do about a mail that was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MailErrorKind {
    /// This mail is refused for good: another try is in vain.
    Refused,
    /// A later try may succeed. The mail may have been sent, if the answer to it was lost.
    TryLater,
    /// The server rejects our settings; an operator must act, and then a later try succeeds.
    Misconfigured,
}

impl MailErrorKind {
    /// The name in logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::TryLater => "try_later",
            Self::Misconfigured => "misconfigured",
        }
    }
}

/// Sends mails.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Sends a mail to its recipient, and returns once the server is responsible for it; gives up at the deadline.
    ///
    /// # Errors
    /// The mail was not sent, or may not have been.
    async fn send(&self, mail: &RenderedMail, deadline: Instant) -> Result<(), MailError>;
}

/// A mail that this process has the lease of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedMail {
    /// The identity.
    pub id: MailId,
    /// The tenant, for which the content is sealed.
    pub tenant: TenantId,
    /// The content.
    pub content: SealedMail,
    /// How often it was claimed, this time included: at least 1.
    pub attempts: u32,
    /// When it was queued.
    pub queued_at: OffsetDateTime,
}

/// Why a mail became a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeadReason {
    /// The server refused it for good.
    Refused,
    /// It could not be sent for a day.
    GivenUp,
    /// Its code and link have ended.
    Expired,
    /// Its content cannot be opened: the sealing key is gone, or the row was changed.
    Unreadable,
}

impl DeadReason {
    /// The name in logs, metrics and the outbox.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::GivenUp => "given_up",
            Self::Expired => "expired",
            Self::Unreadable => "unreadable",
        }
    }
}

/// The queue of mails, written in the transaction of the change that causes them and shared by all processes.
///
/// A claim is a lease: once it has ended, another process may claim the mail again. [`sent`](Self::sent), [`retry`](Self::retry)
/// and [`dead`](Self::dead) of a mail whose lease another process holds by now (its `attempts` differ) change nothing.
#[async_trait]
pub trait MailOutbox: Send + Sync {
    /// Claims at most `limit` mails that are due and under no lease, the longest due first. Each lease starts now, by the
    /// clock of the outbox.
    async fn claim(&self, limit: usize, lease: Duration) -> Result<Vec<ClaimedMail>, SourceError>;

    /// The mail was sent; its content is deleted.
    async fn sent(&self, mail: &ClaimedMail) -> Result<(), SourceError>;

    /// The mail is due again at this time.
    async fn retry(&self, mail: &ClaimedMail, at: OffsetDateTime) -> Result<(), SourceError>;

    /// The mail is not tried again. It stays, for an operator to see, without its content.
    async fn dead(&self, mail: &ClaimedMail, reason: DeadReason) -> Result<(), SourceError>;
}

/// A reply code at the end of a message.
struct Code(Option<u16>);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |code| write!(f, " (reply {code})"))
    }
}

impl fmt::Debug for MailValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MailValues(<redacted>)")
    }
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail")
            .field("kind", &self.kind)
            .field("tenant", &self.tenant)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for MailText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MailText(<redacted>)")
    }
}

impl fmt::Debug for RenderedMail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RenderedMail")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use masthead_domain::{settings::TenantSettings, tenant::PoolId};

    use super::*;

    fn tenant(settings: &[(&str, &str)]) -> Tenant {
        Tenant {
            id: TenantId::parse("north/daily/herald").unwrap(),
            pool: PoolId(1),
            settings: TenantSettings::parse(settings.iter().copied()).0,
        }
    }

    fn mail(settings: &[(&str, &str)], language: Option<&str>) -> Mail {
        let values = MailValues {
            first_name: "Ann".into(),
            code: Some("A1B2C3".into()),
            link: Some("https://herald.example/?token=secret".into()),
            expires_at: None,
        };
        Mail::for_tenant(
            MailKind::Verification,
            &tenant(settings),
            Email::parse("ann@example.com").unwrap(),
            language.map(|tag| Language::parse(tag).unwrap()),
            values,
        )
    }

    #[test]
    fn mail_takes_name_sender_and_language_of_the_tenant() {
        let plain = mail(&[], None);
        assert_eq!((&*plain.paper, plain.from, plain.languages), ("herald", None, vec![]));
        let settings = [
            ("Mail.PaperName", "The Herald"),
            ("Mail.From", "no-reply@herald.example"),
            ("Mail.Language", "de"),
        ];
        let set = mail(&settings, Some("pt-BR"));
        assert_eq!(&*set.paper, "The Herald");
        assert_eq!(set.from, Sender::parse("no-reply@herald.example").ok());
        let tags: Vec<&str> = set.languages.iter().map(Language::as_str).collect();
        assert_eq!(tags, ["pt-br", "de"]);
    }

    #[test]
    fn debug_shows_no_address_code_or_link() {
        let mail = mail(&[], None);
        let rendered = RenderedMail {
            id: MailId::new("1").unwrap(),
            date: OffsetDateTime::UNIX_EPOCH,
            from: None,
            to: mail.to.clone(),
            text: MailText {
                subject: "A1B2C3".to_owned(),
                text: "A1B2C3".to_owned(),
                html: "A1B2C3".to_owned(),
            },
        };
        let text = format!("{mail:?} {:?} {rendered:?} {:?}", mail.values, rendered.text);
        for private in ["ann", "Ann", "A1B2C3", "secret"] {
            assert!(!text.contains(private), "{text}");
        }
    }

    #[test]
    fn error_names_reason_and_reply() {
        let error = |code| MailError {
            kind: MailErrorKind::Refused,
            reason: "the recipient is refused",
            code,
        };
        assert_eq!(error(Some(550)).to_string(), "the recipient is refused (reply 550)");
        assert_eq!(error(None).to_string(), "the recipient is refused");
    }

    #[test]
    fn id_is_safe_in_a_header() {
        assert!(MailId::new("0192f0c1-8b1e-7c3a-9e55-0242ac120002").is_some());
        let long = "x".repeat(65);
        for bad in ["", "a b", "a>", "a\r\nb", "a@b", "é", &long] {
            assert_eq!(MailId::new(bad), None, "{bad}");
        }
    }

    #[test]
    fn kinds_have_unique_names() {
        for kind in MailKind::ALL {
            assert_eq!(MailKind::from_name(kind.name()), Some(kind));
        }
        assert_eq!(MailKind::from_name("Verification"), None);
    }
}
