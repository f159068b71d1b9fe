//! Changes a user: names, metadata, verification, the block and the last logout (contract `writes.md` §3, update).

use std::sync::Arc;

use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, event::EventKind, user_change::UserChange,
    user_key::UserKey,
};
use masthead_ports::{
    accounts::{Ability, AccountChange},
    intents::IntentKind,
    source::CallContext,
    trace::SPANS,
    users::{UserWriteError, UserWriter, WriteCommit},
};

use super::{
    error::WriteUserError,
    intent_content::{IntentContent, registration_of},
    services::{Services, WriteCall, Written},
    settle,
    sides::{Sides, TwoSides},
    two_sided::Intended,
};

/// A change of a user.
#[derive(Debug, Clone)]
pub struct UpdateRequest {
    /// Whose.
    pub crid: CustomerRegistrationId,
    /// What changes; not empty.
    pub change: UserChange,
    /// The provider is not called.
    pub ignore_provider: bool,
    /// The registration as the caller has read it, if it must not have changed since (`If-Match`).
    pub read: Option<Box<Account>>,
}

/// Changes users.
#[derive(Clone)]
pub struct UpdateUser {
    pub(crate) services: Arc<Services>,
}

impl UpdateUser {
    /// Changes a user, on the sides of contract §2; it does not end with the caller.
    ///
    /// # Errors
    /// See [`WriteUserError`].
    #[tracing::instrument(target = SPANS, level = "trace", name = "update user", skip_all)]
    pub async fn update(&self, call: WriteCall, request: UpdateRequest) -> Result<Written<()>, WriteUserError> {
        let services = Arc::clone(&self.services);
        self.services
            .run(async move { services.update(&call, &request).await })
            .await
    }
}

impl Services {
    pub(crate) async fn update(
        &self,
        call: &WriteCall,
        request: &UpdateRequest,
    ) -> Result<Written<()>, WriteUserError> {
        let ignore = request.ignore_provider || !request.change.concerns_provider();
        let cx = Self::context(call);
        let users = &self.ports.users;
        match self.sides(&call.caller.tenant, ignore, Ability::Update)? {
            Sides::Store => {
                let commit = self.commit(call, &[EventKind::SubscribeUserUpdate]);
                let read = request.read.as_deref();
                users.update(&cx, &request.crid, &request.change, read, &commit).await?;
                Ok(Written::done(()))
            }
            Sides::Both(both) => Box::pin(self.update_both(call, &cx, &both, request)).await,
        }
    }

    async fn update_both(
        &self,
        call: &WriteCall,
        cx: &CallContext,
        both: &TwoSides,
        request: &UpdateRequest,
    ) -> Result<Written<()>, WriteUserError> {
        let UpdateRequest { crid, change, read, .. } = request;
        let content = IntentContent::update(change);
        let intended = Intended {
            kind: IntentKind::Update,
            crid: Some(crid),
            content: &content,
        };
        let at_provider = if both.is_remote_alone {
            AccountChange::whole(change, read.as_deref())
        } else {
            account_change(change)
        };
        let (intent, account) = self
            .write_at_provider(
                call,
                cx,
                both,
                intended,
                async |cx: &CallContext| both.writer.update(cx, crid, &at_provider).await,
                async |cx: &CallContext| {
                    let found = both.writer.find_written(cx, &UserKey::Id(crid.clone())).await?;
                    let found = found.into_iter().next();
                    Ok(settle::updated(found, change, both.is_remote_alone))
                },
            )
            .await?;
        let mut commit = self.commit(call, &[EventKind::AuthSystemUserUpdate, EventKind::SubscribeUserUpdate]);
        commit.intent = Some(intent);
        let following = Self::following(cx);
        let stored = update_or_create(&following, &*both.store, crid, (change, &account), &commit).await;
        Ok(self.after_store(cx, (intent, crid), stored).await.map(|_| ()))
    }
}

/// Changes the registration of an account that the provider has changed; the store may not have it yet.
pub(crate) async fn update_or_create(
    cx: &CallContext,
    store: &dyn UserWriter,
    crid: &CustomerRegistrationId,
    (change, account): (&UserChange, &Account),
    commit: &WriteCommit,
) -> Result<Account, UserWriteError> {
    match store.update(cx, crid, change, None, commit).await {
        Err(UserWriteError::NoSuchUser) => {
            let new = registration_of(&change.applied_to(account));
            store.create(cx, &new, false, commit).await
        }
        updated => updated,
    }
}

/// What of a change a provider keeps.
pub(crate) fn account_change(change: &UserChange) -> AccountChange {
    AccountChange {
        first_name: change.first_name.clone(),
        last_name: change.last_name.clone(),
        verified: change.verified,
        metadata: change.metadata.clone(),
        ..AccountChange::default()
    }
}
