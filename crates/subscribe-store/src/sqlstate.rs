//! Classifies Postgres errors: the only module that reads SQLSTATEs and constraint names.

use std::{borrow::Cow, io};

use masthead_ports::source::{SourceError, SourceErrorKind};

use crate::connection_error::ConnectionError;

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
    cause::<DatabaseError>(error).is_some_and(|cause| cause.kind == PgErrorKind::StalePlan)
}

/// Whether a statement failed because its connection broke.
pub(crate) fn has_lost_connection(error: &SourceError) -> bool {
    cause::<DatabaseError>(error).is_some_and(|cause| cause.kind == PgErrorKind::Connection)
        || cause::<sqlx::Error>(error).is_some_and(|cause| matches!(cause, sqlx::Error::Io(_)))
}

/// Whether this error, as the first answer to a statement of the extended protocol, shows that nothing was executed: the session
/// had been ended before (57P01), or the message that would have committed it was not sent. A session that is ended later has
/// reported the end of the statement first (PostgreSQL manual, "Extended Query": the transaction ends with the Sync message).
/// Every other loss of a connection leaves open what was done.
pub(crate) fn was_not_executed(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => error.code().as_deref() == Some("57P01"),
        sqlx::Error::Io(error) => error.kind() == io::ErrorKind::BrokenPipe,
        _ => false,
    }
}

fn cause<E: std::error::Error + 'static>(error: &SourceError) -> Option<&E> {
    error.source.as_deref()?.downcast_ref()
}

/// What an error means to an operator, with its SQLSTATE; without the values that messages of Postgres repeat.
pub(crate) fn words(error: &sqlx::Error) -> Cow<'static, str> {
    match error {
        sqlx::Error::Database(error) => {
            let state = error.code().unwrap_or_default();
            match state_in_words(&state) {
                Some(words) => format!("{words} ({state})").into(),
                None => format!("postgres error {state}").into(),
            }
        }
        sqlx::Error::Io(error) => io_in_words(error),
        sqlx::Error::Tls(error) => format!("TLS failed: {error}").into(),
        sqlx::Error::PoolTimedOut => "no connection to the database in time".into(),
        other => other.to_string().into(),
    }
}

/// PostgreSQL manual, "Error Codes".
fn state_in_words(state: &str) -> Option<&'static str> {
    Some(match state {
        "28P01" => "the role or its password is wrong",
        "28000" => {
            "the role may not log in: it does not exist, has no LOGIN, or pg_hba.conf has no line for it, perhaps only one for TLS"
        }
        "3D000" => "there is no database of this name",
        "42501" => "the role lacks a right",
        "25006" => "the database is read-only: a standby, or a primary without its place",
        "53100" => "the disk of the database is full",
        "53200" => "the database has no memory left",
        "53300" => "the database has no connection left: see max_connections, and the connections of every server",
        "57P03" => "the database is starting or stopping",
        "57P01" | "57P02" => "the database ended the connection",
        "42P01" | "42703" | "42883" => "a table, column or function is missing: see `masthead migrate`",
        _ => return None,
    })
}

fn io_in_words(error: &io::Error) -> Cow<'static, str> {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "the connection is refused: no database listens there".into(),
        io::ErrorKind::TimedOut => "no answer in time".into(),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => "the host cannot be reached".into(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof => {
            "the server closed the connection".into()
        }
        io::ErrorKind::NotFound => "there is no such socket".into(),
        // The standard library has no kind for failed look-ups of names.
        _ if error.to_string().starts_with("failed to lookup address information") => {
            "the name of the host cannot be resolved".into()
        }
        _ => error.to_string().into(),
    }
}

/// Whether the server refuses the role or has no such database: class 28, and 3D000.
pub(crate) fn is_refused_login(error: &dyn sqlx::error::DatabaseError) -> bool {
    error
        .code()
        .is_some_and(|state| state.starts_with("28") || state == "3D000")
}

/// The error without the parts that repeat values: only state and constraint remain.
pub(crate) fn redacted(error: sqlx::Error) -> Box<dyn std::error::Error + Send + Sync> {
    if let Some(error) = ConnectionError::find(&error) {
        return Box::new(error.clone());
    }
    match &error {
        sqlx::Error::Database(cause) => Box::new(DatabaseError {
            words: words(&error),
            kind: PgErrorKind::from_error(&error),
            constraint: cause.constraint().unwrap_or_default().to_owned(),
        }),
        sqlx::Error::PoolTimedOut => words(&error).into(),
        _ => Box::new(error),
    }
}

/// A database error that is safe to log: messages of Postgres contain the offending values.
#[derive(Debug, thiserror::Error)]
#[error("{words}{}{constraint}", if constraint.is_empty() { "" } else { ", constraint " })]
struct DatabaseError {
    words: Cow<'static, str>,
    constraint: String,
    kind: PgErrorKind,
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

    #[test]
    fn failures_to_connect_are_in_words() {
        for (error, part) in [
            (sqlx::Error::Io(io::ErrorKind::ConnectionRefused.into()), "refused"),
            (
                sqlx::Error::Io(io::Error::other(
                    "failed to lookup address information: Name or service not known",
                )),
                "cannot be resolved",
            ),
            (sqlx::Error::Tls("server does not support TLS".into()), "TLS"),
            (sqlx::Error::PoolTimedOut, "in time"),
        ] {
            assert!(words(&error).contains(part), "{error:?}");
        }
        for state in ["28P01", "28000", "3D000", "42501", "53300", "57P03"] {
            assert!(state_in_words(state).is_some(), "{state}");
        }
    }
}
