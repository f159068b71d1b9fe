//! The port of erasures, method by method.

use std::time::Duration;

use async_trait::async_trait;
use masthead_domain::{customer_registration_id::CustomerRegistrationId, tenant::PoolId, user_key::UserKey};
use masthead_ports::{
    erasure::{ErasureId, Erasures, NewErasure, Person, Receipt, StoredTexts},
    keyed_hash::KeyedHash,
    source::{CallContext, SourceError},
    users::{UserWriteError, WriteCommit},
};
use time::OffsetDateTime;

use super::{
    PgUsers, erase,
    error::{PgWriteError, in_time},
    identify,
    receipts::{ErasureRow, keyed_hash},
    sweep,
};
use crate::{sqlstate::source_error, trace::traced};

const OPERATION: &str = "erasures";

/// The most receipts that are read of a person.
const MOST: i64 = 100;

fn failed(error: PgWriteError) -> SourceError {
    error.into_source_error(OPERATION)
}

#[async_trait]
impl Erasures for PgUsers {
    async fn identify(&self, cx: &CallContext, key: &UserKey) -> Result<Person, SourceError> {
        traced("identify person", async {
            identify::identify(self, cx, key).await.map_err(failed)
        })
        .await
    }

    async fn erase(
        &self,
        cx: &CallContext,
        person: &Person,
        new: &NewErasure,
        commit: &WriteCommit,
    ) -> Result<Receipt, UserWriteError> {
        let erased = async {
            let erased = erase::erase(self, cx, person, new, commit).await;
            erased.map_err(|error| error.into_write_error(OPERATION))
        };
        traced("erase person", erased).await
    }

    async fn claim_due(&self, at: OffsetDateTime, lease: Duration, limit: u16) -> Result<Vec<ErasureId>, SourceError> {
        let ids = sqlx::query_scalar!(
            "UPDATE erasures SET due_at = $3, attempts = attempts + 1
              WHERE ctid = ANY (ARRAY (SELECT ctid FROM erasures WHERE due_at <= $1
                                        ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED))
             RETURNING id",
            at,
            i64::from(limit),
            at + lease,
        )
        .fetch_all(&self.service)
        .await
        .map_err(source_error(OPERATION))?;
        Ok(ids.into_iter().map(ErasureId).collect())
    }

    async fn sweep(
        &self,
        id: ErasureId,
        texts: &dyn StoredTexts,
        at: OffsetDateTime,
        events_within: Duration,
    ) -> Result<Option<Receipt>, SourceError> {
        sweep::sweep(self, id, texts, at, events_within).await.map_err(failed)
    }

    async fn receipt(&self, cx: &CallContext, id: ErasureId) -> Result<Option<Receipt>, SourceError> {
        let work = || async {
            let row = sqlx::query_as!(
                ErasureRow,
                r#"SELECT id, pool, requested_at, finished_at, tenant, request_id, source_system, hashes, attempt_keys, numbers,
                          receipt::text AS "receipt!"
                     FROM erasures WHERE id = $1 AND pool = $2"#,
                id.0,
                cx.tenant.pool.0,
            );
            let row = row.fetch_optional(&self.service).await?;
            row.map(ErasureRow::into_receipt).transpose()
        };
        in_time(cx, work).await.map_err(failed)
    }

    async fn receipts_of(&self, cx: &CallContext, person: &Person) -> Result<Vec<Receipt>, SourceError> {
        let pool = cx.tenant.pool;
        let ids = person.ids.iter().map(CustomerRegistrationId::as_str);
        let texts = ids.chain(person.emails.iter().map(erase::email_text));
        let hashes: Vec<Vec<u8>> = texts
            .flat_map(|text| self.tombstones.hashes_of(pool, text))
            .map(|hash| hash.0.to_vec())
            .collect();
        let work = || async {
            let rows = sqlx::query_as!(
                ErasureRow,
                r#"SELECT id, pool, requested_at, finished_at, tenant, request_id, source_system, hashes, attempt_keys, numbers,
                          receipt::text AS "receipt!"
                     FROM erasures WHERE hashes && $1 AND pool = $2 ORDER BY requested_at DESC, id DESC LIMIT $3"#,
                &hashes,
                pool.0,
                MOST,
            );
            let rows = rows.fetch_all(&self.service).await?;
            rows.into_iter().map(ErasureRow::into_receipt).collect()
        };
        in_time(cx, work).await.map_err(failed)
    }
}

impl PgUsers {
    /// The erasures since this time, of every pool, each with the keyed hashes of its ids and addresses; at most 10,000.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn erasures_since(
        &self,
        since: OffsetDateTime,
    ) -> Result<Vec<(ErasureId, PoolId, Vec<KeyedHash>)>, SourceError> {
        let rows = sqlx::query!(
            "SELECT id, pool, hashes FROM erasures WHERE requested_at >= $1 ORDER BY requested_at DESC LIMIT 10000",
            since,
        )
        .fetch_all(&self.service)
        .await
        .map_err(source_error(OPERATION))?;
        let erasure = |(id, pool, hashes): (i64, i64, Vec<Vec<u8>>)| {
            let hashes = hashes.iter().filter_map(|hash| keyed_hash(hash));
            (ErasureId(id), PoolId(pool), hashes.collect())
        };
        Ok(rows
            .into_iter()
            .map(|row| erasure((row.id, row.pool, row.hashes)))
            .collect())
    }
}
