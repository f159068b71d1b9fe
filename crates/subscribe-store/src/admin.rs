//! An operator's chores: tenants and the pools they draw on.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use masthead_domain::{
    settings::{SettingError, TenantSettings},
    tenant::{PoolId, TenantId},
    workspace::{ExportLimitsError, MAX_KEYS},
};
use thiserror::Error;

use crate::{
    database::{Database, Transaction},
    sqlstate::{Failure, redacted},
};

/// How long one chore may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The longest name of a pool, in bytes.
const MAX_POOL_NAME_BYTES: usize = 200;

/// An operator's chores. Each is one transaction.
#[derive(Clone)]
pub struct Admin {
    pub(crate) pool: Database,
}

/// A tenant as the operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantRow {
    /// The triple.
    pub id: TenantId,
    /// The number of its pool.
    pub pool: PoolId,
    /// The name of its pool.
    pub pool_name: String,
    /// Its settings, by name.
    pub settings: BTreeMap<String, String>,
}

/// Why a chore was not done.
#[derive(Debug, Error)]
pub enum AdminError {
    /// There is a tenant of this triple.
    #[error("the tenant exists already")]
    TenantExists,
    /// There is no tenant of this triple.
    #[error("there is no such tenant")]
    NoSuchTenant,
    /// A pool's name is empty, too long, or holds a control character.
    #[error("a pool's name must be 1 to 200 bytes without control characters")]
    BadPoolName,
    /// Settings that no tenant can have; every mistake at once.
    #[error("the settings are not right: {}", told(.0))]
    BadSettings(Vec<SettingError>),
    /// The tenant is the last of its pool, and registrations are in it.
    #[error("it is the last tenant of its pool, and nobody would see the pool's {0} registrations any more")]
    WouldOrphan(i64),
    /// Masthead is to master the accounts of a pool in which addresses occur more than once.
    #[error("the pool holds several registrations of one address, which only an outside provider may have")]
    AmbiguousAddresses,
    /// There is a workspace of this name.
    #[error("the workspace exists already")]
    WorkspaceExists,
    /// There is no workspace of this name.
    #[error("there is no such workspace")]
    NoSuchWorkspace,
    /// The workspace has no key of this number.
    #[error("the workspace has no key of this number")]
    NoSuchKey,
    /// The workspace has as many keys as it may have.
    #[error("the workspace has {MAX_KEYS} keys already; remove one first")]
    TooManyKeys,
    /// Limits that no workspace can have.
    #[error(transparent)]
    BadLimits(#[from] ExportLimitsError),
    /// The database gave no answer.
    #[error("the database gave no answer")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
}

fn told(mistakes: &[SettingError]) -> String {
    mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl From<sqlx::Error> for AdminError {
    fn from(error: sqlx::Error) -> Self {
        match Failure::of(&error) {
            Failure::TenantTaken => Self::TenantExists,
            Failure::EmailTaken => Self::AmbiguousAddresses,
            Failure::WorkspaceTaken => Self::WorkspaceExists,
            Failure::TenantMissing => Self::NoSuchTenant,
            _ => Self::Database(redacted(error)),
        }
    }
}

impl Admin {
    /// Adds a tenant, on the pool of this name, which is made when there is none; without a name, on one of its own.
    /// Answers the settings' warnings.
    ///
    /// # Errors
    /// The tenant exists, a setting is wrong, or its pool cannot be mastered by Masthead.
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
        let (parsed, warnings) = checked(settings)?;
        self.in_time(async {
            let mut transaction = self.pool.begin().await?;
            // Who changes the tenants of a pool holds its row, so that the pool's master is decided on all of them.
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
                as_json(settings),
            )
            .execute(&mut transaction)
            .await?;
            decide_master(&mut transaction, pool).await?;
            transaction.commit().await?;
            Ok(warnings)
        })
        .await
    }

