//! Auth0 as a writer of accounts.

use async_trait::async_trait;
use bytes::Bytes;
use http::Request;
use masthead_domain::{account::Account, customer_registration_id::CustomerRegistrationId, email::Email};
use masthead_ports::{
    accounts::{AccountChange, AccountWriter, NewAccount, PlainPassword, WriteError},
    source::{CallContext, SourceError, SourceErrorKind, SourceName},
};
use masthead_provider_http::{Call, Refusal, Reply};
use serde_json::Value;

use crate::{
    auth0::{AUTH0, Auth0},
    changes::{self, Objection, objection},
    management::{Management, is_about_the_user, written, written_about},
    mapping::account,
    refusal::{envelope, refusal},
    wire::User,
};

const CREATE: &str = "create";
const UPDATE: &str = "update";
const SET_PASSWORD: &str = "set_password";
const SET_EMAIL: &str = "set_email";
const DELETE: &str = "delete";

/// How Auth0 answered a write.
enum Written {
    Done(Box<User>),
    Not(WriteError),
}

#[async_trait]
impl AccountWriter for Auth0 {
    fn name(&self) -> SourceName {
        AUTH0
    }

    async fn create(&self, cx: &CallContext, new: &NewAccount) -> Result<Account, WriteError> {
        let api = self.api(&cx.tenant, CREATE)?;
        let Some(connection) = &api.settings.connection else {
            tracing::error!(source.name = AUTH0, tenant = %cx.tenant.id, "Auth0.Connection is not set: no account can be made");
            return Err(SourceError::new(CREATE, SourceErrorKind::Misconfigured).into());
        };
        let body = changes::creation(new, connection, &api.settings.metadata);
        let request = written(CREATE, api.requests().create(&body))?;
        let made = |user: &User| {
            user.email
                .as_deref()
                .is_some_and(|email| same_address(email, &new.email))
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
            return account(&user, &api.settings.metadata).map_err(|flaw| unread(UPDATE, flaw));
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

    /// Auth0 says 204 whether there was such a user or not.
    async fn delete(&self, cx: &CallContext, id: &CustomerRegistrationId) -> Result<(), WriteError> {
        let api = self.api(&cx.tenant, DELETE)?;
        let request = written_about(DELETE, api.requests().delete(id.as_str()))?;
        let read = |reply: &Reply| match reply.status.as_u16() {
            204 => Ok(()),
            _ => Err(refusal(DELETE, reply)),
        };
        let done = api.upstream.call(Call::write(DELETE, cx), &request, read).await;
        done.map_err(undone)
    }
}

impl Management {
    async fn patch(
        &self,
        cx: &CallContext,
        operation: &'static str,
        id: &CustomerRegistrationId,
        body: &Value,
    ) -> Result<Account, WriteError> {
        let request = written_about(operation, self.requests().update(id.as_str(), body))?;
        self.write(cx, operation, &request, 200, |user| user.user_id == id.as_str())
            .await
    }

    /// Makes a write and reads the user that it answers with, who must be the one `is_it` knows. Once Auth0 says that it is
    /// done, an answer that cannot be read leaves open what was done.
    async fn write(
        &self,
        cx: &CallContext,
        operation: &'static str,
        request: &Request<Bytes>,
        done: u16,
        is_it: impl Fn(&User) -> bool + Send + Sync,
    ) -> Result<Account, WriteError> {
        let read = |reply: &Reply| match reply.status.as_u16() {
            status if status == done => {
                let user: User = reply.json()?;
                if is_it(&user) {
                    Ok(Written::Done(Box::new(user)))
                } else {
                    Err(Refusal::For(SourceErrorKind::OutcomeUnknown))
                }
            }
            404 if is_about_the_user(reply) => Ok(Written::Not(WriteError::NoSuchUser)),
            409 if envelope(reply).is_some() => Ok(Written::Not(WriteError::AlreadyExists)),
            400 => match envelope(reply).map(|refused| objection(&refused)) {
                Some(Objection::Taken) => Ok(Written::Not(WriteError::AlreadyExists)),
                Some(Objection::Password(told)) => Ok(Written::Not(WriteError::Refused { message: told })),
                Some(Objection::Other) | None => Err(refusal(operation, reply)),
            },
            _ => Err(refusal(operation, reply)),
        };
        match self.upstream.call(Call::write(operation, cx), request, read).await {
            Ok(Written::Done(user)) => account(&user, &self.settings.metadata).map_err(|flaw| unread(operation, flaw)),
            Ok(Written::Not(error)) => Err(error),
            Err(error) => Err(undone(error)),
        }
    }
}

/// It understood, and will not: that is no silence.
fn undone(error: SourceError) -> WriteError {
    match error.kind {
        SourceErrorKind::Refused => WriteError::Refused { message: None },
        _ => WriteError::Source(error),
    }
}

fn same_address(theirs: &str, wanted: &Email) -> bool {
    Email::from_source(theirs).is_ok_and(|email| email.key() == wanted.key())
}

/// It is done, and the answer is of no use.
fn unread(operation: &'static str, flaw: crate::mapping::Untrue) -> WriteError {
    SourceError::with_cause(operation, SourceErrorKind::OutcomeUnknown, flaw).into()
}
