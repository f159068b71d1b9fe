//! What every part of an import works with.

use crate::{connect::Connector, database::PgDatabase, tombstones::Tombstones};

/// What every part of an import works with.
#[derive(Clone)]
pub(super) struct ImportParts {
    pub(super) pool: PgDatabase,
    /// For statistics, without a time limit.
    pub(super) maintenance: Connector,
    pub(super) tombstones: Tombstones,
    /// `false` for a dry run.
    pub(super) keeps: bool,
}
