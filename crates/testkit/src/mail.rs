//! An outbox, templates and a mailer in memory, and invented mails.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use masthead_domain::{email::Email, tenant::TenantId};
use masthead_ports::{
    clock::Clock,
    mail::{
        ClaimedMail, DeadReason, Mail, MailError, MailErrorKind, MailId, MailKind, MailOutbox, MailTemplates, MailText,
        MailValues, Mailer, RenderedMail, SealedMail, TemplateError,
    },
    source::{SourceError, SourceErrorKind},
};
use time::OffsetDateTime;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    task::yield_now,
    time::timeout,
};

/// A verification mail of an invented tenant to this address.
#[must_use]
pub fn sample_mail(to: &str) -> Mail {
    Mail {
        kind: MailKind::Verification,
        tenant: TenantId::parse("north/daily/herald").expect("a tenant"),
        paper: "The Herald".into(),
        from: None,
        to: Email::parse(to).expect("an address"),
        languages: Vec::new(),
        values: MailValues {
            first_name: "Ann".into(),
            code: Some("A1B2C3".into()),
            link: Some("https://herald.example/verify?token=c2VjcmV0".into()),
            expires_at: None,
        },
    }
}

/// The state of a mail in the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailState {
    /// It is due at this time; under a lease, when that ends.
    Due(OffsetDateTime),
    /// It was sent.
    Sent,
    /// It is a dead letter.
    Dead(DeadReason),
}

/// An outbox in memory, by the time of a clock. Like a pool of one connection it serves one call at a time, and a call that
/// waits for a second fails.
pub struct FakeMailOutbox {
    clock: Arc<dyn Clock>,
    connection: Semaphore,
    contents: Mutex<OutboxContents>,
}

const CONNECTION_TIMEOUT: Duration = Duration::from_secs(1);

#[derive(Default)]
struct OutboxContents {
    mails: Vec<(ClaimedMail, MailState)>,
    is_failing: bool,
}

impl FakeMailOutbox {
    /// An empty outbox.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            connection: Semaphore::new(1),
            contents: Mutex::default(),
        }
    }

    /// The connection, once the call before has ended.
    async fn connection(&self) -> Result<SemaphorePermit<'_>, SourceError> {
        let unavailable = || SourceError::new("mail_outbox", SourceErrorKind::Unavailable);
        let permit = timeout(CONNECTION_TIMEOUT, self.connection.acquire()).await;
        let permit = permit.map_err(|_| unavailable())?.map_err(|_| unavailable())?;
        // The answer takes its time.
        yield_now().await;
        Ok(permit)
    }

    fn contents(&self) -> MutexGuard<'_, OutboxContents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a mail, which is due at once; returns its id.
    pub fn queue(&self, tenant: &TenantId, content: SealedMail) -> MailId {
        let now = self.clock.now();
        let mut contents = self.contents();
        let id = MailId::new(&format!("mail-{}", contents.mails.len() + 1)).expect("an id");
        let mail = ClaimedMail {
            id: id.clone(),
            tenant: tenant.clone(),
            content,
            attempts: 0,
            queued_at: now,
        };
        contents.mails.push((mail, MailState::Due(now)));
        id
    }

    /// The states of all mails, in the order in which they were queued.
    #[must_use]
    pub fn states(&self) -> Vec<MailState> {
        self.contents().mails.iter().map(|(_, state)| *state).collect()
    }

    /// Makes every call fail, or no call.
    pub fn set_failing(&self, is_failing: bool) {
        self.contents().is_failing = is_failing;
    }

    async fn finish(&self, mail: &ClaimedMail, state: MailState) -> Result<(), SourceError> {
        let _connection = self.connection().await?;
        let mut contents = self.contents();
        if contents.is_failing {
            return Err(SourceError::new("mail_outbox", SourceErrorKind::Unavailable));
        }
        let mut mails = contents.mails.iter_mut();
        let held = mails.find(|(kept, _)| kept.id == mail.id && kept.attempts == mail.attempts);
        if let Some((_, kept)) = held {
            *kept = state;
        }
        Ok(())
    }
}

