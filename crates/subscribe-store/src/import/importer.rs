//! The importer: begins imports, and imports registrations that are at hand.

use std::sync::Arc;

use masthead_domain::tenant::Tenant;
pub use masthead_ports::registrations::WriteOrigin as ImportOrigin;

use super::{
    error::{ImportError, ImportStopError},
    parts::ImportParts,
    policy::{DuplicatePolicy, OnDuplicate},
    result::{Imported, RowError},
    row::ImportRow,
    runs::ImportRun,
    session::ImportSession,
};
use crate::{
    connect::Connector,
    database::PgDatabase,
    record::{NewRegistration, PreparedRegistration},
    tombstones::Tombstones,
};

/// Imports registrations.
#[derive(Clone)]
pub struct Importer(ImportParts);

impl Importer {
    /// How many rows are best written in one transaction.
    pub const BATCH: usize = 2000;

    /// An importer on this pool; statistics are taken over `maintenance`, without a time limit.
    pub(crate) const fn new(pool: PgDatabase, maintenance: Connector, tombstones: Tombstones) -> Self {
        Self(ImportParts {
            pool,
            maintenance,
            tombstones,
            keeps: true,
        })
    }

    /// A dry run: the same is decided, and nothing is written.
    #[must_use]
    pub fn dry_run(self) -> Self {
        Self(ImportParts { keeps: false, ..self.0 })
    }

    /// Begins an import. What it puts aside is under the name `run`; where it is to be resumed, that is the run's id.
    #[must_use]
    pub fn begin(&self, origin: ImportOrigin, policy: DuplicatePolicy, run: Arc<str>) -> ImportSession {
        ImportSession::new(self.0.clone(), origin, policy, run)
    }

    /// The state of imports that can be resumed.
    #[must_use]
    pub fn runs(&self) -> ImportRun {
        ImportRun {
            pool: self.0.pool.clone(),
        }
    }

    /// Vacuums and analyses, which also merges the pending list of the search-term index; autovacuum would do so a minute
    /// later. For the end of an import in many parts; a long import does so itself.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn tidy(&self) -> Result<(), ImportStopError> {
        self.0.tidy().await
    }

    /// Imports registrations, in batches. Ids that exist are skipped; a second one of an id, and one whose address another
    /// registration has where it must be unique, are rejected.
    ///
    /// # Errors
    /// The database is unavailable; earlier batches are stored.
    pub async fn registrations(
        &self,
        tenant: &Tenant,
        origin: &ImportOrigin,
        registrations: impl Iterator<Item = NewRegistration>,
    ) -> Result<Imported, ImportError> {
        let mut done = Imported::default();
        let stored = self.store_all(tenant, origin, registrations, &mut done).await;
        match stored {
            Ok(()) => Ok(done),
            Err(reason) => Err(ImportError { before: done, reason }),
        }
    }

    async fn store_all(
        &self,
        tenant: &Tenant,
        origin: &ImportOrigin,
        mut registrations: impl Iterator<Item = NewRegistration>,
        done: &mut Imported,
    ) -> Result<(), ImportStopError> {
        let tenant = Arc::new(tenant.clone());
        let policy = DuplicatePolicy {
            stored_email: OnDuplicate::Reject,
            ..DuplicatePolicy::default()
        };
        let mut session = self.begin(origin.clone(), policy, Arc::from("-"));
        let mut number = 0;
        loop {
            let batch: Vec<_> = registrations
                .by_ref()
                .take(Self::BATCH)
                .map(PreparedRegistration::new)
                .collect();
            if batch.is_empty() {
                return session.finish().await;
            }
            let errors: Vec<Option<RowError>> = batch
                .iter()
                .map(|prepared| prepared.as_ref().err().map(|invalid| RowError::Field(*invalid)))
                .collect();
            let rows: Vec<Option<ImportRow>> = batch
                .into_iter()
                .map(|prepared| {
                    prepared.ok().map(|registration| ImportRow {
                        tenant: Arc::clone(&tenant),
                        registration,
                    })
                })
                .collect();
            let batch = session.begin_batch(rows).await?;
            let stored = session.store(batch, None).await?;
            let results = stored.results.clone();
            session.commit(stored, None).await?;
            for (result, error) in results.into_iter().zip(errors) {
                number += 1;
                done.count(number, result, error);
            }
        }
    }
}
