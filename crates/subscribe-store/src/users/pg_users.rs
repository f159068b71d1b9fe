//! The write ports of our store on Postgres.

use crate::{database::PgDatabase, tombstones::Tombstones};

/// Writes users, and keeps intents, idempotency keys, counters of sign-ins and mails.
#[derive(Clone)]
pub struct PgUsers {
    /// Connections for everything but writes of registrations, which may wait for a pool's mirror.
    pub(super) service: PgDatabase,
    /// Connections for writes of registrations.
    pub(super) writing: PgDatabase,
    /// Connections for what may take minutes, so that nothing else waits for it.
    pub(super) slow: PgDatabase,
    pub(super) tombstones: Tombstones,
}

impl PgUsers {
    pub(crate) const fn new(
        service: PgDatabase,
        writing: PgDatabase,
        slow: PgDatabase,
        tombstones: Tombstones,
    ) -> Self {
        Self {
            service,
            writing,
            slow,
            tombstones,
        }
    }
}
