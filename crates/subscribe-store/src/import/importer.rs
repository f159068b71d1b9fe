//! The importer: reads registrations, and stores them in batches.

use std::{collections::HashSet, time::Duration};

use masthead_domain::tenant::Tenant;
pub use masthead_ports::registrations::WriteOrigin as ImportOrigin;

use super::{
    batch,
    error::{ImportError, ImportLineError, ImportStopError},
    line,
    result::Imported,
};
use crate::{
    connect::Connector,
    database::PgDatabase,
    record::{NewRegistration, RegistrationRecord},
    tombstones::Tombstones,
};

/// How many registrations are written in one transaction.
const BATCH: usize = 2000;
const TIME_LIMIT: Duration = Duration::from_mins(1);
/// From this number of rows on, an import ends with `VACUUM ANALYZE`.
const MANY: u64 = 5000;

/// Imports registrations.
#[derive(Clone)]
pub struct Importer {
    pub(super) pool: PgDatabase,
    pub(super) maintenance: Connector,
    pub(super) tombstones: Tombstones,
    /// `false` for a dry run.
    pub(super) keeps: bool,
}

impl Importer {
    /// An importer on this pool; statistics are taken over `maintenance`, without a time limit.
    pub(crate) const fn new(pool: PgDatabase, maintenance: Connector, tombstones: Tombstones) -> Self {
        Self {
            pool,
            maintenance,
            tombstones,
            keeps: true,
        }
    }

    /// A dry run: each batch is checked and rolled back, with its event.
    #[must_use]
    pub fn dry_run(self) -> Self {
        Self { keeps: false, ..self }
    }

    /// Imports lines of JSON, one registration each: `customerRegistrationId`, and optionally `email`, `firstName`,
    /// `lastName`, `verified`, `passwordHash`, `metadata` (an object of strings), `dateRegistered`, `changeDate`,
    /// `lastLogoutDate` (RFC 3339). Blank lines are skipped.
    ///
    /// # Errors
    /// A line cannot be read or is rejected, or the database is unavailable; earlier batches are stored.
    pub async fn lines(
        &self,
        tenant: &Tenant,
        origin: &ImportOrigin,
        lines: impl Iterator<Item = std::io::Result<String>>,
    ) -> Result<Imported, ImportError> {
        let parsed = (1_u64..).zip(lines).filter_map(|(number, line)| match line {
            Err(source) => Some(Err(ImportStopError::Read { line: number, source })),
            Ok(line) if line.trim().is_empty() => None,
            Ok(line) => Some(match line::parse(&line) {
                Ok(new) => Ok((number, new)),
                Err(problem) => Err(ImportStopError::Line { line: number, problem }),
            }),
        });
        self.all(tenant, origin, parsed).await
    }

    /// Imports registrations; errors count them from 1.
    ///
    /// # Errors
    /// As [`Importer::lines`].
    pub async fn registrations(
        &self,
        tenant: &Tenant,
        origin: &ImportOrigin,
        registrations: impl Iterator<Item = NewRegistration>,
    ) -> Result<Imported, ImportError> {
        self.all(tenant, origin, (1_u64..).zip(registrations).map(Ok)).await
    }

    async fn all(
        &self,
        tenant: &Tenant,
        origin: &ImportOrigin,
        mut numbered: impl Iterator<Item = Result<(u64, NewRegistration), ImportStopError>>,
    ) -> Result<Imported, ImportError> {
        let mut done = Imported::default();
        let mut enough_for_statistics = BATCH as u64;
        loop {
            let batch: Result<Vec<_>, _> = numbered.by_ref().take(BATCH).collect();
            let stored = match batch {
                Ok(batch) if batch.is_empty() => break,
                Ok(batch) => self.store_batch(tenant, origin, &batch).await,
                Err(stop) => Err(stop),
            };
            match stored {
                Ok(stored) => {
                    done.inserted += stored.inserted;
                    done.skipped += stored.skipped;
                }
                Err(reason) => return Err(ImportError { before: done, reason }),
            }
            if done.inserted >= enough_for_statistics {
                enough_for_statistics = done.inserted * 2;
                self.take_statistics(done.inserted)
                    .await
                    .map_err(|reason| ImportError { before: done, reason })?;
            }
        }
        if done.inserted >= MANY {
            self.tidy()
                .await
                .map_err(|reason| ImportError { before: done, reason })?;
        }
        Ok(done)
    }

    /// Stores one batch, completely or not at all.
    async fn store_batch(
        &self,
        tenant: &Tenant,
        origin: &ImportOrigin,
        batch: &[(u64, NewRegistration)],
    ) -> Result<Imported, ImportStopError> {
        let mut records = Vec::with_capacity(batch.len());
        let mut ids = HashSet::with_capacity(batch.len());
        for (line, new) in batch {
            let at_line = |problem| ImportStopError::Line { line: *line, problem };
            if !ids.insert(new.crid.as_str()) {
                return Err(at_line(ImportLineError::CridTwice));
            }
            let record = RegistrationRecord::new(new).map_err(|invalid| at_line(invalid.into()))?;
            records.push((*line, record));
        }
        let stored = async {
            let mut transaction = self.pool.begin().await?;
            let stored = batch::store(&mut transaction, tenant, &self.tombstones, origin, records).await?;
            if self.keeps {
                transaction.commit_write(tenant.pool).await?;
            } else {
                transaction.rollback().await?;
            }
            Ok(stored)
        };
        tokio::time::timeout(TIME_LIMIT, stored)
            .await
            .unwrap_or_else(|late| Err(ImportStopError::Database(Box::new(late))))
    }
}
