//! Bulk import in batches: each is one transaction with one event.

mod duplicate_emails;
mod line;
mod statistics;

use std::{collections::HashSet, sync::Arc, time::Duration};

use masthead_domain::{
    event::{Event, EventKind, EventOutcome},
    tenant::Tenant,
};
use thiserror::Error;
use time::OffsetDateTime;

use duplicate_emails::refuse_taken_addresses;

use crate::{
    connect::Connector,
    copy::CopyRows,
    database::{PgDatabase, Transaction},
    event_rows::insert_change,
    mirror::{Changes, MirrorError, allow_long_statements, follow},
    record::{NewRegistration, RegistrationRecord, UnstorableFieldError},
    sqlstate::{PgErrorKind, redacted},
};

/// How many registrations are written in one transaction.
const BATCH: usize = 2000;
/// How long one transaction may take.
const TIME_LIMIT: Duration = Duration::from_mins(1);
/// From this number of rows on, an import ends with `VACUUM ANALYZE`.
const MANY: u64 = 5000;

/// Imports registrations.
#[derive(Clone)]
pub struct Importer {
    pool: PgDatabase,
    maintenance: Connector,
    /// `false` for a dry run.
    keeps: bool,
}

/// The origin of an import, for its events.
#[derive(Debug, Clone)]
pub struct ImportOrigin {
    /// The id of the command.
    pub request_id: Arc<str>,
    /// `X-SourceSystem`, or its default.
    pub source_system: Arc<str>,
    /// When the import started.
    pub at: OffsetDateTime,
}

/// The result of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Imported {
    /// New registrations.
    pub inserted: u64,
    /// Registrations whose id existed before; they are not changed.
    pub skipped: u64,
}

/// What is wrong with a line. Values are never contained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ImportLineError {
    /// The line is not a JSON object of known fields.
    #[error("not a JSON object of the known fields ({0})")]
    Malformed(&'static str),
    /// A field cannot be stored.
    #[error(transparent)]
    Field(#[from] UnstorableFieldError),
    /// The id occurs twice in the batch.
    #[error("customerRegistrationId: occurs twice")]
    CridTwice,
    /// The address is used by another registration or line, where it must be unique.
    #[error("email: in use by another registration")]
    EmailTaken,
}

/// A stopped import. The registrations counted in [`Self::before`] are stored; a repeated import skips them.
#[derive(Debug, Error)]
#[error("{reason}")]
pub struct ImportError {
    /// What was stored before the error.
    pub before: Imported,
    /// The reason.
    #[source]
    pub reason: ImportStopError,
}

/// Why an import stopped.
#[derive(Debug, Error)]
pub enum ImportStopError {
    /// A line is rejected, with its whole batch.
    #[error("line {line}: {problem}")]
    Line {
        /// The line number, from 1.
        line: u64,
        /// What is wrong with the line.
        problem: ImportLineError,
    },
    /// The lines could not be read.
    #[error("line {line} cannot be read")]
    Read {
        /// The line number, from 1.
        line: u64,
        /// The I/O error.
        #[source]
        source: std::io::Error,
    },
    /// The database is unavailable.
    #[error("the database is unavailable")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<MirrorError> for ImportStopError {
    fn from(trouble: MirrorError) -> Self {
        match trouble {
            MirrorError::Database(error) => error.into(),
            other => Self::Database(Box::new(other)),
        }
    }
}

impl From<sqlx::Error> for ImportStopError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(redacted(error))
    }
}

