//! What a workspace is: all of them, read at once and remembered for a few seconds.
//!
//! There are few, and whoever asks for one that there is not must be answered from the same place, in the same time, and
//! without a statement of its own (ADR 0067, ADR 0069).

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

use crate::{database::Database, sqlstate::silence};

const OPERATION: &str = "workspaces";

/// How old an answer may be while the database answers.
const FRESH: Duration = Duration::from_secs(5);
/// How long the database may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Each workspace under each of its keys.
type Known = Arc<HashMap<Credential, Arc<Workspace>>>;

/// The workspaces of the database.
pub struct PgWorkspaces {
    pool: Database,
    fresh: Cache<(), Known>,
    /// The last answer, for while the database is silent: exports are then silent too, and keys that were taken back
    /// since open nothing but that silence.
    last_known: Mutex<Option<Known>>,
}

impl PgWorkspaces {
    pub(crate) fn new(pool: Database) -> Self {
        Self {
            pool,
            fresh: Cache::builder().max_capacity(1).time_to_live(FRESH).build(),
            last_known: Mutex::new(None),
        }
    }

    async fn ask_or_remember(&self) -> Result<Known, SourceError> {
        let answered = match tokio::time::timeout(PATIENCE, read(&self.pool)).await {
            Ok(answered) => answered,
            Err(_late) => Err(SourceError::with_cause(
                OPERATION,
                SourceErrorKind::Unavailable,
                "no answer in time",
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
        // All who ask at the same time wait for one answer.
        let known = self.fresh.try_get_with((), self.ask_or_remember()).await;
        let known = known.map_err(|error: Arc<SourceError>| SourceError {
            operation: OPERATION,
            kind: error.kind,
            source: Some(Box::new(error)),
        })?;
        Ok(known.get(credential).cloned())
    }
}

async fn read(pool: &Database) -> Result<Known, SourceError> {
    let rows = sqlx::query!(
        r#"SELECT w.id, w.client_group, w.client, w.paper, w.suspended, w.strict, w.identifiers_per_payload,
                  w.users_per_minute, w.body_kilobytes,
                  ARRAY(SELECT k.hash FROM workspace_keys AS k WHERE k.workspace = w.id ORDER BY k.number) AS "keys!"
             FROM workspaces AS w"#
    )
    .fetch_all(pool)
    .await
    .map_err(silence(OPERATION))?;
    let mut known = HashMap::new();
    for row in rows {
        let id = WorkspaceId::parse(&row.id).map_err(corrupt)?;
        let workspace = Arc::new(Workspace {
            tenant: TenantId::new(&row.client_group, &row.client, &row.paper).map_err(corrupt)?,
            suspended: row.suspended,
            strict: row.strict,
            limits: limits_of(row.identifiers_per_payload, row.users_per_minute, row.body_kilobytes)?,
            id,
        });
        for key in row.keys {
            let key = key.try_into().map_err(|_| corrupt("a hash of another length"))?;
            let credential = Credential::new(&workspace.id, &KeyHash::from_bytes(key));
            known.insert(credential, Arc::clone(&workspace));
        }
    }
    Ok(Arc::new(known))
}

/// The limits as a row has them.
pub(crate) fn limits_of(identifiers: i32, users: i32, kilobytes: i32) -> Result<ExportLimits, SourceError> {
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
