//! Forgotten passwords: the link that is mailed, its validation, and the new password (contract `writes.md` §3).

use std::{sync::Arc, time::Duration};

use masthead_domain::{account::Account, email::Email, event::EventKind, event::EventOutcome, user_key::UserKey};
use masthead_ports::{
    accounts::Ability,
    attempts::{AttemptCounter, AttemptLimit},
    keyed_hash::{HashPurpose, KeyedHash},
    mail::MailKind,
    passwords::PlainPassword,
    source::CallContext,
    trace::SPANS,
    users::{NewResetLink, ResetLink},
};
use time::OffsetDateTime;

use super::{
    change_password::IN_STORE,
    erase_person::links_text,
    error::{WriteUserError, provider_read_error, store_error},
    intent_content::registration_of,
    services::{Recipient, Services, WriteCall, Written},
    sides::Sides,
};

/// How many links are mailed to one address.
const LINKS: AttemptLimit = AttemptLimit {
    failures: 5,
    window: Duration::from_hours(1),
};

/// A link that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValidLink {
    /// The number of the request for it.
    pub event_id: i64,
    /// When it ends.
    pub expires_at: OffsetDateTime,
}

/// Resets forgotten passwords.
#[derive(Clone)]
pub struct ResetPassword {
    pub(crate) services: Arc<Services>,
}

impl ResetPassword {
    /// Mails a link to the user with this address, if there is one, and returns the value to answer with: that of the link for
    /// a caller that `may_see_link`, and otherwise one that opens nothing. Answers are alike and take equally long whether
    /// or not there is such a user.
    ///
    /// # Errors
    /// A source did not answer, mail is not configured, or the return address is not allowed.
    #[tracing::instrument(target = SPANS, level = "trace", name = "start password reset", skip_all)]
    pub async fn start(
        &self,
        call: WriteCall,
        login: String,
        return_url: Option<Box<str>>,
        may_see_link: bool,
    ) -> Result<String, WriteUserError> {
        let services = Arc::clone(&self.services);
        let answered_at = Services::even_time();
        let answer = self
            .services
            .run(async move {
                services
                    .start_reset(&call, &login, return_url.as_deref(), may_see_link)
                    .await
            })
            .await;
        tokio::time::sleep_until(answered_at).await;
        answer
    }

    /// A value that opens nothing, for the answer to a request that was done before.
    #[must_use]
    pub fn unusable_value(&self) -> String {
        self.services.ports.secrets.link()
    }

    /// Checks that a link can be used; it stays usable.
    ///
    /// # Errors
    /// [`WriteUserError::LinkInvalid`] for one that is unknown, used, ended or expired.
    #[tracing::instrument(target = SPANS, level = "trace", name = "validate reset link", skip_all)]
    pub async fn validate(&self, call: &WriteCall, value: &str) -> Result<ValidLink, WriteUserError> {
        let cx = Services::context(call);
        let hashes = self.services.link_hashes(&cx, value);
        let link = self.services.find_link(&cx, &hashes).await?;
        Ok(ValidLink {
            event_id: link.event_id,
            expires_at: link.expires_at,
        })
    }

    /// Sets a password by a link, once; all other links of the user end. It does not end with the caller.
    ///
    /// # Errors
    /// [`WriteUserError::LinkInvalid`] for a link that cannot be used; otherwise as for setting a password.
    #[tracing::instrument(target = SPANS, level = "trace", name = "finish password reset", skip_all)]
    pub async fn finish(
        &self,
        call: WriteCall,
        value: String,
        password: PlainPassword,
    ) -> Result<Written<()>, WriteUserError> {
        let services = Arc::clone(&self.services);
        self.services
            .run(async move { services.finish_reset(&call, &value, &password).await })
            .await
    }
}

impl Services {
    async fn start_reset(
        &self,
        call: &WriteCall,
        login: &str,
        return_url: Option<&str>,
        may_see_link: bool,
    ) -> Result<String, WriteUserError> {
        let cx = Self::context(call);
        let tenant = &cx.tenant;
        let url = Self::return_url(tenant, return_url)?;
        self.require_mail()?;
        let sides = self.sides(tenant, false, Ability::SetPassword)?;
        let account = match Email::parse(login) {
            Ok(email) if self.may_mail(&cx, &email).await? => self.user_with(call, &cx, &sides, &email).await?,
            Ok(_) | Err(_) => None,
        };
        let mut commit = self.commit(call, &[EventKind::SubscribeUserStartForgotPassword]);
        if let Some((account, email)) = account.and_then(|account| Some((account.clone(), account.email?))) {
            let recipient = Recipient {
                email: &email,
                first_name: &account.first_name,
            };
            let link = self.link_of(tenant, MailKind::PasswordReset, &recipient, &url);
            commit.mails.push(link.mail);
            let users = self.users(tenant);
            let new = NewResetLink {
                proves_address: !may_see_link,
                ..link.new
            };
            users.create_reset_link(&cx, &account.crid, &new, &commit).await?;
            if may_see_link {
                return Ok(link.value);
            }
        } else {
            for (_, outcome) in &mut commit.events {
                *outcome = EventOutcome::Absent;
            }
            let recorded = self.ports.users.record(&cx, None, &commit).await;
            recorded.map_err(|error| store_error(&error))?;
        }
        Ok(self.ports.secrets.link())
    }

