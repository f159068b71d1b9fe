//! Gigya as a writer of accounts.

use async_trait::async_trait;
use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::Email, user_key::UserKey,
};
use masthead_ports::{
    accounts::{AccountChange, AccountWriter, NewAccount, WriteError},
    passwords::PlainPassword,
    source::{CallContext, SourceError, SourceErrorKind, SourceName},
};
use masthead_provider_kit::{
    ProviderCall, ReplyError,
    writes::{found_after_write, not_written, outcome_unknown, random_password},
};

use crate::{
    adapter::GigyaAdapter,
    address::{address, has_address},
    calls::{self, GigyaParams},
    changes::{self, write_error},
    envelope::{PENDING_REGISTRATION, PENDING_VERIFICATION},
    mapping::account,
    name::GIGYA,
    site::GigyaSite,
    wire::{EmptyAnswer, GigyaErrorBody, RegisteredAccount, RegistrationStarted},
};

const FIND_WRITTEN: &str = "find_written";
const CREATE: &str = "create";
const UPDATE: &str = "update";
const SET_PASSWORD: &str = "set_password";
const SET_EMAIL: &str = "set_email";
const DELETE: &str = "delete";

#[async_trait]
impl AccountWriter for GigyaAdapter {
    fn name(&self) -> SourceName {
        GIGYA
    }

    /// By UID, or by the address that an account signs in with; search lags.
    async fn find_written(&self, cx: &CallContext, key: &UserKey) -> Result<Vec<Account>, SourceError> {
        let site = self.site(&cx.tenant, FIND_WRITTEN)?;
        let found = match key {
            UserKey::Id(id) => site.by_uid(cx, FIND_WRITTEN, id.as_str()).await?,
            UserKey::Email(email) => site.by_login(cx, FIND_WRITTEN, email).await?,
        };
        let local = found.map(|remote| account(&remote, &site.settings.metadata));
        local
            .transpose()
            .map_err(|flaw| flaw.refuse(GIGYA, FIND_WRITTEN))
            .map(Vec::from_iter)
    }

    /// Gigya assigns the id. An account without a password gets a random one, because Gigya requires one.
    async fn create(&self, cx: &CallContext, new: &NewAccount) -> Result<Account, WriteError> {
        if new.id.is_some() {
            return Err(WriteError::Refused { message: None });
        }
        let site = self.site(&cx.tenant, CREATE)?;
        let password = match &new.password {
            Some(password) => password.clone(),
            None => random_password(CREATE)?,
        };
        let token = site.begin(cx).await?;
        let made = site.register(cx, new, token, password.expose()).await?;
        if made.error_code == PENDING_REGISTRATION {
            tracing::warn!(source.name = GIGYA, tenant = %cx.tenant.id, "gigya created an account that lacks fields the site requires");
        }
        if new.verified {
            site.verify(cx, &made)
                .await
                .map_err(|error| outcome_unknown(CREATE, error))?;
            return site.read_back(cx, CREATE, &made.account.uid).await;
        }
        account(&made.account, &site.settings.metadata).map_err(|error| outcome_unknown(CREATE, error))
    }

    async fn update(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        change: &AccountChange,
    ) -> Result<Account, WriteError> {
        let site = self.site(&cx.tenant, UPDATE)?;
        let map = &site.settings.metadata;
        let now = if changes::reaches_phones(change, map) {
            let found = site.by_uid(cx, UPDATE, id.as_str()).await?;
            Some(found.ok_or(WriteError::NoSuchUser)?)
        } else {
            None
        };
        let params = changes::update(change, id.as_str(), map, now.as_ref());
        if params.changes_nothing() {
            // Nothing that Gigya keeps changes.
            let found = site.by_uid(cx, UPDATE, id.as_str()).await?;
            let found = found.ok_or(WriteError::NoSuchUser)?;
            return account(&found, map).map_err(|error| outcome_unknown(UPDATE, error));
        }
        site.set(cx, UPDATE, &params).await?;
        site.read_back(cx, UPDATE, id.as_str()).await
    }

    async fn set_password(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        password: &PlainPassword,
    ) -> Result<(), WriteError> {
        let site = self.site(&cx.tenant, SET_PASSWORD)?;
        site.set(cx, SET_PASSWORD, &changes::password(id.as_str(), password))
            .await
    }

