//! What is kept of users whose registrations are at a remote Users API.

use async_trait::async_trait;
use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::Email, tenant::PoolId,
};
use masthead_ports::{
    keyed_hash::KeyedHash,
    remote_store::{EndedByWrite, RemoteStoreRecords},
    source::{CallContext, SourceError},
    users::{CodeRefusal, NewCode, NewResetLink, ResetLink, UserWriteError, WriteCommit},
};
use time::{Duration, OffsetDateTime};

use super::{
    PgUsers, code_rows,
    commit::{WrittenUser, complete, mark_written},
    error::{PgWriteError, commit, in_time},
    pending,
    registration_rows::lock_address,
    reset_links::LINKS,
    writer::{read, write},
};
use crate::{database::Transaction, row::RowError};

impl PgUsers {
    /// The user in the events and for the idempotency key.
    fn remote_user<'a>(&self, pool: PoolId, id: &'a CustomerRegistrationId) -> WrittenUser<'a> {
        WrittenUser {
            number: None,
            crid: Some(id),
            hashed: self.tombstones.hashed_user(pool, id),
        }
    }

    async fn record_remote_write(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        ended: EndedByWrite<'_>,
        with: &WriteCommit,
    ) -> Result<(), PgWriteError> {
        let (pool, at) = (cx.tenant.pool, with.origin.at);
        let work = || async {
            let mut transaction = self.writing.begin().await?;
            if let Some(email) = ended.pending {
                lock_address(&mut transaction, pool, email).await?;
                pending::end(&mut transaction, pool, email, at).await?;
            }
            if ended.links {
                end_links(&mut transaction, pool, id).await?;
            }
            if let Some(link) = &with.reset_link {
                keep_link(&mut transaction, pool, id, link, at).await?;
            }
            complete(&mut transaction, &cx.tenant, self.remote_user(pool, id), with).await?;
            Ok(transaction)
        };
        let transaction = in_time(cx, work).await?;
        commit(cx, transaction).await
    }

    async fn replace_remote_code(
        &self,
        cx: &CallContext,
        user: &Account,
        email: &Email,
        code: &NewCode,
        with: &WriteCommit,
    ) -> Result<Result<(), CodeRefusal>, PgWriteError> {
        let (pool, at) = (cx.tenant.pool, with.origin.at);
        let work = || async {
            let mut transaction = self.writing.begin().await?;
            lock_address(&mut transaction, pool, email).await?;
            let is_written = code_rows::write(&mut transaction, pool, email, code, at, Duration::MINUTE).await?;
            if is_written {
                complete(&mut transaction, &cx.tenant, self.remote_user(pool, &user.crid), with).await?;
            } else {
                mark_written(&mut transaction, &cx.tenant, WrittenUser::default(), with).await?;
            }
            Ok((transaction, is_written))
        };
        let (transaction, is_written) = in_time(cx, work).await?;
        commit(cx, transaction).await?;
        Ok(if is_written { Ok(()) } else { Err(CodeRefusal::TooMany) })
    }

    async fn check_remote_code(
        &self,
        cx: &CallContext,
        email: &Email,
        hashes: &[KeyedHash],
        at: OffsetDateTime,
    ) -> Result<bool, PgWriteError> {
        let work = || async {
            let mut transaction = self.service.begin().await?;
            let is_right = code_rows::count_try(&mut transaction, cx.tenant.pool, email, hashes, at).await?;
            Ok((transaction, is_right))
        };
        let (transaction, is_right) = in_time(cx, work).await?;
        commit(cx, transaction).await?;
        Ok(is_right)
    }

    async fn find_pending(&self, cx: &CallContext, email: &Email, at: OffsetDateTime) -> Result<bool, PgWriteError> {
        let work = || async {
            let mut transaction = self.service.begin().await?;
            let found = pending::find(&mut transaction, cx.tenant.pool, email, at).await?;
            transaction.rollback().await?;
            Ok(found.is_some())
        };
        in_time(cx, work).await
    }

    async fn find_remote_link(
        &self,
        cx: &CallContext,
        hashes: &[KeyedHash],
        at: OffsetDateTime,
    ) -> Result<Option<ResetLink>, PgWriteError> {
        let hashes: Vec<&[u8]> = hashes.iter().map(|hash| &hash.0[..]).collect();
        let work = || async {
            let found = sqlx::query!(
                r#"SELECT id, expires_at, crid AS "crid!" FROM reset_links
                    WHERE pool = $1 AND hash = ANY ($2) AND expires_at > $3 AND crid IS NOT NULL"#,
                cx.tenant.pool.0,
                &hashes as &[&[u8]],
                at,
            )
            .fetch_optional(&self.service)
            .await?;
            Ok(found)
        };
        let Some(row) = in_time(cx, work).await? else {
            return Ok(None);
        };
        Ok(Some(ResetLink {
            event_id: row.id,
            expires_at: row.expires_at,
            account: Account::new(stored_id(&row.crid)?),
        }))
    }

    async fn use_remote_link(
        &self,
        cx: &CallContext,
        hashes: &[KeyedHash],
        with: &WriteCommit,
    ) -> Result<CustomerRegistrationId, PgWriteError> {
        let pool = cx.tenant.pool;
        let hashes: Vec<&[u8]> = hashes.iter().map(|hash| &hash.0[..]).collect();
        let work = || async {
            let mut transaction = self.writing.begin().await?;
            // The row's lock decides between two uses.
            let taken = sqlx::query_scalar!(
                r#"DELETE FROM reset_links WHERE pool = $1 AND hash = ANY ($2) AND expires_at > $3 AND crid IS NOT NULL
                   RETURNING crid AS "crid!""#,
                pool.0,
                &hashes as &[&[u8]],
                with.origin.at,
            )
            .fetch_optional(&mut transaction)
            .await?;
            let id = stored_id(&taken.ok_or(UserWriteError::NoSuchUser)?)?;
            end_links(&mut transaction, pool, &id).await?;
            complete(&mut transaction, &cx.tenant, self.remote_user(pool, &id), with).await?;
            Ok((transaction, id))
        };
        let (transaction, id) = in_time(cx, work).await?;
        commit(cx, transaction).await?;
        Ok(id)
    }
}

