//! Changes an address (contract `writes.md` §3, PATCH Email).

use std::sync::Arc;

use masthead_domain::{
    customer_registration_id::CustomerRegistrationId, email::Email, event::EventKind, user_key::UserKey,
};
use masthead_ports::{
    accounts::Ability,
    intents::IntentKind,
    mail::{MailKind, MailValues},
    source::CallContext,
    trace::SPANS,
    users::{QueuedMail, UserWriteError},
};

use super::{
    change_password::create_missing,
    create_user::find_by_id,
    error::WriteUserError,
    intent_content::IntentContent,
    services::{Services, WriteCall, Written},
    settle,
    sides::{Sides, TwoSides},
    two_sided::Intended,
};

/// Changes addresses.
#[derive(Clone)]
pub struct ChangeEmail {
    pub(crate) services: Arc<Services>,
}

impl ChangeEmail {
    /// Changes the address of a user, at the provider where the tenant has one. The old address gets a notice where the
    /// server can send mail. It does not end with the caller.
    ///
    /// # Errors
    /// See [`WriteUserError`].
    #[tracing::instrument(target = SPANS, level = "trace", name = "change address", skip_all)]
    pub async fn change(
        &self,
        call: WriteCall,
        crid: CustomerRegistrationId,
        email: Email,
    ) -> Result<Written<()>, WriteUserError> {
        let services = Arc::clone(&self.services);
        self.services
            .run(async move { services.change_email(&call, &crid, &email).await })
            .await
    }
}

impl Services {
    async fn change_email(
        &self,
        call: &WriteCall,
        crid: &CustomerRegistrationId,
        email: &Email,
    ) -> Result<Written<()>, WriteUserError> {
        let cx = Self::context(call);
        let sides = self.sides(&cx.tenant, false, Ability::SetEmail)?;
        let verified = cx.tenant.settings.users.email_change_unverifies.then_some(false);
        match sides {
            Sides::Store => {
                let before = self.stored(&cx, crid).await?.ok_or(WriteUserError::NoSuchUser)?;
                let mut commit = self.commit(call, &[EventKind::SubscribeUserChangeEmail]);
                commit
                    .mails
                    .extend(self.notice(&cx, before.email.as_ref(), &before.first_name, email));
                self.ports.users.set_email(&cx, crid, email, verified, &commit).await?;
                Ok(Written::done(()))
            }
            Sides::Both(both) => Box::pin(self.change_both(call, &cx, &both, crid, (email, verified))).await,
        }
    }

    async fn change_both(
        &self,
        call: &WriteCall,
        cx: &CallContext,
        both: &TwoSides,
        crid: &CustomerRegistrationId,
        (email, verified): (&Email, Option<bool>),
    ) -> Result<Written<()>, WriteUserError> {
        let writer = &*both.writer;
        if both.is_remote_alone {
            self.refuse_pending(cx, email).await?;
        }
        let Some(before) = find_by_id(cx, writer, crid).await? else {
            return Err(self.without_account(cx, both, crid).await?);
        };
        let at_provider = verified.or(before.verified).unwrap_or(false);
        let content = IntentContent::SetEmail {
            email: email.as_str().to_owned(),
            verified: at_provider,
            old: before
                .email
                .as_ref()
                .map(|old| (old.as_str().to_owned(), before.first_name.to_string())),
        };
        let intended = Intended {
            kind: IntentKind::SetEmail,
            crid: Some(crid),
            content: &content,
        };
        let write = async |cx: &CallContext| writer.set_email(cx, crid, email, at_provider).await;
        let (intent, _) = self
            .write_at_provider(call, cx, both, intended, write, async |cx: &CallContext| {
                let found = writer.find_written(cx, &UserKey::Id(crid.clone())).await?;
                Ok(settle::moved(found.into_iter().next(), email))
            })
            .await?;
        let mut commit = self.commit(
            call,
            &[
                EventKind::AuthSystemUserChangeEmail,
                EventKind::SubscribeUserChangeEmail,
            ],
        );
        commit.intent = Some(intent);
        commit
            .mails
            .extend(self.notice(cx, before.email.as_ref(), &before.first_name, email));
        let following = Self::following(cx);
        let stored = both
            .store
            .set_email(&following, crid, email, Some(at_provider), &commit)
            .await;
        let stored = match stored {
            Ok((_, after)) => Ok(after),
            Err(UserWriteError::NoSuchUser) => create_missing(&following, both, crid, &commit).await,
            Err(error) => Err(error),
        };
        Ok(self.after_store(cx, (intent, crid), stored).await.map(|_| ()))
    }

    /// The notice to the old address, where it is another and the server can send mail.
    pub(crate) fn notice(
        &self,
        cx: &CallContext,
        old: Option<&Email>,
        first_name: &str,
        email: &Email,
    ) -> Option<QueuedMail> {
        let old = old.filter(|old| old.key() != email.key())?;
        let values = MailValues {
            first_name: first_name.into(),
            ..MailValues::default()
        };
        self.ports
            .sends_mail
            .then(|| self.mail(&cx.tenant, MailKind::EmailChanged, old, values))
    }
}
