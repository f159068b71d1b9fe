//! The port, method by method.

use async_trait::async_trait;
use futures_util::TryFutureExt as _;
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

use crate::trace::traced;

use super::{PgUsers, change, codes, create, delete, error::PgWriteError, password, pending, reset_links, sign_in};

pub(super) fn write<T>(
    operation: &'static str,
    work: impl Future<Output = Result<T, PgWriteError>>,
) -> impl Future<Output = Result<T, UserWriteError>> {
    traced(operation, work.map_err(move |error| error.into_write_error(operation)))
}

pub(super) fn read<T>(
    operation: &'static str,
    work: impl Future<Output = Result<T, PgWriteError>>,
) -> impl Future<Output = Result<T, SourceError>> {
    traced(operation, work.map_err(move |error| error.into_source_error(operation)))
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
        write("create user", create::create(self, cx, new, from_pending, commit)).await
    }

    async fn create_pending(
        &self,
        cx: &CallContext,
        pending: &PendingRegistration,
        code: &NewCode,
        commit: &WriteCommit,
    ) -> Result<(), UserWriteError> {
        write(
            "create pending registration",
            pending::create(self, cx, pending, code, commit),
        )
        .await
    }

    async fn replace_code(
        &self,
        cx: &CallContext,
        email: &Email,
        code: &NewCode,
        commit: &WriteCommit,
    ) -> Result<Result<(), CodeRefusal>, SourceError> {
        read("replace code", codes::replace(self, cx, email, code, commit)).await
    }

    async fn check_code(
        &self,
        cx: &CallContext,
        email: &Email,
        hashes: &[KeyedHash],
        at: OffsetDateTime,
    ) -> Result<CodeCheck, SourceError> {
        read("check code", codes::check(self, cx, email, hashes, at)).await
    }

    async fn update(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        change: &UserChange,
        read: Option<&Account>,
        commit: &WriteCommit,
    ) -> Result<Account, UserWriteError> {
        write("update user", change::update(self, cx, id, change, read, commit)).await
    }

    async fn set_password(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        password: Option<&PasswordHash>,
        commit: &WriteCommit,
    ) -> Result<Account, UserWriteError> {
        write("set password", password::set_password(self, cx, id, password, commit)).await
    }

    async fn set_first_password(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        password: &PasswordHash,
        commit: &WriteCommit,
    ) -> Result<Account, UserWriteError> {
        let set = password::set_first_password(self, cx, id, password, commit);
        write("set first password", set).await
    }

    async fn rehash(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<(), SourceError> {
        read("rehash password", password::rehash(self, cx, id, old, new)).await
    }

    async fn set_email(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        email: &Email,
        verified: Option<bool>,
        commit: &WriteCommit,
    ) -> Result<(Account, Account), UserWriteError> {
        write("set address", change::set_email(self, cx, id, email, verified, commit)).await
    }

    async fn delete(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        commit: &WriteCommit,
    ) -> Result<Account, UserWriteError> {
        write("delete user", delete::delete(self, cx, id, commit)).await
    }

    async fn credentials(&self, cx: &CallContext, email: &Email) -> Result<Option<StoredCredentials>, SourceError> {
        read("credentials", sign_in::credentials(self, cx, email)).await
    }

    async fn delete_unstored(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        email: Option<&Email>,
        commit: &WriteCommit,
    ) -> Result<(), UserWriteError> {
        write(
            "delete unstored user",
            delete::delete_unstored(self, cx, (id, email), commit),
        )
        .await
    }

    async fn record(
        &self,
        cx: &CallContext,
        id: Option<&CustomerRegistrationId>,
        commit: &WriteCommit,
    ) -> Result<(), SourceError> {
        read("record events", sign_in::record(self, cx, id, commit)).await
    }

    async fn create_reset_link(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        link: &NewResetLink,
        commit: &WriteCommit,
    ) -> Result<(), UserWriteError> {
        write("create reset link", reset_links::create(self, cx, id, link, commit)).await
    }

    async fn find_reset_link(
        &self,
        cx: &CallContext,
        hashes: &[KeyedHash],
        at: OffsetDateTime,
    ) -> Result<Option<ResetLink>, SourceError> {
        read("find reset link", reset_links::find(self, cx, hashes, at)).await
    }

    async fn use_reset_link(
        &self,
        cx: &CallContext,
        hashes: &[KeyedHash],
        password: Option<&PasswordHash>,
        commit: &WriteCommit,
    ) -> Result<Account, UserWriteError> {
        write(
            "use reset link",
            password::set_by_link(self, cx, hashes, password, commit),
        )
        .await
    }
}
