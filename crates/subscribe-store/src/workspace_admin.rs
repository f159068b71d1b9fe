//! Operator commands on workspaces and their keys.

use masthead_domain::{
    tenant::TenantId,
    workspace::{ExportLimits, KeyHash, MAX_KEYS, WorkspaceId},
};
use time::OffsetDateTime;

use crate::{
    admin::{Admin, AdminError, corrupt},
    database::Transaction,
    workspaces::parse_limits,
};

/// A workspace with its keys.
#[derive(Debug, Clone)]
pub struct WorkspaceRow {
    /// Its name.
    pub id: WorkspaceId,
    /// The tenant whose users it exports.
    pub tenant: TenantId,
    /// Whether its requests are rejected for now.
    pub suspended: bool,
    /// Whether an incomplete answer is rejected as a whole.
    pub strict: bool,
    /// The limits of its requests.
    pub limits: ExportLimits,
    /// Its keys, of which only hashes are stored.
    pub keys: Vec<KeyRow>,
}

/// A key of a workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyRow {
    /// Its number in the workspace.
    pub number: i32,
    /// When it was created.
    pub created_at: OffsetDateTime,
    /// When it was last used, up to an hour before; `None` for never since this is recorded.
    pub last_used_at: Option<OffsetDateTime>,
}

/// Changes of a workspace; `None` keeps a value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "each is the field of the same name in `WorkspaceRow` and `ExportLimits`"
)]
pub struct WorkspaceChange {
    pub suspended: Option<bool>,
    pub strict: Option<bool>,
    pub identifiers_per_payload: Option<u32>,
    pub users_per_minute: Option<u32>,
    pub body_kilobytes: Option<u32>,
}

impl WorkspaceChange {
    fn apply_to(self, now: ExportLimits) -> ExportLimits {
        ExportLimits {
            identifiers_per_payload: self.identifiers_per_payload.unwrap_or(now.identifiers_per_payload),
            users_per_minute: self.users_per_minute.unwrap_or(now.users_per_minute),
            body_kilobytes: self.body_kilobytes.unwrap_or(now.body_kilobytes),
        }
    }
}

