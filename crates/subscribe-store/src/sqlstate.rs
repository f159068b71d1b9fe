//! Classifies Postgres errors: the only module that reads SQLSTATEs and constraint names.

use masthead_ports::source::{SourceError, SourceErrorKind};

const CRID_KEY: &str = "registrations_crid_key";
/// The unique index of addresses in pools that Masthead masters (migration 0001).
const EMAIL_KEY: &str = "registrations_email_key";
const TENANT_KEY: &str = "tenants_pkey";

const WORKSPACE_KEY: &str = "workspaces_pkey";
const WORKSPACE_TENANT: &str = "workspaces_tenant_fkey";

/// A class of errors, by the possible reaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PgErrorKind {
    /// The connection is broken, or none was available: another may work.
    Connection,
    /// The statement exceeded its time limit.
    Cancelled,
    /// The values of the statement are invalid; the connection is fine.
    Data,
    CridTaken,
    EmailTaken,
    TenantTaken,
    WorkspaceTaken,
    /// The referenced tenant does not exist.
    TenantMissing,
    /// A conflict of two transactions; a retry may succeed.
    Contention,
    /// A migration has changed the columns of a prepared statement: it fails for ever on its connection.
    StalePlan,
    /// The server is read-only or overloaded at the moment.
    Busy,
    /// Wrong credentials, permissions or schema: an operator must act.
    Misconfigured,
    /// The result does not fit the statement.
    Corrupt,
}

impl PgErrorKind {
    pub(crate) fn from_error(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(error) => {
                Self::from_sqlstate(error.code().as_deref().unwrap_or_default(), error.constraint())
            }
            sqlx::Error::Encode(_) | sqlx::Error::InvalidArgument(_) => Self::Data,
            sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::ColumnIndexOutOfBounds { .. }
            | sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::TypeNotFound { .. }
            | sqlx::Error::RowNotFound => Self::Corrupt,
            sqlx::Error::Configuration(_) => Self::Misconfigured,
            // Io, TLS, protocol, pool time-out, crashed worker: the connection cannot be trusted.
            _ => Self::Connection,
        }
    }

    /// PostgreSQL manual, "Error Codes": two characters of class, three of the condition.
    fn from_sqlstate(state: &str, constraint: Option<&str>) -> Self {
        match state {
            "57014" => Self::Cancelled,
            "23505" => match constraint {
                Some(CRID_KEY) => Self::CridTaken,
                Some(EMAIL_KEY) => Self::EmailTaken,
                Some(TENANT_KEY) => Self::TenantTaken,
                Some(WORKSPACE_KEY) => Self::WorkspaceTaken,
                _ => Self::Data,
            },
            "23503" if constraint == Some(WORKSPACE_TENANT) => Self::TenantMissing,
            "40001" | "40P01" | "55P03" => Self::Contention,
            // "cached plan must not change result type": the store uses no feature that a server may lack.
            "0A000" => Self::StalePlan,
            // Read-only transaction (a standby, or a switch-over); too many connections; out of memory or disk.
            "25006" | "53000" | "53100" | "53200" | "53300" | "53400" => Self::Busy,
            // Undefined table, column or function; no permission; a statement that this server cannot parse.
            "42P01" | "42703" | "42883" | "42501" | "42601" | "3D000" => Self::Misconfigured,
            // A prepared statement that does not exist on the other server of a connection pooler.
            "26000" => Self::Connection,
            _ => match state.get(..2) {
                Some("22" | "23" | "54") => Self::Data,
                Some("28") => Self::Misconfigured,
                Some("XX" | "42") => Self::Corrupt,
                // Class 08 connection, 57 operator intervention, and everything unknown.
                _ => Self::Connection,
            },
        }
    }

    /// The kind of source error.
    pub(crate) const fn kind(self) -> SourceErrorKind {
        match self {
            Self::Connection | Self::Contention | Self::StalePlan | Self::Busy | Self::Cancelled => {
                SourceErrorKind::Unavailable
            }
            Self::Misconfigured => SourceErrorKind::Misconfigured,
            Self::Data
            | Self::CridTaken
            | Self::EmailTaken
            | Self::TenantTaken
            | Self::WorkspaceTaken
            | Self::TenantMissing
            | Self::Corrupt => SourceErrorKind::Corrupt,
        }
    }
}

pub(crate) fn is_undefined_table(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code == "42P01")
}

/// Whether the server accepts no writes: it is a standby, or has become one.
pub(crate) fn is_read_only(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code == "25006")
}

/// Converts an error of sqlx to a source error.
pub(crate) fn source_error(operation: &'static str) -> impl Fn(sqlx::Error) -> SourceError {
    move |error| SourceError::with_cause(operation, PgErrorKind::from_error(&error).kind(), redacted(error))
}

/// Whether a statement failed because its plan is stale: see [`PgErrorKind::StalePlan`].
pub(crate) fn has_stale_plan(error: &SourceError) -> bool {
    let cause = error
        .source
        .as_deref()
        .and_then(|cause| cause.downcast_ref::<DatabaseError>());
    cause.is_some_and(|cause| PgErrorKind::from_sqlstate(&cause.state, None) == PgErrorKind::StalePlan)
}

/// The error without the parts that repeat values: only state and constraint remain.
pub(crate) fn redacted(error: sqlx::Error) -> Box<dyn std::error::Error + Send + Sync> {
    match error {
        sqlx::Error::Database(error) => Box::new(DatabaseError {
            state: error.code().unwrap_or_default().into_owned(),
            constraint: error.constraint().unwrap_or_default().to_owned(),
        }),
        other => Box::new(other),
    }
}

/// A database error that is safe to log: messages of Postgres contain the offending values.
#[derive(Debug, thiserror::Error)]
#[error("postgres error {state} {constraint}")]
struct DatabaseError {
    state: String,
    constraint: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlstates_are_classified() {
        for (state, constraint, failure) in [
            ("57014", None, PgErrorKind::Cancelled),
            ("57P01", None, PgErrorKind::Connection),
            ("08006", None, PgErrorKind::Connection),
            ("22021", None, PgErrorKind::Data),
            ("23505", Some(EMAIL_KEY), PgErrorKind::EmailTaken),
            ("23505", Some(CRID_KEY), PgErrorKind::CridTaken),
            ("25006", None, PgErrorKind::Busy),
            ("28P01", None, PgErrorKind::Misconfigured),
            ("42P01", None, PgErrorKind::Misconfigured),
            ("40P01", None, PgErrorKind::Contention),
            ("0A000", None, PgErrorKind::StalePlan),
        ] {
            assert_eq!(PgErrorKind::from_sqlstate(state, constraint), failure, "{state}");
        }
    }
}
