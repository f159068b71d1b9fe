//! Finds registrations that write-backs of earlier versions may have split or moved, and merges split ones
//! (docs/adr/0091-what-earlier-write-backs-left.md).

use std::sync::Arc;

use masthead_domain::{
    account::Account,
    customer_registration_id::CustomerRegistrationId,
    email::Email,
    merge::{Precedence, SourceKind},
    metadata::Metadata,
};
use masthead_ports::{
    registrations::WriteOrigin,
    source::{CallContext, SourceError, SourceErrorKind},
};
use thiserror::Error;
use time::OffsetDateTime;

use crate::{
    database::{PgDatabase, Transaction},
    event_rows::ChangeEvent,
    mirror::{Changes, MirrorError, follow, provider_of},
    sqlstate::source_error,
    write_back::{RegistrationWriteError, lock, update},
};

const REPAIRS: &str = "repairs";

/// The source system of the events of a merge, which distinguishes them from write-backs.
const MERGING: &str = "masthead-registrations";

/// Finds and repairs damage of earlier write-backs. Cheap to clone.
#[derive(Clone)]
pub struct Repairs {
    pub(crate) pool: PgDatabase,
}

/// The suspected registrations of a tenant's pool.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Suspects {
    /// Pairs that probably belong to one user, the oldest first.
    pub split: Vec<Split>,
    /// Registrations that may have belonged to another user, the oldest first.
    pub moved: Vec<Moved>,
}

/// A registration that a write-back created beside an older one: the provider has one account of their address, with the id
/// of the younger registration, and no account with the older id. Without the younger registration the address would join
/// the older one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// The number of the older registration.
    pub older: i64,
    /// Its id.
    pub older_crid: CustomerRegistrationId,
    /// The number of the younger registration, which the write-back created.
    pub younger: i64,
    /// Its id, which is the provider's.
    pub younger_crid: CustomerRegistrationId,
    /// When the write-back created it.
    pub written_at: OffsetDateTime,
}

/// A registration that a write-back changed but did not create, with values that its provider account lacks, while another
/// account of the provider has had no registration since. Its former id is not logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The number of the registration.
    pub registration: i64,
    /// Its current id.
    pub crid: CustomerRegistrationId,
    /// When a write-back first changed it.
    pub written_at: OffsetDateTime,
}

/// The result of a merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merged {
    /// The older registration has the younger one's id and values; the younger one is marked as deleted.
    Done,
    /// Both have different values for a key, or the younger one has a password: an operator must decide.
    ValuesDiffer,
    /// One of them has changed since the suspects were listed.
    Changed,
}

/// Why nothing can be listed.
#[derive(Debug, Error)]
pub enum RepairError {
    /// The tenant has no complete mirror of its provider.
    #[error("the tenant's provider has no complete mirror; run `masthead sync` first")]
    NoCompleteMirror,
    /// The database is unavailable.
    #[error(transparent)]
    Unavailable(#[from] SourceError),
}

impl Repairs {
    /// Lists the suspects of the tenant's pool. Writes nothing.
    ///
    /// # Errors
    /// [`RepairError`].
    pub async fn suspects(&self, cx: &CallContext) -> Result<Suspects, RepairError> {
        let mut transaction = self.begin_with_mirror(cx).await?;
        let pool = cx.tenant.pool.0;
        Ok(Suspects {
            split: find_split(&mut transaction, pool).await?,
            moved: find_moved(&mut transaction, pool).await?,
        })
    }

    /// The registrations of the tenant's pool of which the mirror shows no account, neither by their id nor joined by their
    /// address: number and id, in the order of their numbers, at most `limit` after the number `after`. Writes nothing.
    ///
    /// # Errors
    /// [`RepairError`].
    pub async fn without_account(
        &self,
        cx: &CallContext,
        after: i64,
        limit: u16,
    ) -> Result<Vec<(i64, CustomerRegistrationId)>, RepairError> {
        let mut transaction = self.begin_with_mirror(cx).await?;
        let rows = sqlx::query!(
            "SELECT r.id, r.crid FROM registrations AS r
              WHERE r.pool = $1 AND r.id > $2 AND r.deleted_at IS NULL
                AND NOT EXISTS (SELECT FROM mirror_entries AS k
                                 WHERE k.pool = $1 AND k.registration_id = r.id AND k.profile IS NOT NULL)
                AND NOT EXISTS (SELECT FROM mirror_entries AS k
                                 WHERE k.pool = $1 AND k.crid = r.crid AND k.profile IS NOT NULL)
              ORDER BY r.id LIMIT $3",
            cx.tenant.pool.0,
            after,
            i64::from(limit),
        )
        .fetch_all(&mut transaction)
        .await
        .map_err(source_error(REPAIRS))?;
        let found = rows.into_iter().map(|row| Ok((row.id, parse_id(&row.crid)?)));
        found.collect()
    }