impl Admin {
    /// Adds a workspace of this tenant, without keys, with the default limits except for what `set` changes.
    ///
    /// # Errors
    /// The workspace exists, the tenant does not, or a limit is out of range.
    pub async fn add_workspace(
        &self,
        id: &WorkspaceId,
        tenant: &TenantId,
        set: WorkspaceChange,
    ) -> Result<(), AdminError> {
        let [identifiers, users, kilobytes] = columns(set.apply_to(ExportLimits::default()).check()?)?;
        self.within_time_limit(async {
            sqlx::query!(
                "INSERT INTO workspaces (id, client_group, client, paper, suspended, strict, identifiers_per_payload,
                                         users_per_minute, body_kilobytes)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                id.as_str(),
                tenant.group(),
                tenant.client(),
                tenant.paper(),
                set.suspended.unwrap_or(false),
                set.strict.unwrap_or(false),
                identifiers,
                users,
                kilobytes,
            )
            .execute(&self.pool)
            .await?;
            Ok(())
        })
        .await
    }

    /// All workspaces, ordered by name.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn workspaces(&self) -> Result<Vec<WorkspaceRow>, AdminError> {
        self.within_time_limit(async {
            let mut transaction = self.pool.begin().await?;
            let rows = sqlx::query!(
                "SELECT id, client_group, client, paper, suspended, strict, identifiers_per_payload, users_per_minute,
                        body_kilobytes
                   FROM workspaces ORDER BY id"
            )
            .fetch_all(&mut transaction)
            .await?;
            let mut workspaces = Vec::with_capacity(rows.len());
            for row in rows {
                workspaces.push(WorkspaceRow {
                    tenant: TenantId::new(&row.client_group, &row.client, &row.paper).map_err(corrupt)?,
                    suspended: row.suspended,
                    strict: row.strict,
                    limits: parse_limits(row.identifiers_per_payload, row.users_per_minute, row.body_kilobytes)
                        .map_err(corrupt)?,
                    keys: find_keys(&mut transaction, &row.id).await?,
                    id: WorkspaceId::parse(&row.id).map_err(corrupt)?,
                });
            }
            Ok(workspaces)
        })
        .await
    }

    /// Changes a workspace.
    ///
    /// # Errors
    /// There is no such workspace, or a limit is out of range.
    pub async fn set_workspace(&self, id: &WorkspaceId, change: WorkspaceChange) -> Result<(), AdminError> {
        self.within_time_limit(async {
            let mut transaction = self.pool.begin().await?;
            let row = sqlx::query!(
                "SELECT suspended, strict, identifiers_per_payload, users_per_minute, body_kilobytes
                   FROM workspaces WHERE id = $1 FOR UPDATE",
                id.as_str(),
            )
            .fetch_optional(&mut transaction)
            .await?
            .ok_or(AdminError::NoSuchWorkspace)?;
            let now = parse_limits(row.identifiers_per_payload, row.users_per_minute, row.body_kilobytes);
            let [identifiers, users, kilobytes] = columns(change.apply_to(now.map_err(corrupt)?).check()?)?;
            sqlx::query!(
                "UPDATE workspaces SET suspended = $2, strict = $3, identifiers_per_payload = $4, users_per_minute = $5,
                                       body_kilobytes = $6
                  WHERE id = $1",
                id.as_str(),
                change.suspended.unwrap_or(row.suspended),
                change.strict.unwrap_or(row.strict),
                identifiers,
                users,
                kilobytes,
            )
            .execute(&mut transaction)
            .await?;
            transaction.commit().await?;
            Ok(())
        })
        .await
    }

    /// Removes a workspace with its keys.
    ///
    /// # Errors
    /// There is no such workspace.
    pub async fn remove_workspace(&self, id: &WorkspaceId) -> Result<(), AdminError> {
        self.within_time_limit(async {
            let removed = sqlx::query!("DELETE FROM workspaces WHERE id = $1", id.as_str())
                .execute(&self.pool)
                .await?;
            if removed.rows_affected() == 0 {
                return Err(AdminError::NoSuchWorkspace);
            }
            Ok(())
        })
        .await
    }

    /// Adds a key and returns its number.
    ///
    /// # Errors
    /// There is no such workspace, or it already has [`MAX_KEYS`].
    pub async fn add_workspace_key(&self, id: &WorkspaceId, hash: &KeyHash) -> Result<i32, AdminError> {
        self.within_time_limit(async {
            let mut transaction = self.pool.begin().await?;
            // The lock on the workspace keeps concurrent calls from using the same number.
            sqlx::query!("SELECT id FROM workspaces WHERE id = $1 FOR UPDATE", id.as_str())
                .fetch_optional(&mut transaction)
                .await?
                .ok_or(AdminError::NoSuchWorkspace)?;
            let keys = find_keys(&mut transaction, id.as_str()).await?;
            if keys.len() >= MAX_KEYS {
                return Err(AdminError::TooManyKeys);
            }
            let number = keys.last().map_or(1, |last| last.number + 1);
            sqlx::query!(
                "INSERT INTO workspace_keys (workspace, number, hash) VALUES ($1, $2, $3)",
                id.as_str(),
                number,
                hash.as_bytes().as_slice(),
            )
            .execute(&mut transaction)
            .await?;
            transaction.commit().await?;
            Ok(number)
        })
        .await
    }

    /// Removes a key.
    ///
    /// # Errors
    /// There is no such workspace, or it has no such key.
    pub async fn remove_workspace_key(&self, id: &WorkspaceId, number: i32) -> Result<(), AdminError> {
        self.within_time_limit(async {
            let removed = sqlx::query!(
                "DELETE FROM workspace_keys WHERE workspace = $1 AND number = $2",
                id.as_str(),
                number,
            )
            .execute(&self.pool)
            .await?;
            if removed.rows_affected() > 0 {
                return Ok(());
            }
            let known = sqlx::query!("SELECT id FROM workspaces WHERE id = $1", id.as_str())
                .fetch_optional(&self.pool)
                .await?;
            Err(known.map_or(AdminError::NoSuchWorkspace, |_| AdminError::NoSuchKey))
        })
        .await
    }
}

async fn find_keys(connection: &mut Transaction, workspace: &str) -> Result<Vec<KeyRow>, AdminError> {
    let keys = sqlx::query_as!(
        KeyRow,
        "SELECT number, created_at, last_used_at FROM workspace_keys WHERE workspace = $1 ORDER BY number",
        workspace,
    );
    Ok(keys.fetch_all(connection).await?)
}

fn columns(limits: ExportLimits) -> Result<[i32; 3], AdminError> {
    let column = |number: u32| i32::try_from(number).map_err(corrupt);
    Ok([
        column(limits.identifiers_per_payload)?,
        column(limits.users_per_minute)?,
        column(limits.body_kilobytes)?,
    ])
}
