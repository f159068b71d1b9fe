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
use crate::{row::RowError, sqlstate::source_error};

const OPERATION: &str = "inactive users";

/// The average month.
const MONTH: Duration = Duration::hours(730);

/// The description of the migration since which sign-ins are known.
const TRACKED_SINCE: &str = "erasures and sign in days";

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
        let tracked: Option<OffsetDateTime> =
            sqlx::query_scalar("SELECT min(installed_on) FROM _sqlx_migrations WHERE description = $1")
                .bind(TRACKED_SINCE)
                .fetch_one(&self.service)
                .await?;
        let rules = rules.into_iter().filter_map(|(pool, rule)| {
            let (tenant, months, erases) = rule?;
            let since = at - MONTH * i32::from(months);
            Some(InactivePool {
                pool: PoolId(pool),
                tenant,
                since,
                erases,
                is_known: tracked.is_some_and(|tracked| tracked <= since),
            })
        });
        Ok(rules.collect())
    }

    /// The ids of at most `limit` inactive users of a pool, those without a change for the longest first.
    ///
    /// The latest of these counts: registered, changed, signed out, signed in, changed at the provider. A user whose last change is not
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
        let since_day: Date = pool.since.to_offset(time::UtcOffset::UTC).date();
        let crids = sqlx::query_scalar!(
            "SELECT r.crid FROM registrations AS r
               LEFT JOIN last_sign_ins AS s ON s.pool = r.pool AND s.registration_id = r.id
              WHERE r.pool = $1 AND r.deleted_at IS NULL AND r.changed_at < $2
                AND (r.registered_at IS NULL OR r.registered_at < $2) AND (r.last_logout_at IS NULL OR r.last_logout_at < $2)
                AND (s.on_day IS NULL OR s.on_day < $3)
                AND NOT EXISTS (SELECT FROM mirror_entries AS m
                                 WHERE m.pool = r.pool AND m.crid = r.crid AND m.changed_at >= $2)
                AND NOT EXISTS (SELECT FROM mirror_entries AS m
                                 WHERE m.pool = r.pool AND m.email_key = r.email_key AND m.by_email
                                   AND m.registration_id = r.id AND m.changed_at >= $2)
              ORDER BY r.changed_at LIMIT $4",
            pool.pool.0,
            pool.since,
            since_day,
            i64::from(limit),
        )
        .fetch_all(&self.service)
        .await
        .map_err(source_error(OPERATION))?;
        let parse = |crid: String| {
            let parsed = CustomerRegistrationId::parse(&crid).map_err(|_| RowError::Column { column: "crid" });
            parsed.map_err(|error| PgWriteError::from(error).into_source_error(OPERATION))
        };
        crids.into_iter().map(parse).collect()
    }
}
