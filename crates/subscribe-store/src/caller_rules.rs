//! The rules about callers: a copy in memory that follows the database every two seconds.
//!
//! A request never waits for them. There are few of them, so a change is read as a whole.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use masthead_domain::{
    access::{Scope, TenantGrant},
    caller_rules::{CallerGrant, CallerKind, CallerName, CallerRules},
};
use masthead_ports::{
    caller_rules::CallerRulesReader,
    source::{SourceError, SourceErrorKind},
};
use time::OffsetDateTime;
use tokio::time::{Instant, sleep, timeout};

use crate::{database::PgDatabase, sqlstate::source_error};

const OPERATION: &str = "caller_rules";

/// How often the database is read.
const EVERY: Duration = Duration::from_secs(2);
/// How long the database may take.
const TIME_LIMIT: Duration = Duration::from_secs(2);
/// How old the rules may be while the database does not answer: as tenants, without which no request is answered either.
const STALE: Duration = Duration::from_mins(10);

const NEVER: u64 = u64::MAX;

/// The rules of the database.
pub struct PgCallerRules {
    pool: PgDatabase,
    known: RwLock<Option<Arc<CallerRules>>>,
    /// Milliseconds from `epoch` to the last reading; [`NEVER`] before the first.
    read: AtomicU64,
    epoch: Instant,
    is_failing: AtomicBool,
}

impl PgCallerRules {
    pub(crate) fn new(pool: PgDatabase) -> Self {
        Self {
            pool,
            known: RwLock::new(None),
            read: AtomicU64::new(NEVER),
            epoch: Instant::now(),
            is_failing: AtomicBool::new(false),
        }
    }

    /// Reads the rules every two seconds. It never ends: its owner drops it.
    pub async fn follow(&self) {
        loop {
            // A failure is logged when it begins.
            let _ = self.refresh().await;
            sleep(EVERY).await;
        }
    }

    /// Reads the rules now, within two seconds.
    ///
    /// # Errors
    /// The database is unavailable, or a row is invalid: the last rules stay.
    pub async fn refresh(&self) -> Result<(), SourceError> {
        let late = || {
            SourceError::with_cause(
                OPERATION,
                SourceErrorKind::Unavailable,
                "the database did not answer in time",
            )
        };
        let answered = timeout(TIME_LIMIT, self.read()).await.unwrap_or_else(|_| Err(late()));
        let was_failing = self.is_failing.swap(answered.is_err(), Ordering::Relaxed);
        match &answered {
            Err(error) if !was_failing => {
                tracing::warn!(
                    error = error as &dyn std::error::Error,
                    "the rules about callers cannot be read: the last ones hold for {} minutes",
                    STALE.as_secs() / 60
                );
            }
            Ok(()) if was_failing => tracing::info!("the rules about callers are read again"),
            Ok(()) | Err(_) => {}
        }
        answered
    }

    async fn read(&self) -> Result<(), SourceError> {
        let asked = self.epoch.elapsed();
        let version = sqlx::query_scalar!("SELECT version FROM caller_rules_version")
            .fetch_one(&self.pool)
            .await
            .map_err(source_error(OPERATION))?;
        let is_known = |known: &Option<Arc<CallerRules>>| known.as_ref().map(|rules| rules.version()) == Some(version);
        if !is_known(&self.known.read().unwrap_or_else(PoisonError::into_inner)) {
            // Read after their version: of rules that change meanwhile, the next reading knows.
            let rules = read_rules(&self.pool, version).await?;
            *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(rules));
        }
        self.read
            .store(u64::try_from(asked.as_millis()).unwrap_or(NEVER - 1), Ordering::Release);
        Ok(())
    }
}

impl CallerRulesReader for PgCallerRules {
    fn current(&self) -> Option<Arc<CallerRules>> {
        let read = self.read.load(Ordering::Acquire);
        if read == NEVER || self.epoch.elapsed().saturating_sub(Duration::from_millis(read)) > STALE {
            return None;
        }
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn read_rules(pool: &PgDatabase, version: i64) -> Result<CallerRules, SourceError> {
    let grants = sqlx::query!("SELECT issuer, kind, value, scopes, tenants FROM caller_grants")
        .fetch_all(pool)
        .await
        .map_err(source_error(OPERATION))?;
    let denials = sqlx::query!("SELECT issuer, kind, value, expires_at FROM caller_denials WHERE expires_at > now()")
        .fetch_all(pool)
        .await
        .map_err(source_error(OPERATION))?;
    let grants = grants.into_iter().map(|row| {
        let name = parse_name(&row.issuer, &row.kind, &row.value)?;
        Ok((name, parse_grant(row.scopes.as_deref(), &row.tenants)?))
    });
    let denials = denials.into_iter().map(|row| {
        let name = parse_name(&row.issuer, &row.kind, &row.value)?;
        Ok((name, OffsetDateTime::unix_timestamp(row.expires_at)))
    });
    Ok(CallerRules::new(
        version,
        grants.collect::<Result<HashMap<_, _>, SourceError>>()?,
        denials.collect::<Result<HashMap<_, _>, SourceError>>()?,
    ))
}

pub(crate) fn parse_name(issuer: &str, kind: &str, value: &str) -> Result<CallerName, SourceError> {
    let kind = CallerKind::from_name(kind).ok_or_else(|| corrupt("an unknown kind of caller"))?;
    CallerName::new(issuer, kind, value).map_err(corrupt)
}

/// A scope of a newer version is left out: this one gives it no meaning.
pub(crate) fn parse_grant(scopes: Option<&[String]>, tenants: &[String]) -> Result<CallerGrant, SourceError> {
    let known = |names: &[String]| names.iter().filter_map(|name| Scope::from_name(name)).collect();
    let tenants = tenants.iter().map(|tenant| TenantGrant::parse(tenant).map_err(corrupt));
    Ok(CallerGrant {
        scopes: scopes.map(known),
        tenants: tenants.collect::<Result<_, _>>()?,
    })
}

fn corrupt(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> SourceError {
    SourceError::with_cause(OPERATION, SourceErrorKind::Corrupt, cause)
}
