//! Sends the mails of the outbox: several at once, each until it is sent, has expired, is refused, or a day is over.

use std::{
    fmt,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use masthead_ports::{
    clock::Clock,
    mail::{ClaimedMail, DeadReason, Mail, MailErrorKind, MailOutbox, MailTemplates, Mailer, RenderedMail},
    readiness::TaskProgress,
    sealing::Sealing,
    source::SourceError,
};
use time::OffsetDateTime;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::{mail_sealing::open_mail, random_part::random_part};

/// How long a mail is tried (contract, links and mail).
const TRIED_FOR: time::Duration = time::Duration::hours(24);

/// The pauses after the first tries, in minutes; the last one repeats.
const PAUSES: [u64; 7] = [1, 5, 15, 60, 120, 240, 360];

/// How long a lease outlasts the deadline of its mail, so that the outcome can still be recorded.
const LEASE_MARGIN: Duration = Duration::from_secs(30);

/// How long beyond the deadline of a mail the relay may do nothing before it counts as stuck.
const STUCK_AFTER: Duration = Duration::from_secs(10);

/// How mails are relayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MailRelayOptions {
    /// The number of mails that are sent at once by this process.
    pub at_once: usize,
    /// How long one may take.
    pub deadline: Duration,
    /// How often the outbox is read while it is empty.
    pub poll: Duration,
}

/// What a try of a mail resulted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MailOutcome {
    /// It was sent.
    Sent,
    /// It is tried again at this time.
    Retry(OffsetDateTime),
    /// It is a dead letter.
    Dead(DeadReason),
}

impl MailOutcome {
    /// The name in metrics.
    const fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Retry(_) => "retry",
            Self::Dead(_) => "dead",
        }
    }
}

/// Sends the mails of the outbox. Any number of processes may do so: each mail is leased to one of them.
pub struct MailRelay {
    outbox: Arc<dyn MailOutbox>,
    templates: Arc<dyn MailTemplates>,
    mailer: Arc<dyn Mailer>,
    sealing: Arc<dyn Sealing>,
    clock: Arc<dyn Clock>,
    options: MailRelayOptions,
    progress: Arc<TaskProgress>,
}

impl MailRelay {
    /// A relay of these parts.
    #[must_use]
    pub fn new(
        outbox: Arc<dyn MailOutbox>,
        templates: Arc<dyn MailTemplates>,
        mailer: Arc<dyn Mailer>,
        sealing: Arc<dyn Sealing>,
        clock: Arc<dyn Clock>,
        options: MailRelayOptions,
    ) -> Self {
        Self {
            outbox,
            templates,
            mailer,
            sealing,
            clock,
            options,
            progress: Arc::new(TaskProgress::new("mail", options.deadline + STUCK_AFTER)),
        }
    }

    /// Whether the relay reads its outbox and finishes mails, in time. An SMTP server that takes no mail does not count: mails
    /// wait for it, and everything else can be answered.
    #[must_use]
    pub fn progress(&self) -> Arc<TaskProgress> {
        Arc::clone(&self.progress)
    }

    /// Sends mails until `end`; then claims no more, and returns when those that were begun have ended, each by its deadline.
    pub async fn run(self, end: CancellationToken) {
        let _ended = self.progress.end_on_drop();
        let mut sending = FuturesUnordered::new();
        let mut may_have_more = true;
        while !end.is_cancelled() {
            let free = self.options.at_once.saturating_sub(sending.len());
            if may_have_more && free > 0 {
                let claimed = self.claim_beside(free, &mut sending).await;
                may_have_more = claimed.len() == free;
                sending.extend(claimed.into_iter().map(|mail| self.relay(mail)));
                continue;
            }
            if free == 0 {
                self.progress.begin("no mail is finished in time");
            }
            tokio::select! {
                () = end.cancelled() => {}
                Some(()) = sending.next(), if !sending.is_empty() => self.progress.finish(),
                () = sleep(self.options.poll), if !may_have_more => may_have_more = true,
            }
        }
        while sending.next().await.is_some() {}
    }

    /// Claims mails while those that were begun go on: one that records its outcome holds a connection to the database, which
    /// the claim may wait for.
    async fn claim_beside(
        &self,
        limit: usize,
        sending: &mut FuturesUnordered<impl Future<Output = ()>>,
    ) -> Vec<ClaimedMail> {
        let mut claim = pin!(self.claim(limit));
        loop {
            tokio::select! {
                claimed = &mut claim => return claimed,
                Some(()) = sending.next(), if !sending.is_empty() => {}
            }
        }
    }

