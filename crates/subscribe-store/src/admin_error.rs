//! Why an operator command failed.

use masthead_domain::{
    caller_rules::MAX_CALLER_RULES,
    settings::SettingError,
    workspace::{ExportLimitsError, MAX_KEYS},
};
use thiserror::Error;

use crate::sqlstate::{PgErrorKind, redacted};

/// Why a command failed.
#[derive(Debug, Error)]
pub enum AdminError {
    /// A tenant with this id exists.
    #[error("the tenant exists already")]
    TenantExists,
    /// No tenant has this id.
    #[error("there is no such tenant")]
    NoSuchTenant,
    /// A pool's name is empty, too long, or holds a control character.
    #[error("a pool's name must be 1 to 200 bytes without control characters")]
    BadPoolName,
    /// Settings that no tenant can have; all errors at once.
    #[error("the settings are invalid: {}", join_messages(.0))]
    BadSettings(Vec<SettingError>),
    /// The tenant is the last of its pool, and the pool holds registrations.
    #[error("it is the last tenant of its pool: the pool would keep {0} registrations without any tenant")]
    WouldOrphan(i64),
    /// The pool would become a pool of unique addresses, but an address occurs more than once. Holds the ids of the
    /// registrations of the first such addresses; none where a write came between.
    #[error(
        "the pool has several registrations with one address, which only pools of an outside provider may have{}",
        show_ids(.0)
    )]
    AmbiguousAddresses(Vec<Vec<String>>),
    /// No pool has this name.
    #[error("there is no such pool")]
    NoSuchPool,
    /// The pool has tenants.
    #[error("the pool has {0} tenants; remove them first")]
    PoolHasTenants(i64),
    /// The pool holds another number of registrations than was confirmed.
    #[error("the pool holds {0} registrations")]
    PoolHasRegistrations(i64),
    /// A workspace with this name exists.
    #[error("the workspace exists already")]
    WorkspaceExists,
    /// No workspace has this name.
    #[error("there is no such workspace")]
    NoSuchWorkspace,
    /// The workspace has no key of this number.
    #[error("the workspace has no key of this number")]
    NoSuchKey,
    /// The workspace has the maximum number of keys.
    #[error("the workspace has {MAX_KEYS} keys already; remove one first")]
    TooManyKeys,
    /// Limits outside of their ranges.
    #[error(transparent)]
    BadLimits(#[from] ExportLimitsError),
    /// The caller has no grant.
    #[error("there is no such caller")]
    NoSuchCaller,
    /// The caller or token is not denied.
    #[error("it is not denied")]
    NotDenied,
    /// The maximum number of grants, or of denials.
    #[error("there are {MAX_CALLER_RULES} already; remove one first")]
    TooManyCallers,
    /// The database was not used with a sealing key of this id.
    #[error("the database knows no sealing key with this id")]
    NoSuchSealingKey,
    /// The database is unavailable.
    #[error("the database is unavailable")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
}

fn show_ids(ambiguous: &[Vec<String>]) -> String {
    if ambiguous.is_empty() {
        return String::new();
    }
    let each: Vec<String> = ambiguous.iter().map(|ids| ids.join(" and ")).collect();
    format!("; delete or change all but one of each of these: {}", each.join(", "))
}

fn join_messages(mistakes: &[SettingError]) -> String {
    mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl From<sqlx::Error> for AdminError {
    fn from(error: sqlx::Error) -> Self {
        match PgErrorKind::from_error(&error) {
            PgErrorKind::TenantTaken => Self::TenantExists,
            PgErrorKind::EmailTaken => Self::AmbiguousAddresses(Vec::new()),
            PgErrorKind::WorkspaceTaken => Self::WorkspaceExists,
            PgErrorKind::TenantMissing => Self::NoSuchTenant,
            _ => Self::Database(redacted(error)),
        }
    }
}
