//! Operator commands on tenants and pools.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use masthead_domain::{
    settings::{SettingError, TenantSettings},
    tenant::{PoolId, TenantId},
};

pub use crate::admin_error::AdminError;
use crate::{
    database::{PgDatabase, Transaction},
    settings_json,
};

const TIME_LIMIT: Duration = Duration::from_secs(30);

/// Of how many ambiguous addresses the ids are shown.
const SHOWN_ADDRESSES: i64 = 10;

/// The longest name of a pool, in bytes.
const MAX_POOL_NAME_BYTES: usize = 200;

/// Operator commands. Each is one transaction.
#[derive(Clone)]
pub struct Admin {
    pub(crate) pool: PgDatabase,
}

/// A tenant with its pool and stored settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantRow {
    /// The tenant id (group, client, paper).
    pub id: TenantId,
    /// The number of its pool.
    pub pool: PoolId,
    /// The name of its pool.
    pub pool_name: String,
    /// Its settings, by name.
    pub settings: BTreeMap<String, String>,
}

impl Admin {
    /// Adds a tenant on the pool of this name, which is created if needed; without a name, the tenant id is the pool's name.
    /// Returns the warnings about the settings.
    ///
    /// # Errors
    /// The tenant exists, a setting is invalid, or the pool holds an address more than once.
    pub async fn add_tenant(
        &self,
        id: &TenantId,
        pool_name: Option<&str>,
        settings: &BTreeMap<String, String>,
    ) -> Result<Vec<SettingError>, AdminError> {
        let own = id.to_string();
        let name = pool_name.unwrap_or(&own);
        if name.is_empty() || name.len() > MAX_POOL_NAME_BYTES || name.chars().any(char::is_control) {
            return Err(AdminError::BadPoolName);
        }
        let (parsed, warnings) = check_settings(settings)?;
        self.within_time_limit(async {
            let mut transaction = self.pool.begin().await?;
            // The pool's row is locked, so that `masters_accounts` is computed from all of its tenants.
            let pool = sqlx::query_scalar!(
                "INSERT INTO pools (name, masters_accounts) VALUES ($1, $2)
                 ON CONFLICT (name) DO UPDATE SET name = EXCLUDED.name RETURNING id",
                name,
                !parsed.is_federated(),
            )
            .fetch_one(&mut transaction)
            .await?;
            sqlx::query!(
                "INSERT INTO tenants (client_group, client, paper, pool, settings) VALUES ($1, $2, $3, $4, $5::text::json)",
                id.group(),
                id.client(),
                id.paper(),
                pool,
                settings_json::to_json(settings),
            )
            .execute(&mut transaction)
            .await?;
            decide_master(&mut transaction, pool).await?;
            transaction.commit().await?;
            Ok(warnings)
        })
        .await
    }

    /// All tenants, ordered by id.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn tenants(&self) -> Result<Vec<TenantRow>, AdminError> {
        self.within_time_limit(async {
            let rows = sqlx::query!(
                r#"SELECT t.client_group, t.client, t.paper, t.pool, p.name, t.settings::text AS "settings!"
                     FROM tenants AS t JOIN pools AS p ON p.id = t.pool
                    ORDER BY t.client_group, t.client, t.paper"#
            )
            .fetch_all(&self.pool)
            .await?;
            rows.into_iter()
                .map(|row| {
                    Ok(TenantRow {
                        id: TenantId::new(&row.client_group, &row.client, &row.paper).map_err(corrupt)?,
                        pool: PoolId(row.pool),
                        pool_name: row.name,
                        settings: settings_json::parse(&row.settings).map_err(corrupt)?,
                    })
                })
                .collect()
        })
        .await
    }

    /// Changes settings of a tenant: an empty value resets a setting to its default. Returns all settings and the warnings
    /// about them.
    ///
    /// # Errors
    /// There is no such tenant, a setting is invalid, or the pool holds an address more than once.
    pub async fn set_tenant(
        &self,
        id: &TenantId,
        changes: &BTreeMap<String, String>,
    ) -> Result<(BTreeMap<String, String>, Vec<SettingError>), AdminError> {
        self.within_time_limit(async {
            let mut transaction = self.pool.begin().await?;
            let (pool, stored) = lock_tenant(&mut transaction, id).await?;
            let mut settings = settings_json::parse(&stored).map_err(corrupt)?;
            let was_elsewhere = signs_in_elsewhere(&settings_json::evaluate(&settings).0);
            for (name, value) in changes {
                if value.is_empty() {
                    settings.remove(name);
                } else {
                    settings.insert(name.clone(), value.clone());
                }
            }
            let (parsed, warnings) = check_settings(&settings)?;
            sqlx::query!(
                "UPDATE tenants SET settings = $4::text::json, changed_at = now()
                  WHERE client_group = $1 AND client = $2 AND paper = $3",
                id.group(),
                id.client(),
                id.paper(),
                settings_json::to_json(&settings),
            )
            .execute(&mut transaction)
            .await?;
            decide_master(&mut transaction, pool).await?;
            if was_elsewhere && !signs_in_elsewhere(&parsed) {
                forget_sign_ins(&mut transaction, pool).await?;
            }
            transaction.commit().await?;
            Ok((settings, warnings))
        })
        .await
    }

    /// Removes a tenant. Its pool stays, with its registrations and events. The last tenant of a pool with registrations is
    /// removed only with `orphan`: a tenant added later with that pool's name has them again.
    ///
    /// # Errors
    /// There is no such tenant, or the pool would keep registrations without any tenant.
    pub async fn remove_tenant(&self, id: &TenantId, orphan: bool) -> Result<(), AdminError> {
        self.within_time_limit(async {
            let mut transaction = self.pool.begin().await?;
            let (pool, stored) = lock_tenant(&mut transaction, id).await?;
            sqlx::query!(
                "DELETE FROM tenants WHERE client_group = $1 AND client = $2 AND paper = $3",
                id.group(),
                id.client(),
                id.paper(),
            )
            .execute(&mut transaction)
            .await?;
            let left = sqlx::query!(
                r#"SELECT EXISTS (SELECT 1 FROM tenants WHERE pool = $1) AS "shared!",
                          (SELECT count(*) FROM registrations WHERE pool = $1 AND deleted_at IS NULL) AS "people!""#,
                pool,
            )
            .fetch_one(&mut transaction)
            .await?;
            if !left.shared && left.people > 0 && !orphan {
                return Err(AdminError::WouldOrphan(left.people));
            }
            decide_master(&mut transaction, pool).await?;
            let settings = settings_json::parse(&stored).unwrap_or_default();
            if signs_in_elsewhere(&settings_json::evaluate(&settings).0) {
                forget_sign_ins(&mut transaction, pool).await?;
            }
            transaction.commit().await?;
            Ok(())
        })
        .await
    }

    pub(crate) async fn within_time_limit<T>(
        &self,
        chore: impl Future<Output = Result<T, AdminError>>,
    ) -> Result<T, AdminError> {
        tokio::time::timeout(TIME_LIMIT, chore)
            .await
            .unwrap_or_else(|late| Err(AdminError::Database(Box::new(late))))
    }
}

