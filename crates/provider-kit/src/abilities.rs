//! What a source of accounts can do beside reading.

use masthead_domain::tenant::Tenant;
use masthead_ports::accounts::{Ability, AccountWriter, MissingSetting, SignIn};

/// The abilities of a source beside reading: by default none.
pub trait AccountAbilities {
    /// The write operations; `None` for a read-only source.
    fn account_writer(&self) -> Option<&dyn AccountWriter> {
        None
    }

    /// The check of passwords; `None` for a source that has none.
    fn password_check(&self) -> Option<&dyn SignIn> {
        None
    }

    /// The setting that the tenant lacks for this ability; `None` when it has the ability. Unusable settings are no reason:
    /// with them each call fails.
    fn missing_setting(&self, tenant: &Tenant, ability: Ability) -> Option<MissingSetting>;
}
