//! The port, method by method.

use async_trait::async_trait;
use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::Email, user_change::UserChange,
};
use masthead_ports::{
    keyed_hash::KeyedHash,
    passwords::PasswordHash,
    source::{CallContext, SourceError},
    users::{
        CodeCheck, CodeRefusal, NewCode, NewRegistration, NewResetLink, PendingRegistration, ResetLink,
        StoredCredentials, UserWriteError, UserWriter, WriteCommit,
    },
};
use time::OffsetDateTime;

use super::{PgUsers, change, codes, create, delete, error::PgWriteError, password, pending, reset_links, sign_in};

fn to_write_error(operation: &'static str) -> impl Fn(PgWriteError) -> UserWriteError {
    move |error| error.into_write_error(operation)
}

fn to_source_error(operation: &'static str) -> impl Fn(PgWriteError) -> SourceError {
    move |error| error.into_source_error(operation)
}

#[async_trait]
impl UserWriter for PgUsers {
    async fn create(
        &self,
        cx: &CallContext,
        new: &NewRegistration,
        from_pending: bool,
        commit: &WriteCommit,
    ) -> Result<Account, UserWriteError> {
        let created = create::create(self, cx, new, from_pending, commit).await;
        created.map_err(to_write_error("create user"))
    }

    async fn create_pending(
        &self,
        cx: &CallContext,
        pending: &PendingRegistration,
        code: &NewCode,
        commit: &WriteCommit,
    ) -> Result<(), UserWriteError> {
        let created = pending::create(self, cx, pending, code, commit).await;
        created.map_err(to_write_error("create pending registration"))
    }

    async fn replace_code(
        &self,
        cx: &CallContext,
        email: &Email,
        code: &NewCode,
        commit: &WriteCommit,
    ) -> Result<Result<(), CodeRefusal>, SourceError> {
        let replaced = codes::replace(self, cx, email, code, commit).await;
        replaced.map_err(to_source_error("replace code"))
    }

    async fn check_code(
        &self,
        cx: &CallContext,
        email: &Email,
        hashes: &[KeyedHash],
        at: OffsetDateTime,
    ) -> Result<CodeCheck, SourceError> {
        let checked = codes::check(self, cx, email, hashes, at).await;
        checked.map_err(to_source_error("check code"))
    }

    async fn update(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        change: &UserChange,
        read: Option<&Account>,
        commit: &WriteCommit,
    ) -> Result<Account, UserWriteError> {
        let changed = change::update(self, cx, id, change, read, commit).await;
        changed.map_err(to_write_error("update user"))
    }

    async fn set_password(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        password: Option<&PasswordHash>,
        commit: &WriteCommit,
    ) -> Result<Account, UserWriteError> {
        let changed = password::set_password(self, cx, id, password, commit).await;
        changed.map_err(to_write_error("set password"))
    }

    async fn rehash(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<(), SourceError> {
        let done = password::rehash(self, cx, id, old, new).await;
        done.map_err(to_source_error("rehash password"))
    }

    async fn set_email(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        email: &Email,
        verified: Option<bool>,
        commit: &WriteCommit,
    ) -> Result<(Account, Account), UserWriteError> {
        let changed = change::set_email(self, cx, id, email, verified, commit).await;
        changed.map_err(to_write_error("set address"))
    }

    async fn delete(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        purge: bool,
        commit: &WriteCommit,
    ) -> Result<Account, UserWriteError> {
        let deleted = delete::delete(self, cx, id, purge, commit).await;
        deleted.map_err(to_write_error("delete user"))
    }

    async fn credentials(&self, cx: &CallContext, email: &Email) -> Result<Option<StoredCredentials>, SourceError> {
        let found = sign_in::credentials(self, cx, email).await;
        found.map_err(to_source_error("credentials"))
    }

    async fn record(
        &self,
        cx: &CallContext,
        id: Option<&CustomerRegistrationId>,
        commit: &WriteCommit,
    ) -> Result<(), SourceError> {
        let done = sign_in::record(self, cx, id, commit).await;
        done.map_err(to_source_error("record events"))
    }

    async fn create_reset_link(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        link: &NewResetLink,
        commit: &WriteCommit,
    ) -> Result<(), UserWriteError> {
        let created = reset_links::create(self, cx, id, link, commit).await;
        created.map_err(to_write_error("create reset link"))
    }

    async fn find_reset_link(
        &self,
        cx: &CallContext,
        hashes: &[KeyedHash],
        at: OffsetDateTime,
    ) -> Result<Option<ResetLink>, SourceError> {
        let found = reset_links::find(self, cx, hashes, at).await;
        found.map_err(to_source_error("find reset link"))
    }

    async fn use_reset_link(
        &self,
        cx: &CallContext,
        hashes: &[KeyedHash],
        password: Option<&PasswordHash>,
        commit: &WriteCommit,
    ) -> Result<Account, UserWriteError> {
        let changed = password::set_by_link(self, cx, hashes, password, commit).await;
        changed.map_err(to_write_error("use reset link"))
    }
}
