//! Writes through a cached source: reads after a write do not see what was remembered before it.

use std::sync::Arc;

use async_trait::async_trait;
use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::Email, tenant::Tenant, user_key::UserKey,
};
use masthead_ports::{
    accounts::{
        Ability, AccountChange, AccountWriter, MissingSetting, NewAccount, SignIn, SignInAnswer, SignInAttempt,
        WriteError,
    },
    passwords::PlainPassword,
    source::{CallContext, SourceError, SourceErrorKind, SourceName, UserSource},
};

use super::source::CachedSource;
use crate::abilities::AccountAbilities;

/// The writer, and the check of passwords, of an adapter behind its cache.
///
/// After each write, also one of unknown outcome, the cache forgets the id, the new address, and every answer that shows the
/// account, such as one to a look-up by its old address.
struct CachedWriter<A>(CachedSource<A>);

impl<A: UserSource + AccountAbilities + 'static> CachedSource<A> {
    /// The writer of a tenant, if it has this ability.
    ///
    /// # Errors
    /// The missing setting.
    pub fn writer(&self, tenant: &Tenant, ability: Ability) -> Result<Arc<dyn AccountWriter>, MissingSetting> {
        self.inner().missing_setting(tenant, ability).map_or(Ok(()), Err)?;
        Ok(Arc::new(CachedWriter(self.clone())))
    }

    /// The check of passwords of a tenant.
    ///
    /// # Errors
    /// The missing setting.
    pub fn sign_in(&self, tenant: &Tenant) -> Result<Arc<dyn SignIn>, MissingSetting> {
        self.inner()
            .missing_setting(tenant, Ability::SignIn)
            .map_or(Ok(()), Err)?;
        Ok(Arc::new(CachedWriter(self.clone())))
    }
}

impl<A: UserSource + AccountAbilities + 'static> CachedWriter<A> {
    fn writer(&self, operation: &'static str) -> Result<&dyn AccountWriter, SourceError> {
        let none = || SourceError::new(operation, SourceErrorKind::Misconfigured);
        self.0.inner().account_writer().ok_or_else(none)
    }

    async fn forget<T>(
        &self,
        cx: &CallContext,
        keys: impl IntoIterator<Item = UserKey>,
        result: Result<T, WriteError>,
    ) -> Result<T, WriteError> {
        self.0.forget(&cx.tenant, keys).await;
        result
    }
}

#[async_trait]
impl<A: UserSource + AccountAbilities + 'static> AccountWriter for CachedWriter<A> {
    fn name(&self) -> SourceName {
        self.0.name()
    }

    async fn find_written(&self, cx: &CallContext, key: &UserKey) -> Result<Vec<Account>, SourceError> {
        self.writer("find_written")?.find_written(&cx.new_read(), key).await
    }

    async fn create(&self, cx: &CallContext, new: &NewAccount) -> Result<Account, WriteError> {
        let result = self.writer("create")?.create(&cx.new_read(), new).await;
        let id = result.as_ref().ok().map(|made| made.crid.clone());
        let keys = [Some(new.email.key().clone().into()), id.map(UserKey::Id)];
        let given = new.id.clone().map(UserKey::Id);
        self.forget(cx, keys.into_iter().flatten().chain(given), result).await
    }

    async fn update(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        change: &AccountChange,
    ) -> Result<Account, WriteError> {
        let result = self.writer("update")?.update(&cx.new_read(), id, change).await;
        self.forget(cx, [id.clone().into()], result).await
    }

    async fn set_password(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        password: &PlainPassword,
    ) -> Result<(), WriteError> {
        let result = self
            .writer("set_password")?
            .set_password(&cx.new_read(), id, password)
            .await;
        self.forget(cx, [id.clone().into()], result).await
    }

    async fn set_email(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        email: &Email,
        verified: bool,
    ) -> Result<Account, WriteError> {
        let result = self
            .writer("set_email")?
            .set_email(&cx.new_read(), id, email, verified)
            .await;
        let keys = [id.clone().into(), email.key().clone().into()];
        self.forget(cx, keys, result).await
    }

    async fn delete(&self, cx: &CallContext, id: &CustomerRegistrationId) -> Result<(), WriteError> {
        let result = self.writer("delete")?.delete(&cx.new_read(), id).await;
        self.forget(cx, [id.clone().into()], result).await
    }
}

#[async_trait]
impl<A: UserSource + AccountAbilities + 'static> SignIn for CachedWriter<A> {
    /// The answer about the account is live; what was remembered of it is not renewed.
    async fn sign_in(&self, cx: &CallContext, attempt: &SignInAttempt<'_>) -> Result<SignInAnswer, SourceError> {
        let none = || SourceError::new("sign_in", SourceErrorKind::Misconfigured);
        let check = self.0.inner().password_check().ok_or_else(none)?;
        check.sign_in(&cx.new_read(), attempt).await
    }
}
