//! Registrations that write-backs of earlier versions may have split or moved: finding them, and merging what was split
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
    database::{Database, Transaction},
    directory::{Changes, Trouble, follow, patient, provider_of},
    record::NewRegistration,
    sqlstate::silence,
    synchronise::{Unwritten, lock, record, update},
};

const REPAIRS: &str = "repairs";

/// The source system of a merge's events, by which they are told from write-backs.
const MERGING: &str = "masthead-registrations";

/// The operator's look at what earlier write-backs left. Cheap to clone.
#[derive(Clone)]
pub struct Repairs {
    pub(crate) pool: Database,
}

/// What is suspected of a tenant's pool.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Suspects {
    /// Two registrations that are probably one user's, the oldest first.
    pub split: Vec<Split>,
    /// Registrations that may have been another user's, the oldest first.
    pub moved: Vec<Moved>,
}

/// A registration that a write-back made beside an older one: the provider has one account of their address, its id is the
/// younger one's, and it has none of the older one's id. Without the younger one the address would join the older one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// The number of the older registration.
    pub older: i64,
    /// Its id.
    pub older_crid: CustomerRegistrationId,
    /// The number of the one that the write-back made.
    pub younger: i64,
    /// Its id, which is the provider's.
    pub younger_crid: CustomerRegistrationId,
    /// When it was first written.
    pub written_at: OffsetDateTime,
}

/// A registration that a write-back changed and did not make, that holds values which its provider's account has not, while
/// another account of the provider has had no registration since. No log has the id that it had before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The number of the registration.
    pub registration: i64,
    /// Its id now.
    pub crid: CustomerRegistrationId,
    /// When a write-back first changed it.
    pub written_at: OffsetDateTime,
}

/// What became of a merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merged {
    /// The older registration has the younger one's id and values; the younger one is deleted, and stays as a row.
    Done,
    /// Both hold a value of the same key, or the younger one has a password: somebody must decide.
    ValuesDiffer,
    /// One of both has changed since the list was made.
    Changed,
}

/// Why nothing can be told.
#[derive(Debug, Error)]
pub enum RepairError {
    /// The tenant has no directory that has all users of its provider.
    #[error("there is no complete directory of the tenant's provider; run `masthead sync` first")]
    NoDirectory,
    /// The database gives no answer.
    #[error(transparent)]
    Silent(#[from] SourceError),
}

impl Repairs {
    /// Lists what is suspected of the tenant's pool. Nothing is written.
    ///
    /// # Errors
    /// [`RepairError`].
    pub async fn suspects(&self, cx: &CallContext) -> Result<Suspects, RepairError> {
        let mut transaction = self.pool.begin().await.map_err(silence(REPAIRS))?;
        patient(&mut transaction).await.map_err(silence(REPAIRS))?;
        let pool = cx.tenant.pool.0;
        let is_whole = sqlx::query_scalar!(
            "SELECT EXISTS (SELECT FROM directories AS d JOIN pools AS p ON p.id = d.pool
                             WHERE d.pool = $1 AND d.provider = $2 AND d.as_of IS NOT NULL AND d.whole
                               AND NOT p.masters_accounts)
                    AS \"is_whole!\"",
            pool,
            provider_of(&cx.tenant),
        )
        .fetch_one(&mut transaction)
        .await
        .map_err(silence(REPAIRS))?;
        if !is_whole {
            return Err(RepairError::NoDirectory);
        }
        Ok(Suspects {
            split: split(&mut transaction, pool).await?,
            moved: moved(&mut transaction, pool).await?,
        })
    }

