//! The mirror row of a pool: its provider, its progress, and the run under way.

use masthead_domain::{merge::Precedence, tenant::Tenant};
use time::OffsetDateTime;

use super::error::MirrorError;
use crate::{database::Transaction, row::RowError};

/// The mirror row of a pool. The transaction that holds it by [`lock`] is the only writer of the pool's entries.
pub(super) struct MirrorRow {
    pub(super) provider: String,
    pub(super) precedence: String,
    pub(super) entered_to: Option<i64>,
    pub(super) as_of: Option<OffsetDateTime>,
    pub(super) full_as_of: Option<OffsetDateTime>,
    pub(super) whole: bool,
    pub(super) run: i64,
    pub(super) run_started: Option<OffsetDateTime>,
    pub(super) run_since: Option<OffsetDateTime>,
    pub(super) run_cursor: Option<String>,
    pub(super) run_scanned: bool,
    pub(super) run_incomplete: bool,
    pub(super) run_expected: Option<i64>,
    pub(super) run_passes: i16,
    pub(super) lease_holder: Option<String>,
    pub(super) lease_until: Option<OffsetDateTime>,
}

/// Locks the row for this transaction; `None` if no run has ever begun. Later statements see all writes of earlier holders.
pub(super) async fn lock(transaction: &mut Transaction, pool: i64) -> Result<Option<MirrorRow>, sqlx::Error> {
    sqlx::query_as!(
        MirrorRow,
        "SELECT provider, precedence, entered_to, as_of, full_as_of, whole, run, run_started, run_since, run_cursor, run_scanned,
                run_incomplete, run_expected, run_passes, lease_holder, lease_until
           FROM mirrors WHERE pool = $1 FOR NO KEY UPDATE",
        pool,
    )
    .fetch_optional(transaction)
    .await
}

impl MirrorRow {
    /// Whether the current pass has returned and stored all users; `shown` is the number of distinct users that the run was
    /// shown.
    pub(super) fn has_shown_all(&self, shown: i64) -> bool {
        !self.run_incomplete && self.run_expected.is_none_or(|expected| shown >= expected)
    }

    pub(super) fn merged_by(&self) -> Result<Precedence, MirrorError> {
        Precedence::from_canonical(&self.precedence).map_err(|_| RowError::Column { column: "precedence" }.into())
    }

    /// Whether the profiles are of this tenant's provider.
    pub(super) fn has_provider_of(&self, tenant: &Tenant) -> bool {
        *self.provider == *provider_of(tenant)
    }

    /// Whether this tenant's lists may be answered from the entries.
    pub(super) fn serves(&self, tenant: &Tenant) -> bool {
        self.has_provider_of(tenant) && self.precedence == tenant.settings.precedence.canonical()
    }
}

/// The name of the tenant's provider; `""` for none.
pub(crate) fn provider_of(tenant: &Tenant) -> &'static str {
    tenant
        .settings
        .user_provider
        .map_or("", masthead_domain::flow::UserProvider::name)
}
