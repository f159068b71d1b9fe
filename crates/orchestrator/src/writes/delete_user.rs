//! Deletes users (contract `writes.md` §3, DELETE).

use std::sync::Arc;

use masthead_domain::{
    customer_registration_id::CustomerRegistrationId, email::Email, event::EventKind, user_key::UserKey,
};
use masthead_ports::{
    accounts::Ability,
    intents::IntentKind,
    source::CallContext,
    trace::SPANS,
    users::{UserWriteError, UserWriter, WriteCommit},
};

use super::{
    create_user::find_by_id,
    error::WriteUserError,
    intent_content::IntentContent,
    services::{Services, WriteCall, Written},
    settle,
    sides::{Sides, TwoSides},
    two_sided::Intended,
};

/// A user to delete.
#[derive(Debug, Clone)]
pub struct DeleteRequest {
    /// The user.
    pub crid: CustomerRegistrationId,
    /// The provider is not called.
    pub ignore_provider: bool,
}

/// Deletes users.
#[derive(Clone)]
pub struct DeleteUser {
    pub(crate) services: Arc<Services>,
}

impl DeleteUser {
    /// Deletes a user, on the sides of contract §2: it is absent from every read at once. It does not end with the caller.
    ///
    /// # Errors
    /// See [`WriteUserError`].
    #[tracing::instrument(target = SPANS, level = "trace", name = "delete user", skip_all)]
    pub async fn delete(&self, call: WriteCall, request: DeleteRequest) -> Result<Written<()>, WriteUserError> {
        let services = Arc::clone(&self.services);
        self.services
            .run(async move { services.delete(&call, &request).await })
            .await
    }
}

impl Services {
    async fn delete(&self, call: &WriteCall, request: &DeleteRequest) -> Result<Written<()>, WriteUserError> {
        let cx = Self::context(call);
        match self.sides(&cx.tenant, request.ignore_provider, Ability::Delete)? {
            Sides::Store => {
                let commit = self.commit(call, &[EventKind::SubscribeUserDelete]);
                self.ports.users.delete(&cx, &request.crid, &commit).await?;
                Ok(Written::done(()))
            }
            Sides::Both(both) => Box::pin(self.delete_both(call, &cx, &both, request)).await,
        }
    }

    async fn delete_both(
        &self,
        call: &WriteCall,
        cx: &CallContext,
        both: &TwoSides,
        request: &DeleteRequest,
    ) -> Result<Written<()>, WriteUserError> {
        let DeleteRequest { crid, .. } = request;
        // A provider does not report whether a deleted account was there.
        let (at_provider, in_store) = tokio::join!(find_by_id(cx, &*both.writer, crid), async {
            // A remote Users API that is written alone is both.
            if both.is_remote_alone {
                Ok(None)
            } else {
                self.stored(cx, crid).await
            }
        });
        let account = at_provider?;
        if account.is_none() && in_store?.is_none() {
            return Err(WriteUserError::NoSuchUser);
        }
        let email = account.and_then(|account| account.email);
        let content = IntentContent::Delete { purge: false };
        let intended = Intended {
            kind: IntentKind::Delete,
            crid: Some(crid),
            content: &content,
        };
        let (intent, ()) = self
            .write_at_provider(
                call,
                cx,
                both,
                intended,
                async |cx: &CallContext| both.writer.delete(cx, crid).await,
                async |cx: &CallContext| {
                    let found = both.writer.find_written(cx, &UserKey::Id(crid.clone())).await?;
                    Ok(settle::deleted(found.first()))
                },
            )
            .await?;
        let mut commit = self.commit(call, &[EventKind::AuthSystemUserDelete, EventKind::SubscribeUserDelete]);
        commit.intent = Some(intent);
        let following = Self::following(cx);
        let stored = delete_at_store(&following, &*both.store, (crid, email.as_ref()), &commit).await;
        Ok(self.after_store(cx, (intent, crid), stored).await.map(|_| ()))
    }
}

/// Deletes the registration of a deleted account; a user that the store never had stays deleted all the same. The address is that
/// of the account, if known.
pub(crate) async fn delete_at_store(
    cx: &CallContext,
    store: &dyn UserWriter,
    (crid, email): (&CustomerRegistrationId, Option<&Email>),
    commit: &WriteCommit,
) -> Result<(), UserWriteError> {
    match store.delete(cx, crid, commit).await {
        Err(UserWriteError::NoSuchUser) => store.delete_unstored(cx, crid, email, commit).await,
        deleted => deleted.map(|_| ()),
    }
}
