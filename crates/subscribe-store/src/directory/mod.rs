//! The directory of a pool: what its provider is known to have, joined with its registrations (`docs/adr/0070` and after).

mod feed;
mod finish;
pub(crate) mod list;
mod near;
mod profile;
mod refold;
mod run;
mod settle;
mod state;
mod trouble;
mod write;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::EmailKey, query::UserQuery,
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

pub(crate) use refold::fold_again;
pub(crate) use settle::{Changes, follow};
pub(crate) use state::provider_of;
pub(crate) use trouble::Trouble;

use crate::{
    database::{Database, Transaction},
    search::{PgSearch, Table, matches_nobody},
};

/// How long one of a run's transactions may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// The directories of all pools.
pub struct PgDirectory {
    pool: Database,
    /// The connections of those who write, and wait for one another.
    writing: Database,
    search: Arc<PgSearch>,
}

impl PgDirectory {
    pub(crate) const fn new(pool: Database, writing: Database, search: Arc<PgSearch>) -> Self {
        Self { pool, writing, search }
    }
}

/// A transaction of many rows may take longer than a request's statement; and its plans must not be made for the values of
/// a pool that is not in the statistics yet, where the connections do not carry the setting themselves.
pub(crate) async fn patient(transaction: &mut Transaction) -> Result<(), sqlx::Error> {
    sqlx::raw_sql("SET LOCAL statement_timeout = '60s'; SET LOCAL plan_cache_mode = force_generic_plan")
        .execute(transaction)
        .await
        .map(|_| ())
}

/// Gives up reading at the call's deadline.
async fn read<T>(cx: &CallContext, work: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    tokio::time::timeout_at(cx.deadline.into(), work)
        .await
        .unwrap_or(Err(Trouble::LateToRead))
}

/// Gives up writing at the call's deadline.
async fn in_time<T>(cx: &CallContext, work: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    tokio::time::timeout_at(cx.deadline.into(), work)
        .await
        .unwrap_or(Err(Trouble::Late))
}

#[async_trait]
impl UserMirror for PgDirectory {
    async fn search(&self, cx: &CallContext, query: &UserQuery) -> Result<Option<MirrorPage>, SourceError> {
        if matches_nobody(&query.filter) {
            let as_of = read(cx, list::as_of(&self.pool, &cx.tenant)).await;
            let as_of = as_of.map_err(Trouble::of("directory search"))?;
            return Ok(as_of.map(|as_of| list::nobody(query, as_of)));
        }
        let precedence = cx.tenant.settings.precedence.canonical();
        let table = Table::Directory {
            provider: provider_of(&cx.tenant),
            precedence: &precedence,
        };
        let found = self.search.found(cx, query, &table).await?;
        list::page_of(&found, &cx.tenant, query)
    }

    async fn profile(&self, cx: &CallContext, id: &CustomerRegistrationId) -> Result<Option<Profile>, SourceError> {
        let profile = list::profile(&self.pool, &cx.tenant, id);
        read(cx, profile).await.map_err(Trouble::of("directory profile"))
    }

    async fn profiles_by_email(&self, cx: &CallContext, email: &EmailKey) -> Result<Vec<Profile>, SourceError> {
        let profiles = list::profiles_by_email(&self.pool, &cx.tenant, email);
        read(cx, profiles)
            .await
            .map_err(Trouble::of("directory profiles by email"))
    }

    async fn status(&self, cx: &CallContext) -> Result<Option<MirrorStatus>, SourceError> {
        let standing = list::standing(&self.pool, &cx.tenant);
        read(cx, standing).await.map_err(Trouble::of("directory standing"))
    }

    async fn record_accounts(
        &self,
        cx: &CallContext,
        accounts: &[Account],
        as_of: OffsetDateTime,
    ) -> Result<ChangeCounts, SourceError> {
        let fed = feed::feed(&self.writing, &cx.tenant, accounts, as_of);
        in_time(cx, fed).await.map_err(Trouble::of("directory feed"))
    }

    async fn record_absence(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        as_of: OffsetDateTime,
    ) -> Result<(), SourceError> {
        let marked = feed::absent(&self.writing, &cx.tenant, id, as_of);
        in_time(cx, marked).await.map_err(Trouble::of("directory absent"))
    }

    async fn start_run(&self, cx: &CallContext, beginning: StartRun<'_>) -> Result<StartOutcome, SourceError> {
        let begun = run::begin(&self.writing, &cx.tenant, beginning).await;
        begun.map_err(Trouble::of("directory begin"))
    }

    async fn record_page(
        &self,
        cx: &CallContext,
        run: &SyncRun,
        step: &ScanPage,
        as_of: OffsetDateTime,
    ) -> Result<ChangeCounts, RunError> {
        let taken = run::take(&self.writing, &cx.tenant, run, step, as_of);
        in_time(cx, taken).await.map_err(Trouble::of_run("directory take"))
    }

    async fn renew_lease(&self, cx: &CallContext, run: &SyncRun) -> Result<bool, RunError> {
        let renewed = run::renew(&self.pool, &cx.tenant, run);
        in_time(cx, renewed).await.map_err(Trouble::of_run("directory renew"))
    }

    async fn release_run(&self, cx: &CallContext, run: &SyncRun) -> Result<(), RunError> {
        let paused = run::pause(&self.writing, &cx.tenant, run);
        in_time(cx, paused).await.map_err(Trouble::of_run("directory pause"))
    }

    async fn finish_run(
        &self,
        cx: &CallContext,
        run: &SyncRun,
        at: OffsetDateTime,
        brake: RemovalBrake,
    ) -> Result<RunSummary, RunError> {
        let finished = finish::finish(&self.writing, &cx.tenant, run, at, brake).await;
        finished.map_err(Trouble::of_run("directory finish"))
    }

    async fn preview_changes(&self, cx: &CallContext, accounts: &[Account]) -> Result<Vec<ProfileChange>, SourceError> {
        let previewed = feed::preview(&self.pool, &cx.tenant, accounts);
        read(cx, previewed).await.map_err(Trouble::of("directory preview"))
    }
}
