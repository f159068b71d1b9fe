//! Operator commands on pools: what they hold, and their removal.

use masthead_domain::tenant::{PoolId, TenantId};
use sqlx::AssertSqlSafe;
use time::OffsetDateTime;

use crate::{
    admin::{Admin, AdminError, corrupt},
    database::Transaction,
};

/// The maximum number of rows that one statement deletes.
const BATCH: i64 = 1_000;

/// The number of events up to which they are counted: the log has no total.
pub(crate) const MOST_EVENTS: i64 = 100_000;

/// The name of a pool whose removal has begun; no tenant can be added to it by its old name.
const REMOVED: &str = "removed pool";

/// The tables with rows of pools, in the order in which a pool's rows are deleted. The audit log is none of them: it outlives
/// what it names (migration 0002).
const TABLES: [&str; 16] = [
    "mail_outbox",
    "write_intents",
    "idempotency_keys",
    "known_addresses",
    "sign_in_attempts",
    "reset_links",
    "verification_codes",
    "pending_registrations",
    "last_sign_ins",
    "erasures",
    "mirror_entries",
    "mirror_totals",
    "mirrors",
    "registrations",
    "registration_totals",
    "tombstones",
];

/// A pool with its tenants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolRow {
    /// Its number.
    pub id: PoolId,
    /// Its name.
    pub name: String,
    /// Whether Masthead masters its accounts, so that an address names one of them.
    pub masters_accounts: bool,
    /// When it was created.
    pub created_at: OffsetDateTime,
    /// Its tenants, in order.
    pub tenants: Vec<TenantId>,
    /// Its registrations, without deleted ones.
    pub registrations: i64,
    /// The users of its mirror.
    pub mirrored: i64,
}

/// What a tenant has, and what its pool holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolContent {
    /// The name of the pool.
    pub pool: String,
    /// Its other tenants.
    pub other_tenants: Vec<TenantId>,
    /// Its registrations, without deleted ones.
    pub registrations: i64,
    /// The users of its mirror.
    pub mirrored: i64,
    /// The events of the pool in the audit log, counted up to 100,000.
    pub events: i64,
    /// The tenant's workspaces.
    pub workspaces: Vec<String>,
    /// The mails of the tenant that wait to be sent.
    pub waiting_mails: i64,
    /// The tenant's writes that are not settled.
    pub open_writes: i64,
}

impl PoolContent {
    /// Whether the count of events stopped at its bound.
    #[must_use]
    pub const fn has_more_events(&self) -> bool {
        self.events >= MOST_EVENTS
    }
}

