//! Who a tenant is, remembered for a few seconds.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use masthead_domain::{
    settings::{SettingError, TenantSettings},
    tenant::{PoolId, Tenant, TenantId},
};
use masthead_ports::{
    source::{SourceError, SourceErrorKind},
    tenants::Tenants,
};
use moka::future::Cache;

use crate::{
    database::Database,
    question::{Foreign, Question},
    remembered::{Ages, Remembered},
    sqlstate::silence,
};

const OPERATION: &str = "tenant";
const GROUPS: &str = "tenants of any group";

/// How old an answer may be. Registrations are silent while the database is, so then it only keeps the error true.
const AGES: Ages = Ages {
    fresh: Duration::from_secs(5),
    stale: Duration::from_mins(10),
};
/// How many answers are remembered, those about tenants that do not exist among them.
const REMEMBERED: usize = 10_000;
/// How long the database may take for a few rows by their key, once there is a connection to it.
const FEW_ROWS: Duration = Duration::from_secs(1);

type Known = Option<Arc<Tenant>>;
type ClientAndPaper = (Box<str>, Box<str>);

/// The tenants of the database.
pub struct PgTenants {
    pool: Database,
    known: Remembered<TenantId, Known>,
    /// The tenants of a client and a paper.
    groups: Cache<ClientAndPaper, Arc<[TenantId]>>,
    /// How long an answer may take.
    patience: Duration,
}

impl PgTenants {
    pub(crate) fn new(pool: Database, acquire_timeout: Duration) -> Self {
        let groups = Cache::builder().max_capacity(REMEMBERED as u64);
        Self {
            pool,
            known: Remembered::new(REMEMBERED, AGES),
            groups: groups.time_to_live(AGES.fresh).build(),
            patience: acquire_timeout + FEW_ROWS,
        }
    }

    async fn in_time<T>(
        &self,
        operation: &'static str,
        answer: impl Future<Output = Result<T, SourceError>>,
    ) -> Result<T, SourceError> {
        let late = || SourceError::with_cause(operation, SourceErrorKind::Unavailable, "no answer in time");
        let answered = tokio::time::timeout(self.patience, answer).await;
        answered.unwrap_or_else(|_| Err(late()))
    }
}

#[async_trait]
impl Tenants for PgTenants {
    async fn by_id(&self, id: &TenantId) -> Result<Option<Arc<Tenant>>, SourceError> {
        if let Some(known) = self.known.fresh(id) {
            return Ok(known);
        }
        let asked = self.known.ask(id, self.in_time(OPERATION, read(&self.pool, id)));
        // Rare, and far larger than the way that nearly all take.
        let answered = Box::pin(asked).await;
        answered.map_err(|error: Arc<SourceError>| SourceError {
            operation: OPERATION,
            kind: error.kind,
            source: Some(Box::new(error)),
        })
    }

    async fn find_in_any_group(&self, client: &str, paper: &str) -> Result<Vec<TenantId>, SourceError> {
        let key = (Box::from(client), Box::from(paper));
        let asked = self.in_time(GROUPS, read_groups(&self.pool, client, paper));
        let answered = self.groups.try_get_with(key, asked).await;
        answered
            .map(|ids| ids.to_vec())
            .map_err(|error: Arc<SourceError>| SourceError {
                operation: GROUPS,
                kind: error.kind,
                source: Some(Box::new(error)),
            })
    }
}

async fn read(pool: &Database, id: &TenantId) -> Result<Known, SourceError> {
    let question = Question::new();
    let row = sqlx::query!(
        r#"SELECT q.n AS "question!", t.pool AS "pool?", t.settings::text AS settings
             FROM (SELECT $4::bigint AS n) AS q
             LEFT JOIN tenants AS t ON t.client_group = $1 AND t.client = $2 AND t.paper = $3"#,
        id.group(),
        id.client(),
        id.paper(),
        question.number(),
    )
    .fetch_one(pool)
    .await
    .map_err(silence(OPERATION))?;
    question.check(row.question).map_err(silence(OPERATION))?;
    let found = row.pool.zip(row.settings);
    found
        .map(|(pool, settings)| tenant_of(id.clone(), PoolId(pool), &settings))
        .transpose()
}

async fn read_groups(pool: &Database, client: &str, paper: &str) -> Result<Arc<[TenantId]>, SourceError> {
    let question = Question::new();
    let rows = sqlx::query!(
        r#"SELECT q.n AS "question!", t.client_group AS "client_group?"
             FROM (SELECT $3::bigint AS n) AS q LEFT JOIN tenants AS t ON t.client = $1 AND t.paper = $2
            ORDER BY t.client_group"#,
        client,
        paper,
        question.number(),
    )
    .fetch_all(pool)
    .await
    .map_err(silence(GROUPS))?;
    if rows.is_empty() {
        return Err(Foreign::Missing.silence(GROUPS));
    }
    for row in &rows {
        question.check(row.question).map_err(silence(GROUPS))?;
    }
    let groups = rows.into_iter().filter_map(|row| row.client_group);
    let id = |group: String| {
        TenantId::new(&group, client, paper)
            .map_err(|error| SourceError::with_cause(GROUPS, SourceErrorKind::Corrupt, error))
    };
    groups.map(id).collect()
}

/// Makes a tenant of its row. Settings that cannot be read are left at their defaults and logged: `tenant set` refuses
/// them, so they are those of another version.
fn tenant_of(id: TenantId, pool: PoolId, settings: &str) -> Result<Arc<Tenant>, SourceError> {
    let pairs: std::collections::BTreeMap<String, String> = serde_json::from_str(settings)
        .map_err(|error| SourceError::with_cause(OPERATION, SourceErrorKind::Corrupt, error))?;
    let (settings, mistakes) = TenantSettings::parse(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    for mistake in mistakes.iter().filter(|mistake| !SettingError::is_warning(mistake)) {
        tracing::warn!(tenant = %id, %mistake, "a setting is ignored");
    }
    Ok(Arc::new(Tenant { id, pool, settings }))
}