impl Importer {
    /// An importer on this pool; statistics are taken over `maintenance`, without a time limit.
    pub(crate) const fn new(pool: PgDatabase, maintenance: Connector) -> Self {
        Self {
            pool,
            maintenance,
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
                Ok(batch) => self.batch(tenant, origin, &batch).await,
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
    async fn batch(
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
            let record = RegistrationRecord::new(tenant.pool, new).map_err(|invalid| at_line(invalid.into()))?;
            records.push((*line, record));
        }
        let stored = async {
            let mut transaction = self.pool.begin().await?;
            let stored = store(&mut transaction, tenant, origin, records).await?;
            if self.keeps {
                transaction.commit().await?;
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

async fn store(
    transaction: &mut Transaction,
    tenant: &Tenant,
    origin: &ImportOrigin,
    mut records: Vec<(u64, RegistrationRecord<'_>)>,
) -> Result<Imported, ImportStopError> {
    allow_long_statements(transaction).await?;
    let pool = tenant.pool.0;
    // The lock on the pool's row keeps `masters_accounts` from changing, and serialises imports into one pool.
    let masters_accounts = sqlx::query_scalar!(
        "SELECT masters_accounts FROM pools WHERE id = $1 FOR NO KEY UPDATE",
        pool
    )
    .fetch_one(&mut *transaction)
    .await?;
    let all = records.len();
    let ids: Vec<String> = records
        .iter()
        .map(|(_, record)| record.new.crid.as_str().to_owned())
        .collect();
    // `OFFSET 0`: one index scan per key. A plain join reads the whole pool whenever the planner believes that it is small.
    let known: HashSet<String> = sqlx::query_scalar!(
        r#"SELECT r.crid AS "crid!" FROM unnest($2::text[]) AS k (crid)
           CROSS JOIN LATERAL (SELECT r.crid FROM registrations AS r
              WHERE r.pool = $1 AND r.crid = k.crid AND r.deleted_at IS NULL OFFSET 0) AS r"#,
        pool,
        &ids,
    )
    .fetch_all(&mut *transaction)
    .await?
    .into_iter()
    .collect();
    records.retain(|(_, record)| !known.contains(record.new.crid.as_str()));
    if masters_accounts {
        refuse_taken_addresses(transaction, pool, &records).await?;
    }
    if !records.is_empty() {
        copy(transaction, pool, masters_accounts, &records).await?;
        if !masters_accounts {
            let mut changes = Changes::default();
            for (_, record) in &records {
                changes.new_registration(&record.new.crid, record.new.email.as_ref());
            }
            follow(transaction, tenant.pool, changes).await?;
        }
    }
    let inserted = records.len();
    let event = Event {
        kind: EventKind::SubscribeUserImport,
        tenant: tenant.id.clone(),
        pool: tenant.pool,
        at: origin.at,
        request_id: origin.request_id.clone(),
        source_system: origin.source_system.clone(),
        outcome: EventOutcome::Found,
        registration_id: None,
        users: u32::try_from(inserted).unwrap_or(u32::MAX),
        network: None,
    };
    insert_change(transaction, &event).await?;
    Ok(Imported {
        inserted: inserted as u64,
        skipped: (all - inserted) as u64,
    })
}

const COPY: &str = "COPY registrations (pool, registered_at, changed_at, last_logout_at, state, verified, \
                    masters_accounts, crid, email_key, first_key, last_key, email_typed, first_name, last_name, \
                    password_hash, metadata, search_terms) FROM STDIN (FORMAT binary)";

async fn copy(
    transaction: &mut Transaction,
    pool: i64,
    masters_accounts: bool,
    records: &[(u64, RegistrationRecord<'_>)],
) -> Result<(), ImportStopError> {
    let mut rows = CopyRows::new(17);
    for (_, record) in records {
        let new = record.new;
        rows.row();
        rows.int8(pool);
        rows.optional_moment(new.registered_at);
        rows.optional_moment(new.changed_at);
        rows.optional_moment(new.last_logout_at);
        rows.int2(record.state);
        rows.truth(new.verified);
        rows.truth(masters_accounts);
        for text in [
            new.crid.as_str(),
            &record.keys.email,
            &record.keys.first,
            &record.keys.last,
        ] {
            rows.text(text).map_err(too_long)?;
        }
        rows.optional_text(record.email_typed()).map_err(too_long)?;
        rows.text(&new.first_name).map_err(too_long)?;
        rows.text(&new.last_name).map_err(too_long)?;
        rows.optional_text(new.password_hash.as_deref()).map_err(too_long)?;
        rows.text(&record.metadata).map_err(too_long)?;
        rows.int8_array(&record.search_terms).map_err(too_long)?;
    }
    let mut copy = transaction.copy_in(COPY).await?;
    copy.send(rows.finish()).await?;
    copy.finish()
        .await
        .map_err(|error| match PgErrorKind::from_error(&error) {
            // A concurrent write outside of any import.
            PgErrorKind::CridTaken | PgErrorKind::EmailTaken => {
                ImportStopError::Database("a concurrent write has taken the id or address".into())
            }
            _ => error.into(),
        })?;
    Ok(())
}

fn too_long(error: crate::copy::ValueTooLongError) -> ImportStopError {
    ImportStopError::Database(Box::new(error))
}
