//! Sets a password (contract `writes.md` §3, PATCH Password).

use std::sync::Arc;

use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, event::EventKind, user_key::UserKey,
};
use masthead_ports::{
    accounts::Ability,
    intents::{IntentId, IntentKind},
    keyed_hash::KeyedHash,
    passwords::PlainPassword,
    source::CallContext,
    trace::SPANS,
    users::{UserWriteError, WriteCommit},
};

use super::{
    error::WriteUserError,
    intent_content::{IntentContent, registration_of},
    services::{Services, WriteCall, Written},
    sides::{Sides, TwoSides},
    two_sided::{Intended, Settled},
};

/// The events of a password that our store has set.
pub(crate) const IN_STORE: &[EventKind] = &[EventKind::SubscribeUserChangePassword];
/// The events of a password that the provider has set.
pub(crate) const AT_BOTH: &[EventKind] = &[
    EventKind::AuthSystemUserChangePassword,
    EventKind::SubscribeUserChangePassword,
];

/// Sets passwords.
#[derive(Clone)]
pub struct ChangePassword {
    pub(crate) services: Arc<Services>,
}

impl ChangePassword {
    /// Sets the password of a user, at the provider where the tenant has one, and ends all reset links of the user. It does
    /// not end with the caller.
    ///
    /// # Errors
    /// See [`WriteUserError`].
    #[tracing::instrument(target = SPANS, level = "trace", name = "set password", skip_all)]
    pub async fn set(
        &self,
        call: WriteCall,
        crid: CustomerRegistrationId,
        password: PlainPassword,
    ) -> Result<Written<()>, WriteUserError> {
        let services = Arc::clone(&self.services);
        let write = async move {
            let cx = Services::context(&call);
            match services.sides(&call.caller.tenant, false, Ability::SetPassword)? {
                Sides::Store => {
                    let hash = services.hash(&cx, Some(&password)).await?;
                    let commit = services.commit(&call, IN_STORE);
                    let users = &services.ports.users;
                    users.set_password(&cx, &crid, hash.as_ref(), &commit).await?;
                    Ok(Written::done(()))
                }
                Sides::Both(both) => {
                    let intent = services
                        .password_at_provider(&call, &cx, &both, &crid, &password)
                        .await?;
                    Ok(services
                        .password_in_store(&call, &cx, &both, (intent, &crid), None)
                        .await)
                }
            }
        };
        self.services.run(write).await
    }
}

impl Services {
    /// Sets a password at the provider. What became of a lost answer cannot be looked up: it can be repeated.
    pub(crate) async fn password_at_provider(
        &self,
        call: &WriteCall,
        cx: &CallContext,
        both: &TwoSides,
        crid: &CustomerRegistrationId,
        password: &PlainPassword,
    ) -> Result<IntentId, WriteUserError> {
        let intended = Intended {
            kind: IntentKind::SetPassword,
            crid: Some(crid),
            content: &IntentContent::SetPassword,
        };
        let write = async |cx: &CallContext| both.writer.set_password(cx, crid, password).await;
        let lost = async |_: &CallContext| Ok(Settled::Unknown);
        let (intent, ()) = self.write_at_provider(call, cx, both, intended, write, lost).await?;
        Ok(intent)
    }

    /// Records in our store that the provider has a new password: the links of the user end. `link` is the one that was
    /// used, under every known key.
    pub(crate) async fn password_in_store(
        &self,
        call: &WriteCall,
        cx: &CallContext,
        both: &TwoSides,
        (intent, crid): (IntentId, &CustomerRegistrationId),
        link: Option<&[KeyedHash]>,
    ) -> Written<()> {
        let mut commit = self.commit(call, AT_BOTH);
        commit.intent = Some(intent);
        let following = Self::following(cx);
        let stored = match link {
            Some(hashes) => both.store.use_reset_link(&following, hashes, None, &commit).await,
            None => both.store.set_password(&following, crid, None, &commit).await,
        };
        let stored = match stored {
            Err(UserWriteError::NoSuchUser) => create_missing(&following, both, crid, &commit).await,
            stored => stored,
        };
        self.after_store(cx, (intent, crid), stored).await.map(|_| ())
    }
}

/// Creates the registration of an account that the provider has written, where the store does not have it yet.
pub(crate) async fn create_missing(
    cx: &CallContext,
    both: &TwoSides,
    crid: &CustomerRegistrationId,
    commit: &WriteCommit,
) -> Result<Account, UserWriteError> {
    let found = both.writer.find_written(cx, &UserKey::Id(crid.clone())).await?;
    let account = found.into_iter().next().ok_or(UserWriteError::NoSuchUser)?;
    both.store.create(cx, &registration_of(&account), false, commit).await
}