    /// A transaction in which the tenant has a complete mirror of its provider.
    async fn begin_with_mirror(&self, cx: &CallContext) -> Result<Transaction, RepairError> {
        let mut transaction = self.pool.begin().await.map_err(source_error(REPAIRS))?;
        transaction
            .allow_long_statements()
            .await
            .map_err(source_error(REPAIRS))?;
        let pool = cx.tenant.pool.0;
        let is_whole = sqlx::query_scalar!(
            "SELECT EXISTS (SELECT FROM mirrors AS d JOIN pools AS p ON p.id = d.pool
                             WHERE d.pool = $1 AND d.provider = $2 AND d.as_of IS NOT NULL AND d.whole
                               AND NOT p.masters_accounts)
                    AS \"is_whole!\"",
            pool,
            provider_of(&cx.tenant),
        )
        .fetch_one(&mut transaction)
        .await
        .map_err(source_error(REPAIRS))?;
        if is_whole {
            Ok(transaction)
        } else {
            Err(RepairError::NoCompleteMirror)
        }
    }

    /// Merges the younger registration of a split into the older one, in one transaction with its events. The older one
    /// takes the id, e-mail address, names and verification of the younger one, and metadata that it lacks. If both have a
    /// value, the provider's value is taken for the fields that the provider wins.
    ///
    /// # Errors
    /// The database is unavailable, or a row is corrupt.
    pub async fn merge(
        &self,
        cx: &CallContext,
        split: &Split,
        request_id: Arc<str>,
        at: OffsetDateTime,
    ) -> Result<Merged, SourceError> {
        let written_for = &WriteOrigin::new(request_id, MERGING.into(), at);
        let precedence = &cx.tenant.settings.precedence;
        let mut transaction = self.pool.begin().await.map_err(source_error(REPAIRS))?;
        // Locked in the order of their numbers, as all writers of several rows do.
        let older = lock(&mut transaction, cx, split.older).await?;
        let younger = lock(&mut transaction, cx, split.younger).await?;
        let (Some(older), Some(younger)) = (older, younger) else {
            return Ok(Merged::Changed);
        };
        let is_as_listed = older.account.crid == split.older_crid
            && younger.account.crid == split.younger_crid
            && older.account.email.as_ref().map(Email::key) == younger.account.email.as_ref().map(Email::key);
        if !is_as_listed || older.masters_accounts {
            return Ok(Merged::Changed);
        }
        let Some(account) = absorb(&older.account, &younger.account, precedence) else {
            return Ok(Merged::ValuesDiffer);
        };
        sqlx::query!(
            "UPDATE registrations SET deleted_at = $3, changed_at = $3, search_terms = '{}' WHERE pool = $1 AND id = $2",
            cx.tenant.pool.0,
            younger.id,
            written_for.at,
        )
        .execute(&mut transaction)
        .await
        .map_err(source_error(REPAIRS))?;
        match update(&mut transaction, cx, &older, &account, written_for).await {
            Ok(_) => {}
            Err(RegistrationWriteError::Conflict) => return Ok(Merged::Changed),
            Err(RegistrationWriteError::Source(error)) => return Err(error),
        }
        let mut changes = Changes::default();
        for stored in [&older, &younger] {
            changes.registration(stored.id, &stored.account.crid, stored.account.email.as_ref());
        }
        follow(&mut transaction, cx.tenant.pool, changes)
            .await
            .map_err(MirrorError::to_source_error(REPAIRS))?;
        for id in [older.id, younger.id] {
            ChangeEvent::update_of(id)
                .insert(&mut transaction, &cx.tenant, written_for)
                .await
                .map_err(source_error(REPAIRS))?;
        }
        transaction
            .commit_write(cx.tenant.pool)
            .await
            .map_err(source_error(REPAIRS))?;
        Ok(Merged::Done)
    }
}

/// The merged values for the older registration; `None` if an operator must decide.
fn absorb(older: &Account, younger: &Account, precedence: &Precedence) -> Option<Account> {
    if younger.has_password {
        return None;
    }
    let mut carried = Vec::new();
    for (key, value) in younger.metadata.iter().filter(|(_, value)| !value.is_empty()) {
        let own = older.metadata.get(key).unwrap_or("");
        if own == value {
            continue;
        }
        if !own.is_empty() && precedence.winner(&format!("metadata.{key}")) == SourceKind::Store {
            return None;
        }
        carried.push((key.to_owned(), value.to_owned()));
    }
    Some(Account {
        email: younger.email.clone(),
        first_name: younger.first_name.clone(),
        last_name: younger.last_name.clone(),
        verified: younger.verified,
        metadata: Metadata::from_valid(carried),
        ..Account::new(younger.crid.clone())
    })
}