fn stored_id(text: &str) -> Result<CustomerRegistrationId, RowError> {
    CustomerRegistrationId::parse(text).map_err(|_| RowError::Column { column: "crid" })
}

async fn end_links(
    transaction: &mut Transaction,
    pool: PoolId,
    id: &CustomerRegistrationId,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "DELETE FROM reset_links WHERE pool = $1 AND crid = $2",
        pool.0,
        id.as_str(),
    )
    .execute(transaction)
    .await
    .map(|_| ())
}

async fn keep_link(
    transaction: &mut Transaction,
    pool: PoolId,
    id: &CustomerRegistrationId,
    link: &NewResetLink,
    at: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "DELETE FROM reset_links WHERE pool = $1 AND crid = $2 AND id <=
                    (SELECT id FROM reset_links WHERE pool = $1 AND crid = $2 ORDER BY id DESC OFFSET $3 LIMIT 1)",
        pool.0,
        id.as_str(),
        LINKS - 1,
    )
    .execute(&mut *transaction)
    .await?;
    sqlx::query!(
        "INSERT INTO reset_links (pool, crid, created_at, expires_at, hash) VALUES ($1, $2, $3, $4, $5)",
        pool.0,
        id.as_str(),
        at,
        link.expires_at,
        &link.hash.0[..],
    )
    .execute(transaction)
    .await
    .map(|_| ())
}

#[async_trait]
impl RemoteStoreRecords for PgUsers {
    async fn has_pending(&self, cx: &CallContext, email: &Email, at: OffsetDateTime) -> Result<bool, SourceError> {
        read("find pending registration", self.find_pending(cx, email, at)).await
    }

    async fn record_write(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        ended: EndedByWrite<'_>,
        commit: &WriteCommit,
    ) -> Result<(), SourceError> {
        read("record remote write", self.record_remote_write(cx, id, ended, commit)).await
    }

    async fn replace_code_of(
        &self,
        cx: &CallContext,
        user: &Account,
        email: &Email,
        code: &NewCode,
        commit: &WriteCommit,
    ) -> Result<Result<(), CodeRefusal>, SourceError> {
        read(
            "replace remote code",
            self.replace_remote_code(cx, user, email, code, commit),
        )
        .await
    }

    async fn is_right_code(
        &self,
        cx: &CallContext,
        email: &Email,
        hashes: &[KeyedHash],
        at: OffsetDateTime,
    ) -> Result<bool, SourceError> {
        read("check remote code", self.check_remote_code(cx, email, hashes, at)).await
    }

    async fn find_link(
        &self,
        cx: &CallContext,
        hashes: &[KeyedHash],
        at: OffsetDateTime,
    ) -> Result<Option<ResetLink>, SourceError> {
        read("find remote link", self.find_remote_link(cx, hashes, at)).await
    }

    async fn use_link(
        &self,
        cx: &CallContext,
        hashes: &[KeyedHash],
        commit: &WriteCommit,
    ) -> Result<CustomerRegistrationId, UserWriteError> {
        write("use remote link", self.use_remote_link(cx, hashes, commit)).await
    }
}
