//! Users who have neither signed in nor changed for the time that their tenants set (`Retention.InactiveMonths`).

use std::collections::BTreeMap;

use masthead_domain::{
    customer_registration_id::CustomerRegistrationId,
    settings::InactiveAction,
    tenant::{PoolId, TenantId},
};
use masthead_ports::source::SourceError;
use time::{Date, Duration, OffsetDateTime};

use super::{PgUsers, error::PgWriteError, purge::stored_rules};
use crate::{database::Transaction, row::RowError, sqlstate::source_error};

const OPERATION: &str = "inactive users";

/// The average month.
const MONTH: Duration = Duration::hours(730);

/// The ids of the inactive users of a pool; `$1` is the pool, `$2` the time and `$3` the day since which they have been idle. A row
/// that was stored later, as by an import, is none, also with older dates.
macro_rules! inactive {
    ($rest:literal) => {
        concat!(
            "SELECT r.crid FROM registrations AS r \
               LEFT JOIN last_sign_ins AS s ON s.pool = r.pool AND s.registration_id = r.id \
              WHERE r.pool = $1 AND r.deleted_at IS NULL AND r.changed_at < $2 AND r.stored_on < $3 \
                AND (r.registered_at IS NULL OR r.registered_at < $2) AND (r.last_logout_at IS NULL OR r.last_logout_at < $2) \
                AND (s.on_day IS NULL OR s.on_day < $3) \
                AND NOT EXISTS (SELECT FROM mirror_entries AS m \
                                 WHERE m.pool = r.pool AND m.crid = r.crid AND m.changed_at >= $2) \
                AND NOT EXISTS (SELECT FROM mirror_entries AS m \
                                 WHERE m.pool = r.pool AND m.email_key = r.email_key AND m.by_email \
                                   AND m.registration_id = r.id AND m.changed_at >= $2) ",
            $rest
        )
    };
}

/// `$4` is the maximum number.
const INACTIVE: &str = inactive!("ORDER BY r.changed_at LIMIT $4");

/// `$4` is an id.
const STILL_INACTIVE: &str = inactive!("AND r.crid = $4");

/// The advisory lock of the server that erases inactive users.
const ERASING: i64 = 0x6d61_7374_6865_6173;

/// The rule of a pool: the longest time of its tenants, where all of them set one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InactivePool {
    /// The pool.
    pub pool: PoolId,
    /// The first of its tenants, in whose name its users are erased.
    pub tenant: TenantId,
    /// Users without activity since then are inactive.
    pub since: OffsetDateTime,
    /// Whether they are erased: all tenants have set it, and none has a provider, where users may sign in without us.
    pub erases: bool,
    /// Whether sign-ins are known for the whole time; before, no user counts as inactive.
    pub is_known: bool,
}

impl PgUsers {
    /// The pools whose tenants all set a time.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn inactive_pools(&self, at: OffsetDateTime) -> Result<Vec<InactivePool>, SourceError> {
        let pools = self.pools_with_rule(at).await;
        pools.map_err(source_error(OPERATION))
    }

    async fn pools_with_rule(&self, at: OffsetDateTime) -> Result<Vec<InactivePool>, sqlx::Error> {
        let mut rules: BTreeMap<i64, Option<(TenantId, u16, bool)>> = BTreeMap::new();
        for (pool, id, settings) in stored_rules(&self.service).await? {
            let rule = settings.inactivity;
            let erases =
                rule.action == InactiveAction::Erase && !settings.is_federated() && !settings.has_remote_store();
            let own = id.zip(rule.after_months).map(|(id, months)| (id, months, erases));
            rules
                .entry(pool)
                .and_modify(|all| {
                    *all = all
                        .take()
                        .zip(own.clone())
                        .map(|((first, longest, all), (_, months, one))| (first, longest.max(months), all && one));
                })
                .or_insert(own);
        }
        if rules.values().all(Option::is_none) {
            return Ok(Vec::new());
        }
        let pools: Vec<i64> = rules.keys().copied().collect();
        let known = sqlx::query!("SELECT id, sign_ins_since FROM pools WHERE id = ANY ($1)", &pools)
            .fetch_all(&self.service)
            .await?;
        let known: BTreeMap<i64, Date> = known.into_iter().map(|row| (row.id, row.sign_ins_since)).collect();
        let rules = rules.into_iter().filter_map(|(pool, rule)| {
            let (tenant, months, erases) = rule?;
            let since = at - MONTH * i32::from(months);
            Some(InactivePool {
                pool: PoolId(pool),
                tenant,
                since,
                erases,
                is_known: known.get(&pool).is_some_and(|known| *known < day(since)),
            })
        });
        Ok(rules.collect())
    }

    /// The ids of at most `limit` inactive users of a pool, those without a change for the longest first.
    ///
    /// The latest of these counts: stored here, registered, changed, signed out, signed in, changed at the provider. A user whose last change is not
    /// known is not inactive.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn inactive_users(
        &self,
        pool: &InactivePool,
        limit: u32,
    ) -> Result<Vec<CustomerRegistrationId>, SourceError> {
        if !pool.is_known {
            return Ok(Vec::new());
        }
        let query = sqlx::query_scalar(INACTIVE)
            .bind(pool.pool.0)
            .bind(pool.since)
            .bind(day(pool.since))
            .bind(i64::from(limit));
        let crids: Vec<String> = query.fetch_all(&self.service).await.map_err(source_error(OPERATION))?;
        let parse = |crid: String| {
            let parsed = CustomerRegistrationId::parse(&crid).map_err(|_| RowError::Column { column: "crid" });
            parsed.map_err(|error| PgWriteError::from(error).into_source_error(OPERATION))
        };
        crids.into_iter().map(parse).collect()
    }

    /// Whether a user is inactive still, by the conditions of [`Self::inactive_users`].
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn is_inactive(&self, pool: &InactivePool, crid: &CustomerRegistrationId) -> Result<bool, SourceError> {
        if !pool.is_known {
            return Ok(false);
        }
        let query = sqlx::query_scalar(STILL_INACTIVE)
            .bind(pool.pool.0)
            .bind(pool.since)
            .bind(day(pool.since))
            .bind(crid.as_str());
        let found: Option<String> = query
            .fetch_optional(&self.service)
            .await
            .map_err(source_error(OPERATION))?;
        Ok(found.is_some())
    }

    /// The right to erase inactive users until it is dropped; `None` while another process has it.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn begin_erasing_inactive(&self) -> Result<Option<ErasingInactive>, SourceError> {
        self.lock_erasing().await.map_err(source_error(OPERATION))
    }

    async fn lock_erasing(&self) -> Result<Option<ErasingInactive>, sqlx::Error> {
        let mut transaction = self.slow.begin().await?;
        let locked = sqlx::query_scalar!(
            r#"SELECT pg_try_advisory_xact_lock($1) AS "locked!" FROM set_config('idle_in_transaction_session_timeout', '0', true)"#,
            ERASING,
        )
        .fetch_one(&mut transaction)
        .await?;
        Ok(locked.then_some(ErasingInactive(transaction)))
    }
}

/// Keeps other processes from erasing inactive users.
#[must_use]
#[derive(Debug)]
pub struct ErasingInactive(#[expect(dead_code, reason = "the lock ends with the transaction")] Transaction);

fn day(at: OffsetDateTime) -> Date {
    at.to_offset(time::UtcOffset::UTC).date()
}