/// The condition on `kind` matches the partial index of changes.
async fn find_split(transaction: &mut Transaction, pool: i64) -> Result<Vec<Split>, SourceError> {
    let rows = sqlx::query!(
        r#"WITH written AS MATERIALIZED (
               SELECT e.registration_id, min(e.at) AS first_at FROM events AS e
                WHERE e.pool = $1 AND e.kind NOT IN (4000, 4001, 4601, 4902) AND e.kind = 4004
                  AND e.registration_id IS NOT NULL AND e.source_system <> $2
                GROUP BY e.registration_id)
           SELECT o.id AS older, o.crid AS older_crid, y.id AS younger, y.crid AS younger_crid, w.first_at AS "written_at!"
             FROM written AS w
             JOIN registrations AS y ON y.pool = $1 AND y.id = w.registration_id AND y.deleted_at IS NULL AND y.email_key <> ''
             JOIN mirror_entries AS d ON d.pool = $1 AND d.crid = y.crid AND d.profile IS NOT NULL
                  AND coalesce(d.profile_email, d.email_key) = y.email_key
             JOIN registrations AS o ON o.pool = $1 AND o.email_key = y.email_key AND o.id < y.id AND o.deleted_at IS NULL
            WHERE NOT EXISTS (SELECT FROM mirror_entries AS k
                               WHERE k.pool = $1 AND k.crid = o.crid AND k.profile IS NOT NULL)
              AND (SELECT count(*) FROM registrations AS r
                    WHERE r.pool = $1 AND r.email_key = y.email_key AND r.deleted_at IS NULL) = 2
              AND (SELECT count(*) FROM mirror_entries AS k
                    WHERE k.pool = $1 AND k.email_key = y.email_key AND k.profile IS NOT NULL AND k.profile_email IS NULL)
                + (SELECT count(*) FROM mirror_entries AS k
                    WHERE k.pool = $1 AND k.profile_email = y.email_key AND k.profile_email <> '') = 1
            ORDER BY o.id"#,
        pool,
        MERGING,
    )
    .fetch_all(transaction)
    .await
    .map_err(source_error(REPAIRS))?;
    let splits = rows.into_iter().map(|row| {
        Ok(Split {
            older: row.older,
            older_crid: parse_id(&row.older_crid)?,
            younger: row.younger,
            younger_crid: parse_id(&row.younger_crid)?,
            written_at: row.written_at,
        })
    });
    splits.collect()
}

/// A write-back dates a registration that it creates like the provider account, or like its own event.
async fn find_moved(transaction: &mut Transaction, pool: i64) -> Result<Vec<Moved>, SourceError> {
    let rows = sqlx::query!(
        r#"WITH written AS MATERIALIZED (
               SELECT e.registration_id, min(e.at) AS first_at FROM events AS e
                WHERE e.pool = $1 AND e.kind NOT IN (4000, 4001, 4601, 4902) AND e.kind = 4004
                  AND e.registration_id IS NOT NULL AND e.source_system <> $2
                GROUP BY e.registration_id),
           profiles AS MATERIALIZED (
               SELECT d.registration_id, d.profile, w.first_at,
                      w.first_at IS NOT NULL
                      AND (r.registered_at = w.first_at
                           OR (extract(epoch FROM r.registered_at) * 1000000)::bigint = (d.profile ->> 'registeredAt')::bigint)
                      AS is_made
                 FROM mirror_entries AS d
                 LEFT JOIN registrations AS r ON r.pool = $1 AND r.id = d.registration_id
                 LEFT JOIN written AS w ON w.registration_id = d.registration_id
                WHERE d.pool = $1 AND d.profile IS NOT NULL),
           bereft AS (SELECT max(CASE WHEN registration_id IS NULL THEN 'infinity' ELSE first_at END) AS until
                        FROM profiles WHERE registration_id IS NULL OR is_made)
           SELECT r.id, r.crid, p.first_at AS "written_at!"
             FROM profiles AS p
             JOIN registrations AS r ON r.pool = $1 AND r.id = p.registration_id
            WHERE p.first_at < (SELECT b.until FROM bereft AS b) AND p.is_made IS NOT TRUE
              AND EXISTS (SELECT FROM json_each_text(r.metadata) AS m
                           WHERE m.value <> '' AND p.profile -> 'metadata' ->> m.key IS DISTINCT FROM m.value)
            ORDER BY r.id"#,
        pool,
        MERGING,
    )
    .fetch_all(transaction)
    .await
    .map_err(source_error(REPAIRS))?;
    let moved = rows.into_iter().map(|row| {
        Ok(Moved {
            registration: row.id,
            crid: parse_id(&row.crid)?,
            written_at: row.written_at,
        })
    });
    moved.collect()
}

fn parse_id(text: &str) -> Result<CustomerRegistrationId, SourceError> {
    CustomerRegistrationId::parse(text)
        .map_err(|error| SourceError::with_cause(REPAIRS, SourceErrorKind::Corrupt, error))
}