    async fn claim(&self, limit: usize) -> Vec<ClaimedMail> {
        let lease = self.options.deadline + LEASE_MARGIN;
        self.progress.begin("the outbox cannot be read");
        match self.outbox.claim(limit, lease).await {
            Ok(mails) => {
                self.progress.finish();
                mails
            }
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the outbox of mails cannot be read"
                );
                Vec::new()
            }
        }
    }

    /// Tries a mail and records the outcome. If that fails, its lease ends and it is tried again as the same message.
    async fn relay(&self, claimed: ClaimedMail) {
        let outcome = self.try_mail(&claimed).await;
        metrics::counter!("masthead_mails_total", "outcome" => outcome.name()).increment(1);
        let is_delayed = matches!(outcome, MailOutcome::Retry(_));
        metrics::gauge!("masthead_mail_relay_failing").set(if is_delayed { 1.0 } else { 0.0 });
        let recorded: Result<(), SourceError> = match outcome {
            MailOutcome::Sent => self.outbox.sent(&claimed).await,
            MailOutcome::Retry(at) => self.outbox.retry(&claimed, at).await,
            MailOutcome::Dead(reason) => self.outbox.dead(&claimed, reason).await,
        };
        if let Err(error) = recorded {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                mail.id = claimed.id.as_str(),
                "the outcome of a mail cannot be recorded: it may be sent twice"
            );
        }
    }

    /// Tries a mail once.
    async fn try_mail(&self, claimed: &ClaimedMail) -> MailOutcome {
        let now = self.clock.now();
        let Ok(mail) = open_mail(&claimed.tenant, &claimed.content, &*self.sealing) else {
            tracing::error!(
                mail.id = claimed.id.as_str(),
                tenant = %claimed.tenant,
                "a mail cannot be opened: its sealing key is missing, or it was changed"
            );
            return MailOutcome::Dead(DeadReason::Unreadable);
        };
        if has_expired(&mail, now) {
            return dead(claimed, &mail, DeadReason::Expired);
        }
        let text = match self.templates.render(&mail, now) {
            Ok(text) => text,
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    mail.id = claimed.id.as_str(),
                    mail.kind = mail.kind.name(),
                    tenant = %claimed.tenant,
                    "a mail cannot be rendered"
                );
                return try_later(claimed, &mail, now);
            }
        };
        let rendered = RenderedMail {
            id: claimed.id.clone(),
            date: claimed.queued_at,
            from: mail.from.clone(),
            to: mail.to.clone(),
            text,
        };
        let deadline = Instant::now() + self.options.deadline;
        let Err(error) = self.mailer.send(&rendered, deadline).await else {
            tracing::info!(
                mail.id = claimed.id.as_str(),
                mail.kind = mail.kind.name(),
                tenant = %claimed.tenant,
                attempts = claimed.attempts,
                "a mail was sent"
            );
            return MailOutcome::Sent;
        };
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            error.kind = error.kind.name(),
            mail.id = claimed.id.as_str(),
            mail.kind = mail.kind.name(),
            tenant = %claimed.tenant,
            attempts = claimed.attempts,
            "a mail was not sent"
        );
        match error.kind {
            MailErrorKind::Refused => dead(claimed, &mail, DeadReason::Refused),
            MailErrorKind::TryLater | MailErrorKind::Misconfigured => try_later(claimed, &mail, now),
        }
    }
}

/// The next try, unless it would come too late.
fn try_later(claimed: &ClaimedMail, mail: &Mail, now: OffsetDateTime) -> MailOutcome {
    let at = now + pause(claimed.attempts, random_part());
    if has_expired(mail, at) {
        dead(claimed, mail, DeadReason::Expired)
    } else if at - claimed.queued_at > TRIED_FOR {
        dead(claimed, mail, DeadReason::GivenUp)
    } else {
        MailOutcome::Retry(at)
    }
}

/// Reports a mail that is not tried again.
fn dead(claimed: &ClaimedMail, mail: &Mail, reason: DeadReason) -> MailOutcome {
    tracing::error!(
        mail.id = claimed.id.as_str(),
        mail.kind = mail.kind.name(),
        tenant = %claimed.tenant,
        attempts = claimed.attempts,
        reason = reason.name(),
        "a mail is a dead letter"
    );
    MailOutcome::Dead(reason)
}

impl fmt::Debug for MailRelay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailRelay")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

fn has_expired(mail: &Mail, at: OffsetDateTime) -> bool {
    mail.values.expires_at.is_some_and(|end| end <= at)
}

/// The pause after this many tries, longer or shorter by up to a quarter: `chance` is from 0 to 1. Mails that failed together
/// do not return together.
fn pause(attempts: u32, chance: f64) -> Duration {
    let step = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    let minutes = PAUSES[step.min(PAUSES.len() - 1)];
    Duration::from_mins(minutes).mul_f64(0.75 + chance / 2.0)
}

#[cfg(test)]
mod tests;