/// The pool and the stored settings of a tenant; its row and the pool's are locked.
async fn lock_tenant(transaction: &mut Transaction, id: &TenantId) -> Result<(i64, String), AdminError> {
    let row = sqlx::query!(
        r#"SELECT t.pool, t.settings::text AS "settings!" FROM tenants AS t JOIN pools AS p ON p.id = t.pool
            WHERE t.client_group = $1 AND t.client = $2 AND t.paper = $3 FOR UPDATE"#,
        id.group(),
        id.client(),
        id.paper(),
    )
    .fetch_optional(transaction)
    .await?
    .ok_or(AdminError::NoSuchTenant)?;
    Ok((row.pool, row.settings))
}

/// A pool requires unique addresses unless each of its tenants has an outside provider. A pool without tenants is not
/// changed.
async fn decide_master(transaction: &mut Transaction, pool: i64) -> Result<(), AdminError> {
    let rows = sqlx::query!(
        r#"SELECT settings::text AS "settings!" FROM tenants WHERE pool = $1"#,
        pool
    )
    .fetch_all(&mut *transaction)
    .await?;
    let mut providers = BTreeSet::new();
    for row in &rows {
        let settings = settings_json::parse(&row.settings).map_err(corrupt)?;
        providers.insert(settings_json::evaluate(&settings).0.is_federated());
    }
    if providers.is_empty() {
        return Ok(());
    }
    if providers.contains(&false) {
        refuse_ambiguous(transaction, pool).await?;
    }
    sqlx::query!(
        "UPDATE pools SET masters_accounts = $2 WHERE id = $1 AND masters_accounts <> $2",
        pool,
        providers.contains(&false),
    )
    .execute(transaction)
    .await?;
    Ok(())
}

/// Refuses a pool that is to have unique addresses, and does not yet. The unique index would do so too, with an address in the log
/// of the server.
async fn refuse_ambiguous(transaction: &mut Transaction, pool: i64) -> Result<(), AdminError> {
    let ambiguous = sqlx::query_scalar!(
        r#"SELECT array_agg(r.crid ORDER BY r.id) AS "ids!" FROM registrations AS r
             JOIN pools AS p ON p.id = r.pool AND NOT p.masters_accounts
            WHERE r.pool = $1 AND r.email_key <> '' AND r.deleted_at IS NULL
            GROUP BY r.email_key HAVING count(*) > 1 ORDER BY min(r.id) LIMIT $2"#,
        pool,
        SHOWN_ADDRESSES,
    )
    .fetch_all(transaction)
    .await?;
    if ambiguous.is_empty() {
        Ok(())
    } else {
        Err(AdminError::AmbiguousAddresses(ambiguous))
    }
}

/// Whether users sign in where this database does not record it.
fn signs_in_elsewhere(settings: &TenantSettings) -> bool {
    settings.is_federated() || settings.has_remote_store()
}

/// Sign-ins of the pool's users are known from today on: those of before were elsewhere.
async fn forget_sign_ins(transaction: &mut Transaction, pool: i64) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE pools SET sign_ins_since = (now() AT TIME ZONE 'UTC')::date WHERE id = $1",
        pool
    )
    .execute(transaction)
    .await
    .map(|_| ())
}

fn check_settings(settings: &BTreeMap<String, String>) -> Result<(TenantSettings, Vec<SettingError>), AdminError> {
    let (parsed, mistakes) = settings_json::evaluate(settings);
    let (warnings, mut errors): (Vec<_>, Vec<_>) = mistakes.into_iter().partition(SettingError::is_warning);
    for (name, value) in settings {
        if name.contains('\0') || value.contains('\0') {
            errors.push(SettingError::UnknownName("a text with a NUL".into()));
        }
    }
    if errors.is_empty() {
        Ok((parsed, warnings))
    } else {
        Err(AdminError::BadSettings(errors))
    }
}

/// A row that this program cannot read.
pub(crate) fn corrupt(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> AdminError {
    AdminError::Database(cause.into())
}
