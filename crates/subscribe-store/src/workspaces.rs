//! Workspaces: all are read at once and cached for a few seconds.
//!
//! There are few of them. A request for an unknown workspace must take as long as any other, and must not cost a statement
//! of its own (ADR 0067).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use masthead_domain::{
    tenant::TenantId,
    workspace::{Credential, ExportLimits, KeyHash, Workspace, WorkspaceId},
};
use masthead_ports::{
    source::{SourceError, SourceErrorKind},
    workspaces::Workspaces,
};
use moka::future::Cache;

use crate::{
    answer_cache::share,
    database::PgDatabase,
    key_uses::{KeyId, KeyUses, LastUses},
    sqlstate::source_error,
};

const OPERATION: &str = "workspaces";

/// How old an answer may be while the database is available.
const FRESH: Duration = Duration::from_secs(5);
const TIME_LIMIT: Duration = Duration::from_secs(2);

/// Each workspace under each of its credentials, with the number of the key.
type WorkspacesByCredential = Arc<HashMap<Credential, (Arc<Workspace>, i32)>>;

/// The workspaces of the database.
pub struct PgWorkspaces {
    pool: PgDatabase,
    fresh: Cache<(), WorkspacesByCredential>,
    /// The last answer, used while the database is unavailable: exports then fail anyway, so a key that was removed
    /// meanwhile opens nothing.
    last_known: Mutex<Option<WorkspacesByCredential>>,
    uses: KeyUses,
}

impl PgWorkspaces {
    pub(crate) fn new(pool: PgDatabase) -> Self {
        Self {
            pool,
            fresh: Cache::builder().max_capacity(1).time_to_live(FRESH).build(),
            last_known: Mutex::new(None),
            uses: KeyUses::default(),
        }
    }

    /// Writes when keys were last used, of each key at most once an hour unless `all` are wanted: for the end of a server.
    ///
    /// # Errors
    /// The database is unavailable; the uses are written the next time.
    pub async fn write_key_uses(&self, all: bool) -> Result<(), SourceError> {
        let due = self.uses.take_due(all);
        if due.is_empty() {
            return Ok(());
        }
        let LastUses {
            workspaces,
            numbers,
            seconds,
        } = due.columns();
        // The ages of this process's clock, subtracted from the database's: servers may run apart.
        let written = sqlx::query!(
            "UPDATE workspace_keys AS k
                SET last_used_at = greatest(k.last_used_at, now() - make_interval(secs => u.age))
               FROM unnest($1::text[], $2::integer[], $3::double precision[]) AS u (workspace, number, age)
              WHERE k.workspace = u.workspace AND k.number = u.number",
            &workspaces as &[&str],
            &numbers,
            &seconds,
        )
        .execute(&self.pool)
        .await;
        match written {
            Ok(_) => Ok(()),
            Err(error) => {
                self.uses.put_back(&due);
                Err(source_error(OPERATION)(error))
            }
        }
    }

    async fn query_or_reuse(&self) -> Result<WorkspacesByCredential, SourceError> {
        let answered = match tokio::time::timeout(TIME_LIMIT, read(&self.pool)).await {
            Ok(answered) => answered,
            Err(_late) => Err(SourceError::with_cause(
                OPERATION,
                SourceErrorKind::Unavailable,
                "the database did not answer in time",
            )),
        };
        let mut last_known = self.last_known.lock().unwrap_or_else(PoisonError::into_inner);
        match answered {
            Ok(known) => {
                *last_known = Some(Arc::clone(&known));
                Ok(known)
            }
            Err(error) if error.kind.is_transient() => last_known.clone().ok_or(error),
            Err(error) => Err(error),
        }
    }
}

#[async_trait]
impl Workspaces for PgWorkspaces {
    async fn authenticate(&self, credential: &Credential) -> Result<Option<Arc<Workspace>>, SourceError> {
        // Concurrent callers wait for one answer.
        let known = self.fresh.try_get_with((), self.query_or_reuse()).await;
        let known = known.map_err(|error| share(OPERATION, error))?;
        let Some((workspace, number)) = known.get(credential) else {
            return Ok(None);
        };
        self.uses.record(&KeyId(workspace.id.clone(), *number));
        Ok(Some(Arc::clone(workspace)))
    }
}

async fn read(pool: &PgDatabase) -> Result<WorkspacesByCredential, SourceError> {
    let rows = sqlx::query!(
        r#"SELECT w.id, w.client_group, w.client, w.paper, w.suspended, w.strict, w.identifiers_per_payload,
                  w.users_per_minute, w.body_kilobytes,
                  ARRAY(SELECT k.hash FROM workspace_keys AS k WHERE k.workspace = w.id ORDER BY k.number) AS "keys!",
                  ARRAY(SELECT k.number FROM workspace_keys AS k WHERE k.workspace = w.id ORDER BY k.number) AS "numbers!"
             FROM workspaces AS w"#
    )
    .fetch_all(pool)
    .await
    .map_err(source_error(OPERATION))?;
    let mut known = HashMap::new();
    for row in rows {
        let id = WorkspaceId::parse(&row.id).map_err(corrupt)?;
        let workspace = Arc::new(Workspace {
            tenant: TenantId::new(&row.client_group, &row.client, &row.paper).map_err(corrupt)?,
            suspended: row.suspended,
            strict: row.strict,
            limits: parse_limits(row.identifiers_per_payload, row.users_per_minute, row.body_kilobytes)?,
            id,
        });
        for (key, number) in row.keys.into_iter().zip(row.numbers) {
            let key = key.try_into().map_err(|_| corrupt("a hash of another length"))?;
            let credential = Credential::new(&workspace.id, &KeyHash::from_bytes(key));
            known.insert(credential, (Arc::clone(&workspace), number));
        }
    }
    Ok(Arc::new(known))
}

pub(crate) fn parse_limits(identifiers: i32, users: i32, kilobytes: i32) -> Result<ExportLimits, SourceError> {
    let number = |column: i32| u32::try_from(column).map_err(corrupt);
    ExportLimits {
        identifiers_per_payload: number(identifiers)?,
        users_per_minute: number(users)?,
        body_kilobytes: number(kilobytes)?,
    }
    .check()
    .map_err(corrupt)
}

fn corrupt(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> SourceError {
    SourceError::with_cause(OPERATION, SourceErrorKind::Corrupt, cause)
}
