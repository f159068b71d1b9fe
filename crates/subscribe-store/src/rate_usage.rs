//! The usage of limits that the servers of a database report to each other (ADR 0129).

use async_trait::async_trait;
use masthead_domain::rate_limit::RatePolicy;
use masthead_ports::{
    rate_limit::{RateUsage, RateUsageExchange},
    source::SourceError,
};

use crate::{database::PgDatabase, sqlstate::source_error};

const OPERATION: &str = "exchange_rate_usage";

/// The table of usage.
pub struct PgRateUsage {
    service: PgDatabase,
}

impl PgRateUsage {
    pub(crate) const fn new(service: PgDatabase) -> Self {
        Self { service }
    }
}

#[async_trait]
impl RateUsageExchange for PgRateUsage {
    async fn exchange(&self, server: &str, own: &[RateUsage]) -> Result<Vec<(Box<str>, RateUsage)>, SourceError> {
        let keys: Vec<i64> = own.iter().map(|usage| usage.key.cast_signed()).collect();
        let policies: Vec<String> = own.iter().map(|usage| usage.policy.name().to_owned()).collect();
        let per_minute: Vec<i32> = own.iter().map(|usage| to_integer(usage.per_minute)).collect();
        let used: Vec<i64> = own
            .iter()
            .map(|usage| i64::try_from(usage.used).unwrap_or(i64::MAX))
            .collect();
        let reported = sqlx::query!(
            "WITH reported AS (
                 INSERT INTO rate_usage AS u (server, key, policy, per_minute, used, reported_at)
                 SELECT $1, t.key, t.policy, t.per_minute, t.used, now()
                   FROM unnest($2::bigint[], $3::text[], $4::integer[], $5::bigint[]) AS t (key, policy, per_minute, used)
                 ON CONFLICT (server, key, policy) DO UPDATE
                    SET per_minute = excluded.per_minute,
                        reported_at = excluded.reported_at,
                        used = excluded.used
                               + CASE WHEN u.reported_at > now() - interval '1 minute' THEN u.used ELSE 0 END
             )
             SELECT server, key, policy, per_minute, used
               FROM rate_usage
              WHERE server <> $1 AND reported_at > now() - interval '1 minute'",
            server,
            &keys,
            &policies,
            &per_minute,
            &used,
        )
        .fetch_all(&self.service)
        .await
        .map_err(source_error(OPERATION))?;
        let usage = reported.into_iter().filter_map(|row| {
            let usage = RateUsage {
                key: row.key.cast_unsigned(),
                // A newer server may have limits that are unknown here.
                policy: RatePolicy::from_name(&row.policy)?,
                per_minute: u32::try_from(row.per_minute).ok()?,
                used: u64::try_from(row.used).ok()?,
            };
            Some((row.server.into(), usage))
        });
        Ok(usage.collect())
    }
}

fn to_integer(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
