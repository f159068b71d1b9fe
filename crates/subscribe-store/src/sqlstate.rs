//! What a Postgres error means: the one place that reads SQLSTATEs and constraint names.

use masthead_ports::source::{SourceError, SourceErrorKind};

/// The unique index of ids (migration 0001).
const CRID_KEY: &str = "registrations_crid_key";
/// The unique index of addresses in pools that Masthead masters (migration 0001).
const EMAIL_KEY: &str = "registrations_email_key";
/// The primary key of tenants (migration 0001).
const TENANT_KEY: &str = "tenants_pkey";
/// The unique names of pools (migration 0001).
const POOL_NAME_KEY: &str = "pools_name_key";

/// The primary key of workspaces (migration 0004).
const WORKSPACE_KEY: &str = "workspaces_pkey";
/// The tenant of a workspace (migration 0004).
const WORKSPACE_TENANT: &str = "workspaces_tenant_fkey";

/// What went wrong, by what can be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The connection is gone, or none could be had: another one may do.
    Connection,
    /// The statement took longer than it may.
    Cancelled,
    /// The values of this statement are at fault, not the connection.
    Data,
    /// A registration with this id exists.
    CridTaken,
    /// A registration with this address exists.
    EmailTaken,
    /// A tenant of this triple exists.
    TenantTaken,
    /// A pool of this name exists.
    PoolTaken,
    /// A workspace of this name exists.
    WorkspaceTaken,
    /// There is no such tenant to belong to.
    TenantMissing,
    /// Two transactions stood in each other's way; the same again may do.
    Contention,
    /// The server takes reads only, or no more work, for the moment.
    Busy,
    /// Credentials, permissions or the schema are not what this version needs: an operator must act.
    Misconfigured,
    /// What came back is not what the statement asks for.
    Corrupt,
}

impl Failure {
    /// Reads an error of sqlx.
    pub(crate) fn of(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(error) => {
                Self::of_state(error.code().as_deref().unwrap_or_default(), error.constraint())
            }
            sqlx::Error::Encode(_) | sqlx::Error::InvalidArgument(_) => Self::Data,
            sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::ColumnIndexOutOfBounds { .. }
            | sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::TypeNotFound { .. }
            | sqlx::Error::RowNotFound => Self::Corrupt,
            sqlx::Error::Configuration(_) => Self::Misconfigured,
            // Io, Tls, Protocol, pool time-outs, a worker that crashed: the connection cannot be trusted any more.
            _ => Self::Connection,
        }
    }

    /// PostgreSQL's appendix "Error Codes": two characters of class, three of the condition.
    fn of_state(state: &str, constraint: Option<&str>) -> Self {
        match state {
            "57014" => Self::Cancelled,
            "23505" => match constraint {
                Some(CRID_KEY) => Self::CridTaken,
                Some(EMAIL_KEY) => Self::EmailTaken,
                Some(TENANT_KEY) => Self::TenantTaken,
                Some(POOL_NAME_KEY) => Self::PoolTaken,
                Some(WORKSPACE_KEY) => Self::WorkspaceTaken,
                _ => Self::Data,
            },
            "23503" if constraint == Some(WORKSPACE_TENANT) => Self::TenantMissing,
            "40001" | "40P01" | "55P03" => Self::Contention,
            // Read-only transaction (a standby, or a switch-over); too many connections; out of memory or disk.
            "25006" | "53000" | "53100" | "53200" | "53300" | "53400" => Self::Busy,
            // Undefined table, column or function; no permission; a statement that this server cannot parse.
            "42P01" | "42703" | "42883" | "42501" | "42601" | "3D000" => Self::Misconfigured,
            // A prepared statement that a connection pooler's other server does not know.
            "26000" => Self::Connection,
            _ => match state.get(..2) {
                Some("22" | "23" | "54") => Self::Data,
                Some("28") => Self::Misconfigured,
                Some("XX" | "42") => Self::Corrupt,
                // Class 08 connection, 57 operator intervention, and everything that we do not know.
                _ => Self::Connection,
            },
        }
    }

    /// What this means to the caller of a source.
    pub(crate) const fn kind(self) -> SourceErrorKind {
        match self {
            Self::Connection | Self::Contention | Self::Busy | Self::Cancelled => SourceErrorKind::Unavailable,
            Self::Misconfigured => SourceErrorKind::Misconfigured,
            Self::Data
            | Self::CridTaken
            | Self::EmailTaken
            | Self::TenantTaken
            | Self::PoolTaken
            | Self::WorkspaceTaken
            | Self::TenantMissing
            | Self::Corrupt => SourceErrorKind::Corrupt,
        }
    }
}

/// Whether a table does not exist.
pub(crate) fn is_undefined_table(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
        .is_some_and(|code| code == "42P01")
}

/// Makes the source's error of an error of sqlx.
pub(crate) fn silence(operation: &'static str) -> impl Fn(sqlx::Error) -> SourceError {
    move |error| SourceError::with_cause(operation, Failure::of(&error).kind(), redacted(error))
}

/// The error without the parts of a database error that repeat values: only state, constraint and table stay.
pub(crate) fn redacted(error: sqlx::Error) -> Box<dyn std::error::Error + Send + Sync> {
    match error {
        sqlx::Error::Database(error) => Box::new(DatabaseError {
            state: error.code().unwrap_or_default().into_owned(),
            constraint: error.constraint().unwrap_or_default().to_owned(),
        }),
        other => Box::new(other),
    }
}

/// A database error as it may be logged: Postgres puts the offending values into its messages.
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
    fn a_state_says_what_can_be_done() {
        for (state, constraint, failure) in [
            ("57014", None, Failure::Cancelled),
            ("57P01", None, Failure::Connection),
            ("08006", None, Failure::Connection),
            ("22021", None, Failure::Data),
            ("23505", Some(EMAIL_KEY), Failure::EmailTaken),
            ("23505", Some(CRID_KEY), Failure::CridTaken),
            ("25006", None, Failure::Busy),
            ("28P01", None, Failure::Misconfigured),
            ("42P01", None, Failure::Misconfigured),
            ("40P01", None, Failure::Contention),
        ] {
            assert_eq!(Failure::of_state(state, constraint), failure, "{state}");
        }
    }
}
