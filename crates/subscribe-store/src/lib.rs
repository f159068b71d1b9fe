//! Registrations, tenants and events on Postgres; the only package that uses sqlx.
//!
//! [`Store::open`] creates the parts; each implements a port of `masthead-ports`. Tables and indexes are in `migrations/`,
//! explained in `docs/adr/0010` and later.

mod admin;
mod answer_cache;
mod bulk;
mod connect;
mod connection_error;
mod connection_log;
mod copy;
mod database;
mod event_rows;
mod field_error;
#[cfg(test)]
mod hand_written;
mod import;
mod inspection;
mod key_uses;
mod lookup;
mod metadata_json;
mod mirror;
mod options;
mod pool_admin;
mod pool_writes;
mod query_tag;
mod read_events;
mod readiness;
mod record;
mod registrations;
mod repairs;
mod replica_watch;
mod replicas;
mod row;
pub mod schema;
mod search;
mod search_keys;
mod search_queue;
mod search_terms;
mod settings_json;
mod sqlstate;
mod store;
mod stored_keys;
mod stored_user;
mod tenants;
mod tombstones;
mod totals;
mod users;
mod workspace_admin;
mod workspaces;
mod write_back;

pub use admin::{Admin, AdminError, TenantRow};
pub use bulk::PgBulkLookups;
pub use connect::PoolerError;
pub use field_error::UnstorableFieldError;
pub use import::{ImportError, ImportLineError, ImportOrigin, ImportStopError, Imported, Importer};
pub use inspection::{DatabaseReport, inspect};
pub use mirror::PgMirror;
pub use options::{OpenError, StoreOptions};
pub use pool_admin::{PoolContent, PoolRow};
pub use read_events::PgReadEvents;
pub use readiness::PgReadiness;
pub use record::NewRegistration;
pub use registrations::PgRegistrations;
pub use repairs::{Merged, Moved, RepairError, Repairs, Split, Suspects};
pub use replicas::ReplicaHealth;
pub use schema::SchemaError;
pub use search_keys::MAX_NAME_BYTES;
pub use store::Store;
pub use stored_keys::KeysMade;
pub use stored_user::{StoredRegistration, StoredUser, StoredUsers};
pub use tenants::PgTenants;
pub use tombstones::StoredTombstone;
pub use users::{PgUsers, Purged};
pub use workspace_admin::{KeyRow, WorkspaceChange, WorkspaceRow};
pub use workspaces::PgWorkspaces;
