//! The mirror of a pool: the users of its provider, joined with its registrations (`docs/adr/0070` and later).

mod entry_rows;
mod error;
mod feed;
mod finish;
pub(crate) mod list;
mod mirror_row;
mod nearby;
mod profile;
mod refold;
mod rejoin;
mod run;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use masthead_domain::{account::Account, crid::Crid, email::EmailKey, query::UserQuery};
use masthead_ports::{
    directory::{
        Beginning, Begun, Brake, Change, Directory, DirectoryPage, Finished, Profile, Run, RunError, Standing, Taken,
    },
    source::{CallContext, SourceError},
    walk::Step,
};
use time::OffsetDateTime;

pub(crate) use error::MirrorError;
pub(crate) use mirror_row::provider_of;
pub(crate) use refold::fold_again;
pub(crate) use rejoin::{Changes, follow};

use crate::{
    database::{PgDatabase, Transaction},
    search::{PgSearch, Table, matches_no_key},
};

/// Time limit of one transaction of a run.
const TIME_LIMIT: Duration = Duration::from_mins(1);

/// The mirrors of all pools.
pub struct PgMirror {
    pool: PgDatabase,
    /// Connections for writers, which wait for each other.
    writing: PgDatabase,
    search: Arc<PgSearch>,
}

impl PgMirror {
    pub(crate) const fn new(pool: PgDatabase, writing: PgDatabase, search: Arc<PgSearch>) -> Self {
        Self { pool, writing, search }
    }
}

/// Raises the time limit for a transaction of many rows. Also forces generic plans, where the connection does not: a plan
/// for the values of a new pool would be made from statistics that do not know it.
pub(crate) async fn allow_long_statements(transaction: &mut Transaction) -> Result<(), sqlx::Error> {
    sqlx::raw_sql("SET LOCAL statement_timeout = '60s'; SET LOCAL plan_cache_mode = force_generic_plan")
        .execute(transaction)
        .await
        .map(|_| ())
}

/// Stops a read at the call's deadline.
async fn read<T>(cx: &CallContext, work: impl Future<Output = Result<T, MirrorError>>) -> Result<T, MirrorError> {
    tokio::time::timeout_at(cx.deadline.into(), work)
        .await
        .unwrap_or(Err(MirrorError::ReadTimeout))
}

/// Stops a write at the call's deadline.
async fn in_time<T>(cx: &CallContext, work: impl Future<Output = Result<T, MirrorError>>) -> Result<T, MirrorError> {
    tokio::time::timeout_at(cx.deadline.into(), work)
        .await
        .unwrap_or(Err(MirrorError::WriteTimeout))
}

#[async_trait]
impl Directory for PgMirror {
    async fn search(&self, cx: &CallContext, query: &UserQuery) -> Result<Option<DirectoryPage>, SourceError> {
        if matches_no_key(&query.filter) {
            let as_of = read(cx, list::as_of(&self.pool, &cx.tenant)).await;
            let as_of = as_of.map_err(MirrorError::to_source_error("mirror search"))?;
            return Ok(as_of.map(|as_of| list::nobody(query, as_of)));
        }
        let precedence = cx.tenant.settings.precedence.canonical();
        let table = Table::Mirror {
            provider: provider_of(&cx.tenant),
            precedence: &precedence,
        };
        let found = self.search.find_rows(cx, query, &table).await?;
        list::page_of(&found, &cx.tenant, query)
    }

    async fn profile(&self, cx: &CallContext, id: &Crid) -> Result<Option<Profile>, SourceError> {
        let profile = list::profile(&self.pool, &cx.tenant, id);
        read(cx, profile)
            .await
            .map_err(MirrorError::to_source_error("mirror profile"))
    }

    async fn profiles_by_email(&self, cx: &CallContext, email: &EmailKey) -> Result<Vec<Profile>, SourceError> {
        let profiles = list::profiles_by_email(&self.pool, &cx.tenant, email);
        read(cx, profiles)
            .await
            .map_err(MirrorError::to_source_error("mirror profiles by email"))
    }

    async fn standing(&self, cx: &CallContext) -> Result<Option<Standing>, SourceError> {
        let standing = list::standing(&self.pool, &cx.tenant);
        read(cx, standing)
            .await
            .map_err(MirrorError::to_source_error("mirror standing"))
    }

    async fn feed(&self, cx: &CallContext, accounts: &[Account], as_of: OffsetDateTime) -> Result<Taken, SourceError> {
        let fed = feed::feed(&self.writing, &cx.tenant, accounts, as_of);
        in_time(cx, fed)
            .await
            .map_err(MirrorError::to_source_error("mirror feed"))
    }

    async fn absent(&self, cx: &CallContext, id: &Crid, as_of: OffsetDateTime) -> Result<(), SourceError> {
        let marked = feed::absent(&self.writing, &cx.tenant, id, as_of);
        in_time(cx, marked)
            .await
            .map_err(MirrorError::to_source_error("mirror absent"))
    }

    async fn begin(&self, cx: &CallContext, beginning: Beginning<'_>) -> Result<Begun, SourceError> {
        let begun = run::begin(&self.writing, &cx.tenant, beginning).await;
        begun.map_err(MirrorError::to_source_error("mirror begin"))
    }

    async fn take(&self, cx: &CallContext, run: &Run, step: &Step, as_of: OffsetDateTime) -> Result<Taken, RunError> {
        let taken = run::take(&self.writing, &cx.tenant, run, step, as_of);
        in_time(cx, taken)
            .await
            .map_err(MirrorError::to_run_error("mirror take"))
    }

    async fn renew(&self, cx: &CallContext, run: &Run) -> Result<bool, RunError> {
        let renewed = run::renew(&self.pool, &cx.tenant, run);
        in_time(cx, renewed)
            .await
            .map_err(MirrorError::to_run_error("mirror renew"))
    }

    async fn pause(&self, cx: &CallContext, run: &Run) -> Result<(), RunError> {
        let paused = run::pause(&self.writing, &cx.tenant, run);
        in_time(cx, paused)
            .await
            .map_err(MirrorError::to_run_error("mirror pause"))
    }

    async fn finish(
        &self,
        cx: &CallContext,
        run: &Run,
        at: OffsetDateTime,
        brake: Brake,
    ) -> Result<Finished, RunError> {
        let finished = finish::finish(&self.writing, &cx.tenant, run, at, brake).await;
        finished.map_err(MirrorError::to_run_error("mirror finish"))
    }

    async fn preview(&self, cx: &CallContext, accounts: &[Account]) -> Result<Vec<Change>, SourceError> {
        let previewed = feed::preview(&self.pool, &cx.tenant, accounts);
        read(cx, previewed)
            .await
            .map_err(MirrorError::to_source_error("mirror preview"))
    }
}
