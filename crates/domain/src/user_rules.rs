//! The rules of a tenant for writing users.

use std::time::Duration;

/// How a tenant's users are written (contract `writes.md` §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserRules {
    /// How long a registration waits for the verification of its address.
    pub pending_life: Duration,
    /// How long a link to set a password can be used.
    pub reset_life: Duration,
    /// How long a deleted user is kept before it is purged.
    pub purge_after: Duration,
    /// A create with the address of a `Lite` user gives it the password, once the address is verified.
    pub upgrade_lite: bool,
    /// A changed address counts as not verified.
    pub email_change_unverifies: bool,
}

impl Default for UserRules {
    fn default() -> Self {
        Self {
            pending_life: Duration::from_hours(48),
            reset_life: Duration::from_hours(1),
            purge_after: Duration::from_hours(30 * 24),
            upgrade_lite: false,
            email_change_unverifies: false,
        }
    }
}