    /// Every tenant, by its triple.
    ///
    /// # Errors
    /// The database gives no answer.
    pub async fn tenants(&self) -> Result<Vec<TenantRow>, AdminError> {
        self.in_time(async {
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
                        id: TenantId::new(&row.client_group, &row.client, &row.paper)
                            .map_err(|error| AdminError::Database(Box::new(error)))?,
                        pool: PoolId(row.pool),
                        pool_name: row.name,
                        settings: of_json(&row.settings)?,
                    })
                })
                .collect()
        })
        .await
    }

    /// Changes settings of a tenant: those named are set, and an empty value takes one back to its default. Answers the
    /// settings as they are now, and their warnings.
    ///
    /// # Errors
    /// There is no such tenant, a setting is wrong, or its pool cannot be mastered by Masthead.
    pub async fn set_tenant(
        &self,
        id: &TenantId,
        changes: &BTreeMap<String, String>,
    ) -> Result<(BTreeMap<String, String>, Vec<SettingError>), AdminError> {
        self.in_time(async {
            let mut transaction = self.pool.begin().await?;
            let row = sqlx::query!(
                r#"SELECT t.pool, t.settings::text AS "settings!" FROM tenants AS t JOIN pools AS p ON p.id = t.pool
                    WHERE t.client_group = $1 AND t.client = $2 AND t.paper = $3 FOR UPDATE"#,
                id.group(),
                id.client(),
                id.paper(),
            )
            .fetch_optional(&mut transaction)
            .await?
            .ok_or(AdminError::NoSuchTenant)?;
            let mut settings = of_json(&row.settings)?;
            for (name, value) in changes {
                if value.is_empty() {
                    settings.remove(name);
                } else {
                    settings.insert(name.clone(), value.clone());
                }
            }
            let (_, warnings) = checked(&settings)?;
            sqlx::query!(
                "UPDATE tenants SET settings = $4::text::json, changed_at = now()
                  WHERE client_group = $1 AND client = $2 AND paper = $3",
                id.group(),
                id.client(),
                id.paper(),
                as_json(&settings),
            )
            .execute(&mut transaction)
            .await?;
            decide_master(&mut transaction, row.pool).await?;
            transaction.commit().await?;
            Ok((settings, warnings))
        })
        .await
    }

    /// Removes a tenant. Its pool stays, with its registrations and events. The last tenant of a pool that holds
    /// registrations is removed only when `orphan` says so: a tenant added later with that pool's name sees them again.
    ///
    /// # Errors
    /// There is no such tenant, or it would leave registrations that nobody sees.
    pub async fn remove_tenant(&self, id: &TenantId, orphan: bool) -> Result<(), AdminError> {
        self.in_time(async {
            let mut transaction = self.pool.begin().await?;
            let pool = sqlx::query_scalar!(
                "SELECT t.pool FROM tenants AS t JOIN pools AS p ON p.id = t.pool
                  WHERE t.client_group = $1 AND t.client = $2 AND t.paper = $3 FOR UPDATE",
                id.group(),
                id.client(),
                id.paper(),
            )
            .fetch_optional(&mut transaction)
            .await?
            .ok_or(AdminError::NoSuchTenant)?;
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
            transaction.commit().await?;
            Ok(())
        })
        .await
    }

    pub(crate) async fn in_time<T>(&self, chore: impl Future<Output = Result<T, AdminError>>) -> Result<T, AdminError> {
        tokio::time::timeout(PATIENCE, chore)
            .await
            .unwrap_or_else(|late| Err(AdminError::Database(Box::new(late))))
    }
}

/// Masthead masters the accounts of a pool unless every tenant of it has an outside provider. A pool without tenants
/// stays as it is.
async fn decide_master(transaction: &mut Transaction, pool: i64) -> Result<(), AdminError> {
    let rows = sqlx::query!(
        r#"SELECT settings::text AS "settings!" FROM tenants WHERE pool = $1"#,
        pool
    )
    .fetch_all(&mut *transaction)
    .await?;
    let mut providers = BTreeSet::new();
    for row in &rows {
        let settings = of_json(&row.settings)?;
        let pairs = settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        providers.insert(TenantSettings::parse(pairs).0.is_federated());
    }
    if providers.is_empty() {
        return Ok(());
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

fn checked(settings: &BTreeMap<String, String>) -> Result<(TenantSettings, Vec<SettingError>), AdminError> {
    let pairs = settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let (parsed, mistakes) = TenantSettings::parse(pairs);
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

fn as_json(settings: &BTreeMap<String, String>) -> String {
    // A map of texts is always JSON; the empty object is what an impossible failure would leave.
    serde_json::to_string(settings).unwrap_or_else(|_| "{}".to_owned())
}

fn of_json(text: &str) -> Result<BTreeMap<String, String>, AdminError> {
    serde_json::from_str(text).map_err(|error| AdminError::Database(Box::new(error)))
}