#[async_trait]
impl MailOutbox for FakeMailOutbox {
    async fn claim(&self, limit: usize, lease: Duration) -> Result<Vec<ClaimedMail>, SourceError> {
        let _connection = self.connection().await?;
        let now = self.clock.now();
        let mut contents = self.contents();
        if contents.is_failing {
            return Err(SourceError::new("mail_outbox", SourceErrorKind::Unavailable));
        }
        let mut due: Vec<_> = contents.mails.iter_mut().collect();
        due.retain(|(_, state)| matches!(state, MailState::Due(at) if *at <= now));
        due.sort_by_key(|(_, state)| match state {
            MailState::Due(at) => *at,
            MailState::Sent | MailState::Dead(_) => now,
        });
        let claimed = due.into_iter().take(limit).map(|(mail, state)| {
            mail.attempts += 1;
            *state = MailState::Due(now + lease);
            mail.clone()
        });
        Ok(claimed.collect())
    }

    async fn sent(&self, mail: &ClaimedMail) -> Result<(), SourceError> {
        self.finish(mail, MailState::Sent).await
    }

    async fn retry(&self, mail: &ClaimedMail, at: OffsetDateTime) -> Result<(), SourceError> {
        self.finish(mail, MailState::Due(at)).await
    }

    async fn dead(&self, mail: &ClaimedMail, reason: DeadReason) -> Result<(), SourceError> {
        self.finish(mail, MailState::Dead(reason)).await
    }
}

/// Templates that show code and link, or fail.
#[derive(Debug, Clone, Copy, Default)]
pub struct FakeTemplates {
    /// Whether no template can be rendered.
    pub is_failing: bool,
}

impl MailTemplates for FakeTemplates {
    fn render(&self, mail: &Mail, _now: OffsetDateTime) -> Result<MailText, TemplateError> {
        if self.is_failing {
            return Err(TemplateError {
                template: "verification.txt".into(),
                reason: "line 1".into(),
            });
        }
        let values = &mail.values;
        let text = [values.code.as_deref(), values.link.as_deref()].map(Option::unwrap_or_default);
        Ok(MailText {
            subject: mail.kind.name().to_owned(),
            text: text.join(" "),
            html: text.join("<br>"),
        })
    }
}

/// A mailer that keeps what it sends, and fails on demand.
#[derive(Default)]
pub struct FakeMailer {
    sent: Mutex<Vec<RenderedMail>>,
    failures: Mutex<VecDeque<MailErrorKind>>,
    delay: Mutex<Duration>,
    at_once: Mutex<(usize, usize)>,
}

impl FakeMailer {
    /// The mails that were sent, in order.
    #[must_use]
    pub fn sent(&self) -> Vec<RenderedMail> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes the next mails fail, one for each kind.
    pub fn fail_next(&self, kinds: impl IntoIterator<Item = MailErrorKind>) {
        self.failures
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(kinds);
    }

    /// Makes each mail take this long.
    pub fn set_delay(&self, delay: Duration) {
        *self.delay.lock().unwrap_or_else(PoisonError::into_inner) = delay;
    }

    /// The highest number of mails at once.
    #[must_use]
    pub fn most_at_once(&self) -> usize {
        self.at_once.lock().unwrap_or_else(PoisonError::into_inner).1
    }

    fn count(&self, change: impl FnOnce(usize) -> usize) {
        let mut at_once = self.at_once.lock().unwrap_or_else(PoisonError::into_inner);
        at_once.0 = change(at_once.0);
        at_once.1 = at_once.1.max(at_once.0);
    }
}

#[async_trait]
impl Mailer for FakeMailer {
    async fn send(&self, mail: &RenderedMail, deadline: Instant) -> Result<(), MailError> {
        self.count(|now| now + 1);
        let delay = *self.delay.lock().unwrap_or_else(PoisonError::into_inner);
        let in_time = tokio::time::timeout_at(deadline.into(), tokio::time::sleep(delay)).await;
        self.count(|now| now - 1);
        let failure = self.failures.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let failure = failure.or(in_time.is_err().then_some(MailErrorKind::TryLater));
        if let Some(kind) = failure {
            return Err(MailError {
                kind,
                reason: "as the test demands",
                code: None,
            });
        }
        self.sent
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(mail.clone());
        Ok(())
    }
}