    /// Merges the younger registration of a split into the older one, in one transaction with its events: the older one
    /// takes its id, e-mail, names and verification, and the values that itself lacks. Where both have one, the provider's
    /// is taken of those that it wins.
    ///
    /// # Errors
    /// The database gives no answer, or a row is corrupt.
    pub async fn merge(
        &self,
        cx: &CallContext,
        split: &Split,
        request_id: Arc<str>,
        at: OffsetDateTime,
    ) -> Result<Merged, SourceError> {
        let written_for = &WriteOrigin {
            request_id,
            source_system: MERGING.into(),
            at,
        };
        let precedence = &cx.tenant.settings.precedence;
        let mut transaction = self.pool.begin().await.map_err(silence(REPAIRS))?;
        // In the order of their numbers, as every other writer that holds several.
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
        let Some(account) = absorbed(&older.account, &younger.account, precedence) else {
            return Ok(Merged::ValuesDiffer);
        };
        sqlx::query!(
            "UPDATE registrations SET deleted_at = $3, changed_at = $3, tokens = '{}' WHERE pool = $1 AND id = $2",
            cx.tenant.pool.0,
            younger.id,
            written_for.at,
        )
        .execute(&mut transaction)
        .await
        .map_err(silence(REPAIRS))?;
        match update(&mut transaction, cx, &older, &account, written_for).await {
            Ok(_) => {}
            Err(Unwritten::Taken) => return Ok(Merged::Changed),
            Err(Unwritten::Silent(error)) => return Err(error),
        }
        let mut changes = Changes::default();
        for stored in [&older, &younger] {
            changes.registration(stored.id, &stored.account.crid, stored.account.email.as_ref());
        }
        follow(&mut transaction, cx.tenant.pool, changes)
            .await
            .map_err(Trouble::of(REPAIRS))?;
        for id in [older.id, younger.id] {
            record(&mut transaction, cx, id, written_for)
                .await
                .map_err(silence(REPAIRS))?;
        }
        transaction.commit().await.map_err(silence(REPAIRS))?;
        Ok(Merged::Done)
    }
}

/// What the older registration is to say, or `None` where a person must decide.
fn absorbed(older: &NewRegistration, younger: &NewRegistration, precedence: &Precedence) -> Option<Account> {
    if younger.password_hash.is_some() {
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
        verified: Some(younger.verified),
        metadata: Metadata::from_valid(carried),
        ..Account::new(younger.crid.clone())
    })
}

/// Changes alone are in the index of events that names no read.
async fn split(transaction: &mut Transaction, pool: i64) -> Result<Vec<Split>, SourceError> {
    let rows = sqlx::query!(
        r#"WITH written AS MATERIALIZED (
               SELECT e.registration_id, min(e.at) AS first_at FROM events AS e
                WHERE e.pool = $1 AND e.kind NOT IN (4000, 4001, 4601, 4902) AND e.kind = 4004
                  AND e.registration_id IS NOT NULL AND e.source_system <> $2
                GROUP BY e.registration_id)
           SELECT o.id AS older, o.crid AS older_crid, y.id AS younger, y.crid AS younger_crid, w.first_at AS "written_at!"
             FROM written AS w
             JOIN registrations AS y ON y.pool = $1 AND y.id = w.registration_id AND y.deleted_at IS NULL AND y.email_key <> ''
             JOIN directory_entries AS d ON d.pool = $1 AND d.crid = y.crid AND d.profile IS NOT NULL
                  AND coalesce(d.profile_email, d.email_key) = y.email_key
             JOIN registrations AS o ON o.pool = $1 AND o.email_key = y.email_key AND o.id < y.id AND o.deleted_at IS NULL
            WHERE NOT EXISTS (SELECT FROM directory_entries AS k
                               WHERE k.pool = $1 AND k.crid = o.crid AND k.profile IS NOT NULL)
              AND (SELECT count(*) FROM registrations AS r
                    WHERE r.pool = $1 AND r.email_key = y.email_key AND r.deleted_at IS NULL) = 2
              AND (SELECT count(*) FROM directory_entries AS k
                    WHERE k.pool = $1 AND k.email_key = y.email_key AND k.profile IS NOT NULL AND k.profile_email IS NULL)
                + (SELECT count(*) FROM directory_entries AS k
                    WHERE k.pool = $1 AND k.profile_email = y.email_key AND k.profile_email <> '') = 1
            ORDER BY o.id"#,
        pool,
        MERGING,
    )
    .fetch_all(transaction)
    .await
    .map_err(silence(REPAIRS))?;
    let splits = rows.into_iter().map(|row| {
        Ok(Split {
            older: row.older,
            older_crid: id(&row.older_crid)?,
            younger: row.younger,
            younger_crid: id(&row.younger_crid)?,
            written_at: row.written_at,
        })
    });
    splits.collect()
}

/// A write-back that makes a registration dates it as the provider's account, or as its own event.
async fn moved(transaction: &mut Transaction, pool: i64) -> Result<Vec<Moved>, SourceError> {
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
                 FROM directory_entries AS d
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
    .map_err(silence(REPAIRS))?;
    let moved = rows.into_iter().map(|row| {
        Ok(Moved {
            registration: row.id,
            crid: id(&row.crid)?,
            written_at: row.written_at,
        })
    });
    moved.collect()
}

fn id(text: &str) -> Result<CustomerRegistrationId, SourceError> {
    CustomerRegistrationId::parse(text)
        .map_err(|error| SourceError::with_cause(REPAIRS, SourceErrorKind::Corrupt, error))
}
