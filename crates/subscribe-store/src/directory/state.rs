//! A pool's row of directories: whose profiles it keeps, how far it is, and the run under way.

use masthead_domain::{merge::Precedence, tenant::Tenant};
use time::OffsetDateTime;

use super::trouble::Trouble;
use crate::{database::Transaction, row::BadRow};

/// A pool's row of directories. Whoever has it by [`lock`] is the only writer of the pool's entries until the transaction
/// ends.
#[expect(
    clippy::struct_excessive_bools,
    reason = "columns of a row, each true or false by itself"
)]
pub(super) struct State {
    pub(super) provider: String,
    pub(super) precedence: String,
    pub(super) entered_to: Option<i64>,
    pub(super) as_of: Option<OffsetDateTime>,
    pub(super) full_as_of: Option<OffsetDateTime>,
    pub(super) whole: bool,
    pub(super) run: i64,
    pub(super) run_started: Option<OffsetDateTime>,
    pub(super) run_since: Option<OffsetDateTime>,
    pub(super) run_place: Option<String>,
    pub(super) run_walked: bool,
    pub(super) run_truncated: bool,
    pub(super) run_gaps: bool,
    pub(super) run_expected: Option<i64>,
    pub(super) run_passes: i16,
    pub(super) lease_holder: Option<String>,
    pub(super) lease_until: Option<OffsetDateTime>,
}

/// Takes the row for this transaction; `None` where no run has ever begun. Statements after it see all that those who had
/// it before have written.
pub(super) async fn lock(transaction: &mut Transaction, pool: i64) -> Result<Option<State>, sqlx::Error> {
    sqlx::query_as!(
        State,
        "SELECT provider, precedence, entered_to, as_of, full_as_of, whole, run, run_started, run_since, run_place, run_walked,
                run_truncated, run_gaps, run_expected, run_passes, lease_holder, lease_until
           FROM directories WHERE pool = $1 FOR NO KEY UPDATE",
        pool,
    )
    .fetch_optional(transaction)
    .await
}

impl State {
    /// Whether this pass of the run under way has shown and kept everybody, `shown` being how many different users the run
    /// was shown.
    pub(super) fn has_shown_all(&self, shown: i64) -> bool {
        !self.run_truncated && !self.run_gaps && self.run_expected.is_none_or(|expected| shown >= expected)
    }

    /// The field precedence by which entries are merged.
    pub(super) fn merged_by(&self) -> Result<Precedence, Trouble> {
        Precedence::from_canonical(&self.precedence).map_err(|_| BadRow::Column { column: "precedence" }.into())
    }

    /// Whether the profiles are this tenant's provider's.
    pub(super) fn is_of(&self, tenant: &Tenant) -> bool {
        *self.provider == *provider_of(tenant)
    }

    /// Whether lists of this tenant may be answered from these entries.
    pub(super) fn serves(&self, tenant: &Tenant) -> bool {
        self.is_of(tenant) && self.precedence == tenant.settings.precedence.canonical()
    }
}

/// The name by which the tenant's provider is known; `""` for none.
pub(crate) fn provider_of(tenant: &Tenant) -> &'static str {
    tenant
        .settings
        .user_provider
        .map_or("", masthead_domain::flow::UserProvider::name)
}