    async fn set_email(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        email: &Email,
        verified: bool,
    ) -> Result<Account, WriteError> {
        let site = self.site(&cx.tenant, SET_EMAIL)?;
        let found = site.by_uid(cx, SET_EMAIL, id.as_str()).await?;
        let found = found.ok_or(WriteError::NoSuchUser)?;
        let old = address(&found);
        let params = changes::email(&found, old.as_ref().map(Email::key), email, verified);
        site.set(cx, SET_EMAIL, &params).await?;
        site.read_back(cx, SET_EMAIL, id.as_str()).await
    }

    async fn delete(&self, cx: &CallContext, id: &CustomerRegistrationId) -> Result<(), WriteError> {
        let site = self.site(&cx.tenant, DELETE)?;
        let params = GigyaParams::new().with("UID", id.as_str());
        let none = |refused: &GigyaErrorBody| refused.is_unknown_account().then_some(());
        let done = |_: EmptyAnswer| Ok(());
        let call = ProviderCall::write(DELETE, cx);
        site.call(call, calls::DELETE_ACCOUNT, &params, done, none)
            .await
            .map_err(not_written)
    }
}

impl GigyaSite {
    /// A token to register with. Nothing is made yet: it is requested as often as a read.
    async fn begin(&self, cx: &CallContext) -> Result<String, WriteError> {
        let call = ProviderCall::read(CREATE, cx);
        let token = |begun: RegistrationStarted| Ok(begun.reg_token);
        let begun = self
            .call(call, calls::INIT_REGISTRATION, &GigyaParams::new(), token, |_| None)
            .await;
        begun.map_err(not_written)
    }

    async fn register(
        &self,
        cx: &CallContext,
        new: &NewAccount,
        token: String,
        password: &str,
    ) -> Result<RegisteredAccount, WriteError> {
        let params = changes::registration(new, token, password, &self.settings.metadata);
        let done = |made: RegisteredAccount| {
            if has_address(&made.account, new.email.key()) {
                Ok(Ok(made))
            } else {
                Err(ReplyError::For(SourceErrorKind::OutcomeUnknown))
            }
        };
        self.write(cx, CREATE, calls::REGISTER, &params, done).await
    }

    /// Counts the address of a new account as verified, and finishes the registration where it waits for that.
    async fn verify(&self, cx: &CallContext, made: &RegisteredAccount) -> Result<(), WriteError> {
        let params = GigyaParams::new()
            .with("UID", made.account.uid.as_str())
            .with("isVerified", "true");
        self.set(cx, CREATE, &params).await?;
        if made.error_code != PENDING_VERIFICATION {
            return Ok(());
        }
        let Some(token) = &made.reg_token else { return Ok(()) };
        let params = GigyaParams::new().with("regToken", token.as_str());
        self.write(cx, CREATE, calls::FINALIZE_REGISTRATION, &params, |_: EmptyAnswer| {
            Ok(Ok(()))
        })
        .await
    }

    async fn set(&self, cx: &CallContext, operation: &'static str, params: &GigyaParams) -> Result<(), WriteError> {
        self.write(cx, operation, calls::SET_ACCOUNT_INFO, params, |_: EmptyAnswer| {
            Ok(Ok(()))
        })
        .await
    }

    /// Makes a write. What Gigya objects to for the person's sake is no unavailable.
    async fn write<T: Send, R: serde::de::DeserializeOwned>(
        &self,
        cx: &CallContext,
        operation: &'static str,
        method: &'static str,
        params: &GigyaParams,
        done: impl Fn(R) -> Result<Result<T, WriteError>, ReplyError> + Send + Sync,
    ) -> Result<T, WriteError> {
        let refused = |body: &GigyaErrorBody| write_error(body).map(Err);
        let call = ProviderCall::write(operation, cx);
        match self.call(call, method, params, done, refused).await {
            Ok(result) => result,
            Err(error) => Err(not_written(error)),
        }
    }

    /// The account after a successful write; without a usable answer its state is unknown.
    async fn read_back(&self, cx: &CallContext, operation: &'static str, uid: &str) -> Result<Account, WriteError> {
        let found = self.by_uid(cx, operation, uid).await;
        let found = found_after_write(operation, found)?;
        account(&found, &self.settings.metadata).map_err(|error| outcome_unknown(operation, error))
    }
}
