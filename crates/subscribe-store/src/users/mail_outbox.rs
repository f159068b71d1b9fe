//! The queue of mails, which is filled in the transactions of writes.

use std::time::Duration;

use async_trait::async_trait;
use masthead_domain::tenant::TenantId;
use masthead_ports::{
    mail::{ClaimedMail, DeadReason, MailId, MailOutbox, SealedMail},
    source::SourceError,
};
use time::OffsetDateTime;

use super::{PgUsers, error::PgWriteError};
use crate::{row::RowError, sqlstate::source_error};

const OPERATION: &str = "mail outbox";

struct MailRow {
    id: String,
    tenant: String,
    sealed: String,
    attempts: i32,
    queued_at: OffsetDateTime,
}

impl MailRow {
    fn into_mail(self) -> Result<ClaimedMail, PgWriteError> {
        let corrupt = |column| RowError::Column { column };
        Ok(ClaimedMail {
            id: MailId::new(&self.id).ok_or(corrupt("id"))?,
            tenant: TenantId::parse(&self.tenant).map_err(|_| corrupt("tenant"))?,
            content: SealedMail(self.sealed.into()),
            attempts: self.attempts.unsigned_abs(),
            queued_at: self.queued_at,
        })
    }
}

fn attempts(mail: &ClaimedMail) -> i32 {
    i32::try_from(mail.attempts).unwrap_or(i32::MAX)
}

#[async_trait]
impl MailOutbox for PgUsers {
    async fn claim(&self, limit: usize, lease: Duration) -> Result<Vec<ClaimedMail>, SourceError> {
        // By position: the planner would join more rows than a few by reading the table.
        let mut rows = sqlx::query_as!(
            MailRow,
            r#"UPDATE mail_outbox
                  SET attempts = attempts + 1, next_attempt_at = clock_timestamp() + $2::float8 * interval '1 second'
                WHERE ctid = ANY (ARRAY (SELECT ctid FROM mail_outbox WHERE dead_at IS NULL AND next_attempt_at <= now()
                                          ORDER BY next_attempt_at LIMIT $1 FOR UPDATE SKIP LOCKED))
               RETURNING id::text AS "id!", tenant, sealed, attempts, queued_at"#,
            i64::try_from(limit).unwrap_or(i64::MAX),
            lease.as_secs_f64(),
        )
        .fetch_all(&self.service)
        .await
        .map_err(source_error(OPERATION))?;
        rows.sort_by_key(|row| row.queued_at);
        let mails = rows.into_iter().map(MailRow::into_mail);
        let mails = mails.collect::<Result<_, _>>();
        mails.map_err(|error: PgWriteError| error.into_source_error(OPERATION))
    }

    async fn sent(&self, mail: &ClaimedMail) -> Result<(), SourceError> {
        sqlx::query!(
            "DELETE FROM mail_outbox WHERE id = $1::text::uuid AND attempts = $2 AND dead_at IS NULL",
            mail.id.as_str(),
            attempts(mail),
        )
        .execute(&self.service)
        .await
        .map(|_| ())
        .map_err(source_error(OPERATION))
    }

    async fn retry(&self, mail: &ClaimedMail, at: OffsetDateTime) -> Result<(), SourceError> {
        sqlx::query!(
            "UPDATE mail_outbox SET next_attempt_at = $3
              WHERE id = $1::text::uuid AND attempts = $2 AND dead_at IS NULL",
            mail.id.as_str(),
            attempts(mail),
            at,
        )
        .execute(&self.service)
        .await
        .map(|_| ())
        .map_err(source_error(OPERATION))
    }

    async fn dead(&self, mail: &ClaimedMail, reason: DeadReason) -> Result<(), SourceError> {
        sqlx::query!(
            "UPDATE mail_outbox SET dead_at = now(), dead_reason = $3, sealed = ''
              WHERE id = $1::text::uuid AND attempts = $2 AND dead_at IS NULL",
            mail.id.as_str(),
            attempts(mail),
            reason.name(),
        )
        .execute(&self.service)
        .await
        .map(|_| ())
        .map_err(source_error(OPERATION))
    }
}
