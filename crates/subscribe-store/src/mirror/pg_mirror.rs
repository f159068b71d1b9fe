//! The mirror as a port.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::TryFutureExt as _;
use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, query::UserQuery, tenant::Tenant,
    user_key::UserKey,
};
use masthead_ports::{
    mirror::{
        ChangeCounts, MirrorPage, MirrorStatus, Profile, ProfileChange, RemovalBrake, RunError, RunSummary,
        StartOutcome, StartRun, SyncRun, UserMirror,
    },
    scan::ScanPage,
    source::{CallContext, SourceError},
};
use time::OffsetDateTime;

use super::{
    error::MirrorError,
    feed::{self, MirrorWrites},
    finish, list,
    mirror_row::provider_of,
    run,
    time_limit::{read_in_time, write_in_time},
};
use crate::{
    database::PgDatabase,
    search::{PgSearch, Table, matches_no_key},
    tombstones::Tombstones,
    trace::traced,
};

/// The mirrors of all pools.
pub struct PgMirror {
    pool: PgDatabase,
    /// Connections for writers, which wait for each other.
    writing: PgDatabase,
    search: Arc<PgSearch>,
    tombstones: Tombstones,
}

impl PgMirror {
    pub(crate) const fn new(
        pool: PgDatabase,
        writing: PgDatabase,
        search: Arc<PgSearch>,
        tombstones: Tombstones,
    ) -> Self {
        Self {
            pool,
            writing,
            search,
            tombstones,
        }
    }

    const fn writes<'a>(&'a self, tenant: &'a Tenant) -> MirrorWrites<'a> {
        MirrorWrites {
            database: &self.writing,
            tenant,
            tombstones: &self.tombstones,
        }
    }
}

/// Does the work of a query, in a span of its own.
fn traced_query<T>(
    name: &'static str,
    work: impl Future<Output = Result<T, MirrorError>>,
) -> impl Future<Output = Result<T, SourceError>> {
    traced(name, work.map_err(MirrorError::to_source_error(name)))
}

#[async_trait]
impl UserMirror for PgMirror {
    async fn search(&self, cx: &CallContext, query: &UserQuery) -> Result<Option<MirrorPage>, SourceError> {
        if matches_no_key(&query.filter) {
            let as_of = read_in_time(cx, list::as_of(&self.pool, &cx.tenant)).await;
            let as_of = as_of.map_err(MirrorError::to_source_error("mirror search"))?;
            return Ok(as_of.map(|as_of| list::empty_page(query, as_of)));
        }
        let precedence = cx.tenant.settings.precedence.canonical();
        let table = Table::Mirror {
            provider: provider_of(&cx.tenant),
            precedence: &precedence,
        };
        let found = self.search.find_rows(cx, query, &table).await?;
        list::page_of(&found, &cx.tenant, query)
    }

    async fn profiles(&self, cx: &CallContext, key: &UserKey) -> Result<Vec<Profile>, SourceError> {
        let profiles = async {
            match key {
                UserKey::Id(id) => list::profiles_by_id(&self.pool, &cx.tenant, id).await,
                UserKey::Email(email) => list::profiles_by_email(&self.pool, &cx.tenant, email).await,
            }
        };
        traced_query("mirror profiles", read_in_time(cx, profiles)).await
    }

    async fn status(&self, cx: &CallContext) -> Result<Option<MirrorStatus>, SourceError> {
        let standing = list::standing(&self.pool, &cx.tenant);
        traced_query("mirror standing", read_in_time(cx, standing)).await
    }

    async fn record_accounts(
        &self,
        cx: &CallContext,
        accounts: &[Account],
        as_of: OffsetDateTime,
    ) -> Result<ChangeCounts, SourceError> {
        let fed = feed::feed(self.writes(&cx.tenant), accounts, as_of);
        traced_query("mirror feed", write_in_time(cx, fed)).await
    }

    async fn record_absence(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        as_of: OffsetDateTime,
    ) -> Result<(), SourceError> {
        let marked = feed::absent(&self.writing, &cx.tenant, id, as_of);
        traced_query("mirror absent", write_in_time(cx, marked)).await
    }

    async fn start_run(&self, cx: &CallContext, beginning: StartRun<'_>) -> Result<StartOutcome, SourceError> {
        let begun = run::begin(&self.writing, &cx.tenant, beginning).await;
        begun.map_err(MirrorError::to_source_error("mirror begin"))
    }

    async fn record_page(
        &self,
        cx: &CallContext,
        run: &SyncRun,
        step: &ScanPage,
        as_of: OffsetDateTime,
    ) -> Result<ChangeCounts, RunError> {
        let taken = run::take(self.writes(&cx.tenant), run, step, as_of);
        write_in_time(cx, taken)
            .await
            .map_err(MirrorError::to_run_error("mirror take"))
    }

    async fn renew_lease(&self, cx: &CallContext, run: &SyncRun) -> Result<bool, RunError> {
        let renewed = run::renew(&self.pool, &cx.tenant, run);
        write_in_time(cx, renewed)
            .await
            .map_err(MirrorError::to_run_error("mirror renew"))
    }

    async fn release_run(&self, cx: &CallContext, run: &SyncRun) -> Result<(), RunError> {
        let paused = run::pause(&self.writing, &cx.tenant, run);
        write_in_time(cx, paused)
            .await
            .map_err(MirrorError::to_run_error("mirror pause"))
    }

    async fn finish_run(
        &self,
        cx: &CallContext,
        run: &SyncRun,
        at: OffsetDateTime,
        brake: RemovalBrake,
    ) -> Result<RunSummary, RunError> {
        let finished = finish::finish(&self.writing, &cx.tenant, run, at, brake).await;
        finished.map_err(MirrorError::to_run_error("mirror finish"))
    }

    async fn preview_changes(&self, cx: &CallContext, accounts: &[Account]) -> Result<Vec<ProfileChange>, SourceError> {
        let previewed = feed::preview(&self.pool, &cx.tenant, &self.tombstones, accounts);
        traced_query("mirror preview", read_in_time(cx, previewed)).await
    }
}
