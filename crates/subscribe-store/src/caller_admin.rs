//! Operator commands on callers: grants in place of what tokens claim, and denials.

use std::time::Duration;

use masthead_domain::caller_rules::{CallerGrant, CallerName, MAX_CALLER_RULES};
use time::OffsetDateTime;

use crate::{
    admin::{Admin, AdminError, corrupt},
    caller_rules::{parse_grant, parse_name},
    database::Transaction,
};

/// A caller with a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerGrantRow {
    /// The caller.
    pub name: CallerName,
    /// What it may do.
    pub grant: CallerGrant,
    /// When it was first granted.
    pub created_at: OffsetDateTime,
}

/// A denied caller or token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerDenialRow {
    /// The caller or token.
    pub name: CallerName,
    /// When it was denied.
    pub created_at: OffsetDateTime,
    /// When the denial ends.
    pub expires_at: OffsetDateTime,
}

impl Admin {
    /// Grants a caller this in place of what its tokens claim, and of what it was granted before, which is returned. Servers
    /// follow within seconds.
    ///
    /// # Errors
    /// [`MAX_CALLER_RULES`] callers have a grant.
    pub async fn add_caller(&self, name: &CallerName, grant: &CallerGrant) -> Result<Option<CallerGrant>, AdminError> {
        let scopes = grant.scopes.as_ref();
        let scopes: Option<Vec<String>> = scopes.map(|all| all.iter().map(|scope| scope.name().to_owned()).collect());
        let tenants: Vec<String> = grant.tenants.iter().map(ToString::to_string).collect();
        self.within_time_limit(async {
            let mut transaction = self.pool.begin().await?;
            lock_rules(&mut transaction).await?;
            let before = sqlx::query!(
                "SELECT scopes, tenants FROM caller_grants WHERE issuer = $1 AND kind = $2 AND value = $3",
                name.issuer(),
                name.kind().name(),
                name.value(),
            )
            .fetch_optional(&mut transaction)
            .await?;
            let before = before.map(|row| parse_grant(row.scopes.as_deref(), &row.tenants).map_err(corrupt));
            let count = sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM caller_grants"#)
                .fetch_one(&mut transaction)
                .await?;
            check_count(count - i64::from(before.is_some()))?;
            sqlx::query!(
                "INSERT INTO caller_grants (issuer, kind, value, scopes, tenants) VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (issuer, kind, value) DO UPDATE SET scopes = EXCLUDED.scopes, tenants = EXCLUDED.tenants",
                name.issuer(),
                name.kind().name(),
                name.value(),
                scopes.as_deref(),
                &tenants,
            )
            .execute(&mut transaction)
            .await?;
            transaction.commit().await?;
            before.transpose()
        })
        .await
    }

    /// Removes the grant of a caller: what its tokens claim holds again.
    ///
    /// # Errors
    /// It has none.
    pub async fn remove_caller(&self, name: &CallerName) -> Result<(), AdminError> {
        self.within_time_limit(async {
            let removed = sqlx::query!(
                "DELETE FROM caller_grants WHERE issuer = $1 AND kind = $2 AND value = $3",
                name.issuer(),
                name.kind().name(),
                name.value(),
            )
            .execute(&self.pool)
            .await?;
            if removed.rows_affected() == 0 {
                return Err(AdminError::NoSuchCaller);
            }
            Ok(())
        })
        .await
    }

    /// All callers with a grant, by issuer and name.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn callers(&self) -> Result<Vec<CallerGrantRow>, AdminError> {
        self.within_time_limit(async {
            let rows = sqlx::query!(
                "SELECT issuer, kind, value, scopes, tenants, created_at FROM caller_grants ORDER BY issuer, kind, value"
            )
            .fetch_all(&self.pool)
            .await?;
            let rows = rows.into_iter().map(|row| {
                Ok(CallerGrantRow {
                    name: parse_name(&row.issuer, &row.kind, &row.value).map_err(corrupt)?,
                    grant: parse_grant(row.scopes.as_deref(), &row.tenants).map_err(corrupt)?,
                    created_at: row.created_at,
                })
            });
            rows.collect()
        })
        .await
    }

    /// Refuses every token of a caller, or one token, from now on; returns when that ends. Servers follow within seconds.
    /// Denials that have ended are deleted.
    ///
    /// # Errors
    /// There are [`MAX_CALLER_RULES`] denials.
    pub async fn deny_caller(&self, name: &CallerName, lifetime: Duration) -> Result<OffsetDateTime, AdminError> {
        let seconds = lifetime.as_secs_f64();
        self.within_time_limit(async {
            let mut transaction = self.pool.begin().await?;
            lock_rules(&mut transaction).await?;
            sqlx::query!("DELETE FROM caller_denials WHERE expires_at <= now()")
                .execute(&mut transaction)
                .await?;
            let others = sqlx::query_scalar!(
                r#"SELECT count(*) AS "count!" FROM caller_denials WHERE NOT (issuer = $1 AND kind = $2 AND value = $3)"#,
                name.issuer(),
                name.kind().name(),
                name.value(),
            )
            .fetch_one(&mut transaction)
            .await?;
            check_count(others)?;
            let expires_at = sqlx::query_scalar!(
                "INSERT INTO caller_denials (issuer, kind, value, expires_at)
                 VALUES ($1, $2, $3, now() + make_interval(secs => $4))
                 ON CONFLICT (issuer, kind, value) DO UPDATE SET expires_at = EXCLUDED.expires_at
                 RETURNING expires_at",
                name.issuer(),
                name.kind().name(),
                name.value(),
                seconds,
            )
            .fetch_one(&mut transaction)
            .await?;
            transaction.commit().await?;
            Ok(expires_at)
        })
        .await
    }

    /// Ends a denial.
    ///
    /// # Errors
    /// There is no such denial.
    pub async fn allow_caller(&self, name: &CallerName) -> Result<(), AdminError> {
        self.within_time_limit(async {
            let removed = sqlx::query!(
                "DELETE FROM caller_denials WHERE issuer = $1 AND kind = $2 AND value = $3",
                name.issuer(),
                name.kind().name(),
                name.value(),
            )
            .execute(&self.pool)
            .await?;
            if removed.rows_affected() == 0 {
                return Err(AdminError::NotDenied);
            }
            Ok(())
        })
        .await
    }

    /// All denials that have not ended, by issuer and name.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn denials(&self) -> Result<Vec<CallerDenialRow>, AdminError> {
        self.within_time_limit(async {
            let rows = sqlx::query!(
                "SELECT issuer, kind, value, created_at, expires_at FROM caller_denials
                  WHERE expires_at > now() ORDER BY issuer, kind, value"
            )
            .fetch_all(&self.pool)
            .await?;
            let rows = rows.into_iter().map(|row| {
                Ok(CallerDenialRow {
                    name: parse_name(&row.issuer, &row.kind, &row.value).map_err(corrupt)?,
                    created_at: row.created_at,
                    expires_at: row.expires_at,
                })
            });
            rows.collect()
        })
        .await
    }
}

/// The row that every change writes anyway: concurrent commands count one after the other.
async fn lock_rules(transaction: &mut Transaction) -> Result<(), AdminError> {
    sqlx::query!("SELECT version FROM caller_rules_version FOR UPDATE")
        .fetch_one(transaction)
        .await?;
    Ok(())
}

fn check_count(others: i64) -> Result<(), AdminError> {
    if usize::try_from(others).is_ok_and(|others| others < MAX_CALLER_RULES) {
        Ok(())
    } else {
        Err(AdminError::TooManyCallers)
    }
}
