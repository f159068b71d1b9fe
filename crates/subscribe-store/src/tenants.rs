//! Tenants, cached for a few seconds.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use masthead_domain::{
    settings::SettingError,
    tenant::{PoolId, Tenant, TenantId},
};
use masthead_ports::{
    source::{SourceError, SourceErrorKind},
    tenants::Tenants,
};
use moka::future::Cache;

use crate::{
    answer_cache::{AnswerAges, AnswerCache, share},
    database::PgDatabase,
    query_tag::{ForeignRowError, QueryTag},
    settings_json,
    sqlstate::source_error,
};

const OPERATION: &str = "tenant";
const GROUPS: &str = "tenants of any group";

/// How old an answer may be. While the database is down, stale tenants only make the error of the registrations the right
/// one.
const AGES: AnswerAges = AnswerAges {
    fresh: Duration::from_secs(5),
    stale: Duration::from_mins(10),
};
/// The maximum number of cached answers, including those about tenants that do not exist.
const REMEMBERED: usize = 10_000;
/// How long the database may take to find a few rows by key, on an open connection.
const FEW_ROWS: Duration = Duration::from_secs(1);

type KnownTenant = Option<Arc<Tenant>>;
type ClientAndPaper = (Box<str>, Box<str>);

/// The tenants of the database.
pub struct PgTenants {
    pool: PgDatabase,
    known: AnswerCache<TenantId, KnownTenant>,
    groups: Cache<ClientAndPaper, Arc<[TenantId]>>,
    /// The time limit of a query.
    patience: Duration,
}

impl PgTenants {
    pub(crate) fn new(pool: PgDatabase, acquire_timeout: Duration) -> Self {
        let groups = Cache::builder().max_capacity(REMEMBERED as u64);
        Self {
            pool,
            known: AnswerCache::new(REMEMBERED, AGES),
            groups: groups.time_to_live(AGES.fresh).build(),
            patience: acquire_timeout + FEW_ROWS,
        }
    }

    async fn in_time<T>(
        &self,
        operation: &'static str,
        answer: impl Future<Output = Result<T, SourceError>>,
    ) -> Result<T, SourceError> {
        let late = || {
            SourceError::with_cause(
                operation,
                SourceErrorKind::Unavailable,
                "the database did not answer in time",
            )
        };
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
        let querying = self.known.query(id, self.in_time(OPERATION, read(&self.pool, id)));
        // Boxed: rarely used, and much larger than the usual path.
        Box::pin(querying).await.map_err(|error| share(OPERATION, error))
    }

    async fn find_in_any_group(&self, client: &str, paper: &str) -> Result<Vec<TenantId>, SourceError> {
        let key = (Box::from(client), Box::from(paper));
        let querying = self.in_time(GROUPS, read_groups(&self.pool, client, paper));
        let answered = self.groups.try_get_with(key, querying).await;
        answered.map(|ids| ids.to_vec()).map_err(|error| share(GROUPS, error))
    }
}

async fn read(pool: &PgDatabase, id: &TenantId) -> Result<KnownTenant, SourceError> {
    let tag = QueryTag::new();
    let row = sqlx::query!(
        r#"SELECT q.n AS "tag!", t.pool AS "pool?", t.settings::text AS settings
             FROM (SELECT $4::bigint AS n) AS q
             LEFT JOIN tenants AS t ON t.client_group = $1 AND t.client = $2 AND t.paper = $3"#,
        id.group(),
        id.client(),
        id.paper(),
        tag.number(),
    )
    .fetch_one(pool)
    .await
    .map_err(source_error(OPERATION))?;
    tag.check(row.tag).map_err(source_error(OPERATION))?;
    let found = row.pool.zip(row.settings);
    found
        .map(|(pool, settings)| parse_tenant(id.clone(), PoolId(pool), &settings))
        .transpose()
}

async fn read_groups(pool: &PgDatabase, client: &str, paper: &str) -> Result<Arc<[TenantId]>, SourceError> {
    let tag = QueryTag::new();
    let rows = sqlx::query!(
        r#"SELECT q.n AS "tag!", t.client_group AS "client_group?"
             FROM (SELECT $3::bigint AS n) AS q LEFT JOIN tenants AS t ON t.client = $1 AND t.paper = $2
            ORDER BY t.client_group"#,
        client,
        paper,
        tag.number(),
    )
    .fetch_all(pool)
    .await
    .map_err(source_error(GROUPS))?;
    if rows.is_empty() {
        return Err(ForeignRowError::Missing.to_source_error(GROUPS));
    }
    for row in &rows {
        tag.check(row.tag).map_err(source_error(GROUPS))?;
    }
    let groups = rows.into_iter().filter_map(|row| row.client_group);
    let id = |group: String| {
        TenantId::new(&group, client, paper)
            .map_err(|error| SourceError::with_cause(GROUPS, SourceErrorKind::Corrupt, error))
    };
    groups.map(id).collect()
}

/// Parses a tenant. Settings that cannot be parsed keep their defaults and are logged: `tenant set` rejects them, so they
/// come from another version.
fn parse_tenant(id: TenantId, pool: PoolId, settings: &str) -> Result<Arc<Tenant>, SourceError> {
    let stored = settings_json::parse(settings)
        .map_err(|error| SourceError::with_cause(OPERATION, SourceErrorKind::Corrupt, error))?;
    let (settings, mistakes) = settings_json::evaluate(&stored);
    for mistake in mistakes.iter().filter(|mistake| !SettingError::is_warning(mistake)) {
        tracing::warn!(tenant = %id, %mistake, "a setting is ignored");
    }
    Ok(Arc::new(Tenant { id, pool, settings }))
}