    /// Whether an address has got fewer links in the last hour than it may: strangers cannot fill a mailbox.
    async fn may_mail(&self, cx: &CallContext, email: &Email) -> Result<bool, WriteUserError> {
        let text = links_text(email.key().as_str());
        let counter = AttemptCounter {
            key: self.ports.hasher.hash(cx.tenant.pool, HashPurpose::Attempts, &text),
            limit: LINKS,
        };
        let allowed = self.ports.attempts.count(cx, &[counter], self.now()).await;
        Ok(allowed.map_err(|error| store_error(&error))?.is_ok())
    }

    /// The registration whose address this is. An account that only the provider has gets its registration now.
    async fn user_with(
        &self,
        call: &WriteCall,
        cx: &CallContext,
        sides: &Sides,
        email: &Email,
    ) -> Result<Option<Account>, WriteUserError> {
        let key = UserKey::Email(email.key().clone());
        match sides {
            Sides::Store => {
                let found = self.ports.users.credentials(cx, email).await;
                Ok(found.map_err(|error| store_error(&error))?.map(|found| found.account))
            }
            Sides::Both(both) => {
                let found = both.writer.find_written(cx, &key).await;
                let found = found.map_err(|error| provider_read_error(&error, both.writer.name()))?;
                // Several accounts with one address are several people: none of them is chosen.
                let Ok([account]) = <[Account; 1]>::try_from(found) else {
                    return Ok(None);
                };
                if both.is_remote_alone {
                    return Ok(Some(account));
                }
                if let Some(stored) = self.stored(cx, &account.crid).await? {
                    return Ok(Some(stored));
                }
                let commit = masthead_ports::users::WriteCommit {
                    idempotency: None,
                    ..self.commit(call, &[EventKind::SubscribeUserUpdate])
                };
                let new = registration_of(&account);
                Ok(Some(both.store.create(cx, &new, false, &commit).await?))
            }
        }
    }

    async fn finish_reset(
        &self,
        call: &WriteCall,
        value: &str,
        password: &PlainPassword,
    ) -> Result<Written<()>, WriteUserError> {
        let cx = Self::context(call);
        let hashes = self.link_hashes(&cx, value);
        let link = self.find_link(&cx, &hashes).await?;
        let used = match self.sides(&cx.tenant, false, Ability::SetPassword)? {
            Sides::Store => {
                let hash = self.hash(&cx, Some(password)).await?;
                let commit = self.commit(call, IN_STORE);
                let used = self
                    .ports
                    .users
                    .use_reset_link(&cx, &hashes, hash.as_ref(), &commit)
                    .await;
                used.map_err(WriteUserError::from).map(|_| Written::done(()))
            }
            Sides::Both(both) => {
                let crid = &link.account.crid;
                match self.password_at_provider(call, &cx, &both, crid, password).await {
                    Ok(intent) => {
                        let ids = (intent, crid);
                        Ok(self.password_in_store(call, &cx, &both, ids, Some(&hashes)).await)
                    }
                    Err(error) => Err(error),
                }
            }
        };
        used.map_err(|error| match error {
            // Another request has used the link since it was found, or the user is gone.
            WriteUserError::NoSuchUser => WriteUserError::LinkInvalid,
            error => error,
        })
    }

    async fn find_link(&self, cx: &CallContext, hashes: &[KeyedHash]) -> Result<ResetLink, WriteUserError> {
        let found = self.users(&cx.tenant).find_reset_link(cx, hashes, self.now()).await;
        found
            .map_err(|error| store_error(&error))?
            .ok_or(WriteUserError::LinkInvalid)
    }

    fn link_hashes(&self, cx: &CallContext, value: &str) -> Vec<KeyedHash> {
        self.ports.hasher.hashes(cx.tenant.pool, HashPurpose::ResetLink, value)
    }
}
