//! Bulk import: batches of registrations, each one transaction with its event.

mod line;
mod statistics;
mod taken;

use std::{collections::HashSet, sync::Arc, time::Duration};

use masthead_domain::{
    event::{Event, EventKind, EventOutcome},
    tenant::Tenant,
};
use thiserror::Error;
use time::OffsetDateTime;

use taken::refuse_taken_addresses;

use crate::{
    connect::Connector,
    copy::CopyRows,
    database::{Database, Transaction},
    directory::{Changes, Trouble, follow, patient},
    event_rows::insert_change,
    record::{InvalidField, NewRegistration, Record},
    sqlstate::{Failure, redacted},
};

/// How many registrations are written in one transaction.
const BATCH: usize = 2000;
/// How long one transaction may take.
const PATIENCE: Duration = Duration::from_mins(1);
/// From so many on, the import ends with the chores that searches are fast by.
const MANY: u64 = 5000;

/// Imports registrations.
#[derive(Clone)]
pub struct Importer {
    pool: Database,
    maintenance: Connector,
    /// Whether what is stored stays.
    keeps: bool,
}

/// Who imports, for the events.
#[derive(Debug, Clone)]
pub struct ImportOrigin {
    /// Of the command that imports.
    pub request_id: Arc<str>,
    /// `X-SourceSystem`, or what stands for it.
    pub source_system: Arc<str>,
    /// When.
    pub at: OffsetDateTime,
}

/// What an import has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Imported {
    /// How many are new.
    pub inserted: u64,
    /// How many were there already, by their id; they are left as they are.
    pub skipped: u64,
}

/// What is wrong with a line. Values are never told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Problem {
    /// The line is not a JSON object of the fields that an import knows.
    #[error("not a JSON object of the known fields ({0})")]
    Malformed(&'static str),
    /// A field cannot be kept.
    #[error(transparent)]
    Field(#[from] InvalidField),
    /// The id occurs twice in the import.
    #[error("customerRegistrationId: occurs twice")]
    CridTwice,
    /// The address occurs twice, in the import or beside what is stored, where it must be unique.
    #[error("email: in use by another registration")]
    EmailTaken,
}

/// Why an import stopped. What [`Self::before`] counts is stored, and skipped when the import is run again.
#[derive(Debug, Error)]
#[error("{reason}")]
pub struct ImportError {
    /// What was stored before.
    pub before: Imported,
    /// Why it stopped.
    #[source]
    pub reason: ImportStop,
}

/// Why an import stopped.
#[derive(Debug, Error)]
pub enum ImportStop {
    /// A line cannot be taken; none of its batch is.
    #[error("line {line}: {problem}")]
    Line {
        /// Which one, from 1.
        line: u64,
        /// What is wrong with it.
        problem: Problem,
    },
    /// The lines could not be read.
    #[error("line {line} cannot be read")]
    Read {
        /// Which one, from 1.
        line: u64,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The database gave no answer.
    #[error("the database gave no answer")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<Trouble> for ImportStop {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Database(error) => error.into(),
            other => Self::Database(Box::new(other)),
        }
    }
}

impl From<sqlx::Error> for ImportStop {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(redacted(error))
    }
}

impl Importer {
    /// An import on these connections; statistics are taken over `maintenance`, without a time limit.
    pub(crate) const fn new(pool: Database, maintenance: Connector) -> Self {
        Self {
            pool,
            maintenance,
            keeps: true,
        }
    }

    /// The same, taking every batch back when all of it is checked: nothing stays, not even an event.
    #[must_use]
    pub fn rehearsing(self) -> Self {
        Self { keeps: false, ..self }
    }

    /// Imports lines of JSON, one registration each: `customerRegistrationId`, and any of `email`, `firstName`,
    /// `lastName`, `verified`, `passwordHash`, `metadata` (an object of texts), `dateRegistered`, `changeDate`,
    /// `lastLogoutDate` (RFC 3339). Blank lines are passed over.
    ///
    /// # Errors
    /// A line cannot be read or taken, or the database gives no answer; batches before it are stored.
    pub async fn lines(
        &self,
        tenant: &Tenant,
        origin: &ImportOrigin,
        lines: impl Iterator<Item = std::io::Result<String>>,
    ) -> Result<Imported, ImportError> {
        let parsed = (1_u64..).zip(lines).filter_map(|(number, line)| match line {
            Err(source) => Some(Err(ImportStop::Read { line: number, source })),
            Ok(line) if line.trim().is_empty() => None,
            Ok(line) => Some(match line::parse(&line) {
                Ok(new) => Ok((number, new)),
                Err(problem) => Err(ImportStop::Line { line: number, problem }),
            }),
        });
        self.all(tenant, origin, parsed).await
    }

    /// Imports registrations that are made already; in errors they are numbered from 1.
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
        mut numbered: impl Iterator<Item = Result<(u64, NewRegistration), ImportStop>>,
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

    /// Stores one batch, whole or not at all.
    async fn batch(
        &self,
        tenant: &Tenant,
        origin: &ImportOrigin,
        batch: &[(u64, NewRegistration)],
    ) -> Result<Imported, ImportStop> {
        let mut records = Vec::with_capacity(batch.len());
        let mut ids = HashSet::with_capacity(batch.len());
        for (line, new) in batch {
            let at_line = |problem| ImportStop::Line { line: *line, problem };
            if !ids.insert(new.crid.as_str()) {
                return Err(at_line(Problem::CridTwice));
            }
            let record = Record::of(tenant.pool, new).map_err(|invalid| at_line(invalid.into()))?;
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
        tokio::time::timeout(PATIENCE, stored)
            .await
            .unwrap_or_else(|late| Err(ImportStop::Database(Box::new(late))))
    }
}

async fn store(
    transaction: &mut Transaction,
    tenant: &Tenant,
    origin: &ImportOrigin,
    mut records: Vec<(u64, Record<'_>)>,
) -> Result<Imported, ImportStop> {
    patient(transaction).await?;
    let pool = tenant.pool.0;
    // Holding the pool's row keeps its master from changing, and two imports into one pool from racing.
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
    // OFFSET 0: an index scan a key. As a join, the planner reads the pool whole as soon as it believes it small.
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
                    password_hash, metadata, tokens) FROM STDIN (FORMAT binary)";

async fn copy(
    transaction: &mut Transaction,
    pool: i64,
    masters_accounts: bool,
    records: &[(u64, Record<'_>)],
) -> Result<(), ImportStop> {
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
        rows.int8_array(&record.tokens).map_err(too_long)?;
    }
    let mut copy = transaction.copy_in(COPY).await?;
    copy.send(rows.finish()).await?;
    copy.finish().await.map_err(|error| match Failure::of(&error) {
        // Somebody else was faster, outside of any import.
        Failure::CridTaken | Failure::EmailTaken => ImportStop::Database("a registration came in between".into()),
        _ => error.into(),
    })?;
    Ok(())
}

fn too_long(error: crate::copy::TooLong) -> ImportStop {
    ImportStop::Database(Box::new(error))
}
