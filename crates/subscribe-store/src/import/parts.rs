//! What every part of an import works with.

use std::sync::Arc;

use masthead_ports::registrations::WriteOrigin;

use super::policy::DuplicatePolicy;
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

/// What all batches of an import share.
pub(super) struct ImportContext {
    pub(super) parts: ImportParts,
    pub(super) origin: WriteOrigin,
    pub(super) policy: DuplicatePolicy,
    /// The name under which it puts things aside.
    pub(super) run: Arc<str>,
}
