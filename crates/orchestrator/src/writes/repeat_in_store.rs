//! The step of our store of a write whose provider is done, repeated from the intent.

use std::sync::Arc;

use masthead_domain::{
    account::Account,
    email::Email,
    event::{EventKind, EventOutcome},
};
use masthead_ports::{
    intents::{Intent, IntentStep},
    mail::MailKind,
    registrations::WriteOrigin,
    source::{CallContext, SourceErrorKind},
    users::{UserWriteError, UserWriter, WriteCommit},
};

use super::{
    change_password::AT_BOTH,
    delete_user::delete_at_store,
    intent_content::{IntentContent, RequestedAccount},
    services::{Recipient, Services},
    update_user::update_or_create,
};

/// What became of an intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reconciled {
    /// Both sides are done.
    Done,
    /// The provider had not written; nothing was.
    NotWritten,
    /// It stays open, for this reason, and is tried again.
    Postponed(&'static str),
    /// It stays open until an operator decides, for this reason.
    Unsettled(&'static str),
}

impl Services {
    /// Writes in our store, with the events and mails of the request, and ends the intent.
    pub(super) async fn repeat_in_store(
        &self,
        cx: &CallContext,
        store: &dyn UserWriter,
        (intent, content): (&Intent, &IntentContent),
        account: Option<Account>,
    ) -> Reconciled {
        let crid = account
            .as_ref()
            .map(|account| &account.crid)
            .or(intent.new.crid.as_ref());
        let Some(crid) = crid.cloned() else {
            return Reconciled::Unsettled("the account has no id");
        };
        let stored = match content {
            IntentContent::Create { .. } => match content.requested_account() {
                Some(requested) => {
                    let events = [EventKind::AuthSystemUserCreate, EventKind::SubscribeUserCreate];
                    let mut commit = self.commit_of(intent, &events, EventOutcome::Found);
                    self.mail_password_link(cx, content, &requested, &mut commit);
                    let from_pending = true;
                    let new = requested.registration(&crid);
                    store.create(cx, &new, from_pending, &commit).await.map(|_| ())
                }
                None => return Reconciled::Unsettled("its content cannot be read"),
            },
            IntentContent::Update { .. } => {
                let events = [EventKind::AuthSystemUserUpdate, EventKind::SubscribeUserUpdate];
                let commit = self.commit_of(intent, &events, EventOutcome::Found);
                match &account {
                    Some(account) => {
                        let change = content.change();
                        let updated = update_or_create(cx, store, &crid, (&change, account), &commit).await;
                        updated.map(|_| ())
                    }
                    None => return Reconciled::Unsettled("the account is gone"),
                }
            }
            IntentContent::SetPassword => {
                let outcome = match intent.step {
                    IntentStep::Store => EventOutcome::Found,
                    IntentStep::Provider | IntentStep::Unsettled => EventOutcome::Unknown,
                };
                let commit = self.commit_of(intent, AT_BOTH, outcome);
                store.set_password(cx, &crid, None, &commit).await.map(|_| ())
            }
            IntentContent::SetEmail { email, verified, old } => {
                let events = [
                    EventKind::AuthSystemUserChangeEmail,
                    EventKind::SubscribeUserChangeEmail,
                ];
                let mut commit = self.commit_of(intent, &events, EventOutcome::Found);
                match Email::parse(email) {
                    Ok(email) => {
                        if let Some((old, first_name)) = old {
                            let old = Email::parse(old).ok();
                            commit.mails.extend(self.notice(cx, old.as_ref(), first_name, &email));
                        }
                        store
                            .set_email(cx, &crid, &email, Some(*verified), &commit)
                            .await
                            .map(|_| ())
                    }
                    Err(_) => return Reconciled::Unsettled("its content cannot be read"),
                }
            }
            IntentContent::Delete { purge } => {
                let events = [
                    EventKind::AuthSystemUserDelete,
                    EventKind::SubscribeUserDelete,
                    EventKind::SubscribeUserErase,
                ];
                let events = if *purge { &events[..] } else { &events[..2] };
                let commit = self.commit_of(intent, events, EventOutcome::Found);
                if *purge {
                    self.erase_found(cx, &crid, &commit).await
                } else {
                    delete_at_store(cx, store, (&crid, None), &commit).await
                }
            }
        };
        outcome_in_store(stored)
    }

    /// Adds the link to set a password, and its mail, where the request would have sent it.
    fn mail_password_link(
        &self,
        cx: &CallContext,
        content: &IntentContent,
        requested: &RequestedAccount,
        commit: &mut WriteCommit,
    ) {
        let IntentContent::Create {
            password_url: Some(url),
            ..
        } = content
        else {
            return;
        };
        // The tenant's list may have changed since.
        if let Ok(url) = Self::return_url(&cx.tenant, Some(url))
            && self.ports.sends_mail
        {
            let recipient = Recipient {
                email: &requested.email,
                first_name: &requested.first_name,
            };
            self.link_to_password(cx, MailKind::SetPassword, &recipient, &url, commit);
        }
    }

    fn commit_of(&self, intent: &Intent, events: &[EventKind], outcome: EventOutcome) -> WriteCommit {
        // Its token is not kept: the request id leads to the events of the call.
        let origin = WriteOrigin::new(
            Arc::from(&*intent.new.request_id),
            Arc::from(&*intent.new.source_system),
            self.now(),
        );
        WriteCommit {
            events: events.iter().map(|&kind| (kind, outcome)).collect(),
            intent: Some(intent.id),
            idempotency: intent.new.idempotency,
            ..WriteCommit::new(origin, &[])
        }
    }
}

fn outcome_in_store(stored: Result<(), UserWriteError>) -> Reconciled {
    match stored {
        Ok(()) => Reconciled::Done,
        Err(UserWriteError::NoSuchUser) => Reconciled::Unsettled("our store has no such user"),
        Err(UserWriteError::EmailTaken { .. }) => Reconciled::Unsettled("another user of our store has the address"),
        Err(UserWriteError::IdTaken) => Reconciled::Unsettled("another user of our store has the id"),
        Err(UserWriteError::Changed) => Reconciled::Postponed("the user has changed meanwhile"),
        Err(UserWriteError::Unstorable { .. }) => Reconciled::Unsettled("our store cannot store a field of the user"),
        Err(UserWriteError::Source(error)) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "an intent is not settled");
            match error.kind {
                SourceErrorKind::Corrupt => Reconciled::Unsettled("our store has contradictory data"),
                SourceErrorKind::Refused => Reconciled::Unsettled("the remote Users API refuses the write"),
                _ => Reconciled::Postponed("our store does not answer"),
            }
        }
    }
}
