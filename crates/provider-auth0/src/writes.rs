//! Auth0 as a writer of accounts.

use async_trait::async_trait;
use bytes::Bytes;
use http::Request;
use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::Email, user_key::UserKey,
};
use masthead_ports::{
    accounts::{AccountChange, AccountWriter, NewAccount, WriteError},
    passwords::PlainPassword,
    source::{CallContext, SourceError, SourceErrorKind, SourceName},
};
use masthead_provider_kit::{
    HttpReply, ProviderCall, ReplyError,
    writes::{not_written, outcome_unknown, random_password},
};
use serde_json::Value;

use crate::{
    adapter::Auth0Adapter,
    changes::{self, write_error},
    management::{ManagementApi, is_about_the_user, written, written_about},
    mapping::account,
    name::AUTH0,
    refusal::{envelope, refusal},
    wire::Auth0User,
};

const FIND_WRITTEN: &str = "find_written";
const CREATE: &str = "create";
const UPDATE: &str = "update";
const SET_PASSWORD: &str = "set_password";
const SET_EMAIL: &str = "set_email";
const DELETE: &str = "delete";

#[async_trait]
impl AccountWriter for Auth0Adapter {
    fn name(&self) -> SourceName {
        AUTH0
    }

    /// By `users/{id}` and `users-by-email`, which are immediately consistent; search lags.
    async fn find_written(&self, cx: &CallContext, key: &UserKey) -> Result<Vec<Account>, SourceError> {
        let api = self.api(&cx.tenant, FIND_WRITTEN)?;
        let found = match key {
            UserKey::Id(id) => Vec::from_iter(api.user(cx, FIND_WRITTEN, id.as_str()).await?),
            UserKey::Email(email) => api.users_by_email(cx, FIND_WRITTEN, email.as_str()).await?,
        };
        let mut accounts = Vec::new();
        for user in &found {
            accounts.extend(api.tenant_account(user, FIND_WRITTEN)?);
        }
        Ok(accounts)
    }

    /// A given id must be one of Auth0's own database (`auth0|…`): others are their providers'. A database requires a
    /// password, so that an account without one gets a random one.
    async fn create(&self, cx: &CallContext, new: &NewAccount) -> Result<Account, WriteError> {
        if new.id.as_ref().is_some_and(|id| changes::own_part(id).is_none()) {
            return Err(WriteError::Refused { message: None });
        }
        let api = self.api(&cx.tenant, CREATE)?;
        let Some(connection) = &api.settings.connection else {
            tracing::error!(source.name = AUTH0, tenant = %cx.tenant.id, "Auth0.Connection is not set: no account can be made");
            return Err(SourceError::new(CREATE, SourceErrorKind::Misconfigured).into());
        };
        let random = match &new.password {
            None if !changes::is_passwordless(connection) => Some(random_password(CREATE)?),
            _ => None,
        };
        let password = new.password.as_ref().or(random.as_ref());
        let body = changes::creation(new, password, connection, &api.settings.metadata);
        let request = written(CREATE, api.requests().create(&body))?;
        let made = |user: &Auth0User| {
            let has_id = new.id.as_ref().is_none_or(|id| user.user_id == id.as_str());
            let email = user.email.as_deref();
            has_id && email.is_some_and(|email| same_address(email, &new.email))
        };
        api.write(cx, CREATE, &request, 201, made).await
    }

    async fn update(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        change: &AccountChange,
    ) -> Result<Account, WriteError> {
        let api = self.api(&cx.tenant, UPDATE)?;
        let body = changes::update(change, id.as_str(), &api.settings.metadata);
        if body.as_object().is_some_and(serde_json::Map::is_empty) {
            // Nothing that Auth0 keeps changes.
            let user = api.user(cx, UPDATE, id.as_str()).await?.ok_or(WriteError::NoSuchUser)?;
            return account(&user, &api.settings.metadata).map_err(|error| outcome_unknown(UPDATE, error));
        }
        api.patch(cx, UPDATE, id, &body).await
    }

    async fn set_password(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        password: &PlainPassword,
    ) -> Result<(), WriteError> {
        let api = self.api(&cx.tenant, SET_PASSWORD)?;
        let body = changes::password(password, &api.settings);
        api.patch(cx, SET_PASSWORD, id, &body).await.map(|_| ())
    }

    async fn set_email(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        email: &Email,
        verified: bool,
    ) -> Result<Account, WriteError> {
        let api = self.api(&cx.tenant, SET_EMAIL)?;
        let body = changes::email(email, verified, &api.settings);
        api.patch(cx, SET_EMAIL, id, &body).await
    }

    /// Auth0 answers 204 for an absent user too.
    async fn delete(&self, cx: &CallContext, id: &CustomerRegistrationId) -> Result<(), WriteError> {
        let api = self.api(&cx.tenant, DELETE)?;
        if !is_user_id(id) {
            return Ok(());
        }
        let request = written_about(DELETE, api.requests().delete(id.as_str()))?;
        let read = |reply: &HttpReply| match reply.status.as_u16() {
            204 => Ok(()),
            _ => Err(refusal(DELETE, reply)),
        };
        let done = api.upstream.call(ProviderCall::write(DELETE, cx), &request, read).await;
        done.map_err(not_written)
    }
}

/// Whether it can be an id of Auth0, each of which is `provider|id`: any other is refused by it as a wrong path.
fn is_user_id(id: &CustomerRegistrationId) -> bool {
    id.as_str().contains('|')
}

impl ManagementApi {
    async fn patch(
        &self,
        cx: &CallContext,
        operation: &'static str,
        id: &CustomerRegistrationId,
        body: &Value,
    ) -> Result<Account, WriteError> {
        if !is_user_id(id) {
            return Err(WriteError::NoSuchUser);
        }
        let request = written_about(operation, self.requests().update(id.as_str(), body))?;
        self.write(cx, operation, &request, 200, |user| user.user_id == id.as_str())
            .await
    }

    /// Sends a write and reads the user in its answer, who must satisfy `is_it`. Once Auth0 reports success, an
    /// unreadable answer means the outcome is unknown.
    async fn write(
        &self,
        cx: &CallContext,
        operation: &'static str,
        request: &Request<Bytes>,
        done: u16,
        is_it: impl Fn(&Auth0User) -> bool + Send + Sync,
    ) -> Result<Account, WriteError> {
        let read = |reply: &HttpReply| match reply.status.as_u16() {
            status if status == done => {
                let user: Auth0User = reply.json()?;
                if is_it(&user) {
                    Ok(Ok(Box::new(user)))
                } else {
                    Err(ReplyError::For(SourceErrorKind::OutcomeUnknown))
                }
            }
            404 if is_about_the_user(reply) => Ok(Err(WriteError::NoSuchUser)),
            409 if envelope(reply).is_some() => Ok(Err(WriteError::AlreadyExists)),
            400 => match envelope(reply).and_then(|body| write_error(&body)) {
                Some(error) => Ok(Err(error)),
                None => Err(refusal(operation, reply)),
            },
            _ => Err(refusal(operation, reply)),
        };
        match self
            .upstream
            .call(ProviderCall::write(operation, cx), request, read)
            .await
        {
            Ok(written) => {
                let account = account(&*written?, &self.settings.metadata);
                account.map_err(|error| outcome_unknown(operation, error))
            }
            Err(error) => Err(not_written(error)),
        }
    }
}

fn same_address(remote: &str, wanted: &Email) -> bool {
    Email::from_source(remote).is_ok_and(|email| email.key() == wanted.key())
}