impl Admin {
    /// All pools, in the order of their names.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn pools(&self) -> Result<Vec<PoolRow>, AdminError> {
        self.within_time_limit(async {
            let mut transaction = self.pool.begin().await?;
            let rows = sqlx::query!(
                r#"SELECT p.id, p.name, p.masters_accounts, p.created_at,
                          coalesce((SELECT sum(users) FROM registration_totals AS t WHERE t.pool = p.id), 0)::bigint
                              AS "registrations!",
                          coalesce((SELECT sum(users) FROM mirror_totals AS t WHERE t.pool = p.id), 0)::bigint AS "mirrored!",
                          ARRAY(SELECT t.client_group || '/' || t.client || '/' || t.paper FROM tenants AS t
                                 WHERE t.pool = p.id ORDER BY t.client_group, t.client, t.paper) AS "tenants!"
                     FROM pools AS p ORDER BY p.name"#
            )
            .fetch_all(&mut transaction)
            .await?;
            rows.into_iter()
                .map(|row| {
                    let tenants = row.tenants.iter().map(|id| TenantId::parse(id));
                    Ok(PoolRow {
                        tenants: tenants.collect::<Result<_, _>>().map_err(corrupt)?,
                        id: PoolId(row.id),
                        name: row.name,
                        masters_accounts: row.masters_accounts,
                        created_at: row.created_at,
                        registrations: row.registrations,
                        mirrored: row.mirrored,
                    })
                })
                .collect()
        })
        .await
    }

    /// What a tenant has, and what its pool holds: for the confirmation of its removal.
    ///
    /// # Errors
    /// There is no such tenant, or the database is unavailable.
    pub async fn tenant_content(&self, id: &TenantId) -> Result<PoolContent, AdminError> {
        let pools = self.pools().await?;
        let pool = pools.into_iter().find(|pool| pool.tenants.contains(id));
        let pool = pool.ok_or(AdminError::NoSuchTenant)?;
        self.within_time_limit(async {
            let row = sqlx::query!(
                r#"SELECT ARRAY(SELECT w.id FROM workspaces AS w
                                 WHERE w.client_group = $2 AND w.client = $3 AND w.paper = $4 ORDER BY w.id) AS "workspaces!",
                          (SELECT count(*) FROM mail_outbox AS m
                            WHERE m.pool = $1 AND m.tenant = $5 AND m.dead_at IS NULL) AS "mails!",
                          (SELECT count(*) FROM write_intents AS i WHERE i.tenant = $5) AS "writes!",
                          (SELECT count(*) FROM (SELECT 1 FROM events AS e WHERE e.pool = $1 LIMIT $6) AS e) AS "events!""#,
                pool.id.0,
                id.group(),
                id.client(),
                id.paper(),
                id.as_str(),
                MOST_EVENTS,
            )
            .fetch_one(&self.pool)
            .await?;
            Ok(PoolContent {
                pool: pool.name,
                other_tenants: pool.tenants.into_iter().filter(|other| other != id).collect(),
                registrations: pool.registrations,
                mirrored: pool.mirrored,
                events: row.events,
                workspaces: row.workspaces,
                waiting_mails: row.mails,
                open_writes: row.writes,
            })
        })
        .await
    }

    /// Removes a pool without tenants, with everything in it but its events, in batches. `registrations` is the number that
    /// the operator has confirmed. An interrupted removal leaves a pool named `removed pool …`, and is continued by
    /// removing that one.
    ///
    /// # Errors
    /// There is no such pool, it has tenants or another number of registrations, or the database is unavailable.
    pub async fn remove_pool(&self, name: &str, registrations: i64) -> Result<(), AdminError> {
        let pool = self
            .within_time_limit(async {
                let mut transaction = self.pool.begin().await?;
                let pool = begin_removal(&mut transaction, name, registrations).await?;
                transaction.commit().await?;
                Ok(pool)
            })
            .await?;
        for table in TABLES {
            while self.delete_batch(table, pool).await? == u64::try_from(BATCH).unwrap_or_default() {}
        }
        self.within_time_limit(async {
            sqlx::query!("DELETE FROM pools WHERE id = $1", pool)
                .execute(&self.pool)
                .await?;
            Ok(())
        })
        .await
    }

    async fn delete_batch(&self, table: &'static str, pool: i64) -> Result<u64, AdminError> {
        // The names are those of the list above.
        let statement = format!(
            "DELETE FROM {table} WHERE ctid = ANY (ARRAY (SELECT ctid FROM {table} WHERE pool = $1 LIMIT $2)) AND pool = $1"
        );
        self.within_time_limit(async {
            let deleted = sqlx::query(AssertSqlSafe(statement))
                .bind(pool)
                .bind(BATCH)
                .execute(&self.pool)
                .await?;
            Ok(deleted.rows_affected())
        })
        .await
    }
}

/// Locks the pool, checks that nothing needs it, and renames it.
async fn begin_removal(transaction: &mut Transaction, name: &str, confirmed: i64) -> Result<i64, AdminError> {
    let pool = sqlx::query_scalar!("SELECT id FROM pools WHERE name = $1 FOR UPDATE", name)
        .fetch_optional(&mut *transaction)
        .await?
        .ok_or(AdminError::NoSuchPool)?;
    let holds = sqlx::query!(
        r#"SELECT (SELECT count(*) FROM tenants WHERE pool = $1) AS "tenants!",
                  coalesce((SELECT sum(users) FROM registration_totals WHERE pool = $1), 0)::bigint AS "registrations!""#,
        pool,
    )
    .fetch_one(&mut *transaction)
    .await?;
    if holds.tenants > 0 {
        return Err(AdminError::PoolHasTenants(holds.tenants));
    }
    let removed_name = format!("{REMOVED} {pool}");
    // Of a pool whose removal was interrupted the operator has confirmed the number once.
    if holds.registrations != confirmed && name != removed_name {
        return Err(AdminError::PoolHasRegistrations(holds.registrations));
    }
    sqlx::query!("UPDATE pools SET name = $2 WHERE id = $1", pool, removed_name)
        .execute(transaction)
        .await?;
    Ok(pool)
}
