//! Registrations, tenants and events on Postgres; the only package that uses sqlx.
//!
//! [`Store::open`] creates the parts; each implements a port of `masthead-ports`. Tables and indexes are in `migrations/`,
//! explained in `docs/adr/0010` and later.

mod admin;
mod admin_error;
mod answer_cache;
mod audit_log;
mod bulk;
mod caller_admin;
mod caller_rules;
mod connect;
mod connection_error;
mod connection_log;
mod copy;
mod database;
mod database_passwords;
mod database_url;
mod event_partitions;
mod event_queue;
mod event_rows;
mod event_writer;
mod export;
mod field_error;
#[cfg(test)]
mod hand_written;
mod import;
mod inspection;
mod kept_connections;
mod key_uses;
mod lookup;
mod lookups_starter;
mod metadata_json;
mod migration;
mod mirror;
mod older_connections;
mod operator_log;
mod options;
mod person;
mod pool_admin;
mod pool_writes;
mod query_tag;
mod rate_usage;
mod read_events;
mod readiness;
mod record;
mod registrations;
mod repairs;
mod repeatable;
mod replica_watch;
mod replicas;
mod row;
pub mod schema;
mod sealing_key_admin;
mod search;
mod search_keys;
mod search_queue;
mod search_terms;
mod settings_json;
mod slow_statements;
mod sqlstate;
mod store;
mod stored_keys;
mod stored_user;
mod tenants;
mod tombstones;
mod totals;
mod trace;
mod transaction;
mod users;
mod workspace_admin;
mod workspaces;
mod write_back;

pub use admin::{Admin, AdminError, TenantRow};
pub use audit_log::{EventWriterRow, PgAuditLog};
pub use bulk::PgBulkLookups;
pub use caller_admin::{CallerDenialRow, CallerGrantRow};
pub use caller_rules::PgCallerRules;
pub use connect::{PoolerError, TlsError};
pub use database_passwords::{DatabasePasswords, DatabaseUrls};
pub use database_url::{DatabaseUrlError, ReplacePasswordError, check_database_url};
pub use event_partitions::{EventPartitions, EventPartitionsError, PartitionsKept};
pub use export::PgRegistrationExports;
pub use field_error::UnstorableFieldError;
pub use import::{
    Checkpoint, Duplicate, DuplicateKey, DuplicatePlace, DuplicatePolicy, ImportError, ImportOrigin, ImportRow,
    ImportRun, ImportSession, ImportStopError, Imported, Importer, OnDuplicate, PendingBatch, RowError, RowOutcome,
    RowResult, RunProgress, SkipReason, StoredBatch,
};
pub use inspection::{DatabaseReport, inspect};
pub use migration::MigrationNotice;
pub use mirror::PgMirror;
pub use operator_log::OperatorChange;
pub use options::{OpenError, StoreOptions};
pub use person::PgPersonRecords;
pub use pool_admin::{PoolContent, PoolRow};
pub use rate_usage::PgRateUsage;
pub use read_events::PgReadEvents;
pub use readiness::PgReadiness;
pub use record::{NewRegistration, PreparedRegistration};
pub use registrations::PgRegistrations;
pub use repairs::{Merged, Moved, RepairError, Repairs, Split, Suspects};
pub use replicas::ReplicaHealth;
pub use schema::{MigrateOptions, SchemaError};
pub use sealing_key_admin::{ComparedKeys, SealingKeyRow};
pub use search_keys::MAX_NAME_BYTES;
pub use store::Store;
pub use stored_keys::KeysMade;
pub use stored_user::{StoredRegistration, StoredUser, StoredUsers};
pub use tenants::PgTenants;
pub use tombstones::StoredTombstone;
pub use users::{ErasingInactive, InactivePool, PgUsers, Purged};
pub use workspace_admin::{KeyRow, WorkspaceChange, WorkspaceRow};
pub use workspaces::PgWorkspaces;
